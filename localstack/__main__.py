"""The local stack's command line: `python -m localstack {run,up,stop,reset,status,invoke}`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from localstack import commands
from localstack.failures import StackFailure
from localstack.stack import Options
from localstack.template import ROOT

HIGHEST_PORT = 65_535


def _port(text: str) -> int:
    port = int(text) if text.isdigit() else -1
    if not 0 <= port <= HIGHEST_PORT:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a port: give a number up to {HIGHEST_PORT}, 0 for a free one"
        )
    return port


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m localstack", description=__doc__)
    chosen = parser.add_subparsers(dest="command", required=True)
    for name in ("run", "up", "stop", "reset", "status"):
        command = chosen.add_parser(name, help=(getattr(commands, name).__doc__ or "").splitlines()[0])
        command.add_argument("--directory", type=Path, default=ROOT / ".run", help="where its data lies (.run)")
        if name in ("run", "up"):
            command.add_argument("--port", type=_port, default=8080, help="where the shop answers; 0 for a free one")
            command.add_argument("--no-demo", action="store_true", help="demo users, but no demo goods")
            command.add_argument("--servers-only", action="store_true", help=argparse.SUPPRESS)
    command = chosen.add_parser("invoke", help=(commands.invoke.__doc__ or "").splitlines()[0])
    command.add_argument("function", help="its logical id in template.yaml, such as ResyncFunction")
    command.add_argument("event", nargs="?", default="{}", help="JSON, or a file of it ({})")
    command.add_argument("--directory", type=Path, default=ROOT / ".run", help="where its data lies (.run)")
    return parser


def main() -> int:
    """Does what the arguments say; answers the exit status."""
    given = _parser().parse_args()
    try:
        if given.command in ("run", "up"):
            options = Options(given.directory.resolve(), given.port, not given.no_demo, given.servers_only)
            return int(getattr(commands, given.command)(options))
        if given.command == "invoke":
            return commands.invoke(given.directory, given.function, given.event)
        return int(getattr(commands, given.command)(given.directory))
    except StackFailure as failure:
        print(f"eatit: {failure}", file=sys.stderr)
    except OSError as error:
        place = f" ({error.filename})" if error.filename else ""
        print(f"eatit: The system refused: {error.strerror or error}{place}.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
