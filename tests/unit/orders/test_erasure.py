"""A customer who was erased: what their orders forget, what books and delivery keep; nothing brings it back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from functions.orders import app as orders_app
from functions.orders.domain import ERASED_EMAIL
from functions.orders.table import OrdersTable
from functions.shared import aws
from tests.support.lambda_events import Context, sample, sqs_event
from tests.unit.orders.conftest import AMIRA, Post, authorised, reserved

STAFF = {"subject": "cus_staff", "roles": "staff"}
PERSON = ("amira@example.com", "Amira Haddad", "Lindenstraße 12", "10969", "Berlin", "tok_visa")


@pytest.fixture
def hear_finds(table: OrdersTable) -> Any:
    """Return a function that hands facts to the index's queue, and returns how many failed."""
    orders_app.finds.cache_clear()

    def run(*facts: dict[str, Any]) -> int:
        return len(orders_app.on_finds(sqs_event(*facts), Context())["batchItemFailures"])

    return run


@pytest.fixture
def decided(told: Any) -> Any:
    """Return a function that returns the facts of decisions since, as the bus got them."""
    kinds = ("OrderConfirmed", "OrderCancelled")
    return lambda: [event for event in told() if event["detail-type"] in kinds]


def erased(customer_id: str = AMIRA) -> dict[str, Any]:
    return sample("identity/CustomerErased.v1", customerId=customer_id)


def item(table: OrdersTable, order_id: str) -> str:
    """Return all that the table holds of an order."""
    key = {"pk": {"S": f"ORDER#{order_id}"}, "sk": {"S": "ORDER"}}
    found = aws.dynamodb().get_item(TableName=table.name, Key=key)["Item"]
    return json.dumps(found, ensure_ascii=False).replace('\\"', '"')


def named(table: OrdersTable, order_id: str) -> list[str]:
    """Return what of the person the table still holds of an order."""
    return [part for part in PERSON if part in item(table, order_id)]


@pytest.fixture
def confirmed(place: Any, hear: Any) -> str:
    order_id: str = place().body["orderId"]
    assert hear(reserved(order_id), authorised(order_id)) == []
    return order_id


def cancel(send: Any, order_id: str) -> None:
    assert send("POST", "/orders/{orderId}/cancel", None, path={"orderId": order_id}, **STAFF).status == 200


def test_what_was_sold_keeps_whom_it_was_sold_to_and_no_way_to_reach_them(
    table: OrdersTable, confirmed: str, hear_finds: Any, send: Any
) -> None:
    before = table.order(confirmed)
    assert before
    assert hear_finds(erased(), erased()) == 0
    assert named(table, confirmed) == ["Amira Haddad", "Lindenstraße 12", "10969", "Berlin"]
    after = table.order(confirmed)
    assert after
    assert (after.version, after.timeline, after.content.lines) == (
        before.version + 1,
        before.timeline,
        before.content.lines,
    )
    assert after.content.totals == before.content.totals
    seen = send("GET", "/orders/{orderId}", path={"orderId": confirmed}, **STAFF).body
    assert (seen["email"], seen["status"]) == (ERASED_EMAIL, "confirmed")


def test_an_order_that_came_to_nothing_keeps_the_country_alone(
    table: OrdersTable, place: Any, hear_finds: Any, send: Any
) -> None:
    order_id = place().body["orderId"]
    cancel(send, order_id)
    hear_finds(erased())
    assert named(table, order_id) == []
    after = table.order(order_id)
    assert after
    assert after.content.shipping_address.country == "DE"


def test_an_order_that_is_called_off_after_the_erasure_forgets_the_rest(
    table: OrdersTable, confirmed: str, hear_finds: Any, send: Any, decided: Any
) -> None:
    hear_finds(erased())
    cancel(send, confirmed)
    assert hear_finds(*decided()) == 0
    assert named(table, confirmed) == []


def test_an_order_that_waits_is_left_alone_until_it_is_decided(
    table: OrdersTable, place: Any, hear: Any, hear_finds: Any, decided: Any
) -> None:
    order_id = place().body["orderId"]
    hear_finds(erased())
    assert len(named(table, order_id)) == len(PERSON)
    hear(reserved(order_id), authorised(order_id))
    assert hear_finds(*decided()) == 0
    assert named(table, order_id) == ["Amira Haddad", "Lindenstraße 12", "10969", "Berlin"]


def test_an_order_placed_after_the_erasure_is_forgotten_once_it_is_decided(
    table: OrdersTable, place: Any, hear_finds: Any, send: Any, decided: Any
) -> None:
    hear_finds(erased())
    order_id = place().body["orderId"]
    cancel(send, order_id)
    facts = decided()
    assert hear_finds(*facts, *facts) == 0
    assert named(table, order_id) == []
    assert send("GET", "/orders/search", query={"email": "amira@example.com"}, **STAFF).body["items"] == []


def test_the_orders_of_others_stay_as_they_are(
    table: OrdersTable, confirmed: str, place_as_guest: Any, hear_finds: Any
) -> None:
    guests = place_as_guest().body["orderId"]
    hear_finds(erased("cus_01kaqz5r7b8v0w3m2x4y6t9n1e"))
    assert len(named(table, confirmed)) == len(named(table, guests)) == len(PERSON)


def test_no_mail_goes_to_who_was_erased(
    confirmed: str, hear_finds: Any, decided: Any, post: Post, send: Any
) -> None:
    facts = decided()
    hear_finds(erased())
    assert post.hear(*facts) == 0
    assert post.sent == []
    answer = send("POST", "/orders/{orderId}/mails", None, path={"orderId": confirmed}, **STAFF)
    assert (answer.status, answer.body["code"]) == (409, "customer_erased")


def test_the_facts_of_an_erased_customers_order_name_no_address(
    confirmed: str, hear_finds: Any, send: Any, decided: Any
) -> None:
    decided()
    hear_finds(erased())
    cancel(send, confirmed)
    (off,) = decided()
    assert off["detail"]["data"]["email"] == ERASED_EMAIL


def test_the_erasure_tells_nothing_again(confirmed: str, hear_finds: Any, told: Any) -> None:
    told()
    hear_finds(erased())
    assert told() == []
