"""The edge by itself, before a gateway that says back what it got: paths, ids, redirections, and its own problems."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from localstack.ports import free_port
from localstack.processes import Processes, wait_until
from localstack.servers import edge

PREFIX = "/_aws/execute-api/abc/local"


class Echo(BaseHTTPRequestHandler):
    """Answers the path and headers that it was given; a path that ends in a number answers that status."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.dumps({"path": self.path, "headers": dict(self.headers)}).encode()
        last = self.path.rpartition("/")[2]
        self.send_response(int(last) if last.isdigit() else 200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Location", "/local/store/products/1?x=1")
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


class Edge:
    def __init__(self, port: int, log: Path) -> None:
        self.port = port
        self.log = log

    def ask(
        self, path: str, method: str = "GET", body: bytes | None = None, **headers: str
    ) -> tuple[int, dict[str, str], Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, named)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, dict(answer.getheaders()), json.loads(text) if text else None


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    directory = tmp_path_factory.mktemp("edge")
    (directory / "logs").mkdir()
    upstream = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    processes = Processes(directory)
    port = free_port()
    try:
        edge.start(processes, port=port, gateway_url=f"http://127.0.0.1:{upstream.server_port}{PREFIX}", stage="local")
        yield Edge(port, processes.logs / "edge.log")
    finally:
        processes.end()
        upstream.shutdown()
        upstream.server_close()


@pytest.mark.parametrize("path", ["/store/a%2Fb//c?x=%41&y=%20z", "/basket", "/auth/me", "/basket/items/%D1%8F"])
def test_the_path_reaches_the_function_unchanged(proxy: Edge, path: str) -> None:
    _, _, echoed = proxy.ask(path)
    assert echoed["path"] == PREFIX + path


def test_a_fit_request_id_is_kept_and_an_unfit_one_replaced(proxy: Edge) -> None:
    _, headers, echoed = proxy.ask("/store/x", X_Request_Id="shop-1:a.b")
    assert headers["X-Request-Id"] == echoed["headers"]["X-Request-Id"] == "shop-1:a.b"
    _, headers, echoed = proxy.ask("/store/x", X_Request_Id='a"b')
    assert headers["X-Request-Id"] == echoed["headers"]["X-Request-Id"] != 'a"b'


def test_the_stage_is_taken_off_redirections(proxy: Edge) -> None:
    _, headers, _ = proxy.ask("/store/products")
    assert headers["Location"] == "/store/products/1?x=1"


@pytest.mark.parametrize("status", [400, 401, 404, 422, 429, 500, 503])
def test_what_the_functions_answer_stays_theirs(proxy: Edge, status: int) -> None:
    answered, _, echoed = proxy.ask(f"/store/{status}")
    assert answered == status
    assert "path" in echoed


@pytest.mark.parametrize("status", [502, 504])
def test_a_gateway_that_fails_becomes_a_problem(proxy: Edge, status: int) -> None:
    answered, headers, problem = proxy.ask(f"/store/{status}")
    assert answered == problem["status"] == status
    assert headers["Content-Type"] == "application/problem+json"
    assert headers["Retry-After"] == "1"


def test_an_unknown_path_is_a_problem_in_the_callers_language(proxy: Edge) -> None:
    for path in ("/", "/nothing?q=1", "/auth", "/storefront/x", "//store/x"):
        status, headers, problem = proxy.ask(path, Accept_Language="ru-RU,ru;q=0.9,en;q=0.8")
        assert status == 404
        assert headers["Content-Language"] == "ru"
        assert problem == {
            "type": "urn:problem-type:eatit:not_found",
            "title": "Здесь ничего нет",
            "status": 404,
            "detail": "Здесь ничего нет",
            "instance": path.partition("?")[0],
            "code": "not_found",
            "trace_id": headers["X-Request-Id"],
        }


@pytest.mark.parametrize(
    ("asked", "language"),
    [
        ("", "en"),
        ("de", "en"),
        ("ru", "ru"),
        ("en, ru", "en"),
        ("ru, en", "ru"),
        ("en;q=0.5, ru;q=0.8", "ru"),
        ("ru;q=0.5, en;q=0.8", "en"),
        ("de, ru;q=0.3", "ru"),
        ("ru;q=0", "en"),
    ],
)
def test_the_language_goes_by_weight(proxy: Edge, asked: str, language: str) -> None:
    _, headers, _ = proxy.ask("/nothing", Accept_Language=asked)
    assert headers["Content-Language"] == language


@pytest.mark.parametrize("method", ["TRACE", "BREW"])
def test_an_unknown_method_is_a_problem(proxy: Edge, method: str) -> None:
    status, headers, problem = proxy.ask("/store/products", method)
    assert (status, problem["code"]) == (405, "method_not_allowed")
    assert headers["Allow"] == "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"


def test_a_body_that_no_gateway_would_carry_is_a_problem(proxy: Edge) -> None:
    status, _, problem = proxy.ask("/store/products", "POST", b"x" * (5 * 1024 * 1024 + 1))
    assert (status, problem["code"]) == (413, "body_too_large")


def test_an_unreadable_path_is_a_problem(proxy: Edge) -> None:
    status, _, problem = proxy.ask("/store/%00")
    assert (status, problem["code"]) == (400, "bad_request")


def test_a_browser_may_read_the_edges_own_answers(proxy: Edge) -> None:
    _, headers, _ = proxy.ask("/nothing", Origin="http://localhost:3000")
    assert headers["Access-Control-Allow-Origin"] == "http://localhost:3000"
    _, headers, _ = proxy.ask("/nothing", Origin="http://evil.example")
    assert "Access-Control-Allow-Origin" not in headers


def test_the_access_log_is_json_without_queries(proxy: Edge) -> None:
    proxy.ask("/store/products?token=hush", X_Request_Id="for-the-log", User_Agent='a "quoted" agent')

    def found() -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in proxy.log.read_text().splitlines()]
        return [line for line in lines if line["trace_id"] == "for-the-log"]

    assert wait_until(lambda: bool(found()), 5)
    line = found()[0]
    assert (line["method"], line["path"], line["status"]) == ("GET", "/store/products", 200)
    assert "hush" not in proxy.log.read_text()
