"""What is made can be read, changed and taken away, in any order: schemathesis walks along the documents' links."""

import re
from collections import Counter
from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.errors import Flaky
from schemathesis import Case, Response

from tests.contract.callers import Callers
from tests.contract.documents import loaded

WALKS, STEPS = 12, 8
# What is made, and what was made.
THINGS = r"^/store/(units|categories|products|warehouses)(/\{\w+\})?$"


def test_things_live_and_go_as_the_links_say(callers: Callers) -> None:
    # Of all of the store's paths a few walks would meet nothing twice. An archived product is there for staff still,
    # so what is said of deleted things isn't so of it.
    things = loaded("store").include(path_regex=THINGS).exclude(operation_id="archive_product")
    walker: Any = things.as_state_machine()
    walked: Counter[str] = Counter()
    wrong: list[Exception] = []
    walks = 0

    class Life(walker):  # type: ignore[misc]
        """A shop keeper who makes things and comes back to them."""

        def setup(self) -> None:
            nonlocal walks
            walks += 1

        def before_call(self, case: Case[Any]) -> None:
            callers.prepare(case, "staff", walking=True)

        def get_call_kwargs(self, _case: Case[Any]) -> dict[str, Any]:
            return {"base_url": callers.url, "headers": callers.headers["staff"]}

        def validate_response(self, response: Response, case: Case[Any], **kwargs: Any) -> None:
            if callers.refused_by_the_edge(response):
                return
            try:
                case.validate_response(response, checks=callers.checks, recorder=self.recorder, transport_kwargs=kwargs)
            except Exception as failure:
                wrong.append(failure)
                raise
            walked[f"{case.operation.label} {response.status_code}"] += 1
            callers.note(case, response)

    for number in range(WALKS):
        # The second time a thing can't be made that was made the first time, and then other steps are open. Such a walk
        # is no fault of the shop's, and the next ones begin afresh.
        with suppress(Flaky):
            seed(number)(Life).run(settings=_settings(WALKS - walks))
        if wrong or walks >= WALKS:
            break
    if wrong:
        raise wrong[0]
    assert walks >= WALKS, f"only {walks} walks"
    assert any(re.fullmatch(r"GET /store/\w+/\{\w+\} 200", seen) for seen in walked), f"no link led anywhere: {walked}"


def _settings(walks: int) -> settings:
    return settings(
        max_examples=walks,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        phases=[Phase.generate],  # what a walk changed stays changed: none can be walked again
        suppress_health_check=list(HealthCheck),
    )
