"""Shows how the events of a deployment are, or puts parked messages back: what `make events` and `make replay` do.

`python -m localstack.events [--replay basket.product-sync] [--environment staging]`
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from localstack.failures import StackFailure
from localstack.invocation import invoke
from localstack.template import ROOT, queues, read

FUNCTION = "EventsFunction"


def shown(*, environment: str | None = None, directory: Path = ROOT / ".run") -> str:
    """The outbox, the queues and the parked messages, to be read; arguments as for `invocation.invoke`.

    Raises `StackFailure`, one plain sentence.
    """
    return "\n".join(_lines(invoke(FUNCTION, {}, environment=environment, directory=directory)))


def replayed(queue: str, *, environment: str | None = None, directory: Path = ROOT / ".run") -> str:
    """Put a queue's parked messages back → a sentence that tells what came of it. Raises `StackFailure`."""
    known = [each.name for each in queues(read())]
    if queue not in known:
        raise StackFailure(f"There is no queue {queue}; there are {', '.join(known)}.")
    event = {"action": "replay", "queue": queue}
    done = invoke(FUNCTION, event, environment=environment, directory=directory)
    return f"{done['replayed']} messages went back into {queue}, {done['left']} are parked now."


def _lines(told: dict[str, Any]) -> Iterable[str]:
    outbox = told["outbox"]
    if outbox is None:
        yield "The outbox can't be read: the database is away."
    elif outbox["waiting"]:
        yield f"{outbox['waiting']} events wait in the outbox, the oldest for {outbox['oldest_seconds']} s."
    else:
        yield "No event waits in the outbox."
    if told["queues"] is None:
        yield "The queues can't be read: the broker is away."
        return
    yield ""
    heads = ("queue", "ready", "consumers", "in the outbox", "oldest, s", "parked")
    names = ("queue", "ready", "consumers", "waiting", "oldest_seconds", "parked")
    yield from _table([heads, *([_cell(queue[name]) for name in names] for queue in told["queues"])])
    for parked in told["parked"]:
        yield ""
        if parked["messages"] is None:
            yield f"What is parked of {parked['queue']} can't be looked at: the broker takes no messages now."
            continue
        yield f"Parked of {parked['queue']}, the oldest first:"
        for message in parked["messages"]:
            at, why = message["parked_at"], message["reason"]
            if message["death"] is not None:
                death = message["death"]
                at, why = death["at"], f"the broker parked it: {death['reason']}, {death['count']} × {death['queue']}"
            yield f"  {_cell(at)}  {_cell(message['message_id'])}  {_cell(message['type'])}  {_cell(why)}"


def _cell(value: Any) -> str:
    return "–" if value is None else str(value)


def _table(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def main() -> int:
    """Print it; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m localstack.events", description=__doc__)
    parser.add_argument("--replay", metavar="QUEUE", help="put this queue's parked messages back instead")
    parser.add_argument("--environment", help="one of samconfig.toml's; without it, the local stack")
    parser.add_argument("--directory", type=Path, default=ROOT / ".run", help="the local stack's directory (.run)")
    given = parser.parse_args()
    if given.replay is not None and not given.replay.strip():
        print("eatit: Say which queue: make replay QUEUE=basket.product-sync.", file=sys.stderr)
        return 2
    try:
        if given.replay is not None:
            print(replayed(given.replay.strip(), environment=given.environment, directory=given.directory))
        else:
            print(shown(environment=given.environment, directory=given.directory))
    except StackFailure as failure:
        print(f"eatit: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
