"""Plays AWS's event sources, which no emulator has: template.yaml's queues and schedules call the functions.

It runs as `python -m localstack.triggers --run-directory DIR` against any endpoint that speaks the Lambda Invoke API
(MiniStack, LocalStack, `sam local start-lambda`), with what `write_settings` left in the directory.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from localstack import deploy, rmq_event, template
from localstack.queue_trigger import LAST_CALL_SECONDS, Call, CallFailed, Log, QueueTrigger, Unreachable
from localstack.schedule_expression import next_due

SETTINGS = "triggers.json"
# Longer than any function may run: the emulator ends it, not the one who waits.
CALL_SECONDS = 330.0


@dataclass(frozen=True)
class Settings:
    """The Lambda endpoint, the broker (its URL with user and password), and function names by logical id."""

    endpoint_url: str
    amqp_url: str
    functions: dict[str, str]


def write_settings(run_directory: Path, *, endpoint_url: str, amqp_url: str, functions: Mapping[str, str]) -> Path:
    """Leave what the triggers need in the run directory, readable by its owner alone (the URL holds a password).

    Under `sam local start-lambda` a function's name is its logical id.
    """
    path = run_directory / SETTINGS
    draft = path.with_suffix(".draft")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(asdict(Settings(endpoint_url, amqp_url, dict(functions))), file, indent=1)
    draft.replace(path)
    return path


def command(run_directory: Path) -> list[str]:
    """The command line that starts the triggers; its directory must be the repository's root."""
    return [sys.executable, "-m", "localstack.triggers", "--run-directory", str(run_directory)]


class ScheduleTrigger(threading.Thread):
    """Calls one function whenever its schedule is due, never twice at once. A failed call waits for its next turn."""

    def __init__(self, schedule: template.Schedule, call: Call, log: Log) -> None:
        super().__init__(name=f"schedule-{schedule.name}", daemon=True)
        self._schedule = schedule
        self._call = call
        self._log = log
        self._ending = threading.Event()

    def end(self) -> None:
        """Ask it to end."""
        self._ending.set()

    def run(self) -> None:
        schedule = self._schedule
        while True:
            due = next_due(schedule.expression, datetime.now(UTC))
            if self._ending.wait((due - datetime.now(UTC)).total_seconds()):
                return
            try:
                self._call(schedule.function, rmq_event.scheduled(schedule.name, due, schedule.given))
                self._log("schedule called", function=schedule.function, schedule=schedule.name)
            except CallFailed as error:
                self._log("schedule failed", level="WARNING", function=schedule.function, reason=str(error))


def caller(settings: Settings) -> Call:
    """A way to call functions by logical id that raises CallFailed for whatever isn't a clean answer."""
    from botocore.exceptions import BotoCoreError, ClientError, ConnectionClosedError, EndpointConnectionError

    def call(function: str, event: dict[str, Any]) -> None:
        name = settings.functions.get(function, function)
        try:
            deploy.invoke(settings.endpoint_url, name, event, timeout=CALL_SECONDS)
        except deploy.InvocationFailed as error:
            raise CallFailed(str(error)) from error
        except ClientError as error:
            raise CallFailed(f"{error.response['Error']['Code']}: {error.response['Error']['Message']}") from error
        except (BotoCoreError, ValueError) as error:
            kind = Unreachable if isinstance(error, EndpointConnectionError | ConnectionClosedError) else CallFailed
            raise kind(f"{type(error).__name__}: {error}") from error

    deploy.client("lambda", settings.endpoint_url, CALL_SECONDS)  # made now, as the first takes a third of a second
    return call


def log(message: str, *, level: str = "INFO", **values: Any) -> None:
    """One line of JSON on standard output. Bodies of messages never go in."""
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    line = {"timestamp": at, "level": level, "service": "triggers", "message": message, **values}
    sys.stdout.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")
    sys.stdout.flush()


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m localstack.triggers", description=main.__doc__)
    parser.add_argument("--run-directory", type=Path, required=True, help=f"where {SETTINGS} is")
    given = parser.parse_args(arguments)
    try:
        settings = Settings(**json.loads((given.run_directory / SETTINGS).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        print(f"{given.run_directory / SETTINGS} can't be read ({error}): start the stack first.", file=sys.stderr)
        return 1
    # pika tells every refused connection in many lines; what matters is in our own.
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    read = template.read()
    call = caller(settings)
    triggers: list[QueueTrigger | ScheduleTrigger] = [
        *(QueueTrigger(queue, settings.amqp_url, call, log) for queue in template.queues(read)),
        *(ScheduleTrigger(schedule, call, log) for schedule in template.schedules(read)),
    ]
    for trigger in triggers:
        trigger.start()
    stop.wait()
    for trigger in triggers:
        trigger.end()
    for trigger in triggers:
        trigger.join(LAST_CALL_SECONDS + 2)
    log("ended")
    return 0


if __name__ == "__main__":
    sys.exit(main())
