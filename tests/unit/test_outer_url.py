"""Where the API says it is: the deployment's word, else what was asked, and never what a forged header would have."""

import json
from typing import Any

import pytest
from starlette.requests import Request

import auth.app
from eatit.errors import NotFound
from eatit.http.addresses import outer_url, stage_of
from eatit.settings import settings
from tests.functions.calls import answered
from tests.functions.events import Context, rest_event

PATH = "/auth/.well-known/openid-configuration"


def asked(stage: str = "local", domain: str | None = None, **headers: str) -> Any:
    """The answer to a request with these headers (`x_forwarded_proto` for X-Forwarded-Proto)."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    event = rest_event("GET", PATH, headers=sent, stage=stage)
    if not stage:
        event["requestContext"]["path"] = PATH
    if domain:
        event["requestContext"]["domainName"] = domain
    return auth.app.handler(event, Context())


def urls(answer: Any) -> dict[str, str]:
    body = json.loads(answer["body"])
    assert answer["statusCode"] == 200, body
    return {name: value for name, value in body.items() if name.endswith(("_uri", "_endpoint", "_documentation"))}


def prefix(answer: Any) -> str:
    return urls(answer)["jwks_uri"].removesuffix("/auth/.well-known/jwks.json")


def vary(answer: Any) -> str:
    return header(answer, "vary")


def header(answer: Any, name: str) -> str:
    return str(answered(answer).headers[name])


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBLIC_URL", "https://api.shop.example/v1/")
    settings.cache_clear()


def test_all_that_is_told_is_there_and_absolute() -> None:
    answer = asked(Host="api.shop.example")
    base = "https://api.shop.example/local/auth"
    assert json.loads(answer["body"]) == {
        "issuer": "https://eatit/unit",
        "jwks_uri": f"{base}/.well-known/jwks.json",
        "token_endpoint": f"{base}/token",
        "userinfo_endpoint": f"{base}/me",
        "grant_types_supported": ["password", "refresh_token"],
        "response_types_supported": ["token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["EdDSA"],
        "token_endpoint_auth_methods_supported": ["none"],
        "claims_supported": ["iss", "aud", "sub", "role", "sid", "iat", "exp"],
        "service_documentation": f"{base}/docs",
    }
    routes = {route.path for route in auth.app.app.routes}  # type: ignore[attr-defined]
    for url in urls(answer).values():
        assert url.removeprefix("https://api.shop.example/local") in routes


def test_the_deployments_word_stands_above_what_was_asked(public: None) -> None:
    answer = asked(Host="evil.example", X_Forwarded_Host="evil.example", X_Forwarded_Proto="http", domain="d.example")
    assert prefix(answer) == "https://api.shop.example/v1"
    assert "evil" not in answer["body"]
    assert vary(answer) == "Origin"


def test_without_it_the_address_is_what_was_asked() -> None:
    answer = asked(Host="abc.execute-api.eu-north-1.amazonaws.com", stage="staging", X_Forwarded_Proto="https")
    assert prefix(answer) == "https://abc.execute-api.eu-north-1.amazonaws.com/staging"
    assert header(answer, "cache-control") == "no-cache"
    assert vary(answer) == "Host, X-Forwarded-Proto, Origin"
    assert prefix(asked(Host="api.shop.example", stage="")) == "https://api.shop.example"
    assert prefix(asked(Host="127.0.0.1:8080", stage="", X_Forwarded_Proto="http")) == "http://127.0.0.1:8080"
    assert prefix(asked(Host="LOCALHOST")) == "https://localhost/local"


@pytest.mark.parametrize("scheme", ["javascript", "https, http", "HTTP", "ftp", "", "http://evil.example/"])
def test_another_scheme_is_taken_for_https(scheme: str) -> None:
    assert prefix(asked(Host="api.shop.example", X_Forwarded_Proto=scheme)) == "https://api.shop.example/local"


BAD_HOSTS = [
    "", " ", "evil.example/path", "user@evil.example", "user:pw@evil.example", "evil.example#", "evil.example?x=",
    "a b", "a,b", "a.example, evil.example", "evil.example:port", "evil.example:", "evil.example:123456", "-a", "a-.",
    "<script>", '"', "\\evil.example", "[::1]:8080", "[::1", "[evil]", "ключ", "a\r\nX-Evil: 1", "a\n", "a" * 300, "http://evil.example",
]  # fmt: skip


@pytest.mark.parametrize("host", BAD_HOSTS, ids=ascii)
def test_a_host_that_is_no_plain_host_is_never_echoed(host: str) -> None:
    answer = asked(Host=host)
    assert answer["statusCode"] == 404
    assert json.loads(answer["body"])["code"] == "not_found"
    assert prefix(asked(Host=host, domain="api.shop.example")) == "https://api.shop.example/local"


ODD = [*(("Host", host) for host in BAD_HOSTS), ("X-Forwarded-Port", "x"), ("X-Forwarded-Port", "443, 80"),
       ("X-Forwarded-Proto", "https, http"), ("X-Forwarded-Proto", "http://evil.example/")]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), ODD, ids=ascii)
def test_an_odd_address_harms_no_answer(name: str, value: str) -> None:
    """Not even a problem's, which names the path that was asked."""
    for path, status in (("/auth/docs", 200), ("/auth/nothing", 404)):
        event = rest_event("GET", path, headers={name: value})
        for given in (event, {**event, "multiValueHeaders": None}):
            answer = auth.app.handler(given, Context())
            assert answer["statusCode"] == status
            if status == 404:
                assert json.loads(answer["body"])["instance"] == path


def test_no_host_at_all_is_not_found() -> None:
    assert asked()["statusCode"] == 404


def test_a_forwarded_host_counts_for_nothing() -> None:
    answer = asked(Host="api.shop.example", X_Forwarded_Host="evil.example", Forwarded="host=evil.example")
    assert "evil" not in answer["body"]


@pytest.mark.parametrize("stage", ["a b", "a?b", 'a"b', "a/../b\\", "ключ", "a\r\nb"])
def test_a_stage_that_is_no_plain_path_is_never_echoed(stage: str) -> None:
    assert asked(Host="api.shop.example", stage=stage)["statusCode"] == 404


@pytest.mark.parametrize(
    ("event", "stage"),
    [
        ({"path": "/auth/me", "requestContext": {"path": "/staging/auth/me"}}, "/staging"),
        ({"path": "/auth/me", "requestContext": {"path": "/auth/me"}}, ""),
        ({"path": "/auth/me", "requestContext": {"path": "/elsewhere"}}, ""),
        ({"path": "/auth/me", "requestContext": None}, ""),
        ({"path": "", "requestContext": {"path": "/x"}}, ""),
        ({}, ""),
    ],
    ids=str,
)
def test_the_stage_is_what_comes_before_our_path(event: dict[str, Any], stage: str) -> None:
    assert stage_of(event) == stage


def test_the_same_question_has_the_same_tag() -> None:
    tag = header(asked(Host="api.shop.example"), "etag")
    assert asked(Host="api.shop.example", If_None_Match=tag)["statusCode"] == 304
    assert asked(Host="other.example", If_None_Match=tag)["statusCode"] == 200


def test_without_a_gateway_in_front_a_host_is_looked_at_all_the_same() -> None:
    """As `make dev` serves it: no event, no stage, and the header as it came."""

    def asked_for(host: str) -> str:
        return outer_url(Request({"type": "http", "scheme": "http", "headers": [(b"host", host.encode())]}))

    assert asked_for("127.0.0.1:8000") == "http://127.0.0.1:8000"
    for host in ("evil.example/path", "user@evil.example", "a, b", ""):
        with pytest.raises(NotFound):
            asked_for(host)
