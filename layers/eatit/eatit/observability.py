"""Logs, metrics and the request id that goes from the edge to the broker and back."""

import re
from contextvars import ContextVar
from typing import Any

import orjson
from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit

from eatit.identifiers import uuid7

logger = Logger()
metrics = Metrics()
_request_id: ContextVar[str] = ContextVar("request_id", default="")
_ACCEPTABLE = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")

__all__ = ["MetricUnit", "Metrics", "begin_trace", "logger", "metrics", "note_request", "trace_id"]


def begin_trace(given: str | None) -> str:
    """Take the caller's request id, or make one where none or an unfit one was given; all later logs carry it."""
    value = given if given and _ACCEPTABLE.fullmatch(given) else str(uuid7())
    _request_id.set(value)
    logger.append_keys(trace_id=value)
    return value


def trace_id() -> str:
    """The id of the request or message that is being served now."""
    return _request_id.get() or begin_trace(None)


def note_request(*, method: str, route: str, status: int, milliseconds: float) -> None:
    """Print one request's metrics and its access log as one line, in CloudWatch's embedded metric format.

    Powertools makes the line; collecting what is known already, and writing it with the standard library's JSON, would
    cost as much again, and so would a line of the logger beside it.
    """
    measured = {"Requests": _measured("Count", 1), "Duration": _measured("Milliseconds", milliseconds)}
    if status >= 500:
        measured["Faults"] = _measured("Count", 1)
    told = {"level": "INFO", "message": "request", "trace_id": _request_id.get(), "method": method, "route": route}
    line = metrics.serialize_metric_set(metrics=measured, metadata={**told, "status": status})
    print(orjson.dumps(line).decode())  # noqa: T201


def _measured(unit: str, value: float) -> dict[str, Any]:
    return {"Unit": unit, "StorageResolution": 60, "Value": [value]}
