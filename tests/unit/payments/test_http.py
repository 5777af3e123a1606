"""Payments over HTTP: who sees what, what a refund answers, and what bad input leaves unchanged."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from functions.payments.app import app
from functions.payments.table import PaymentsTable
from functions.shared import order_links
from functions.shared.clock import now, rfc3339
from tests.support.lambda_events import Context, sample, sqs_event
from tests.unit.payments.conftest import ORDER

REFUNDS = "/payments/{orderId}/refunds"
STAFF = {"subject": "cus_staff", "roles": "customer,staff"}


@pytest.fixture
def send(table: PaymentsTable, call: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **options: call(app, *args, **options)


def order(**changes: Any) -> dict[str, Any]:
    totals = {"currency": "EUR", "subtotal": 5000, "shipping": 0, "tax": 0, "total": 5000}
    given = {
        "orderId": ORDER,
        "customerId": "cus_1",
        "totals": totals,
        "decideBy": "2099-01-01T00:00:00.000Z",
    }
    return sample("orders/OrderPlaced.v1", **(given | changes))


def deliver(*events: dict[str, Any]) -> None:
    from functions.payments.app import on_inbox

    assert on_inbox(sqs_event(*events), Context()) == {"batchItemFailures": []}


@pytest.fixture
def captured(send: Any) -> Any:
    deliver(order(), sample("orders/OrderConfirmed.v1", orderId=ORDER))
    return send


def refund(send: Any, amount: Any = 2000, currency: Any = "EUR", **options: Any) -> Any:
    body = {"amount": {"amount": amount, "currency": currency}, "reason": "broken"}
    return send("POST", REFUNDS, body, **{"path": {"orderId": ORDER}, **STAFF, **options})


def payment(send: Any, **who: Any) -> Any:
    return send("GET", "/payments/{orderId}", path={"orderId": ORDER}, **(who or STAFF))


def test_the_service_says_that_it_is_well(send: Any) -> None:
    assert send("GET", "/payments/health").body == {"status": "ok", "service": "payments"}


def test_staff_see_a_payment_with_its_refunds(captured: Any) -> None:
    made = refund(captured).body
    body = payment(captured).body
    assert {name: body[name] for name in ("orderId", "status", "provider", "declineCode", "refunds")} == {
        "orderId": ORDER,
        "status": "partially_refunded",
        "provider": "simulator",
        "declineCode": None,
        "refunds": [made],
    }
    amounts = {name: body[name]["amount"] for name in ("amount", "captured", "refunded", "refundable")}
    assert amounts == {"amount": 5000, "captured": 5000, "refunded": 2000, "refundable": 3000}


def test_the_buyer_sees_the_payment(captured: Any) -> None:
    assert payment(captured, subject="cus_1").status == 200


def test_anothers_payment_is_not_found(captured: Any) -> None:
    answer = payment(captured, subject="cus_2")
    assert (answer.status, answer.body["code"]) == (404, "no_payment")


def test_a_guests_payment_is_for_staff_alone(send: Any) -> None:
    deliver(order(customerId=None))
    assert payment(send, subject="cus_2").status == 404
    assert payment(send).status == 200


@pytest.mark.parametrize("order_id", ["ord_none", "x" * 3000, "ord_\u00e9"])
def test_an_order_that_is_unknown_has_no_payment(send: Any, order_id: str) -> None:
    assert send("GET", "/payments/{orderId}", path={"orderId": order_id}, **STAFF).status == 404


def test_a_declined_payment_tells_why(send: Any) -> None:
    deliver(order(paymentToken="tok_insufficientFunds"))
    body = payment(send).body
    assert (body["status"], body["declineCode"]) == ("declined", "insufficient_funds")


def test_a_refund_answers_with_what_was_given_back(captured: Any) -> None:
    answer = refund(captured)
    assert (answer.status, answer.body["amount"], answer.body["status"]) == (
        201,
        {"amount": 2000, "currency": "EUR"},
        "succeeded",
    )


def test_the_same_key_and_body_refund_once(captured: Any) -> None:
    key = {"headers": {"Idempotency-Key": "k1"}}
    first, second = refund(captured, **key), refund(captured, **key)
    assert (first.body, second.headers["Idempotency-Replayed"]) == (second.body, "true")
    assert payment(captured).body["refunded"]["amount"] == 2000


def test_the_same_key_with_another_body_is_a_conflict(captured: Any) -> None:
    key = {"headers": {"Idempotency-Key": "k1"}}
    refund(captured, **key)
    assert refund(captured, 1000, **key).body["code"] == "idempotency_key_reused"


def test_the_same_key_for_another_order_is_a_conflict(captured: Any) -> None:
    other, key = ORDER.replace("1c", "2c"), {"headers": {"Idempotency-Key": "k1"}}
    deliver(order(orderId=other), sample("orders/OrderConfirmed.v1", orderId=other))
    refund(captured, **key)
    answer = refund(captured, path={"orderId": other}, **key)
    assert (answer.status, answer.body["code"]) == (409, "idempotency_key_reused")


def test_without_a_key_each_request_is_a_refund(captured: Any) -> None:
    assert [refund(captured).status, refund(captured).status] == [201, 201]
    assert payment(captured).body["refunded"]["amount"] == 4000


def test_more_than_is_left_is_a_conflict(captured: Any) -> None:
    answer = refund(captured, 5001)
    assert (answer.status, answer.body["code"], answer.body["pointer"]) == (
        409,
        "refund_too_large",
        "/amount/amount",
    )


def test_an_uncaptured_payment_is_a_conflict(send: Any) -> None:
    deliver(order())
    answer = refund(send)
    assert (answer.status, answer.body["code"]) == (409, "not_captured")


def test_another_currency_cannot_be_processed(captured: Any) -> None:
    answer = refund(captured, currency="USD")
    assert (answer.status, answer.body["code"]) == (422, "wrong_currency")


def test_a_refund_of_an_unknown_order_is_not_found(send: Any) -> None:
    assert refund(send).status == 404


@pytest.mark.parametrize("roles", ["customer", ""])
def test_only_staff_refund(captured: Any, roles: str) -> None:
    assert refund(captured, roles=roles, subject="cus_1").status == 403
    assert payment(captured).body["refunded"]["amount"] == 0


@pytest.mark.parametrize("amount", [0, -1, 1.5, "2000", None, True, 10**12])
def test_an_amount_that_is_none_is_refused(captured: Any, amount: Any) -> None:
    answer = refund(captured, amount)
    assert (answer.status, answer.body["pointer"]) == (400, "/amount/amount")
    assert payment(captured).body["refunded"]["amount"] == 0


@pytest.mark.parametrize("currency", ["eur", "EURO", "", None, 978])
def test_a_currency_that_is_none_is_refused(captured: Any, currency: Any) -> None:
    answer = refund(captured, currency=currency)
    assert (answer.status, answer.body["pointer"]) == (400, "/amount/currency")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"amount": {"amount": 1, "currency": "EUR"}}, "/reason"),
        ({"amount": {"amount": 1, "currency": "EUR"}, "reason": ""}, "/reason"),
        ({"amount": {"amount": 1, "currency": "EUR"}, "reason": "x" * 201}, "/reason"),
        ({"amount": 2000, "reason": "x"}, "/amount"),
        ({"amount": {"amount": 1, "currency": "EUR"}, "reason": "x", "token": "t"}, "/token"),
        ({"amount": {"amount": 1, "currency": "EUR", "x": 1}, "reason": "x"}, "/amount/x"),
        ({}, "/amount"),
    ],
)
def test_a_body_of_another_shape_names_the_field(captured: Any, body: Any, pointer: str) -> None:
    answer = captured("POST", REFUNDS, body, path={"orderId": ORDER}, **STAFF)
    assert (answer.status, answer.body["pointer"]) == (400, pointer)


@pytest.mark.parametrize("body", [None, "", "{", "[]", "null"])
def test_no_json_object_is_refused(captured: Any, body: str | None) -> None:
    assert captured("POST", REFUNDS, body, path={"orderId": ORDER}, **STAFF).status == 400


def test_staff_read_the_ledger_oldest_first(captured: Any) -> None:
    made = refund(captured).body
    items = captured("GET", "/payments/{orderId}/ledger", path={"orderId": ORDER}, **STAFF).body["items"]
    assert [(item["kind"], item["debit"], item["credit"], item["amount"]["amount"]) for item in items] == [
        ("capture", "provider_receivable", "customer_sales", 5000),
        ("refund", "customer_refunds", "provider_receivable", 2000),
    ]
    assert items[1]["refundId"] == made["refundId"]


def test_the_ledger_comes_page_by_page(captured: Any) -> None:
    refund(captured)
    route, path = "/payments/{orderId}/ledger", {"orderId": ORDER}
    first = captured("GET", route, path=path, query={"limit": "1"}, **STAFF).body
    after = {"limit": "1", "cursor": first["nextCursor"]}
    second = captured("GET", route, path=path, query=after, **STAFF).body
    assert [item["kind"] for item in first["items"] + second["items"]] == ["capture", "refund"]


def test_a_made_up_cursor_is_refused(captured: Any) -> None:
    answer = captured(
        "GET", "/payments/{orderId}/ledger", path={"orderId": ORDER}, query={"cursor": "WzFd"}, **STAFF
    )
    assert (answer.status, answer.body["code"]) == (400, "invalid_cursor")


def test_the_ledger_is_not_for_the_buyer(captured: Any) -> None:
    answer = captured("GET", "/payments/{orderId}/ledger", path={"orderId": ORDER}, subject="cus_1")
    assert answer.status == 403


def test_the_ledger_of_an_unknown_order_is_not_found(send: Any) -> None:
    assert send("GET", "/payments/{orderId}/ledger", path={"orderId": "ord_x"}, **STAFF).status == 404


# --- the simulator's trouble --------------------------------------------------------------------------------------

SIMULATOR = "/payments/simulator"


def test_an_admin_puts_the_provider_through_trouble_and_calls_feel_it(send: Any) -> None:
    assert send("GET", SIMULATOR, **STAFF).body == {"trouble": "none"}
    put = send("PUT", SIMULATOR, {"trouble": "failing"}, subject="cus_admin", roles="admin")
    assert (put.status, put.body) == (200, {"trouble": "failing"})
    from functions.payments.app import on_inbox

    assert len(on_inbox(sqs_event(order()), Context())["batchItemFailures"]) == 1
    send("PUT", SIMULATOR, {"trouble": "none"}, subject="cus_admin", roles="admin")
    deliver(order())
    assert payment(send).body["status"] == "authorized"


def test_staff_see_the_trouble_and_only_admins_make_it(send: Any) -> None:
    assert send("PUT", SIMULATOR, {"trouble": "slow"}, **STAFF).status == 403
    assert send("GET", SIMULATOR, subject="cus_1").status == 403
    assert send("PUT", SIMULATOR, {"trouble": "fire"}, subject="cus_admin", roles="admin").status == 400


@pytest.mark.parametrize(("name", "value"), [("ENVIRONMENT_NAME", "prod"), ("PROVIDER_NAME", "stripe")])
def test_no_provider_is_put_through_anything_elsewhere(
    send: Any, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    admin = {"subject": "cus_admin", "roles": "admin"}
    assert send("GET", SIMULATOR, **admin).body["code"] == "local_only"
    assert send("PUT", SIMULATOR, {"trouble": "slow"}, **admin).body["code"] == "local_only"


# --- the bank's question ------------------------------------------------------------------------------------------

ACTION, ANSWER = "/payments/{orderId}/action", "/payments/simulator/{orderId}/answer"


@pytest.fixture
def buyer(send: Any) -> Callable[..., Any]:
    """Return a function that calls as the guest who holds the order's token; the bank asks them."""
    deliver(order(customerId=None, paymentToken="tok_3ds"))
    token = order_links.make(ORDER, now() + timedelta(days=1))
    given = {"path": {"orderId": ORDER}, "headers": {"X-Order-Token": token}}
    return lambda method, path, body=None: send(method, path, body, **given)


def test_a_guest_is_told_where_the_bank_asks_and_pays_by_answering_it(buyer: Any, send: Any) -> None:
    asked = buyer("GET", ACTION)
    assert (asked.status, asked.headers["Cache-Control"]) == (200, "no-store")
    until = asked.body.pop("until")
    assert until > rfc3339(now())
    url = f"https://shop.example/bank.html?id={ORDER}"
    assert asked.body == {"kind": "redirect", "url": url, "clientSecret": None}
    assert buyer("POST", ACTION).body == {"status": "authenticating", "until": until}
    assert buyer("POST", ANSWER, {"approve": True}).body == {"received": True}
    assert buyer("POST", ACTION).body == {"status": "authorized", "until": None}
    assert (again := buyer("POST", ACTION)).status == 200
    assert again.body == {"status": "authorized", "until": None}
    gone = buyer("GET", ACTION)
    assert (gone.status, gone.body["code"]) == (409, "nothing_asked")
    assert payment(send).body["status"] == "authorized"


def test_what_is_said_to_the_bank_counts_once(buyer: Any) -> None:
    buyer("POST", ANSWER, {"approve": False})
    buyer("POST", ANSWER, {"approve": True})
    assert buyer("POST", ACTION).body == {"status": "declined", "until": None}


@pytest.mark.parametrize(("method", "path"), [("GET", ACTION), ("POST", ACTION), ("POST", ANSWER)])
def test_only_an_orders_buyer_is_told_and_answers(buyer: Any, send: Any, method: str, path: str) -> None:
    other = order_links.make("ord_01kaqz5r7b8v0w3m2x4y6t9n1z", now() + timedelta(days=1))
    over = order_links.make(ORDER, now() - timedelta(seconds=1))
    for headers in ({}, *({"X-Order-Token": token} for token in (other, over, "x", "a.b"))):
        body = {"approve": True} if path == ANSWER else None
        answer = send(method, path, body, path={"orderId": ORDER}, headers=headers)
        assert (answer.status, answer.body["code"]) == (404, "no_payment"), headers
    assert buyer("POST", ACTION).body["status"] == "authenticating"


@pytest.mark.parametrize(("method", "path"), [("GET", ACTION), ("POST", ACTION), ("POST", ANSWER)])
def test_staff_do_not_answer_in_a_buyers_place(buyer: Any, send: Any, method: str, path: str) -> None:
    body = {"approve": True} if path == ANSWER else None
    given = {"path": {"orderId": ORDER}, "subject": "cus_staff", "roles": "staff"}
    assert send(method, path, body, **given).status == 404


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_provider_that_is_away_is_said_to_be_away(buyer: Any, send: Any, method: str) -> None:
    send("PUT", SIMULATOR, {"trouble": "failing"}, subject="cus_admin", roles="admin")
    answer = buyer(method, ACTION)
    assert (answer.status, answer.body["code"]) == (503, "provider_unavailable")
    send("PUT", SIMULATOR, {"trouble": "none"}, subject="cus_admin", roles="admin")


def test_nobody_answers_for_a_bank_that_is_not_simulated(send: Any) -> None:
    deliver(order(totals={"currency": "EUR", "subtotal": 0, "shipping": 0, "tax": 0, "total": 0}))
    path = {"orderId": ORDER}
    assert send("POST", ANSWER, {"approve": True}, path=path, subject="cus_1").status == 404


@pytest.mark.parametrize("body", [{}, {"approve": "yes"}, {"approve": None}, [], "x"])
def test_an_answer_is_a_yes_or_a_no(buyer: Any, body: Any) -> None:
    assert buyer("POST", ANSWER, body).status == 400
    assert buyer("POST", ACTION).body["status"] == "authenticating"
