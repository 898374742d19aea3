"""Which origins a browser's page may come from: a port is a number, and nothing goes after it."""

import pytest

from tests.functions.calls import call


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://localhost:5173", True),
        ("http://127.0.0.1:80", True),
        ("http://localhost:", False),
        ("http://localhost:evil", False),
        ("http://localhost:5173.evil.example", False),
        ("http://localhost.evil.example:5173", False),
        ("http://127x0x0x1:80", False),
        ("https://localhost:5173", False),
    ],
)
def test_only_the_shops_own_pages(origin: str, allowed: bool) -> None:
    answer = call("GET", "/auth/health", headers={"Origin": origin})
    assert answer.headers.get("access-control-allow-origin") == (origin if allowed else None)
    assert "Origin" in answer.headers["vary"]
