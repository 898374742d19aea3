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

__all__ = ["MetricUnit", "Metrics", "begin_trace", "logger", "metrics", "trace_id"]


def begin_trace(given: str | None) -> str:
    """Take the caller's request id, or make one where none or an unfit one was given; all later logs carry it."""
    value = given if given and _ACCEPTABLE.fullmatch(given) else str(uuid7())
    _request_id.set(value)
    logger.append_keys(trace_id=value)
    return value


def trace_id() -> str:
    """The id of the request or message that is being served now."""
    return _request_id.get() or begin_trace(None)
