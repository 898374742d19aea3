"""The quick loop: auth, store and basket under uvicorn with reload, against the local stack's servers.

Never for production: endpoints are `async def` over blocking drivers, which suits a Lambda environment (one request
at a time) and would let one slow request hold all the others here.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from localstack import commands
from localstack.failures import StackFailure
from localstack.ports import LOOPBACK, is_free
from localstack.servers import edge
from localstack.stack import GROUPS, Options
from localstack.template import ROOT

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
SOURCES = (ROOT / "functions", ROOT / "layers" / "eatit")


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Hands a request to the group that its path begins with, as the gateway does."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    first = scope["path"].split("/")[1]
    if first in GROUPS:
        await _group(first)(scope, receive, send)
    else:
        await send({"type": "http.response.start", "status": 404, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"Paths begin with /auth, /store or /basket.\n"})


@lru_cache(maxsize=len(GROUPS))
def _group(name: str) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """A group's app with all that surrounds it behind the gateway: CORS, request ids, problems, the log."""
    app = importlib.import_module(f"{name}.app").app
    surround = importlib.import_module("eatit.http.app").surrounded
    return surround(app)  # type: ignore[no-any-return]


def main() -> int:
    """Serves until Ctrl-C; a stack that had to be started for it is ended with it."""
    parser = argparse.ArgumentParser(prog="python -m localstack.dev", description=__doc__)
    parser.add_argument("--directory", type=Path, default=ROOT / ".run")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--stack-port", type=int, default=8080)
    given = parser.parse_args()
    directory = given.directory.resolve()
    try:
        if not is_free(given.port):
            raise edge.port_taken(given.port, "DEV_PORT")
        started = not commands.is_up(directory)
        if started:
            code = commands.up(Options(directory, given.stack_port))
            if code:
                return code
    except StackFailure as failure:
        print(f"eatit: {failure}", file=sys.stderr)
        return 1
    try:
        return _serve(directory, given.port)
    finally:
        if started:
            commands.stop(directory)


def _serve(directory: Path, port: int) -> int:
    import uvicorn

    content = json.loads((directory / "stack.json").read_text())
    paths = [str(source) for source in (*SOURCES, ROOT)]
    os.environ.update(content["environment"], POWERTOOLS_SERVICE_NAME="dev", PYTHONPATH=os.pathsep.join(paths))
    sys.path[:0] = paths
    uvicorn.run(
        "localstack.dev:app",
        host=LOOPBACK,
        port=port,
        reload=True,
        reload_dirs=[str(source) for source in SOURCES],
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
