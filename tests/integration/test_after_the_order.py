"""Calling an order off and giving money back: before the decision, after it, in part, in full, too much."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support.patience import eventually
from tools.local.buyer import Buyer

Stock = Callable[[str], tuple[int, int]]
Payment = Callable[[str], dict[str, Any]]
Goods = Callable[..., str]


def bought(buyer: Buyer, payment: Payment, sku: str) -> tuple[str, int]:
    """Buy one unit, wait until it is paid, and return the order's id and what was paid."""
    order_id = buyer.buy({sku: 1})["orderId"]
    assert buyer.decided(order_id)["status"] == "confirmed"
    assert eventually(lambda: payment(order_id)["status"] == "captured")
    return order_id, payment(order_id)["captured"]["amount"]


def refund(staff: Buyer, order_id: str, amount: Any, **headers: str) -> Any:
    body = {"amount": {"amount": amount, "currency": "EUR"}, "reason": "came late"}
    return staff.send("POST", f"/payments/{order_id}/refunds", body, **headers)


def test_an_order_called_off_before_its_decision_holds_nothing(
    amira: Buyer, goods: Goods, stock: Stock, payment: Payment, silenced: Any, calm: Any
) -> None:
    sku = goods(4)
    with silenced("payments-inbox"):
        order_id = amira.buy({sku: 3})["orderId"]
        assert eventually(lambda: stock(sku) == (4, 1))
        cancelled = amira.send("POST", f"/orders/{order_id}/cancel")
        assert (cancelled.status, cancelled.body["status"], cancelled.body["reason"]) == (
            200,
            "cancelled",
            "customer",
        )
        assert eventually(lambda: stock(sku) == (4, 4))
    calm()
    assert payment(order_id)["captured"]["amount"] == 0
    assert payment(order_id)["status"] in ("voided", "refused")
    assert amira.order(order_id)["status"] == "cancelled"


def test_an_order_called_off_after_it_was_paid_gives_everything_back(
    amira: Buyer, goods: Goods, stock: Stock, payment: Payment
) -> None:
    sku = goods(4)
    order_id, paid = bought(amira, payment, sku)
    assert eventually(lambda: stock(sku) == (3, 3))
    assert amira.send("POST", f"/orders/{order_id}/cancel").body["status"] == "cancelled"
    assert eventually(lambda: payment(order_id)["status"] == "refunded")
    assert payment(order_id)["refunded"]["amount"] == paid
    assert eventually(lambda: stock(sku) == (4, 4))
    assert amira.saw(order_id, "OrderCancelled", "StockReleased", "PaymentRefunded")


def test_calling_off_twice_changes_nothing_more(
    amira: Buyer, goods: Goods, stock: Stock, payment: Payment
) -> None:
    sku = goods(4)
    order_id, paid = bought(amira, payment, sku)
    answers = [amira.send("POST", f"/orders/{order_id}/cancel") for _ in range(2)]
    assert [(answer.status, answer.body["status"]) for answer in answers] == [(200, "cancelled")] * 2
    assert eventually(lambda: payment(order_id)["refunded"]["amount"] == paid)
    assert eventually(lambda: stock(sku) == (4, 4))


def test_money_goes_back_in_parts_and_never_more_than_was_paid(
    amira: Buyer, admin: Buyer, goods: Goods, payment: Payment
) -> None:
    order_id, paid = bought(amira, payment, goods(4))
    first = refund(admin, order_id, 500)
    assert first.status == 201, first
    assert payment(order_id)["status"] == "partially_refunded"
    assert refund(admin, order_id, paid - 499).status in (409, 422)
    assert refund(admin, order_id, paid - 500).status == 201
    assert payment(order_id)["status"] == "refunded"
    assert refund(admin, order_id, 1).status in (409, 422)
    assert eventually(lambda: amira.order(order_id)["paymentStatus"] == "refunded")
    assert amira.order(order_id)["refunded"] == {"amount": paid, "currency": "EUR"}


def test_the_same_refund_asked_for_twice_is_paid_once(
    amira: Buyer, admin: Buyer, goods: Goods, payment: Payment
) -> None:
    order_id, _ = bought(amira, payment, goods(4))
    answers = [refund(admin, order_id, 300, Idempotency_Key=f"refund-{order_id}") for _ in range(2)]
    assert [answer.status for answer in answers] == [201, 201]
    assert answers[0].body == answers[1].body
    assert payment(order_id)["refunded"]["amount"] == 300
    assert refund(admin, order_id, 301, Idempotency_Key=f"refund-{order_id}").code == "idempotency_key_reused"


def test_a_customer_refunds_nothing_and_sees_no_other_payment(
    amira: Buyer, ben: Buyer, goods: Goods, payment: Payment
) -> None:
    order_id, _ = bought(amira, payment, goods(4))
    assert refund(amira, order_id, 100).status == 403
    assert ben.send("GET", f"/payments/{order_id}").status == 404
    assert amira.send("GET", f"/payments/{order_id}").status == 200
    assert payment(order_id)["refunded"]["amount"] == 0


def test_the_ledger_of_a_paid_and_refunded_order_balances(
    amira: Buyer, admin: Buyer, goods: Goods, payment: Payment
) -> None:
    order_id, paid = bought(amira, payment, goods(4))
    assert refund(admin, order_id, 700).status == 201
    balance: dict[str, int] = {}
    for entry in admin.get(f"/payments/{order_id}/ledger")["items"]:
        balance[entry["debit"]] = balance.get(entry["debit"], 0) + entry["amount"]["amount"]
        balance[entry["credit"]] = balance.get(entry["credit"], 0) - entry["amount"]["amount"]
    assert sum(balance.values()) == 0
    assert paid - 700 in {abs(amount) for amount in balance.values()}
