"""Orders over HTTP: who sees which, lists, timelines, and calling off."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from functions.orders.domain import LINK_KEPT
from functions.shared import signing
from functions.shared.clock import epoch, now
from tests.unit.orders.conftest import AMIRA, authorised, rejected, reserved

STAFF = {"subject": "cus_staff", "roles": "customer,staff"}
ADMIN = {"subject": "cus_admin", "roles": "admin"}


def get(send: Any, order_id: str, part: str = "", **options: Any) -> Any:
    return send("GET", "/orders/{orderId}" + part, path={"orderId": order_id}, **options)


def cancel(send: Any, order_id: str, body: Any = None, **options: Any) -> Any:
    return send("POST", "/orders/{orderId}/cancel", body, path={"orderId": order_id}, **options)


def confirm(hear: Any, order_id: str) -> None:
    assert hear(reserved(order_id), authorised(order_id)) == []


def test_health_answers_anyone(send: Any) -> None:
    assert send("GET", "/orders/health").body == {"status": "ok", "service": "orders"}


# --- who sees an order ---------------------------------------------------------------------------------------------


def test_a_customer_sees_the_order_as_it_was_placed(place: Any, send: Any) -> None:
    placed = place().body
    token = placed.pop("orderToken")
    assert token is None
    assert get(send, placed["orderId"], subject=AMIRA).body == placed


@pytest.mark.parametrize("who", [STAFF, ADMIN], ids=["staff", "admin"])
def test_staff_see_every_order(place: Any, send: Any, who: Any) -> None:
    assert get(send, place().body["orderId"], **who).status == 200


@pytest.mark.parametrize("part", ["", "/timeline"])
@pytest.mark.parametrize("who", [{}, {"subject": "cus_eve"}], ids=["a guest", "another customer"])
def test_others_do_not_find_it(place: Any, place_as_guest: Any, send: Any, who: Any, part: str) -> None:
    for order_id in (place().body["orderId"], place_as_guest().body["orderId"]):
        answer = get(send, order_id, part, **who)
        assert (answer.status, answer.body["code"]) == (404, "order_not_found")


@pytest.mark.parametrize(
    "order_id", ["ord_01kaqz5r7b8v0w3m2x4y6t9n1z", "ord_1", "x" * 300, "quo_01kaqz5r7b8v0w3m2x4y6t9n1c"]
)
def test_an_order_that_is_not_there_is_not_found(send: Any, order_id: str) -> None:
    for part in ("", "/timeline"):
        assert get(send, order_id, part, **STAFF).body["code"] == "order_not_found"
    assert cancel(send, order_id, **STAFF).body["code"] == "order_not_found"


@pytest.mark.parametrize("part", ["", "/timeline"])
def test_a_guest_sees_the_order_by_its_token(place_as_guest: Any, send: Any, part: str) -> None:
    placed = place_as_guest().body
    by_header = get(send, placed["orderId"], part, headers={"X-Order-Token": placed["orderToken"]})
    by_link = get(send, placed["orderId"], part, query={"token": placed["orderToken"]})
    assert (by_header.status, by_header.body) == (200, by_link.body)


def bad_tokens(order_id: str, token: str) -> list[str]:
    soon, past = epoch(now() + LINK_KEPT), epoch(now() - timedelta(seconds=1))
    return [
        "nonsense",
        token[:-1],
        token + "x",
        ".",
        "",
        signing.sign("quote", f"{order_id} {soon}".encode()),
        signing.sign("order-link", f"{order_id} {past}".encode()),
        signing.sign("order-link", f"ord_01kaqz5r7b8v0w3m2x4y6t9n1z {soon}".encode()),
        signing.sign("order-link", order_id.encode()),
        signing.sign("order-link", b"\xff\xff"),
    ]


def test_a_token_that_is_forged_expired_or_of_another_order_opens_nothing(
    place_as_guest: Any, send: Any
) -> None:
    placed = place_as_guest().body
    for token in bad_tokens(placed["orderId"], placed["orderToken"]):
        for answer in (
            get(send, placed["orderId"], query={"token": token}),
            cancel(send, placed["orderId"], headers={"X-Order-Token": token}),
        ):
            assert (answer.status, answer.body["code"]) == (404, "order_not_found"), token
    assert get(send, placed["orderId"], **STAFF).body["status"] == "placed"


def test_an_unknown_query_parameter_is_refused(place: Any, send: Any) -> None:
    answer = get(send, place().body["orderId"], query={"expand": "all"}, subject=AMIRA)
    assert (answer.status, answer.body["code"]) == (400, "unknown_parameter")


# --- lists ---------------------------------------------------------------------------------------------------------


def ids(answer: Any) -> list[str]:
    return [order["orderId"] for order in answer.body["items"]]


def test_own_orders_come_newest_first_page_by_page(
    place: Any, place_as_guest: Any, quote: Any, send: Any
) -> None:
    placed = [place().body["orderId"] for _ in range(3)]
    place_as_guest()
    place(quote(customerId="cus_eve"), subject="cus_eve")
    first = send("GET", "/orders", query={"limit": "2"}, subject=AMIRA)
    rest = send("GET", "/orders", query={"limit": "2", "cursor": first.body["nextCursor"]}, subject=AMIRA)
    assert ids(first) + ids(rest) == placed[::-1]
    assert rest.body["nextCursor"] is None


def test_a_page_goes_on_where_it_was_although_new_orders_came(place: Any, send: Any) -> None:
    placed = [place().body["orderId"] for _ in range(2)]
    first = send("GET", "/orders", query={"limit": "1"}, subject=AMIRA)
    place()
    rest = send("GET", "/orders", query={"cursor": first.body["nextCursor"]}, subject=AMIRA)
    assert ids(first) + ids(rest) == placed[::-1]


def test_an_order_in_a_list_is_the_order(place: Any, send: Any) -> None:
    order_id = place().body["orderId"]
    assert send("GET", "/orders", subject=AMIRA).body["items"] == [get(send, order_id, subject=AMIRA).body]


def test_staff_list_a_customers_orders(place: Any, send: Any) -> None:
    order_id = place().body["orderId"]
    assert ids(send("GET", "/orders", query={"customerId": AMIRA}, **STAFF)) == [order_id]
    assert ids(send("GET", "/orders", **STAFF)) == []


def test_customers_do_not_list_each_others_orders(place: Any, send: Any) -> None:
    place()
    answer = send("GET", "/orders", query={"customerId": AMIRA}, subject="cus_eve")
    assert (answer.status, answer.body["code"]) == (403, "role_required")
    assert send("GET", "/orders", query={"customerId": AMIRA}, subject=AMIRA).status == 200


@pytest.mark.parametrize("cursor", ["x", "e30", "WzFd", "%00", "WyJhIl0", "WyJhIiwiYiIsImMiXQ", ""])
def test_a_made_up_cursor_is_refused(send: Any, cursor: str) -> None:
    answer = send("GET", "/orders", query={"cursor": cursor}, subject=AMIRA)
    assert (answer.status, answer.body["code"]) == (400, "invalid_cursor")


@pytest.mark.parametrize("limit", ["0", "101", "-1", "1.5", "ten", ""])
def test_a_limit_out_of_bounds_is_refused(send: Any, limit: str) -> None:
    answer = send("GET", "/orders", query={"limit": limit}, subject=AMIRA)
    assert (answer.status, answer.body["code"]) == (400, "invalid_limit")


@pytest.mark.parametrize("customer_id", ["", "cus_", "cus_eve", "x" * 3000])
def test_a_customer_that_cannot_be_is_refused(send: Any, customer_id: str) -> None:
    answer = send("GET", "/orders", query={"customerId": customer_id}, **STAFF)
    assert (answer.status, answer.body["code"]) == (400, "invalid_customer")


# --- timelines -----------------------------------------------------------------------------------------------------


def steps(answer: Any) -> list[tuple[str, str, str]]:
    return [(entry["type"], entry["status"], entry["cause"]) for entry in answer.body["items"]]


def test_a_timeline_names_each_step_and_its_cause(place: Any, hear: Any, send: Any) -> None:
    order_id = place().body["orderId"]
    confirm(hear, order_id)
    cancel(send, order_id, **STAFF)
    assert steps(get(send, order_id, "/timeline", subject=AMIRA)) == [
        ("OrderPlaced", "placed", AMIRA),
        ("StockReserved", "placed", f"{order_id}.1.StockReserved"),
        ("PaymentAuthorized", "placed", f"{order_id}.1.PaymentAuthorized"),
        ("OrderConfirmed", "confirmed", f"{order_id}.1.PaymentAuthorized"),
        ("OrderCancelled", "cancelled", "cus_staff"),
    ]


def test_the_times_are_those_of_the_facts(place: Any, hear: Any, send: Any) -> None:
    placed = place().body
    vote = reserved(placed["orderId"])
    hear(vote)
    items = get(send, placed["orderId"], "/timeline", subject=AMIRA).body["items"]
    assert [entry["time"] for entry in items] == [placed["placedAt"], vote["detail"]["time"]]


def test_a_cancellation_says_why_and_a_shortage_what(place: Any, hear: Any, send: Any) -> None:
    order_id = place().body["orderId"]
    hear(rejected(order_id))
    items = get(send, order_id, "/timeline", subject=AMIRA).body["items"]
    assert [entry["detail"] for entry in items] == [None, "POT-CLAY-L", "out_of_stock"]


def test_a_guests_timeline_begins_with_a_guest(place_as_guest: Any, send: Any) -> None:
    placed = place_as_guest().body
    cancel(send, placed["orderId"], headers={"X-Order-Token": placed["orderToken"]})
    answer = get(send, placed["orderId"], "/timeline", query={"token": placed["orderToken"]})
    assert steps(answer) == [("OrderPlaced", "placed", "guest"), ("OrderCancelled", "cancelled", "guest")]


# --- calling off ---------------------------------------------------------------------------------------------------


def test_a_customer_calls_a_placed_order_off(place: Any, send: Any, told: Any) -> None:
    order_id = place().body["orderId"]
    answer = cancel(send, order_id, subject=AMIRA)
    assert (answer.status, answer.body["status"], answer.body["reason"]) == (200, "cancelled", "customer")
    assert get(send, order_id, subject=AMIRA).body == answer.body
    *_, off = told()
    assert (off["detail-type"], off["detail"]["data"]["reason"]) == ("OrderCancelled", "customer")
    assert off["detail"]["data"]["total"] == {"amount": 5341, "currency": "EUR"}


def test_a_confirmed_order_can_be_called_off(place: Any, hear: Any, send: Any, told: Any) -> None:
    order_id = place().body["orderId"]
    confirm(hear, order_id)
    assert cancel(send, order_id, subject=AMIRA).body["status"] == "cancelled"
    assert [event["detail-type"] for event in told()] == ["OrderPlaced", "OrderConfirmed", "OrderCancelled"]


def test_a_guest_calls_off_by_the_token(place_as_guest: Any, send: Any) -> None:
    placed = place_as_guest().body
    answer = cancel(send, placed["orderId"], headers={"X-Order-Token": placed["orderToken"]})
    assert answer.body["reason"] == "customer"


def test_staff_call_off_as_operators(place: Any, send: Any) -> None:
    assert cancel(send, place().body["orderId"], **STAFF).body["reason"] == "operator"


@pytest.mark.parametrize("who", [{}, {"subject": "cus_eve"}], ids=["a guest", "another customer"])
def test_others_cannot_call_it_off(place: Any, send: Any, told: Any, who: Any) -> None:
    order_id = place().body["orderId"]
    assert cancel(send, order_id, **who).status == 404
    assert get(send, order_id, subject=AMIRA).body["status"] == "placed"
    assert len(told()) == 1


def test_calling_off_twice_is_calling_off_once(place: Any, send: Any, told: Any) -> None:
    order_id = place().body["orderId"]
    assert cancel(send, order_id, subject=AMIRA).body == cancel(send, order_id, **STAFF).body
    assert list(dict.fromkeys(event["detail"]["id"] for event in told())) == [
        f"{order_id}.1.OrderPlaced",
        f"{order_id}.2.OrderCancelled",
    ]


def test_an_order_that_is_off_already_keeps_its_reason(place: Any, hear: Any, send: Any) -> None:
    order_id = place().body["orderId"]
    hear(rejected(order_id))
    answer = cancel(send, order_id, subject=AMIRA)
    assert (answer.status, answer.body["reason"]) == (200, "out_of_stock")


@pytest.mark.parametrize("body", [None, "", {}])
def test_calling_off_needs_no_body(place: Any, send: Any, body: Any) -> None:
    assert cancel(send, place().body["orderId"], body, subject=AMIRA).status == 200


@pytest.mark.parametrize(
    ("body", "code"), [({"reason": "x"}, "unknown_field"), ("{", "malformed_json"), ([], "wrong_type")]
)
def test_calling_off_takes_no_other_body(place: Any, send: Any, body: Any, code: str) -> None:
    order_id = place().body["orderId"]
    answer = cancel(send, order_id, body, subject=AMIRA)
    assert (answer.status, answer.body["code"]) == (400, code)
    assert get(send, order_id, subject=AMIRA).body["status"] == "placed"


# --- operators -----------------------------------------------------------------------------------------------------

ADMIN = {"subject": "cus_admin", "roles": "admin"}


def open_orders(send: Any, **options: Any) -> Any:
    return send("GET", "/orders/open", **{**STAFF, **options})


def decide(send: Any, order_id: str, reason: str = "Stuck since noon", **options: Any) -> Any:
    body = {"decision": "cancel", "reason": reason}
    return send(
        "POST", "/orders/{orderId}/decision", body, path={"orderId": order_id}, **{**ADMIN, **options}
    )


def test_open_orders_show_their_votes_nearest_deadline_first(place: Any, hear: Any, send: Any) -> None:
    first, second = (place().body["orderId"] for _ in range(2))
    hear(reserved(second))
    items = open_orders(send).body["items"]
    assert [(item["orderId"], item["votes"]) for item in items] == [
        (first, {"stock": None, "payment": None}),
        (second, {"stock": "reserved", "payment": None}),
    ]


def test_a_decided_order_is_not_open(place: Any, hear: Any, send: Any) -> None:
    confirm(hear, place().body["orderId"])
    assert open_orders(send).body["items"] == []


def test_the_list_of_open_orders_is_bounded(place: Any, send: Any) -> None:
    placed = [place().body["orderId"] for _ in range(3)]
    items = open_orders(send, query={"limit": "2"}).body["items"]
    assert [item["orderId"] for item in items] == placed[:2]


def test_open_orders_are_for_staff(send: Any) -> None:
    assert open_orders(send, subject=AMIRA, roles="customer").status == 403


def test_an_operator_decides_an_order_that_waits(place: Any, send: Any, told: Any) -> None:
    answer = decide(send, place().body["orderId"])
    assert (answer.status, answer.body["status"], answer.body["reason"]) == (200, "cancelled", "operator")
    told_by = {event["detail-type"]: event["detail"].get("actor") for event in told()}
    assert told_by == {"OrderPlaced": AMIRA, "OrderCancelled": "cus_admin"}


def test_the_operators_reason_stands_in_the_timeline(place: Any, send: Any) -> None:
    order_id = place().body["orderId"]
    decide(send, order_id, " Stuck\nsince  noon ")
    last = get(send, order_id, "/timeline", **STAFF).body["items"][-1]
    assert (last["detail"], last["cause"]) == ("operator: Stuck since noon", "cus_admin")


def test_deciding_twice_is_deciding_once(place: Any, send: Any, told: Any) -> None:
    order_id = place().body["orderId"]
    assert decide(send, order_id).body == decide(send, order_id, "again").body
    assert len({event["detail"]["id"] for event in told()}) == 2


def test_a_confirmed_order_is_not_decided_again(place: Any, hear: Any, send: Any) -> None:
    order_id = place().body["orderId"]
    confirm(hear, order_id)
    answer = decide(send, order_id)
    assert (answer.status, answer.body["code"]) == (409, "order_decided")


@pytest.mark.parametrize("reason", ["", "  ", "x" * 201])
def test_a_decision_needs_a_reason(place: Any, send: Any, reason: str) -> None:
    assert decide(send, place().body["orderId"], reason).status == 400


@pytest.mark.parametrize("who", [STAFF, {"subject": AMIRA}], ids=["staff", "the buyer"])
def test_only_an_admin_forces_a_decision(place: Any, send: Any, who: Any) -> None:
    order_id = place().body["orderId"]
    assert decide(send, order_id, **{"roles": "", **who}).status == 403


def test_an_order_that_is_not_there_is_not_decided(send: Any) -> None:
    assert decide(send, "ord_01kaqz5r7b8v0w3m2x4y6t9n1c").status == 404
