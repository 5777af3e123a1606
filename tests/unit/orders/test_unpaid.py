"""A confirmed order that could not be charged: it is seen, its buyer is asked, and pays by other means or not."""

from __future__ import annotations

from typing import Any

import pytest

from functions.orders.table import OrdersTable
from functions.shared.ids import order_number
from tests.unit.orders.conftest import AMIRA, Post, about, authorised, reserved

STAFF = {"subject": "cus_staff", "roles": "staff"}
PAY = "/orders/{orderId}/payment"


def capture_failed(order_id: str, attempt: int = 1, version: int = 2) -> dict[str, Any]:
    name = "payments/PaymentCaptureFailed.v1"
    return about(name, order_id, version, code="authorisation_ended", attempt=attempt)


def captured(order_id: str, version: int = 5) -> dict[str, Any]:
    return about("payments/PaymentCaptured.v1", order_id, version)


@pytest.fixture
def unpaid(place: Any, hear: Any) -> str:
    """The id of an order that is confirmed, and could not be charged."""
    order_id: str = place().body["orderId"]
    committed = about("inventory/StockCommitted.v1", order_id, 2)
    assert hear(reserved(order_id), authorised(order_id), committed, capture_failed(order_id)) == []
    return order_id


def pay(send: Any, order_id: str, token: str = "tok_visa", **options: Any) -> Any:
    body = {"payment": {"token": token}}
    return send("POST", PAY, body, path={"orderId": order_id}, **{"subject": AMIRA, **options})


def seen(send: Any, order_id: str) -> tuple[str, str, bool]:
    body = send("GET", "/orders/{orderId}", path={"orderId": order_id}, subject=AMIRA).body
    return body["status"], body["paymentStatus"], body["unpaid"]


def test_it_stays_confirmed_and_says_that_it_is_unpaid(send: Any, unpaid: str) -> None:
    assert seen(send, unpaid) == ("confirmed", "capture_failed", True)
    timeline = send("GET", "/orders/{orderId}/timeline", path={"orderId": unpaid}, subject=AMIRA).body[
        "items"
    ]
    assert (timeline[-1]["type"], timeline[-1]["detail"]) == ("PaymentCaptureFailed", "authorisation_ended")


def test_staff_list_it_until_it_is_paid(send: Any, hear: Any, unpaid: str, place: Any) -> None:
    place()
    listed = send("GET", "/orders/unpaid", **STAFF).body["items"]
    assert [one["orderId"] for one in listed] == [unpaid]
    pay(send, unpaid)
    assert send("GET", "/orders/unpaid", **STAFF).body["items"] == []
    hear(captured(unpaid))
    assert send("GET", "/orders/unpaid", **STAFF).body["items"] == []
    assert send("GET", "/orders/unpaid", subject=AMIRA).status == 403


def test_another_means_of_payment_is_told_to_payments(send: Any, told: Any, unpaid: str) -> None:
    told()
    answer = pay(send, unpaid, "tok_lost")
    assert (answer.status, answer.body["unpaid"]) == (202, False)
    (event,) = told()
    assert event["detail-type"] == "OrderPaymentChanged"
    assert event["detail"]["data"] == {"orderId": unpaid, "attempt": 2, "paymentToken": "tok_lost"}


def test_while_one_is_tried_no_other_is_taken(send: Any, hear: Any, told: Any, unpaid: str) -> None:
    pay(send, unpaid)
    assert pay(send, unpaid).body["code"] == "nothing_to_pay"
    hear(capture_failed(unpaid, 1, version=9))  # the first failure, told again later
    assert pay(send, unpaid).status == 409
    hear(capture_failed(unpaid, 2, version=4))
    assert seen(send, unpaid) == ("confirmed", "capture_failed", True)
    assert pay(send, unpaid).status == 202
    assert [event["detail"]["data"].get("attempt") for event in told()][-2:] == [2, 3]


def test_the_same_key_pays_once(send: Any, unpaid: str) -> None:
    headers = {"Idempotency-Key": "once"}
    first, again = pay(send, unpaid, headers=headers), pay(send, unpaid, headers=headers)
    assert (first.status, again.status, first.body) == (202, 202, again.body)


def test_it_is_paid_once_the_money_is_taken_whatever_comes_late(send: Any, hear: Any, unpaid: str) -> None:
    pay(send, unpaid)
    hear(captured(unpaid), capture_failed(unpaid, 1, version=8))
    assert seen(send, unpaid) == ("confirmed", "captured", False)
    assert pay(send, unpaid).body["code"] == "nothing_to_pay"


@pytest.mark.parametrize("who", [{"subject": "cus_other"}, {"subject": None}])
def test_others_do_not_find_it(send: Any, unpaid: str, who: Any) -> None:
    assert pay(send, unpaid, **who).status == 404


def test_an_order_that_is_paid_placed_or_off_takes_no_payment(place: Any, hear: Any, send: Any) -> None:
    order_id = place().body["orderId"]
    assert pay(send, order_id).body["code"] == "nothing_to_pay"
    hear(reserved(order_id), authorised(order_id))
    assert pay(send, order_id).body["code"] == "nothing_to_pay"
    hear(capture_failed(order_id))
    send("POST", "/orders/{orderId}/cancel", None, path={"orderId": order_id}, **STAFF)
    assert seen(send, order_id)[2] is False
    assert pay(send, order_id).body["code"] == "nothing_to_pay"


def test_a_cancelled_one_is_no_longer_listed(send: Any, unpaid: str) -> None:
    send("POST", "/orders/{orderId}/cancel", None, path={"orderId": unpaid}, **STAFF)
    assert send("GET", "/orders/unpaid", **STAFF).body["items"] == []


def test_what_failed_is_known_whatever_order_it_is_told_in(place: Any, hear: Any, table: OrdersTable) -> None:
    order_id = place().body["orderId"]
    hear(reserved(order_id), authorised(order_id), capture_failed(order_id), capture_failed(order_id))
    order = table.order(order_id)
    assert order
    assert (order.parts["payments"], order.failed_attempt, order.attempts) == ("capture_failed", 1, 1)


def failure(told: Any) -> dict[str, Any]:
    """Return the fact of the failure as the bus got it."""
    (event,) = (event for event in told() if event["detail-type"] == "OrderPaymentFailed")
    return dict(event)


def test_that_it_is_unpaid_is_told_once_for_each_attempt(
    send: Any, hear: Any, told: Any, unpaid: str
) -> None:
    assert failure(told)["detail"]["data"]["attempt"] == 1
    hear(capture_failed(unpaid), about("inventory/StockCommitted.v1", unpaid, 9))
    pay(send, unpaid)
    hear(capture_failed(unpaid, 1, version=11))
    assert [event["detail-type"] for event in told()] == ["OrderPaymentChanged"]
    hear(capture_failed(unpaid, 2, version=12))
    assert failure(told)["detail"]["data"]["attempt"] == 2


def test_the_buyer_is_asked_by_mail_once(post: Post, told: Any, unpaid: str) -> None:
    event = failure(told)
    assert post.hear(event, event) == 0
    (mail,) = post.sent
    assert mail.subject == f"Your order is still to be paid ({order_number(unpaid)})"
    assert f"order.html?id={unpaid}" in mail.body


def test_who_paid_meanwhile_is_not_asked(
    post: Post,
    send: Any,
    told: Any,
    unpaid: str,
) -> None:
    event = failure(told)
    pay(send, unpaid)
    assert post.hear(event) == 0
    assert post.sent == []


def test_staff_ask_the_buyer_again(post: Post, send: Any, unpaid: str) -> None:
    asked = send("POST", "/orders/{orderId}/mails", None, path={"orderId": unpaid}, **STAFF)
    assert asked.status == 202
    assert post.hear(*post.waiting()) == 0
    assert post.sent[0].subject == f"Your order is still to be paid ({order_number(unpaid)})"
    items = send("GET", "/orders/{orderId}/mails", path={"orderId": unpaid}, **STAFF).body["items"]
    assert [(item["kind"], item["by"]) for item in items] == [("payment_failed", "cus_staff")]
