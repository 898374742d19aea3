"""A stand-in of the AWS Parameters and Secrets Lambda extension's local endpoint, so that secrets cost no SDK.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/retrieving-secrets_lambda.html
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3

SESSION_TOKEN = "the-session-token-of-this-environment"


@contextmanager
def extension(secrets: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Serve these secrets (whole name → text) on a free loopback port; gives what a function's environment needs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _answering(secrets))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield {
            "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": str(server.server_port),
            "AWS_SESSION_TOKEN": SESSION_TOKEN,
        }
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def secrets_of(stack: Mapping[str, Any]) -> dict[str, str]:
    """The running stack's own secrets, out of its emulator."""
    environment = stack["environment"]
    client = boto3.client(
        "secretsmanager",
        endpoint_url=stack["s3_endpoint_url"],
        region_name=environment["AWS_DEFAULT_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )
    names = [*(f"database/{role}" for role in ("auth", "store", "basket", "operations")), "broker"]
    whole = [f"{stack['secrets_prefix']}/{name}" for name in (*names, "auth/signing", "auth/jwks")]
    return {name: client.get_secret_value(SecretId=name)["SecretString"] for name in whole}


def _answering(secrets: Mapping[str, str]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            address = urlsplit(self.path)
            name = parse_qs(address.query).get("secretId", [""])[0]
            if self.headers.get("X-Aws-Parameters-Secrets-Token") != SESSION_TOKEN:
                self._send(403, {"message": "the token isn't this environment's"})
            elif address.path != "/secretsmanager/get" or name not in secrets:
                self._send(400, {"message": "ResourceNotFoundException"})
            else:
                self._send(200, {"Name": name, "SecretString": secrets[name]})

        def _send(self, status: int, answer: dict[str, str]) -> None:
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing: the tests' output is theirs."""

    return Handler
