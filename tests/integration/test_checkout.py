"""Buying over HTTP: what the buyer sees, and what every service has to show for it afterwards."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.patience import eventually
from tools.local.buyer import ADDRESS, Buyer

Stock = Callable[[str], tuple[int, int]]
Payment = Callable[[str], dict[str, Any]]
Goods = Callable[..., str]


def test_a_customer_buys_and_every_service_has_done_its_part(
    amira: Buyer, goods: Goods, stock: Stock, payment: Payment
) -> None:
    sku = goods(10, price=1999)
    cart = amira.fill_cart({sku: 2})
    quote = amira.quote(cart)
    placed = amira.place(quote["quote"])
    assert (placed.status, placed.body["status"]) == (202, "placed")
    order_id = placed.body["orderId"]
    assert amira.decided(order_id)["status"] == "confirmed"
    assert amira.saw(
        order_id,
        "OrderPlaced",
        "StockReserved",
        "PaymentAuthorized",
        "OrderConfirmed",
        "StockCommitted",
        "PaymentCaptured",
    )
    assert stock(sku) == (8, 8)
    paid = payment(order_id)
    assert paid["captured"] == {"amount": quote["totals"]["total"], "currency": "EUR"}
    assert paid["status"] == "captured"
    assert eventually(lambda: amira.get(f"/carts/{cart}")["lines"] == [])
    assert [item["orderId"] for item in amira.get("/orders?limit=1")["items"]] == [order_id]


def test_a_declined_payment_cancels_the_order_and_frees_the_stock(
    amira: Buyer, goods: Goods, stock: Stock, payment: Payment
) -> None:
    sku = goods(3)
    order = amira.decided(amira.buy({sku: 2}, "tok_chargeDeclined")["orderId"])
    assert (order["status"], order["reason"]) == ("cancelled", "payment_declined")
    assert eventually(lambda: stock(sku) == (3, 3))
    assert payment(order["orderId"])["status"] == "declined"


def test_too_few_units_cancel_the_order_and_take_no_money(
    amira: Buyer, goods: Goods, stock: Stock, payment: Payment, calm: Any
) -> None:
    plenty, scarce = goods(5), goods(1)
    order = amira.decided(amira.buy({plenty: 1, scarce: 2})["orderId"])
    assert (order["status"], order["reason"]) == ("cancelled", "out_of_stock")
    calm()
    assert payment(order["orderId"])["status"] == "refused"  # it never got so far
    assert (stock(plenty), stock(scarce)) == ((5, 5), (1, 1))


def test_what_was_never_stocked_cannot_be_bought(amira: Buyer, goods: Goods) -> None:
    order = amira.decided(amira.buy({goods(0): 1})["orderId"])
    assert (order["status"], order["reason"]) == ("cancelled", "out_of_stock")


def test_a_provider_that_fails_twice_or_loses_its_answer_still_charges_once(
    amira: Buyer, goods: Goods, payment: Payment
) -> None:
    order = amira.decided(amira.buy({goods(5): 1}, "tok_lost")["orderId"])
    assert order["status"] == "confirmed"
    assert eventually(lambda: payment(order["orderId"])["status"] == "captured")
    paid = payment(order["orderId"])
    assert paid["captured"] == paid["amount"]


def test_a_guest_buys_and_sees_the_order_by_its_token_only(guest: Buyer, goods: Goods) -> None:
    placed = guest.buy({goods(5): 1})
    path = f"/orders/{placed['orderId']}"
    assert guest.decided(placed["orderId"])["status"] == "confirmed"
    token = guest.headers.pop("X-Order-Token")
    for headers in ({}, {"X_Order_Token": token[:-4] + "AAAA"}, {"X_Order_Token": "e30.e30"}):
        assert (guest.send("GET", path, **headers).status, guest.send("GET", path, **headers).code) == (
            404,
            "order_not_found",
        )
    assert guest.send("GET", f"{path}?token={token}").status == 200
    assert guest.send("GET", f"{path}/timeline?token={token}").status == 200


def test_the_same_key_gets_the_same_order(amira: Buyer, goods: Goods, stock: Stock) -> None:
    sku = goods(5)
    quote = amira.quote(amira.fill_cart({sku: 1}))["quote"]
    answers = [amira.place(quote, Idempotency_Key=f"order-{sku}") for _ in range(2)]
    assert [answer.status for answer in answers] == [202, 202]
    assert answers[0].body["orderId"] == answers[1].body["orderId"]
    other = amira.quote(amira.fill_cart({sku: 2}), again=answers[0].body["orderId"])["quote"]
    assert amira.place(other, Idempotency_Key=f"order-{sku}").status == 409
    amira.decided(answers[0].body["orderId"])
    assert eventually(lambda: stock(sku) == (4, 4))


def test_the_same_quote_is_one_order_however_often_it_is_placed(
    amira: Buyer, goods: Goods, stock: Stock
) -> None:
    sku = goods(5)
    quote = amira.quote(amira.fill_cart({sku: 1}))["quote"]
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda _: amira.place(quote), range(3)))
    assert {answer.status for answer in answers} == {202}
    assert len({answer.body["orderId"] for answer in answers}) == 1
    amira.decided(answers[0].body["orderId"])
    assert eventually(lambda: stock(sku) == (4, 4))


@pytest.mark.parametrize("first", [0, 1])
def test_a_cart_quoted_in_two_tabs_is_bought_once_whichever_is_first(
    amira: Buyer, goods: Goods, stock: Stock, payment: Payment, first: int
) -> None:
    sku = goods(10, price=1000)
    cart = amira.fill_cart({sku: 2})
    elsewhere = {**ADDRESS, "city": "Porto", "postalCode": "4000-322"}
    tabs = [amira.quote(cart), amira.quote(cart, shippingAddress=elsewhere)]
    placed = amira.place(tabs[first]["quote"])
    assert placed.status == 202, placed
    order_id = placed.body["orderId"]
    for _ in ("while it is being decided", "and after"):
        answer = amira.place(tabs[1 - first]["quote"], "tok_mastercard")
        assert (answer.status, answer.code) == (409, "already_ordered")
        assert answer.body["parameters"] == {"orderId": order_id, "link": f"/orders/{order_id}"}
        assert amira.decided(order_id)["status"] == "confirmed"
    assert eventually(lambda: amira.get(f"/carts/{cart}")["lines"] == [])
    assert eventually(lambda: payment(order_id)["status"] == "captured")
    assert stock(sku) == (8, 8)


def test_what_is_on_order_is_quoted_again_on_purpose_only_and_two_orders_then_take_their_own(
    amira: Buyer, goods: Goods, stock: Stock
) -> None:
    sku = goods(10)
    cart = amira.fill_cart({sku: 2})
    first = amira.place(amira.quote(cart)["quote"], "tok_slow").body["orderId"]
    second = amira.place(amira.quote(cart, again=first)["quote"]).body["orderId"]
    assert first != second
    assert [amira.decided(one)["status"] for one in (second, first)] == ["confirmed", "confirmed"]
    assert eventually(lambda: stock(sku) == (6, 6))
    assert eventually(lambda: amira.get(f"/carts/{cart}")["lines"] == [])


def test_a_cart_whose_order_was_declined_is_ordered_with_another_card(amira: Buyer, goods: Goods) -> None:
    cart = amira.fill_cart({goods(10): 2})
    declined = amira.place(amira.quote(cart)["quote"], "tok_chargeDeclined").body["orderId"]
    assert amira.decided(declined)["status"] == "cancelled"
    at_once = amira.quote(cart, again=declined)
    assert eventually(lambda: amira.ask_quote(cart).status == 200), "the cart never heard of the cancellation"
    placed = amira.place(at_once["quote"]).body["orderId"]
    assert amira.decided(placed)["status"] == "confirmed"
    assert eventually(lambda: amira.get(f"/carts/{cart}")["lines"] == [])


def is_asked(buyer: Buyer, order_id: str) -> bool:
    """Wait until an order's bank asks its buyer."""
    return eventually(lambda: buyer.order(order_id)["paymentStatus"] == "action_required")


@pytest.mark.parametrize(("card", "end"), [("tok_3ds", "confirmed"), ("tok_3dsDeclined", "cancelled")])
def test_an_order_waits_while_its_bank_asks_and_ends_as_the_bank_says(
    guest: Buyer, ben: Buyer, goods: Goods, stock: Stock, card: str, end: str
) -> None:
    sku = goods(5)
    placed = guest.buy({sku: 1}, card)
    order_id, place = placed["orderId"], f"/payments/{placed['orderId']}/action"
    assert is_asked(guest, order_id)
    assert guest.order(order_id)["decideBy"] > placed["decideBy"]
    assert ben.send("GET", place).status == 404
    asked = guest.get(place)
    assert (asked["kind"], asked["url"].endswith(f"/bank.html?id={order_id}")) == ("redirect", True)
    unanswered = guest.send("POST", place).body
    assert unanswered == {"status": "authenticating", "until": asked["until"]}
    answer = guest.send("POST", f"/payments/simulator/{order_id}/answer", {"approve": True})
    assert answer.status == 200, answer
    guest.send("POST", place)
    order = guest.decided(order_id)
    assert (order["status"], order["reason"]) == (end, None if end == "confirmed" else "payment_declined")
    assert eventually(lambda: stock(sku) == ((4, 4) if end == "confirmed" else (5, 5)))
    assert guest.send("GET", place).code == "nothing_asked"


def test_an_order_that_is_called_off_while_its_bank_asks_holds_nothing(
    amira: Buyer, goods: Goods, stock: Stock, payment: Payment
) -> None:
    sku = goods(5)
    order_id = amira.buy({sku: 2}, "tok_3ds")["orderId"]
    assert is_asked(amira, order_id)
    assert amira.send("POST", f"/orders/{order_id}/cancel").status == 200
    amira.send("POST", f"/payments/simulator/{order_id}/answer", {"approve": True})
    amira.send("POST", f"/payments/{order_id}/action")
    assert eventually(lambda: payment(order_id)["status"] == "voided")
    assert amira.order(order_id)["status"] == "cancelled"
    assert eventually(lambda: stock(sku) == (5, 5))


def test_the_last_unit_is_sold_once(
    amira: Buyer, ben: Buyer, guest: Buyer, goods: Goods, stock: Stock
) -> None:
    sku = goods(1)
    buyers = [amira, ben, guest]
    quotes = [buyer.quote(buyer.fill_cart({sku: 1}))["quote"] for buyer in buyers]
    with ThreadPoolExecutor(3) as pool:
        placed = list(pool.map(lambda buyer, quote: buyer.place(quote).body, buyers, quotes))
    guest.headers["X-Order-Token"] = placed[2]["orderToken"]
    orders = [buyer.decided(order["orderId"]) for buyer, order in zip(buyers, placed, strict=True)]
    assert sorted(order["status"] for order in orders) == ["cancelled", "cancelled", "confirmed"]
    assert eventually(lambda: stock(sku) == (0, 0))


def test_a_quote_of_a_customers_cart_is_of_no_use_to_others(
    amira: Buyer, ben: Buyer, guest: Buyer, goods: Goods
) -> None:
    quote = amira.quote(amira.fill_cart({goods(5): 1}))["quote"]
    for other in (ben, guest):
        assert (other.place(quote).status, other.place(quote).code) == (404, "quote_not_found")
    assert amira.place(quote).status == 202


def test_a_guests_cart_becomes_the_customers_at_log_in(amira: Buyer, guest: Buyer, goods: Goods) -> None:
    both, mine = goods(5), goods(5)
    own = amira.fill_cart({both: 1, mine: 1})
    theirs = guest.fill_cart({both: 2})
    merged = amira.send(
        "POST", f"/carts/{theirs}/merge", {"into": own}, X_Cart_Token=guest.headers["X-Cart-Token"]
    )
    assert merged.status == 200, merged
    assert {line["sku"]: line["quantity"] for line in merged.body["lines"]} == {both: 3, mine: 1}
