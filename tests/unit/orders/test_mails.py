"""Mails about orders: one for each decision whatever is repeated, again for staff, and nothing lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import boto3
import pytest

from functions.orders import service
from functions.orders.domain import Mail, without_person
from functions.orders.events import (
    OrderCancelled,
    OrderConfirmed,
    OrderMailRequested,
    OrderPaymentFailed,
    PaymentRefunded,
    PaymentRefundFailed,
)
from functions.orders.mails import service as mailing
from functions.orders.table import OrdersTable
from functions.shared.clock import now
from tests.support import templates
from tests.support.lambda_events import sample
from tests.unit.orders.conftest import Post, about, authorised, declined, reserved

STAFF = {"subject": "cus_staff", "roles": "staff"}
MAILS = "/orders/{orderId}/mails"


@pytest.fixture
def decided(hear: Any, told: Any) -> Callable[..., dict[str, Any]]:
    """Return a function that has an order decided, and returns the fact of it as the bus got it."""

    def run(order: Any, *votes: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
        order_id = order.body["orderId"]
        assert hear(*(vote(order_id) for vote in votes or (reserved, authorised))) == []
        fact: dict[str, Any] = told()[-1]
        return fact

    return run


def euros(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


def send_again(send: Any, order_id: str, **options: Any) -> Any:
    return send("POST", MAILS, None, path={"orderId": order_id}, **{**STAFF, **options})


def listed(send: Any, order_id: str) -> list[tuple[str, str | None]]:
    items = send("GET", MAILS, path={"orderId": order_id}, **STAFF).body["items"]
    return [(item["kind"], item["by"]) for item in items]


def test_a_confirmed_order_is_told_with_what_was_bought(post: Post, place: Any, decided: Any) -> None:
    order = place()
    assert post.hear(decided(order)) == 0
    (mail,) = post.sent
    assert (mail.destinations["ToAddresses"], mail.subject) == (
        [order.body["email"]],
        f"Your order is confirmed ({order.body['number']})",
    )
    for said in ("2 x Clay pot, large: 39.98 EUR", "Shipping: 4.90 EUR", "Total: 53.41 EUR"):
        assert said in mail.body
    assert mail.body.rstrip().endswith(f"http://localhost:8080/order.html?id={order.body['orderId']}")


def test_nothing_that_a_stranger_typed_in_is_mailed(post: Post, place: Any, quote: Any, decided: Any) -> None:
    address = {
        "name": "Buy at evil.example",
        "line1": "evil.example",
        "city": "evil",
        "postalCode": "1",
        "country": "DE",
    }
    post.hear(decided(place(quote(shippingAddress=address))))
    assert "evil" not in post.sent[0].body


def test_a_guests_mail_has_the_link_that_opens_the_order(
    post: Post, place_as_guest: Any, decided: Any, send: Any
) -> None:
    order = place_as_guest()
    post.hear(decided(order))
    _, _, token = post.sent[0].body.rstrip().partition("#token=")
    seen = send(
        "GET", "/orders/{orderId}", path={"orderId": order.body["orderId"]}, headers={"X-Order-Token": token}
    )
    assert (seen.status, token) == (200, order.body["orderToken"])


def test_a_cancelled_order_is_told_with_its_reason(post: Post, place: Any, decided: Any) -> None:
    order = place()
    post.hear(decided(order, declined))
    (mail,) = post.sent
    assert mail.subject == f"Your order was cancelled ({order.body['number']})"
    assert "the payment was declined. Nothing was charged." in mail.body


def test_a_repeated_fact_sends_no_second_mail(post: Post, place: Any, decided: Any, send: Any) -> None:
    order = place()
    fact = decided(order)
    assert post.hear(fact, fact) == 0
    again = json.loads(json.dumps(fact))
    again["detail"]["id"] += "-told-again"
    assert post.hear(again) == 0
    assert len(post.sent) == 1
    assert listed(send, order.body["orderId"]) == [("confirmed", None)]


def test_what_is_no_longer_so_is_not_told(post: Post, place: Any, decided: Any, send: Any, told: Any) -> None:
    order = place()
    confirmed = decided(order)
    send("POST", "/orders/{orderId}/cancel", path={"orderId": order.body["orderId"]}, **STAFF)
    post.hear(confirmed, told()[-1])
    assert [mail.subject for mail in post.sent] == [f"Your order was cancelled ({order.body['number']})"]


def test_a_decision_about_an_order_that_is_no_more_holds_nobody_up(post: Post) -> None:
    assert (
        post.hear(
            sample("orders/OrderCancelled.v1", orderId=f"ord_{'0' * 26}"), sample("orders/OrderConfirmed.v1")
        )
        == 0
    )
    assert post.sent == []


def test_a_mail_that_ses_refuses_comes_again(post: Post, place: Any, decided: Any) -> None:
    fact = decided(place())
    boto3.client("sesv2").delete_email_identity(EmailIdentity="shop@souk.example")
    assert post.hear(fact) == 1
    boto3.client("sesv2").create_email_identity(EmailIdentity="shop@souk.example")
    assert post.hear(fact) == 0
    assert len(post.sent) == 1


def test_a_mail_that_another_worker_is_sending_is_left_to_it(
    post: Post, table: OrdersTable, place: Any, decided: Any
) -> None:
    order = place()
    fact, at = decided(order), now()
    table.claim_mail(order.body["orderId"], Mail("confirmed", "confirmed"), at, at + timedelta(minutes=5))
    assert post.hear(fact) == 1
    assert post.sent == []


def test_a_mail_claimed_late_by_a_worker_that_died_is_not_lost(
    post: Post, table: OrdersTable, place: Any, decided: Any
) -> None:
    order = place()
    fact, at = decided(order), now()
    # The queue hid the message for 60 s; its worker came to it after 25 s, and never got an answer of SES.
    claimed = at - timedelta(seconds=35)
    mail = Mail("confirmed", "confirmed")
    table.claim_mail(order.body["orderId"], mail, claimed, claimed + mailing.CLAIMED)
    assert post.hear(fact) == 1
    assert post.sent == []


def test_a_mail_whose_worker_died_is_sent_when_its_message_comes_again(
    post: Post, table: OrdersTable, place: Any, decided: Any, send: Any
) -> None:
    order = place()
    fact, at = decided(order), now()
    long_ago = at - timedelta(minutes=5)
    table.claim_mail(order.body["orderId"], Mail("confirmed", "confirmed"), long_ago, at)
    assert listed(send, order.body["orderId"]) == []
    assert post.hear(fact) == 0
    assert len(post.sent) == 1


def test_staff_send_the_mail_again_and_see_that_they_did(
    post: Post, place: Any, decided: Any, send: Any
) -> None:
    order = place()
    order_id = order.body["orderId"]
    post.hear(decided(order))
    assert send_again(send, order_id).status == 202
    asked = post.waiting()
    assert [fact["detail"]["actor"] for fact in asked] == ["cus_staff"]
    assert post.hear(*asked) == 0
    assert post.hear(*asked) == 0
    assert [mail.subject for mail in post.sent] == [f"Your order is confirmed ({order.body['number']})"] * 2
    assert listed(send, order_id) == [("confirmed", None), ("confirmed", "cus_staff")]


def test_the_same_key_sends_it_once(post: Post, place: Any, decided: Any, send: Any) -> None:
    order = place()
    decided(order)
    answers = [send_again(send, order.body["orderId"], headers={"Idempotency-Key": "once"}) for _ in range(2)]
    assert answers[0].body == answers[1].body
    asked = post.waiting()
    assert len(asked) == 1
    post.hear(*asked)
    assert len(post.sent) == 1


def test_there_is_no_mail_about_an_order_that_waits(post: Post, place: Any, send: Any) -> None:
    answer = send_again(send, place().body["orderId"])
    assert (answer.status, answer.body["code"]) == (409, "order_undecided")
    assert post.waiting() == []


def test_mails_are_for_staff(post: Post, place: Any, decided: Any, send: Any) -> None:
    order = place()
    decided(order)
    owner = {"subject": order.body["customerId"], "roles": "customer"}
    assert send_again(send, order.body["orderId"], **owner).status == 403
    assert send("GET", MAILS, path={"orderId": order.body["orderId"]}, **owner).status == 403
    assert send_again(send, "ord_none").status == 404


def test_what_is_no_mail_goes_to_the_dead_letters(post: Post) -> None:
    assert post.hear({"detail": 1}) == 0
    assert post.sent == []


def test_its_rule_lets_in_what_is_mailed_and_a_claim_ends_before_its_message_comes_again() -> None:
    (rule,) = (
        rule
        for rule in templates.resources("orders", "AWS::Events::Rule").values()
        if rule["Targets"][0]["Arn"] == {"Fn::GetAtt": ["MailQueue", "Arn"]}
    )
    ours = (OrderConfirmed, OrderCancelled, OrderMailRequested, OrderPaymentFailed)
    kinds = [kind.__name__ for kind in (*ours, PaymentRefunded, PaymentRefundFailed)]
    assert rule["EventPattern"] == {"source": ["souk.orders", "souk.payments"], "detail-type": kinds}
    resources = templates.template("orders")["Resources"]
    hidden = resources["MailQueue"]["Properties"]["VisibilityTimeout"]
    runs = resources["MailFunction"]["Properties"]["Timeout"]
    assert runs < mailing.CLAIMED.total_seconds() < hidden


def refund_told(kind: str, order_id: str, version: int, **data: Any) -> dict[str, Any]:
    return about(f"payments/{kind}.v1", order_id, version, refundId="rfd_1", **data)


def test_a_refund_is_told_once_with_what_went_back_in_all(
    post: Post, place: Any, decided: Any, send: Any
) -> None:
    order = place()
    decided(order)
    amounts = {"amount": euros(1000), "refundedTotal": euros(2500)}
    fact = refund_told("PaymentRefunded", order.body["orderId"], 4, **amounts)
    assert post.hear(fact, fact) == 0
    (mail,) = post.sent
    assert mail.subject == f"Money is paid back to you ({order.body['number']})"
    assert "we have paid 10.00 EUR back" in mail.body
    assert "Paid back: 10.00 EUR\nPaid back in all: 25.00 EUR of 53.41 EUR" in mail.body
    assert listed(send, order.body["orderId"]) == [("refunded", None)]


def test_each_refund_of_an_order_is_told(post: Post, place: Any, decided: Any) -> None:
    order = place()
    decided(order)
    order_id = order.body["orderId"]
    post.hear(
        refund_told("PaymentRefunded", order_id, 4),
        about("payments/PaymentRefunded.v1", order_id, 5, refundId="rfd_2"),
    )
    assert len(post.sent) == 2


def test_a_refund_that_the_bank_returned_is_told_only_where_it_was_told_as_paid(
    post: Post, place: Any, decided: Any
) -> None:
    order = place()
    decided(order)
    order_id = order.body["orderId"]
    post.hear(refund_told("PaymentRefundFailed", order_id, 4, amount=euros(1000), wasPaid=False))
    assert post.sent == []
    returned = refund_told("PaymentRefundFailed", order_id, 5, amount=euros(1000), wasPaid=True)
    post.hear(returned, returned)
    (mail,) = post.sent
    assert mail.subject == f"Your bank returned a refund ({order.body['number']})"
    assert "10.00 EUR" in mail.body


def test_a_refund_of_an_order_that_is_no_more_or_erased_is_told_to_nobody(
    post: Post, place: Any, decided: Any, table: OrdersTable
) -> None:
    placed = place()
    decided(placed)
    order_id = placed.body["orderId"]
    order = service.order_of(table, order_id)
    assert table.erase(order, without_person(order))
    gone = about("payments/PaymentRefunded.v1", f"ord_{'0' * 26}", 4)
    assert post.hear(gone, refund_told("PaymentRefunded", order_id, 4)) == 0
    assert post.sent == []


def test_a_cancellation_promises_a_mail_about_what_is_paid_back(
    post: Post, place: Any, decided: Any, send: Any, told: Any
) -> None:
    order = place()
    decided(order)
    send("POST", "/orders/{orderId}/cancel", path={"orderId": order.body["orderId"]}, **STAFF)
    post.hear(told()[-1])
    assert "If anything was charged, it is paid back, and a mail tells you when." in post.sent[-1].body
