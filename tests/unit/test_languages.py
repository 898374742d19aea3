"""Which language a caller wants (RFC 9110, section 12.5.4)."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from eatit.http.languages import preferred_language


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        (None, "default"),
        ("", "default"),
        ("ru", "ru"),
        ("EN", "en"),
        ("en-US,en;q=0.9", "en"),
        ("de-DE, fr", "default"),
        ("de,ru;q=0.1", "ru"),
        ("en;q=0.3,ru;q=0.8", "ru"),
        ("en,ru", "en"),
        ("ru,en", "ru"),
        ("ru;q=0,en;q=0.1", "en"),
        ("ru;q=0", "default"),
        ("en;q=2", "default"),
        ("en;q=x,ru;q=0.1", "ru"),
        ("ru;q=nan", "default"),
        ("en ; q = 0.5", "en"),
        ("*;q=0.5,en;q=0.1", "default"),
        ("rus", "default"),
    ],
)
@pytest.mark.parametrize("default", ["ru", "en"])
def test_the_best_of_ours_is_taken(accepted: str | None, language: str, default: str) -> None:
    assert preferred_language(accepted, default) == (default if language == "default" else language)


@given(some.text(max_size=600))
def test_any_header_gives_a_language(accepted: str) -> None:
    assert preferred_language(accepted, "en") in ("ru", "en")
