"""When an EventBridge schedule is due next: `rate(5 minutes)` and `cron(0 3 * * ? *)`, in UTC."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

_UNITS = {"minute": 60, "hour": 3600, "day": 86400}
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_SEARCHED_DAYS = 366 * 5


def next_due(expression: str, after: datetime) -> datetime:
    """The first moment after `after` at which the schedule is due.

    Cron fields are minutes, hours, day of month, month, day of week (1 is Sunday), year; `*`, `?`, lists, ranges,
    steps and names are read, `L`, `W` and `#` are not.

    Raises:
        ValueError: the expression isn't understood, or is never due.
    """
    rate = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression)
    if rate:
        return after + timedelta(seconds=int(rate[1]) * _UNITS[rate[2]])
    cron = re.fullmatch(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)", expression)
    if not cron:
        raise ValueError(f"not a schedule: {expression}")
    minutes = _values(cron[1], 0, 59)
    hours = _values(cron[2], 0, 23)
    days = _values(cron[3], 1, 31)
    months = _values(cron[4], 1, 12, _MONTHS, 1)
    weekdays = _values(cron[5], 1, 7, _DAYS, 1)
    years = _values(cron[6], 1970, 2199)
    day = after.replace(hour=0, minute=0, second=0, microsecond=0)
    for _ in range(_SEARCHED_DAYS):
        weekday = day.isoweekday() % 7 + 1
        if day.year in years and day.month in months and day.day in days and weekday in weekdays:
            for hour in sorted(hours):
                for minute in sorted(minutes):
                    due = day.replace(hour=hour, minute=minute)
                    if due > after:
                        return due
        day += timedelta(days=1)
    raise ValueError(f"never due: {expression}")


def _values(field: str, first: int, last: int, names: tuple[str, ...] = (), offset: int = 0) -> set[int]:
    chosen: set[int] = set()
    for part in field.upper().split(","):
        span, _, step = part.partition("/")
        low, _, high = span.partition("-")
        if span in ("*", "?"):
            begin, end = first, last
        else:
            begin = _number(low, names, offset)
            # `5/15` goes on to the end, `5` is itself alone.
            end = _number(high, names, offset) if high else last if step else begin
        if not first <= begin <= end <= last:
            raise ValueError(f"not a cron field: {field}")
        chosen.update(range(begin, end + 1, int(step or 1)))
    return chosen


def _number(text: str, names: tuple[str, ...], offset: int) -> int:
    return names.index(text) + offset if text in names else int(text)
