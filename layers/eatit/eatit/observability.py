"""Logs, metrics and the request id that goes from the edge to the broker and back."""

import re
from contextvars import ContextVar

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
    """One request's metrics and its access log, together in the one line that Powertools prints at the handler's end.

    A line of the logger beside it would cost twice as much again and tell the same.
    """
    metrics.add_metric(name="Requests", unit=MetricUnit.Count, value=1)
    metrics.add_metric(name="Duration", unit=MetricUnit.Milliseconds, value=milliseconds)
    if status >= 500:
        metrics.add_metric(name="Faults", unit=MetricUnit.Count, value=1)
    told = {"level": "INFO", "message": "request", "trace_id": _request_id.get(), "method": method, "route": route}
    for name, value in {**told, "status": status}.items():
        metrics.add_metadata(name, value)
