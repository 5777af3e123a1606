"""Staff find orders by number, e-mail, name and SKU; erasure takes out for good what says who a customer was."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from functions.orders import app as orders_app
from functions.orders.domain import name_words
from functions.orders.events import CustomerErased, OrderConfirmed
from functions.orders.search import service as finding
from functions.orders.search.table import FindsTable
from functions.shared import aws
from functions.shared.ids import order_number, read_order_number
from functions.shared.inbox import Fact
from functions.shared.outbox import Aggregate
from tests.support.lambda_events import Context, sample, sqs_event
from tests.unit.orders.conftest import AMIRA

STAFF = {"subject": "cus_staff", "roles": "staff"}


@pytest.fixture
def hear_finds(table: Any) -> Callable[..., int]:
    """Return a function that hands facts to the index's queue, and returns how many failed."""
    orders_app.finds.cache_clear()

    def run(*facts: dict[str, Any]) -> int:
        return len(orders_app.on_finds(sqs_event(*facts), Context())["batchItemFailures"])

    return run


@pytest.fixture
def index(table: Any) -> Callable[[], list[str]]:
    """Return a function that returns all that the index holds, as keys."""

    def read() -> list[str]:
        items = aws.dynamodb().scan(TableName=table.name)["Items"]
        return sorted(item["pk"]["S"] for item in items if item["pk"]["S"].startswith("FIND#"))

    return read


@pytest.fixture
def find(send: Any) -> Callable[..., list[str]]:
    """Return a function that returns the ids of the orders that staff find."""

    def run(**query: str) -> list[str]:
        answer = send("GET", "/orders/search", query=query, **STAFF)
        assert answer.status == 200, answer
        return [item["orderId"] for item in answer.body["items"]]

    return run


def decided(order: Any, kind: str = "OrderConfirmed") -> dict[str, Any]:
    return sample(f"orders/{kind}.v1", orderId=order.body["orderId"])


def erased(customer_id: str = AMIRA) -> dict[str, Any]:
    return sample("identity/CustomerErased.v1", customerId=customer_id)


@pytest.mark.parametrize("kind", ["OrderConfirmed", "OrderCancelled"])
def test_a_guests_order_is_found_by_number_address_name_and_sku(
    kind: str, place_as_guest: Any, hear_finds: Any, find: Any
) -> None:
    order = place_as_guest()
    assert hear_finds(decided(order, kind)) == 0
    order_id, number = order.body["orderId"], order.body["number"]
    ways = [
        {"number": number},
        {"number": number.lower().replace("-", "")},
        {"email": " AMIRA@example.com"},
        {"name": "Amira Haddad"},
        {"name": "haddad"},
        {"name": "HADDAD, amira"},
        {"sku": "pot-clay-l"},
    ]
    assert [find(**way) for way in ways] == [[order_id]] * len(ways)


def test_what_fits_in_part_only_is_not_found(place_as_guest: Any, hear_finds: Any, find: Any) -> None:
    hear_finds(decided(place_as_guest()))
    ways = [{"name": "Amira Khan"}, {"email": "mira@example.com"}, {"sku": "POT"}, {"number": "K7-4R92"}]
    assert [find(**way) for way in ways] == [[]] * len(ways)


def test_orders_are_found_newest_first_page_by_page(
    place_as_guest: Any, hear_finds: Any, send: Any, find: Any
) -> None:
    orders = [place_as_guest() for _ in range(3)]
    hear_finds(*map(decided, orders))
    every = find(email="amira@example.com")
    assert every == sorted((order.body["orderId"] for order in orders), reverse=True)
    query = {"email": "amira@example.com", "limit": "2"}
    first = send("GET", "/orders/search", query=query, **STAFF).body
    rest = send("GET", "/orders/search", query={**query, "cursor": first["nextCursor"]}, **STAFF).body
    assert [item["orderId"] for item in first["items"] + rest["items"]] == every


def test_a_page_is_full_while_there_are_orders_of_that_name(
    place: Any, quote: Any, hear_finds: Any, send: Any
) -> None:
    address = sample("orders/OrderPlaced.v1")["detail"]["data"]["shippingAddress"]
    orders = [
        place(quote(customerId=None, shippingAddress={**address, "name": name}), subject=None)
        for name in ("Amira Haddad", "Karim Haddad", "Karim Haddad", "Amira Haddad")
    ]
    hear_finds(*map(decided, orders))
    query = {"name": "Amira Haddad", "limit": "2"}
    answer = send("GET", "/orders/search", query=query, **STAFF).body
    assert {item["orderId"] for item in answer["items"]} == {
        orders[0].body["orderId"],
        orders[3].body["orderId"],
    }


def test_only_staff_search(place_as_guest: Any, hear_finds: Any, send: Any) -> None:
    hear_finds(decided(place_as_guest()))
    for who in ({"subject": AMIRA, "roles": "customer"}, {"subject": AMIRA}):
        answer = send("GET", "/orders/search", query={"email": "amira@example.com"}, **who)
        assert answer.status == 403


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({}, "one_search"),
        ({"email": "a@example.com", "sku": "A"}, "one_search"),
        ({"number": "K7-4R9"}, "invalid_number"),
        ({"number": "K7-4O92"}, "invalid_number"),
        ({"name": " .,"}, "empty_search"),
        ({"email": " "}, "empty_search"),
        ({"name": "Amira", "cursor": "x"}, "invalid_cursor"),
    ],
)
def test_a_bad_search_is_refused(query: dict[str, str], code: str, send: Any) -> None:
    answer = send("GET", "/orders/search", query=query, **STAFF)
    assert (answer.status, answer.body["code"]) == (400, code)


def test_a_decision_told_twice_is_indexed_once(place_as_guest: Any, hear_finds: Any, index: Any) -> None:
    order = place_as_guest()
    hear_finds(decided(order), decided(order))
    hear_finds(decided(order, "OrderCancelled"))
    assert index() == [
        "FIND#email#amira@example.com",
        "FIND#name#amira",
        "FIND#name#haddad",
        f"FIND#number#{order.body['number']}",
        "FIND#sku#pot-clay-l",
    ]


def test_a_decision_about_an_order_that_is_no_more_holds_nobody_up(hear_finds: Any, index: Any) -> None:
    assert hear_finds(sample("orders/OrderConfirmed.v1")) == 0
    assert index() == []


@pytest.mark.parametrize("order_of_arrival", list(itertools.permutations(range(3))), ids=str)
def test_an_erased_customer_is_not_found_in_whatever_order_the_facts_arrive(
    order_of_arrival: tuple[int, ...], place: Any, hear_finds: Any, index: Any, find: Any
) -> None:
    order = place()
    facts = [decided(order), decided(order, "OrderCancelled"), erased()]
    for number in order_of_arrival:
        assert hear_finds(facts[number], facts[number]) == 0
    number = order.body["number"]
    assert index() == [f"FIND#number#{number}", "FIND#sku#pot-clay-l"]
    assert find(number=number) == find(sku="POT-CLAY-L") == [order.body["orderId"]]
    assert find(email="amira@example.com") == find(name="haddad") == []


def test_the_erasure_of_one_customer_leaves_the_orders_of_others(
    place: Any, place_as_guest: Any, hear_finds: Any, find: Any
) -> None:
    mine, guests = place(), place_as_guest()
    hear_finds(decided(mine), decided(guests), erased())
    assert find(email="amira@example.com") == [guests.body["orderId"]]


def test_what_was_noted_while_the_customer_was_erased_is_taken_back(
    place: Any, table: Any, hear_finds: Any, index: Any
) -> None:
    class Slow(FindsTable):
        """An index in which the erasure comes between two writes."""

        def note(self, order: Any, terms: Any) -> None:
            super().note(order, terms)
            finding.on_erased(table, FindsTable(self.name), fact)

    order = place()
    fact = read(erased(), CustomerErased)
    finding.on_decided(table, Slow(table.name), read(decided(order), OrderConfirmed))
    assert index() == [f"FIND#number#{order.body['number']}", "FIND#sku#pot-clay-l"]


def read(event: dict[str, Any], kind: type[Any]) -> Fact[Any]:
    """Return an event as its handler is handed it."""
    detail = event["detail"]
    return Fact(detail["id"], detail["time"], Aggregate("a", 1), msgspec.convert(detail["data"], kind))


# --- rules -----------------------------------------------------------------------------------------------------------


def test_a_number_follows_from_the_id_and_has_nothing_to_mistake_in_it() -> None:
    numbers = {order_number(f"ord_{number:026d}") for number in range(2000)}
    assert len(numbers) == 2000
    assert not set("".join(numbers)) & set("01AEIOULS5")
    assert order_number("ord_01kaqz5r7b8v0w3m2x4y6t9n1c") == order_number("ord_01kaqz5r7b8v0w3m2x4y6t9n1c")


@pytest.mark.parametrize("text", ["k7-4r92", "K74R92", " k7 4r92 ", "K7 - 4R92"])
def test_a_number_is_read_however_it_is_written(text: str) -> None:
    assert read_order_number(text) == "K7-4R92"


@pytest.mark.parametrize("text", ["", "K7-4R9", "K7-4R922", "K7-4R9O", "K7-4R9\u0664", "amira"])
def test_what_is_no_number_is_told_so(text: str) -> None:
    assert read_order_number(text) is None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Amira Haddad", ["amira", "haddad"]),
        ("Jürgen  Weiß-Müller", ["jurgen", "weiss", "muller"]),
        ("O'Brien, Zoë", ["o", "brien", "zoe"]),
        ("สมชาย ใจดี", ["สมชาย", "ใจดี"]),
        ("अमित कुमार", ["अमित", "कुमार"]),
        (" - ", []),
    ],
)
def test_names_are_looked_for_by_their_words_in_small_letters(name: str, words: list[str]) -> None:
    assert name_words(name) == words
