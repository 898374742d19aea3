"""MailFunction: which events become which mails, exactly, and what a mail's words can't do."""

import json
import threading
from collections.abc import Callable
from html import unescape
from typing import Any
from uuid import UUID, uuid4

import pytest

from auth import mail, mail_tokens
from auth.letter_words import KINDS, WORDS
from auth.letters import said_before
from auth.mail import MOST_IN_AN_HOUR, handler
from eatit.consumer import deliveries
from eatit.database import Database
from eatit.errors import Unauthenticated
from eatit.identifiers import uuid7
from tests.functions.calls import unique
from tests.functions.events import Context, message
from tests.functions.mails import Person, event_id, listened, mail_event, mail_message, mails_to, said, token_in

NOTHING = {"sent": 0, "repeated": 0, "dropped": 0, "put_back": 0, "parked": 0}


def handled(*bodies: bytes) -> dict[str, int]:
    found: dict[str, int] = handler(mail_event(*bodies), Context())
    return found


def counts(**given: int) -> dict[str, int]:
    return {**NOTHING, **given}


def used(use: Callable[..., UUID], token: str) -> UUID:
    return mail.database.transaction(lambda transaction: use(transaction, token))


@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize("kind", KINDS)
def test_each_mail_is_written_in_the_users_language(
    shop: dict[str, Any], person: Callable[..., Person], kind: Any, language: Any
) -> None:
    user_id, address = person(language=language)
    assert handled(mail_message(user_id, kind)) == counts(sent=1)
    (found,) = mails_to(shop, address)
    assert found["Subject"] == WORDS[kind][language].subject
    assert found["To"] == address
    assert (found["From"], found["Return-Path"]) == ("EatIt <no-reply@eatit.example>", "<no-reply@eatit.example>")
    assert (found["Content-Language"], found["Auto-Submitted"]) == (language, "auto-generated")
    assert found["Date"]
    assert found["Message-ID"]
    for form in ("plain", "html"):
        assert all(each in unescape(said(found, form)) for each in said_before(kind, language, linked=False))
    if kind in ("verify", "reset"):
        assert token_in(found) in said(found, "html")


def test_the_tokens_of_mails_hold_once(shop: dict[str, Any], person: Callable[..., Person]) -> None:
    user_id, address = person()
    handled(mail_message(user_id, "verify"), mail_message(user_id, "reset"))
    verify, reset = (token_in(each) for each in mails_to(shop, address))
    for use, token in ((mail_tokens.use_verification, verify), (mail_tokens.use_reset, reset)):
        assert used(use, token) == user_id
        with pytest.raises(Unauthenticated, match="invalid_"):
            used(use, token)


def test_no_token_stands_in_the_database(shop: dict[str, Any], person: Callable[..., Person], sql: Any) -> None:
    user_id, address = person()
    body = mail_message(user_id, "reset")
    handled(body)
    token = token_in(mails_to(shop, address)[0])
    rows = sql.execute("SELECT t::text FROM auth.mail_tokens t WHERE user_id = %s", [user_id]).fetchall()
    assert len(rows) == 1
    assert token not in rows[0][0]
    assert mail_tokens.digest(token).hex() in rows[0][0]
    assert len(token) >= 43


def test_the_same_event_again_sends_nothing(shop: dict[str, Any], person: Callable[..., Person]) -> None:
    user_id, address = person()
    body = mail_message(user_id, "reset")
    assert handled(body, body) == counts(sent=1, repeated=1)
    assert handled(body) == counts(repeated=1)
    assert len(mails_to(shop, address)) == 1


def test_nobody_is_written_to_whom_there_is_nothing_to_say(
    shop: dict[str, Any], person: Callable[..., Person], sql: Any
) -> None:
    bodies = [
        mail_message(uuid7(), "reset"),
        mail_message(person(disabled=True)[0], "reset"),
        mail_message(person(email=None, telegram_id=uuid4().int % 2**50)[0], "reset"),
        mail_message(person(email_verified=True)[0], "verify"),
    ]
    assert handled(*bodies) == counts(dropped=len(bodies))
    assert handled(*bodies) == counts(repeated=len(bodies))
    rows = sql.execute(
        "SELECT done_at IS NOT NULL, user_id FROM auth.inbox WHERE event_id = ANY(%s)", [[*map(event_id, bodies)]]
    ).fetchall()
    assert rows == [(True, None)] * len(bodies)
    made = "SELECT count(*) FROM auth.mail_tokens WHERE event_id = ANY(%s)"
    assert sql.execute(made, [[*map(event_id, bodies)]]).fetchone() == (0,)


def test_a_flood_of_mails_ends_soon_and_for_its_kind_alone(
    shop: dict[str, Any], person: Callable[..., Person], sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    user_id, address = person()
    logged = listened(monkeypatch)
    many = [mail_message(user_id, "already_registered") for _ in range(MOST_IN_AN_HOUR + 3)]
    assert handled(*many) == counts(sent=MOST_IN_AN_HOUR, dropped=3)
    assert len(mails_to(shop, address)) == MOST_IN_AN_HOUR
    assert logged.getvalue().count("too many") == 3
    assert address not in logged.getvalue()
    assert handled(mail_message(user_id, "reset")) == counts(sent=1)
    assert handled(mail_message(person()[0], "already_registered")) == counts(sent=1)
    sql.execute("UPDATE auth.inbox SET received_at = now() - interval '61 minutes' WHERE user_id = %s", [user_id])
    assert handled(mail_message(user_id, "already_registered")) == counts(sent=1)


def test_many_at_once_pass_no_more_than_one_by_one(person: Callable[..., Person]) -> None:
    user_id, _ = person()
    bodies = [mail_message(user_id, "reset") for _ in range(MOST_IN_AN_HOUR * 3)]
    found: list[Any] = []
    ready = threading.Barrier(len(bodies))

    def choose(body: bytes) -> None:
        own = Database("auth")
        request = mail._understood(deliveries(mail_event(body))[0])
        ready.wait(timeout=30)
        found.append(own.transaction(lambda transaction: mail._chosen_mail(transaction, request)))
        own.close()

    threads = [threading.Thread(target=choose, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert len(found) == len(bodies)
    assert sum(isinstance(each, mail.Mail) for each in found) == MOST_IN_AN_HOUR


@pytest.mark.parametrize("verified", [True, False])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "name",
    [
        "Ваш счёт закрыт, зайдите на evil.example",
        '<a href="https://evil.example">Вы выиграли</a>',
        "Anna\r\nBcc: victim@evil.example",
    ],
)
def test_no_mail_repeats_a_name_that_a_stranger_may_have_chosen(
    shop: dict[str, Any], person: Callable[..., Person], name: str, kind: Any, verified: bool
) -> None:
    """Whoever registers somebody else's address names it as they like; its owner may well verify or reset later."""
    user_id, address = person(display_name=name, email_verified=verified)
    handled(mail_message(user_id, kind))
    for found in mails_to(shop, address):
        assert "evil" not in found.as_string() + said(found) + said(found, "html")
        assert said(found).startswith("Здравствуйте!\n")
        assert set(found.keys()) == {
            "Return-Path", "Delivered-To", "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted",
            "MIME-Version", "Content-Type", "Content-Language",
        }  # fmt: skip
    assert len(mails_to(shop, address)) == (0 if verified and kind == "verify" else 1)


def test_links_lead_to_the_shops_front_where_it_has_one(
    shop: dict[str, Any], person: Callable[..., Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    from eatit.settings import settings

    user_id, address = person()
    monkeypatch.setenv("SHOP_URL", "https://shop.example/front/")
    settings.cache_clear()
    try:
        handled(mail_message(user_id, "verify"), mail_message(user_id, "reset"))
    finally:
        monkeypatch.undo()
        settings.cache_clear()
    handled(mail_message(user_id, "reset"))
    verify, reset, plain = mails_to(shop, address)
    for found, place in ((verify, "verify-email"), (reset, "reset-password")):
        link = f"https://shop.example/front/{place}#token={token_in(found)}"
        assert link in said(found)
        assert f'<a href="{link}">' in said(found, "html")
        assert "откройте ссылку или введите код" in said(found)
        assert "откройте ссылку или введите код" in said(found, "html")
    for form in ("plain", "html"):
        assert "http" not in said(plain, form)
        assert "ссылк" not in said(plain, form)
        assert "введите код" in said(plain, form)


def test_nothing_in_a_mail_is_fetched_from_anywhere(shop: dict[str, Any], person: Callable[..., Person]) -> None:
    user_id, address = person()
    handled(mail_message(user_id, "reset"))
    (found,) = mails_to(shop, address)
    html = said(found, "html").lower()
    assert not [each for each in ("<img", "<link", "<script", "<iframe", "url(", "src=") if each in html]


@pytest.mark.parametrize(
    ("stored", "delivered"),
    [
        ("анна-{}@почта.рф", "анна-{}@xn--80a1acny.xn--p1ai"),
        ("anna-{}@münchen.example", "anna-{}@xn--mnchen-3ya.example"),
        ("o'neil+shop-{}@example.org", "o'neil+shop-{}@example.org"),
    ],
)
def test_international_addresses_are_reached(
    shop: dict[str, Any], person: Callable[..., Person], stored: str, delivered: str
) -> None:
    mark = unique()
    user_id, _ = person(email=stored.format(mark))
    assert handled(mail_message(user_id, "verify")) == counts(sent=1)
    (found,) = mails_to(shop, delivered.format(mark))
    assert found["To"] == delivered.format(mark)
    assert token_in(found)


def test_a_language_that_isnt_spoken_is_the_shops_own(shop: dict[str, Any], person: Callable[..., Person]) -> None:
    user_id, address = person(language="de")
    handled(mail_message(user_id, "reset"))
    assert mails_to(shop, address)[0]["Subject"] == WORDS["reset"]["ru"].subject


def test_logs_tell_neither_address_nor_token(
    shop: dict[str, Any],
    person: Callable[..., Person],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    user_id, address = person()
    heard = listened(monkeypatch)
    handled(mail_message(user_id, "reset"))
    logged = heard.getvalue() + "".join(capsys.readouterr())
    assert '"sent":1' in logged
    assert address not in logged
    assert token_in(mails_to(shop, address)[0]) not in logged


def nested(depth: int) -> list[Any]:
    whole: list[Any] = []
    for _ in range(depth):
        whole = [whole]
    return whole


def rubbish(user_id: UUID) -> dict[str, bytes]:
    good = json.loads(mail_message(user_id, "reset"))

    def changed(**given: Any) -> bytes:
        return json.dumps({**good, **given}).encode()

    return {
        "empty": b"",
        "not JSON": b"\x00\xff",
        "another queue's type": changed(type="store.product.changed"),
        "a schema from the future": changed(schema_version=2),
        "a kind that there isn't": mail_message(user_id, "greeting"),
        "a kind that is a list": mail_message(user_id, ["reset"]),
        "a kind nested deeper than is written": changed(state={"user_id": str(user_id), "kind": nested(300)}),
        "no kind": changed(state={"user_id": str(user_id)}),
        "an empty state": changed(state={}),
        "another aggregate's state": message(
            {"user_id": str(uuid7()), "kind": "reset"}, aggregate=user_id, version=1, kind="auth.mail.requested"
        ),
        "a time without an offset": changed(occurred_at="2026-11-21T18:00:00"),
    }


def test_rubbish_is_parked_with_its_reason_and_the_rest_goes_on(
    shop: dict[str, Any], person: Callable[..., Person], parked_mail: Callable[[], dict[str, Any]]
) -> None:
    user_id, address = person()
    spoilt = rubbish(user_id)
    bodies = [mail_message(user_id, "reset"), *spoilt.values(), mail_message(user_id, "verify")]
    ids = ["first", *spoilt, "last"]
    assert handler(mail_event(*bodies, message_ids=ids), Context()) == counts(sent=2, parked=len(spoilt))
    assert len(mails_to(shop, address)) == 2
    found = parked_mail()
    assert set(found) == set(spoilt)
    for what, (headers, body) in found.items():
        assert body == spoilt[what], what
        assert headers["x-parked-reason"], what
