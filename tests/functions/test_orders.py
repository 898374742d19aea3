"""An order's life: the states it goes through, who may move it, its stock, its money, and who sees it."""

from typing import Any

import pytest

from tests.functions.buyers import WAY
from tests.functions.calls import call, good, unique
from tests.functions.owners import refused

EVERYWHERE = [*WAY, "cancelled"]
# All that may be; whatever isn't here is refused.
STEPS = {
    ("placed", "paid"), ("placed", "picking"), ("placed", "cancelled"), ("paid", "picking"), ("paid", "cancelled"),
    ("picking", "delivering"), ("picking", "cancelled"), ("delivering", "delivered"), ("delivering", "cancelled"),
}  # fmt: skip


def test_the_whole_way(sold: Any) -> None:
    it = sold()
    for number, status in enumerate(WAY[1:], 2):
        order = good(it.move(status=status, reason=f"because {status}"))
        assert (order["status"], order["version"]) == (status, number)
        assert it.stock() == ((10, 2) if status != "delivered" else (8, 0))
    assert [step["status"] for step in order["history"]] == WAY
    assert [step["by_role"] for step in order["history"]] == ["customer", *["staff"] * 4]
    assert [step["reason"] for step in order["history"]] == [None, *(f"because {status}" for status in WAY[1:])]
    assert it.told() == WAY
    assert it.now() == order
    ledger = it.sql.execute(
        "SELECT kind, quantity FROM store.movements WHERE order_id = %s", [it.order["id"]]
    ).fetchall()
    assert [(kind, int(quantity)) for kind, quantity in ledger] == [("sale", 2)]


@pytest.mark.parametrize("present", EVERYWHERE)
def test_no_step_but_those_that_may_be(sold: Any, present: str) -> None:
    for wanted in EVERYWHERE:
        it = sold()
        it.bring_to(present)
        answer = it.move(status=wanted)
        if (present, wanted) in STEPS:
            assert good(answer)["status"] == wanted
        else:
            refused(answer, 409, "illegal_transition")
            assert answer.body["order_status"] == it.now()["status"] == present


def test_what_is_paid_online_is_not_picked_before(sold: Any) -> None:
    it = sold(payment_method="telegram")
    refused(it.move(status="picking"), 409, "illegal_transition")
    cash = it.move(payment_status="paid")
    refused(cash, 409, "illegal_transition")
    # Not that it can't become what it is.
    assert cash.body["detail"] == "From placed it can't become paid in cash."


@pytest.mark.parametrize("present", ["placed", "paid", "picking", "delivering"])
def test_cancelled_stock_goes_back_once(sold: Any, present: str) -> None:
    it = sold()
    it.bring_to(present)
    order = good(call("POST", f"{it.path}/cancel", {"reason": "Передумали"}, token=it.staff))
    assert (order["status"], order["history"][-1]["reason"]) == ("cancelled", "Передумали")
    assert it.stock() == (10, 0)
    refused(call("POST", f"{it.path}/cancel", token=it.staff), 409, "illegal_transition")
    assert it.stock() == (10, 0)
    assert it.told()[-1] == "cancelled"


@pytest.mark.parametrize("present", EVERYWHERE)
def test_a_customer_cancels_what_is_not_begun(sold: Any, present: str) -> None:
    it = sold()
    it.bring_to(present)
    answer = call("POST", f"{it.path}/cancel", token=it.buyer.token)
    if present in ("placed", "paid"):
        assert good(answer)["history"][-1]["by"] == it.buyer.id
        assert it.stock() == (10, 0)
    else:
        refused(answer, 409, "illegal_transition")


def test_a_cancel_that_is_sent_again(sold: Any) -> None:
    it = sold()
    headers = {"Idempotency-Key": unique("key")}
    first = call("POST", f"{it.path}/cancel", token=it.buyer.token, headers=headers)
    second = call("POST", f"{it.path}/cancel", token=it.buyer.token, headers=headers)
    assert (first.status, second.content) == (200, first.content)
    for bad in (b"[]", b'"x"', {"reason": 1}, {"why": "x"}):
        assert call("POST", f"{it.path}/cancel", bad, token=it.buyer.token).status == 422


def test_cash_is_paid_when_staff_say_so_or_at_the_door(sold: Any) -> None:
    said, moved, door = sold(), sold(), sold()
    assert good(said.move(payment_status="paid"))["status"] == "placed"
    assert said.told() == ["placed", "changed"]
    assert good(moved.move(status="paid"))["payment_status"] == "paid"
    for status in ("picking", "delivering"):
        assert good(door.move(status=status))["payment_status"] == "unpaid"
    assert good(door.move(status="delivered"))["payment_status"] == "paid"
    for it in (said, moved, door):
        (payment,) = good(call("GET", f"{it.path}/payments", token=it.buyer.token))["items"]
        assert (payment["provider"], payment["status"], payment["amount"]) == ("cash", "paid", it.order["total"])
        assert payment["order_id"] == it.order["id"]
    # Said twice, it is paid once, and the order as it was.
    assert good(said.move(payment_status="paid"))["version"] == 2
    good(said.move(status="cancelled"))
    refused(sold_cancelled(sold).move(payment_status="paid"), 409, "illegal_transition")
    # Nor is cash taken for what is called off in the same breath.
    called_off = sold()
    refused(called_off.move(status="cancelled", payment_status="paid"), 409, "illegal_transition")
    assert called_off.now() == called_off.order


def sold_cancelled(sold: Any) -> Any:
    it = sold()
    it.bring_to("cancelled")
    return it


@pytest.mark.parametrize("given", [{"reason": "x"}, {"reason": None}, {"payment_status": "paid", "reason": "x"}])
def test_a_reason_of_nothing_is_refused(sold: Any, given: dict[str, Any]) -> None:
    it = sold()
    answer = it.move(**given)
    refused(answer, 422, "invalid_body")
    assert [(fault["pointer"], fault["code"]) for fault in answer.body["errors"]] == [("/status", "missing")]
    assert it.now() == it.order


def test_a_change_of_a_version_that_is_gone(sold: Any) -> None:
    it = sold()
    answer = call("GET", it.path, token=it.buyer.token)
    stale = {"If-Match": answer.headers["etag"]}
    assert call("GET", it.path, token=it.buyer.token, headers={"If-None-Match": answer.headers["etag"]}).status == 304
    good(it.move(status="paid"))
    refused(call("PATCH", it.path, {"status": "picking"}, token=it.staff, headers=stale), 412, "version_mismatch")
    assert good(call("PATCH", it.path, {}, token=it.staff))["version"] == 2


def test_money_is_given_back_and_never_more_than_was_paid(sold: Any) -> None:
    it = sold()
    path, total = f"{it.path}/refunds", it.order["total"]["amount"]

    def give(amount: int | None = None, key: str | None = None) -> Any:
        body: dict[str, Any] = {"reason": "Помятый"}
        if amount is not None:
            body["amount"] = {"amount": amount, "currency": "RUB"}
        return call("POST", path, body, token=it.staff, headers={"Idempotency-Key": key} if key else {})

    refused(give(), 409, "not_paid")
    good(it.move(status="paid"))
    answer = give(1000)
    refund = good(answer, 201)
    assert refund["amount"] == {"amount": 1000, "currency": "RUB"}
    assert good(call("GET", answer.headers["location"].removeprefix("/local"), token=it.buyer.token)) == refund
    assert (it.now()["refunded_total"]["amount"], it.now()["payment_status"]) == (1000, "paid")
    more = give(total)
    refused(more, 409, "refund_too_large")
    assert more.body["refundable"]["amount"] == total - 1000
    nothing = give(0)
    refused(nothing, 422, "invalid_body")
    (fault,) = nothing.body["errors"]
    assert (fault["pointer"], fault["code"]) == ("/amount/amount", "out_of_range")
    key = unique("key")
    rest = good(give(key=key), 201)
    assert rest["amount"]["amount"] == total - 1000
    assert good(give(key=key), 201) == rest
    assert it.now()["payment_status"] == "refunded"
    refused(give(1), 409, "not_paid")
    assert len(good(call("GET", path, token=it.buyer.token))["items"]) == 2
    (payment,) = good(call("GET", f"{it.path}/payments", token=it.buyer.token))["items"]
    assert payment["status"] == "refunded"


def test_anothers_order_is_not_there(sold: Any, buyer: Any) -> None:
    it, other = sold(), buyer()
    for method, path in (
        ("GET", it.path), ("POST", f"{it.path}/cancel"), ("GET", f"{it.path}/payments"), ("GET", f"{it.path}/refunds"),
    ):  # fmt: skip
        refused(call(method, path, token=other.token), 404, "not_found")
        refused(call(method, path), 401, "authentication_required")
    refused(call("PATCH", it.path, {"status": "paid"}, token=it.buyer.token), 403, "forbidden")
    assert good(call("GET", it.path, token=it.staff)) == it.now()
