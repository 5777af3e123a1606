"""The audit's books: levels are what movements and reservations say, and orders what their participants hold."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from msgspec.structs import replace

from functions.orders.domain import (
    PARTICIPANTS,
    Content,
    Decision,
    Order,
    OrderLine,
    Status,
    TimelineEntry,
    Totals,
)
from functions.shared.addresses import PostalAddress
from tools.operate import audit


def reservation(order_id: str, status: str, **lines: int) -> dict[str, Any]:
    place = {"pk": f"ORDER#{order_id}", "sk": "RESERVATION", "order_id": order_id, "version": 1}
    return {**place, "status": status, "lines": lines}


LEDGER: list[dict[str, Any]] = [
    {"pk": "SKU#MUG", "sk": "MOVE#2026-11-22T17:05:10.000Z#a", "delta": 10},
    reservation("ord_1", "reserved", MUG=3),
    reservation("ord_2", "committed", MUG=1),
]


def level(pk: str, on_hand: int, available: int) -> dict[str, Any]:
    return {
        "pk": pk,
        "sk": "SHARD" if pk.count("#") > 1 else "LEVEL",
        "on_hand": on_hand,
        "available": available,
    }


def differences(*items: dict[str, Any]) -> list[str]:
    books = audit.Books()
    for item in [*LEDGER, *items]:
        audit._stock_item(books, item)
    return list(audit.stock(books))


def test_a_level_that_agrees_with_the_ledger_is_no_difference() -> None:
    assert differences(level("SKU#MUG", 9, 6)) == []


def test_a_split_level_is_the_sum_of_its_shards() -> None:
    assert differences(level("SKU#MUG#1", 5, 4), level("SKU#MUG", 4, 2)) == []


@pytest.mark.parametrize("lost", [0, 1])
def test_a_shard_that_is_lost_is_told(lost: int) -> None:
    shards = [level("SKU#MUG", 4, 2), level("SKU#MUG#1", 5, 4)]
    del shards[lost]
    assert "the ledger says (9, 6)" in differences(*shards)[0]


def test_a_shard_below_zero_is_told_though_the_sum_is_right() -> None:
    told = ["stock MUG: a shard is below zero"]
    assert differences(level("SKU#MUG", 9, 7), level("SKU#MUG#1", 0, -1)) == told


def test_back_orders_are_below_zero_on_purpose_in_whatever_shard() -> None:
    shards = [
        level(pk, *units) | {"stock_policy": "backorder"}
        for pk, units in {"SKU#MUG": (9, 0), "SKU#MUG#1": (0, -4)}.items()
    ]
    assert differences(*shards, reservation("ord_3", "reserved", MUG=10)) == []


def test_a_level_that_a_count_found_short_is_no_difference() -> None:
    found = {"pk": "SKU#MUG", "sk": "MOVE#2026-11-22T17:06:10.000Z#b", "delta": -8}
    assert differences(level("SKU#MUG", 1, -2), found) == []


def test_what_is_not_tracked_is_not_taken_off_the_level() -> None:
    untouched = reservation("ord_3", "committed", MUG=10) | {"drawn": {"MUG": {}}}
    assert differences(level("SKU#MUG", 9, 6), untouched) == []


@pytest.mark.parametrize(
    ("status", "seen", "left"),
    [
        ("committed", ["committed"], (9, 6)),
        ("returned", [], (9, 6)),
        ("returned", ["returned"], (7, 4)),
        ("returned", ["committed"], (11, 8)),
        ("returned", ["committed", "returned"], (9, 6)),
    ],
)
def test_units_that_a_count_had_seen_move_are_in_the_level_once(
    status: str, seen: list[str], left: tuple[int, int]
) -> None:
    known = reservation("ord_3", status, MUG=2) | {"seen": {step: ["MUG"] for step in seen}}
    assert differences(level("SKU#MUG", *left), known) == []


# --- orders and those who have a say in them -----------------------------------------------------------------------

CONTENT = Content(
    cart_id="crt_1",
    email="amira@example.com",
    lines=(OrderLine("MUG", "prd_1", "Mug", 1, 4400, 4400),),
    totals=Totals("EUR", 4400, 490, 781, 5671),
    shipping_address=PostalAddress("Amira Haddad", "Lindenstraße 12", "Berlin", "10969", "DE"),
    payment_token="tok_visa",
    decide_by="2026-11-22T17:07:09.123Z",
)
HELD = {"inventory": "reserved", "payments": "authorized"}
GIVEN_BACK = {"inventory": "released", "payments": "voided"}


def order_differences(decision: Decision, parts: dict[str, str], records: dict[str, str]) -> list[str]:
    order = Order("ord_1", None, "2026-11-22T17:05:09.123Z", CONTENT, *decision, parts=parts)
    books = audit.Books(orders={"ord_1": order})
    books.reservations["ord_1"] = {"status": records["inventory"]}
    books.payments["ord_1"] = {
        "status": records["payments"],
        "amount": 5671,
        "captured": 0,
        "refunded": 0,
    }
    return list(audit.orders(books))


CONFIRMED, CANCELLED = Decision("confirmed"), Decision("cancelled", "customer")
SAID_YES = {"inventory": "reserved", "payments": "authorised"}
SAID_UNDONE = {"inventory": "released", "payments": "voided"}


def test_an_order_whose_participants_hold_what_it_says_is_no_difference() -> None:
    assert order_differences(CONFIRMED, SAID_YES, HELD) == []
    assert order_differences(CANCELLED, SAID_UNDONE, GIVEN_BACK) == []


@pytest.mark.parametrize("name", PARTICIPANTS)
def test_a_participant_that_still_holds_something_for_a_cancelled_order_is_told(name: str) -> None:
    records = {**GIVEN_BACK, name: HELD[name]}
    (told,) = order_differences(CANCELLED, SAID_UNDONE, records)
    assert told == f"order ord_1: cancelled, and its {PARTICIPANTS[name].part} is {HELD[name]}"


@pytest.mark.parametrize("name", PARTICIPANTS)
def test_a_yes_that_was_never_undone_is_told(name: str) -> None:
    (told,) = order_differences(CANCELLED, {**SAID_UNDONE, name: SAID_YES[name]}, GIVEN_BACK)
    assert told == f"order ord_1: cancelled, and {name} has told it of {SAID_YES[name]}"


@pytest.mark.parametrize("name", PARTICIPANTS)
def test_a_confirmed_order_without_someones_yes_is_told(name: str) -> None:
    parts = {other: state for other, state in SAID_YES.items() if other != name}
    assert order_differences(CONFIRMED, parts, HELD) == [
        f"order ord_1: confirmed, and {name} has told it of None"
    ]


def test_an_order_is_late_past_its_deadline_which_is_later_where_its_bank_asks() -> None:
    placed = Order("ord_1", None, "2026-11-22T17:05:09.123Z", CONTENT, "placed")
    asked = TimelineEntry(
        placed.placed_at, "PaymentActionRequired", "ord_1.1.X", detail="2999-01-01T00:00:00.000Z"
    )
    late, waiting = (
        list(audit.orders(audit.Books(orders={"ord_1": order})))
        for order in (placed, replace(placed, timeline=(asked,)))
    )
    assert (late, waiting) == (["order ord_1: past its deadline and not decided"], [])


def test_the_audit_knows_the_records_of_all_who_have_a_say_in_every_decision() -> None:
    assert audit.RECORDS.keys() == PARTICIPANTS.keys()
    for records in audit.RECORDS.values():
        assert records.keys() == set(get_args(Status)) - {"placed"}
