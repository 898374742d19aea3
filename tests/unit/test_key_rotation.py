"""Signing keys follow one another: whoever rotates at once, wherever one dies, what signs is published."""

import itertools
import json
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from auth.key_rotation import JWKS, SIGNING, Vault, handler, settle
from auth.keys import RETIRED_SECONDS, completed, new_signing_secret, public_keys, replaced, rotated
from eatit.errors import MisconfiguredError
from tests.functions.events import Context

PREFIX = "eatit/unit"
PARTS = {"current", "next", "previous", "refresh", "seal", "device"}
PRIVATE = ("current", "next")


class Died(BaseException):
    """The function was killed at this call."""


class SecretsManager:
    """Secrets Manager as its reference describes it: a token used again for another value is refused.

    `refuses=False`: as some emulators are, where it takes the other's place. `gate` is called before every call.
    """

    class exceptions:  # noqa: N801 - as a client of boto3 has it
        class ResourceExistsException(Exception):
            """That token made another version."""

    def __init__(self, *, refuses: bool = True) -> None:
        self.refuses = refuses
        self.watched = refuses
        self.gate: Callable[[str, str], None] = lambda call, name: None
        self.versions: dict[str, dict[str, str]] = {}
        self.current: dict[str, str] = {}
        self.told: list[str] = []
        for name in (SIGNING, JWKS):
            self.set(name, "{}")

    def set(self, name: str, text: str) -> None:
        """What a person puts there."""
        version = str(uuid4())
        self.versions.setdefault(name, {})[version] = text
        self.current[name] = version

    def value(self, name: str) -> Any:
        return json.loads(self.versions[name][self.current[name]])

    def get_secret_value(self, *, SecretId: str) -> dict[str, str]:  # noqa: N803
        name = SecretId.removeprefix(f"{PREFIX}/")
        self.gate("get", name)
        version = self.current[name]
        return {"SecretString": self.versions[name][version], "VersionId": version}

    def put_secret_value(self, *, SecretId: str, SecretString: str, ClientRequestToken: str) -> None:  # noqa: N803
        name = SecretId.removeprefix(f"{PREFIX}/")
        self.gate("put", name)
        assert 32 <= len(ClientRequestToken) <= 64
        there = self.versions[name].get(ClientRequestToken)
        if there is None or not self.refuses:
            self.versions[name][ClientRequestToken] = SecretString
            self.current[name] = ClientRequestToken
        elif there != SecretString:
            raise self.exceptions.ResourceExistsException
        if self.watched and self.value(SIGNING).get("current"):
            self.holds()

    def holds(self) -> None:
        """The one rule: what signs is published."""
        assert self.value(SIGNING)["current"]["kid"] in kids(self.value(JWKS)["keys"])

    def settled(self) -> None:
        self.holds()
        assert self.value(JWKS) == public_keys(self.value(SIGNING))


def kids(keys: Any) -> list[str]:
    return [key["kid"] for key in keys]


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> SecretsManager:
    made = SecretsManager()
    monkeypatch.setattr("auth.key_rotation.boto3.client", lambda service: made)
    return made


def act(action: str) -> dict[str, Any]:
    return handler({"action": action}, Context())


def test_ensure_makes_all_that_is_missing_once(store: SecretsManager) -> None:
    first = act("ensure")
    signing, jwks = store.value(SIGNING), store.value(JWKS)
    assert signing.keys() == PARTS
    assert signing["previous"] == []
    assert all(len(signing[name]) == 43 for name in ("refresh", "seal", "device"))
    assert first == {"kids": kids(jwks["keys"]), "made": True, "current": signing["current"]["kid"]}
    assert first["kids"] == [signing["current"]["kid"], signing["next"]["kid"]]
    before = dict(store.current)
    assert handler({}, Context()) == {**first, "made": False}
    assert store.current == before
    store.settled()


def test_ensure_completes_a_secret_of_the_old_shape(store: SecretsManager) -> None:
    whole = new_signing_secret()
    old = {name: whole[name] for name in ("current", "refresh")}
    store.set(SIGNING, json.dumps(old))
    store.set(JWKS, json.dumps(public_keys(old)))
    assert act("ensure")["made"] is True
    assert store.value(SIGNING).keys() == PARTS
    assert {name: store.value(SIGNING)[name] for name in old} == old
    store.settled()


@pytest.mark.parametrize("missing", sorted(PARTS))
def test_ensure_makes_the_missing_part_alone(store: SecretsManager, missing: str) -> None:
    act("ensure")
    left = {name: value for name, value in store.value(SIGNING).items() if name != missing}
    store.set(SIGNING, json.dumps(left))
    assert act("ensure")["made"] is True
    assert {name: value for name, value in store.value(SIGNING).items() if name != missing} == left


def test_a_rotation_moves_each_key_one_place(store: SecretsManager) -> None:
    act("ensure")
    before = store.value(SIGNING)
    told = act("rotate")
    after = store.value(SIGNING)
    assert told["rotated"] is True
    assert told["current"] == after["current"]["kid"] == before["next"]["kid"]
    assert kids(after["previous"]) == [before["current"]["kid"]]
    assert after["next"]["kid"] not in kids([before["current"], before["next"]])
    assert told["kids"] == kids([after["current"], after["next"], *after["previous"]])
    assert {name: after[name] for name in ("refresh", "seal", "device")} == {
        name: before[name] for name in ("refresh", "seal", "device")
    }
    store.settled()


def test_a_secret_of_the_old_shape_or_an_empty_one_can_be_rotated(store: SecretsManager) -> None:
    assert act("rotate")["rotated"] is True
    store.settled()
    whole = new_signing_secret()
    store.set(SIGNING, json.dumps({"current": whole["current"], "refresh": whole["refresh"]}))
    assert act("rotate")["rotated"] is True
    assert kids(store.value(SIGNING)["previous"]) == [whole["current"]["kid"]]
    store.settled()


def test_retired_keys_go_after_their_time_and_the_youngest_never() -> None:
    first = completed({})
    second = rotated(first, 1_000)
    third = rotated(second, 1_000 + RETIRED_SECONDS)
    assert kids(third["previous"]) == [second["current"]["kid"], first["current"]["kid"]]
    later = 1_000 + RETIRED_SECONDS + 1
    assert kids(rotated(second, later)["previous"]) == [second["current"]["kid"]]
    fourth = rotated(third, later)
    assert kids(fourth["previous"]) == [third["current"]["kid"], second["current"]["kid"]]
    assert kids(rotated(third, later * 1000)["previous"]) == [third["current"]["kid"]]


def test_a_retired_key_outlives_every_token_and_every_cache() -> None:
    from auth.keys import ACCESS_SECONDS
    from eatit.secrets import KEPT_SECONDS
    from eatit.security import LEEWAY_SECONDS

    extension = 300  # SECRETS_MANAGER_TTL of AWS's extension, as it comes
    assert ACCESS_SECONDS + KEPT_SECONDS + extension + LEEWAY_SECONDS < RETIRED_SECONDS


def test_only_keys_that_sign_have_a_private_half(store: SecretsManager) -> None:
    for _ in range(3):
        act("rotate")
    signing = store.value(SIGNING)
    assert len(signing["previous"]) == 3
    assert all("d" in signing[place] for place in PRIVATE)
    assert not any("d" in key for key in (*signing["previous"], *store.value(JWKS)["keys"]))


def test_replacing_leaves_nothing_that_a_thief_could_use(store: SecretsManager) -> None:
    act("rotate")
    before = store.value(SIGNING)
    store.watched = False  # the stolen key is taken back before another signs
    told = act("replace")
    after = store.value(SIGNING)
    assert told["replaced"] is True
    assert not set(told["kids"]) & set(kids(public_keys(before)["keys"]))
    assert after["previous"] == []
    assert after["seal"] == before["seal"]
    assert after["refresh"] != before["refresh"]
    assert after["device"] != before["device"]
    assert len(replaced({})["seal"]) == 43
    store.settled()


@pytest.mark.parametrize("action", ["destroy", "", None, ["rotate"], {}, 7])
def test_another_action_is_refused(store: SecretsManager, action: Any) -> None:
    with pytest.raises(ValueError, match="ensure, rotate, replace"):
        handler({"action": action}, Context())
    assert store.value(SIGNING) == {}


@pytest.mark.parametrize("text", ["", "x", "[]", '"a"', "null"])
def test_what_is_no_object_is_told_and_never_written_over(store: SecretsManager, text: str) -> None:
    for name in (SIGNING, JWKS):
        act("ensure")
        store.set(name, text)
        with pytest.raises(MisconfiguredError, match=name):
            act("rotate")
        assert store.versions[name][store.current[name]] == text
        store.set(name, "{}")


def test_no_private_half_is_logged_or_answered(store: SecretsManager, capsys: pytest.CaptureFixture[str]) -> None:
    store.watched = False
    noisy = logging.getLogger()
    before, noisy.level = noisy.level, logging.DEBUG
    try:
        told = [act(action) for action in ("ensure", "rotate", "rotate", "replace", "ensure")]
    finally:
        noisy.level = before
    secrets = [
        part["d"] if isinstance(part, dict) else part
        for text in store.versions[SIGNING].values()
        for name, part in json.loads(text).items()
        if name != "previous"
    ]
    said = json.dumps(told) + "".join(capsys.readouterr())
    assert told[-1]["current"] in said
    assert len(secrets) >= 20
    assert not [secret for secret in secrets if secret in said]


# Killed in the middle, and two at once


@pytest.mark.parametrize("calls", range(7))
@pytest.mark.parametrize("then", ["ensure", "rotate"])
def test_killed_anywhere_the_next_call_mends_it(store: SecretsManager, calls: int, then: str) -> None:
    act("ensure")
    signed = store.value(SIGNING)["current"]["kid"]
    left = iter(range(calls))

    def gate(call: str, name: str) -> None:
        if next(left, None) is None:
            raise Died

    store.gate = gate
    whole = False
    try:
        act("rotate")
        whole = True
    except Died:
        pass
    assert whole == (calls == 6)  # two reads, two writes, two reads
    store.holds()
    assert signed in kids(store.value(JWKS)["keys"])
    store.gate = lambda call, name: None
    act(then)
    store.settled()
    assert signed in kids(store.value(JWKS)["keys"])


class Actor(threading.Thread):
    """One call that is let on from one request to Secrets Manager to the next."""

    def __init__(self, vault: Vault, action: str) -> None:
        super().__init__(daemon=True)
        self.vault = vault
        self.action = action
        self.turn = threading.Semaphore(0)
        self.rests = threading.Semaphore(0)
        self.ended = False
        self.dies = False
        self.failure: BaseException | None = None
        self.outcome: tuple[dict[str, Any], bool] | None = None

    def run(self) -> None:
        self.turn.acquire()
        try:
            self.outcome = settle(self.vault, self.action)
        except Died:
            pass
        except BaseException as failure:
            self.failure = failure
        self.ended = True
        self.rests.release()

    def step(self) -> None:
        """To the next request, or to the end."""
        self.turn.release()
        assert self.rests.acquire(timeout=10)

    def gate(self) -> None:
        self.rests.release()
        self.turn.acquire()
        if self.dies:
            raise Died


def played(store: SecretsManager, actions: tuple[str, ...], order: tuple[int, ...], dies_at: int | None) -> list[Actor]:
    """Both at once, in this order of requests, then to the end; the first may be killed after so many turns."""
    actors = [Actor(Vault(store, PREFIX), action) for action in actions]
    by_thread = {actor: actor for actor in actors}
    store.gate = lambda call, name: by_thread[threading.current_thread()].gate()  # type: ignore[index]
    for actor in actors:
        actor.start()
    turns: Iterator[int] = itertools.chain(order, itertools.cycle(range(len(actors))))
    taken = 0
    while not all(actor.ended for actor in actors):
        actor = actors[next(turns)]
        if actor.ended:
            continue
        if actor is actors[0]:
            actor.dies = taken == dies_at
            taken += 1
        actor.step()
    for actor in actors:
        actor.join(10)
        if actor.failure:
            raise actor.failure
    store.gate = lambda call, name: None
    return actors


ORDERS = list(itertools.product((0, 1), repeat=9))
PAIRS = [("rotate", "rotate"), ("rotate", "ensure"), ("ensure", "rotate")]


@pytest.mark.parametrize("actions", PAIRS, ids="-".join)
def test_two_at_once_in_any_order_publish_what_signs(actions: tuple[str, ...]) -> None:
    for order in ORDERS:
        store = SecretsManager()
        settle(Vault(store, PREFIX), "ensure")
        before = store.value(SIGNING)
        actors = played(store, actions, order, None)
        store.settled()
        # Two rotations that meet are one; two that don't are two.
        rotations = sum(actor.outcome[1] for actor in actors if actor.outcome and actor.action == "rotate")
        assert 1 <= rotations == len(store.value(SIGNING)["previous"])
        assert before["current"]["kid"] in kids(store.value(JWKS)["keys"])


@pytest.mark.parametrize("dies_at", range(2, 6))
def test_one_of_two_killed_leaves_what_signs_published(dies_at: int) -> None:
    for order in ORDERS[::3]:
        store = SecretsManager()
        settle(Vault(store, PREFIX), "ensure")
        played(store, ("rotate", "rotate"), order, dies_at)
        store.holds()
        settle(Vault(store, PREFIX), "ensure")
        store.settled()


def test_where_nothing_is_refused_both_secrets_agree_all_the_same() -> None:
    for order in ORDERS:
        store = SecretsManager(refuses=False)
        settle(Vault(store, PREFIX), "ensure")
        before = store.value(SIGNING)
        played(store, ("rotate", "rotate"), order, None)
        store.settled()
        assert before["current"]["kid"] in kids(store.value(JWKS)["keys"])


def test_a_version_put_back_by_hand_can_be_rotated_again(store: SecretsManager) -> None:
    act("ensure")
    versions = dict(store.current)
    act("rotate")
    store.current = versions
    assert act("rotate")["rotated"] is True
    store.settled()


def test_what_others_never_stop_changing_is_given_up(store: SecretsManager) -> None:
    act("ensure")

    def gate(call: str, name: str) -> None:
        if call == "put":
            raise store.exceptions.ResourceExistsException

    store.gate = gate
    with pytest.raises(RuntimeError, match="changed by others"):
        act("rotate")
