"""What goes back of an order's money is shown as it is: on its way, back, failed, disputed; staff see what is left."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.orders.conftest import AMIRA, about, authorised, reserved

STAFF = {"subject": "cus_staff", "roles": "staff"}
TOTAL = 5341


def euros(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


def said(kind: str, order_id: str, version: int, amount: int = TOTAL, **back: int) -> dict[str, Any]:
    """Return one of payments' facts about money that goes back, with what it says of all of it."""
    told: dict[str, Any] = {"amount": euros(amount), "back": {"currency": "EUR", **back}}
    if kind == "PaymentRefunded":
        told["refundedTotal"] = euros(back.get("refunded", 0))
    return about(f"payments/{kind}.v1", order_id, version, **told)


@pytest.fixture
def paid(place: Any, hear: Any) -> str:
    """The id of an order that is confirmed and paid."""
    order_id: str = place().body["orderId"]
    captured = about("payments/PaymentCaptured.v1", order_id, 2)
    committed = about("inventory/StockCommitted.v1", order_id, 2)
    assert hear(reserved(order_id), authorised(order_id), captured, committed) == []
    return order_id


@pytest.fixture
def seen(send: Any, paid: str) -> Any:
    """Return a function that gives how the buyer sees the order's money."""

    def run() -> dict[str, Any]:
        body = send("GET", "/orders/{orderId}", path={"orderId": paid}, subject=AMIRA).body
        amounts = {
            name: body[name]["amount"] for name in ("refunded", "refunding", "refundFailed", "disputed")
        }
        left = {name: amount for name, amount in amounts.items() if amount}
        return {"status": body["paymentStatus"], **left, "unsettled": body["unsettled"]}

    return run


def listed(send: Any) -> list[str]:
    return [one["orderId"] for one in send("GET", "/orders/unsettled", **STAFF).body["items"]]


def test_a_refund_under_way_is_not_shown_as_paid(hear: Any, paid: str, seen: Any) -> None:
    hear(said("PaymentRefundStarted", paid, 3, refunding=TOTAL))
    assert seen() == {"status": "captured", "refunding": TOTAL, "unsettled": False}


def test_a_refund_that_is_paid_is_back(hear: Any, paid: str, seen: Any) -> None:
    hear(said("PaymentRefundStarted", paid, 3, 341, refunding=341))
    hear(said("PaymentRefunded", paid, 4, 341, refunded=341))
    assert seen() == {"status": "partially_refunded", "refunded": 341, "unsettled": False}


def test_a_refund_that_failed_is_shown_and_listed_until_another_is_on_its_way(
    hear: Any, send: Any, paid: str, seen: Any
) -> None:
    hear(said("PaymentRefundFailed", paid, 4, refundFailed=TOTAL))
    assert seen() == {"status": "captured", "refundFailed": TOTAL, "unsettled": True}
    assert listed(send) == [paid]
    hear(said("PaymentRefundStarted", paid, 5, refunding=TOTAL))
    assert (seen()["unsettled"], listed(send)) == (False, [])


def test_a_refund_that_came_back_sets_the_order_back(hear: Any, send: Any, paid: str, seen: Any) -> None:
    hear(said("PaymentRefunded", paid, 4, refunded=TOTAL))
    assert seen()["status"] == "refunded"
    hear(said("PaymentRefundFailed", paid, 5, refundFailed=TOTAL))
    assert seen() == {"status": "captured", "refundFailed": TOTAL, "unsettled": True}


def test_facts_that_come_in_the_wrong_order_change_nothing_back(hear: Any, paid: str, seen: Any) -> None:
    hear(said("PaymentRefundFailed", paid, 5, refundFailed=TOTAL))
    hear(said("PaymentRefunded", paid, 4, refunded=TOTAL))
    hear(said("PaymentRefundStarted", paid, 3, refunding=TOTAL))
    assert seen() == {"status": "captured", "refundFailed": TOTAL, "unsettled": True}


def test_an_old_fact_of_a_refund_that_tells_its_total_alone_still_counts(
    hear: Any, paid: str, seen: Any
) -> None:
    fact = said("PaymentRefunded", paid, 4, 341, refunded=341)
    del fact["detail"]["data"]["back"]
    assert hear(fact) == []
    assert seen() == {"status": "partially_refunded", "refunded": 341, "unsettled": False}


def test_a_dispute_is_shown_and_listed_until_it_is_closed(hear: Any, send: Any, paid: str, seen: Any) -> None:
    hear(said("PaymentDisputed", paid, 3, disputed=TOTAL, openDisputes=1))
    assert seen() == {"status": "captured", "disputed": TOTAL, "unsettled": True}
    assert listed(send) == [paid]
    hear(said("PaymentDisputeClosed", paid, 4, disputed=TOTAL))
    assert (seen(), listed(send)) == ({"status": "captured", "disputed": TOTAL, "unsettled": False}, [])


def test_a_cancelled_order_whose_refund_failed_is_listed(hear: Any, send: Any, paid: str, seen: Any) -> None:
    send("POST", "/orders/{orderId}/cancel", path={"orderId": paid}, **STAFF)
    hear(said("PaymentRefundStarted", paid, 3, refunding=TOTAL))
    assert listed(send) == []
    hear(said("PaymentRefundFailed", paid, 4, refundFailed=TOTAL))
    assert listed(send) == [], "the stock is still to come back"
    hear(about("inventory/StockReleased.v1", paid, 3))
    assert listed(send) == [paid]
    hear(said("PaymentRefunded", paid, 6, refunded=TOTAL))
    assert (seen()["status"], listed(send)) == ("refunded", [])


def test_only_staff_list_what_is_not_settled(send: Any, paid: str) -> None:
    assert send("GET", "/orders/unsettled", subject=AMIRA).status == 403
    assert send("GET", "/orders/unsettled", query={"limit": "0"}, **STAFF).status == 400


def test_the_timeline_says_how_much_and_why(hear: Any, send: Any, paid: str) -> None:
    hear(
        said("PaymentRefundStarted", paid, 3, 341, refunding=341),
        said("PaymentRefundFailed", paid, 4, 341, refundFailed=341),
        said("PaymentDisputed", paid, 5, refundFailed=341, disputed=TOTAL, openDisputes=1),
        said("PaymentDisputeClosed", paid, 6, refundFailed=341),
    )
    items = send("GET", "/orders/{orderId}/timeline", path={"orderId": paid}, subject=AMIRA).body["items"]
    assert [(entry["type"], entry["amount"], entry["detail"]) for entry in items[-4:]] == [
        ("PaymentRefundStarted", euros(341), None),
        ("PaymentRefundFailed", euros(341), "lost_or_stolen_card"),
        ("PaymentDisputed", euros(TOTAL), "product_not_received"),
        ("PaymentDisputeClosed", euros(TOTAL), "won"),
    ]
