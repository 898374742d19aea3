"""What every group shows of itself: health, documentation that works offline, and the public keys."""

import re
from typing import Any

import pytest

from tests.gateway.shop import Api, good, problem

GROUPS = ("auth", "store", "basket")


@pytest.mark.parametrize("group", GROUPS)
def test_health_tells_of_every_dependency(api: Api, group: str) -> None:
    answer = api.get(f"/{group}/health")
    health = good(answer)
    assert health["status"] == "ok"
    assert health["checks"]["database"] == "ok"
    assert set(health["checks"].values()) == {"ok"}
    assert "cache" in health["checks"]
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("group", GROUPS)
def test_the_docs_work_offline_under_any_stage(api: Api, stack: dict[str, Any], group: str) -> None:
    # Behind the edge and at the gateway itself, where the stage is in the path.
    for url in (api, Api(stack["gateway_url"])):
        page = url.get(f"/{group}/docs")
        assert page.status_code == 200
        assert page.headers["Content-Type"].startswith("text/html")
        policy = page.headers["Content-Security-Policy"].split("; ")
        for nothing in ("default-src", "base-uri", "form-action", "frame-ancestors"):
            assert f"{nothing} 'none'" in policy
        links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        assert links
        assert not [link for link in links if link.startswith(("http", "//", "/"))]
        for link in links:
            if not link.startswith("data:"):
                found = url.get(f"/{group}/{link}")
                assert found.status_code == 200, link
                assert found.headers["Content-Type"].startswith(("text/css", "text/javascript"))
                assert len(found.content) > 50
        assert good(url.get(f"/{group}/openapi.json"))["openapi"].startswith("3.1")
        if url is not api:
            url.session.close()
    problem(api.get(f"/{group}/docs/nothing.js"), 404, "not_found")
    problem(api.get(f"/{group}/docs/..%2Fapp.py"), 404, "not_found")


@pytest.mark.parametrize("group", GROUPS)
def test_the_openapi_document_names_the_groups_paths(api: Api, group: str) -> None:
    document = good(api.get(f"/{group}/openapi.json"))
    assert document["paths"]
    assert all(path.startswith(f"/{group}") for path in document["paths"])
    assert f"/{group}/health" in document["paths"]
    assert document["info"]["title"]
    shapes = [set(shape.get("properties", {})) for shape in document["components"]["schemas"].values()]
    assert any({"type", "title", "status", "detail", "instance", "code", "trace_id"} <= shape for shape in shapes)
    identifiers = [
        operation["operationId"]
        for operations in document["paths"].values()
        for method, operation in operations.items()
        if method in ("get", "post", "patch", "put", "delete")
    ]
    assert len(identifiers) == len(set(identifiers))


def test_the_keys_are_public_halves_alone(api: Api) -> None:
    answer = api.get("/auth/.well-known/jwks.json")
    keys = good(answer)["keys"]
    assert keys
    for key in keys:
        assert set(key) == {"kty", "crv", "x", "kid", "alg", "use"}
        assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("OKP", "Ed25519", "EdDSA", "sig")
    assert "max-age" in answer.headers["Cache-Control"]
