"""Cold start of each function as built: its import, and its first answer with the stack's servers."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from redis import Redis

from tests.performance.benchmarks.figures import Figure
from tests.performance.cold_start import HANDLERS, HELLO, Laid, Ratio, Start
from tests.performance.extension import extension, secrets_of
from tests.performance.first_requests import FIRST_REQUESTS, HELLO_EVENT, first_events
from tests.performance.requests_of import Shop

ROUNDS = 11
AIMS = {"StoreFunction": (2.2, 2.8)}


def figures(stack: Mapping[str, Any], shop: Shop) -> list[Figure]:
    """Import alone for every function; the first answer too for the public ones."""
    events = first_events(shop)
    settings = {name: value for name, value in stack["environment"].items() if "AWS" not in name}
    with (
        tempfile.TemporaryDirectory() as home,
        extension(secrets_of(stack)) as given,
        Redis.from_url(stack["redis_url"]) as cache,
    ):
        laid = Laid(Path(home))
        environment = {**settings, **given}

        def round_of() -> dict[str, Start]:
            cache.flushdb()
            hello = laid.start(HELLO, HELLO_EVENT, environment)
            return {"": hello} | {
                name: laid.start(handler, events.get(name), environment) for name, handler in HANDLERS.items()
            }

        round_of()
        rounds = [round_of() for _ in range(ROUNDS)]

    def ratio(name: str, part: str) -> Ratio:
        return Ratio.of([getattr(each[name], part) for each in rounds], [getattr(each[""], part) for each in rounds])

    found = []
    for name in HANDLERS:
        imported, answered = AIMS.get(name, (None, None))
        found.append(Figure(f"{name}: import", "hello: import", ratio(name, "imported"), imported))
        if name in FIRST_REQUESTS:
            asked = f"{events[name]['httpMethod']} {FIRST_WORDS[name]}"
            found.append(
                Figure(f"{name}: first answer", "hello: first answer", ratio(name, "answered"), answered, asked)
            )
    return found


FIRST_WORDS = {
    "AuthFunction": "/auth/me, signed in",
    "StoreFunction": "/store/products/{id}, nothing cached",
    "BasketFunction": "/basket, signed in, 3 lines",
}
