"""Receipts: a page in the caller's language, whatever the names in it try."""

from typing import Any

from tests.functions.buyers import DELIVERY, Buyer
from tests.functions.calls import Answer, call, good
from tests.functions.owners import refused

NASTY = "<script>alert('1')</script>&amp;\u202eёлка"


def receipt(token: str, order: Any, language: str | None = None) -> Answer:
    headers = {"Accept-Language": language} if language else {}
    return call("GET", f"/basket/orders/{order['id']}/receipt", token=token, headers=headers)


def test_a_receipt_in_both_languages(buyer: Any, goods: Any, warehouse: Any, staff: str) -> None:
    place = warehouse()
    cheese = goods({place: 50}, name="Сыр", price={"amount": 12990, "currency": "RUB"})
    tea = goods(
        {place: 50}, name="Чай", sold_by="piece", quantity_step="1", price={"amount": 1000000, "currency": "RUB"}
    )
    anna: Buyer = buyer({cheese: "1.5", tea: 2})
    order = anna.checkout()
    answer = receipt(anna.token, order)
    page = answer.content.decode()
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "script" in answer.headers["content-security-policy"] or "default-src 'none'" in answer.headers[
        "content-security-policy"
    ]  # fmt: skip
    assert '<html lang="ru">' in page
    for words in (order["number"], "1,5", "194,85\u00a0₽", "20\u00a0000,00\u00a0₽", "20\u00a0194,85\u00a0₽", "2 шт."):
        assert words in page, words
    for words in (*DELIVERY.values(), "наличными, не оплачен"):
        assert words in page, words
    english = receipt(staff, order, "en")
    page = english.content.decode()
    assert english.headers["content-language"] == "en"
    for words in ("Order", "1.5", "20,194.85\u00a0₽", "2 pcs", "cash, unpaid", "Сыр"):
        assert words in page, words
    etag = answer.headers["etag"]
    same = call(
        "GET", f"/basket/orders/{order['id']}/receipt", token=anna.token, headers={"If-None-Match": etag}
    )  # fmt: skip
    assert (same.status, same.content) == (304, b"")
    good(call("PATCH", f"/basket/orders/{order['id']}", {"status": "paid"}, token=staff))
    good(call("POST", f"/basket/orders/{order['id']}/refunds", {"reason": "x"}, token=staff), 201)
    assert "Возвращено" in receipt(anna.token, order).content.decode()


def test_no_word_becomes_markup(buyer: Any, goods: Any, warehouse: Any) -> None:
    thing = goods({warehouse(): 5}, name=NASTY)
    anna: Buyer = buyer({thing: 1})
    order = anna.checkout(delivery={"name": NASTY, "phone": NASTY, "address": NASTY, "comment": NASTY})
    page = receipt(anna.token, order).content.decode()
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(&#x27;1&#x27;)&lt;/script&gt;&amp;amp;") == 5


def test_anothers_receipt_is_not_there(buyer: Any, goods: Any, warehouse: Any) -> None:
    order = buyer({goods({warehouse(): 5}): 1}).checkout()
    refused(receipt(buyer().token, order), 404, "not_found")
