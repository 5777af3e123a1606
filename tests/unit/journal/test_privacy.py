"""The journal keeps no more of a fact than is known to tell nothing of a person, and forgets who was erased."""

from __future__ import annotations

import itertools
import json
from typing import Any

import boto3
import pytest

from functions.journal.domain import public
from functions.shared.clock import now, rfc3339
from tests.support.lambda_events import sample
from tests.unit.journal.conftest import ADMIN, now_told, told

AMIRA = "cus_01kaqz5r7b8v0w3m2x4y6t9n1d"
BORIS = "cus_01kaqz5r7b8v0w3m2x4y6t9n1b"


def naming(*words: str) -> list[str]:
    """Return the items of the table, as text, in which one of the words stands."""
    pages = boto3.client("dynamodb").get_paginator("scan").paginate(TableName="souk-local-journal")
    items = [json.dumps(item, ensure_ascii=False) for page in pages for item in page["Items"]]
    return [item for item in items if any(word in item for word in words)]


def a_fact(name: str, subject: str, *, actor: str | None, version: int = 1, **data: Any) -> dict[str, Any]:
    event = sample(name, **data)
    kind = event["detail-type"]
    event["detail"] |= {
        "time": rfc3339(now()),
        "actor": actor,
        "id": f"{subject}.{version}.{kind}",
        "aggregate": {"id": subject, "version": version},
    }
    return event


def placed() -> dict[str, Any]:
    return a_fact("orders/OrderPlaced.v1", "ord_1", actor=AMIRA, orderId="ord_1", customerId=AMIRA)


def registered() -> dict[str, Any]:
    return a_fact("identity/CustomerRegistered.v1", AMIRA, actor=None, customerId=AMIRA)


def promoted(by: str = BORIS) -> dict[str, Any]:
    return a_fact("identity/CustomerRolesChanged.v1", AMIRA, actor=by, version=2, customerId=AMIRA)


def erased(who: str = AMIRA) -> dict[str, Any]:
    return a_fact("identity/CustomerErased.v1", who, actor=who, version=9, customerId=who)


def entries(send: Any, subject: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = send(
        "GET", "/journal/subjects/{subject}", path={"subject": subject}, **ADMIN
    ).body["items"]
    return found


def acts(send: Any) -> list[tuple[str, str | None]]:
    items = send("GET", "/journal/acts", **ADMIN).body["items"]
    return sorted((item["type"], item["actor"]) for item in items)


def test_a_field_that_is_not_known_stays_out_at_any_depth() -> None:
    given = {
        "orderId": "ord_1",
        "phone": "+49 30 1",
        "lines": [{"sku": "MUG", "engraving": "For Amira", "variants": [{"title": "Mug", "email": "a@b.c"}]}],
        "totals": {"total": 1, "name": "Amira"},
        "shippingAddress": {"total": 1},
        "skus": ["MUG"],
        "message": [["Amira"]],
    }
    assert public(given) == {
        "orderId": "ord_1",
        "lines": [{"sku": "MUG", "variants": [{"title": "Mug"}]}],
        "totals": {"total": 1},
        "skus": ["MUG"],
    }


def test_nothing_personal_of_a_sample_reaches_the_table(send: Any) -> None:
    told(placed(), registered())
    assert naming("OrderPlaced", "CustomerRegistered")
    assert naming("amira@example.com", "Amira", "Lindenstra", "10969", "tok_visa") == []


def test_who_was_erased_is_named_nowhere_but_in_the_fact_of_it(send: Any) -> None:
    told(placed(), registered(), promoted())
    assert len(naming(AMIRA)) > 3
    told(erased())
    assert [entry["type"] for entry in entries(send, AMIRA)] == ["CustomerErased"]
    (order,) = entries(send, "ord_1")
    assert (order["type"], order["actor"], order["data"]["customerId"]) == ("OrderPlaced", "erased", "erased")
    assert [item for item in naming(AMIRA) if "CustomerErased" not in item and '"ERASED"' not in item] == []


def test_what_others_did_to_who_was_erased_stays_told_of_nobody(send: Any) -> None:
    told(promoted(), erased())
    assert acts(send) == [("CustomerErased", AMIRA), ("CustomerRolesChanged", BORIS)]


@pytest.mark.parametrize("arrival", list(itertools.permutations(range(4))), ids=str)
def test_an_erasure_holds_whatever_arrives_first(send: Any, arrival: tuple[int, ...]) -> None:
    facts = [placed(), registered(), promoted(), erased()]
    told(*(facts[index] for index in arrival))
    told(*(facts[index] for index in arrival))
    assert [entry["type"] for entry in entries(send, AMIRA)] == ["CustomerErased"]
    assert [(entry["actor"], entry["data"]["customerId"]) for entry in entries(send, "ord_1")] == [
        ("erased", "erased")
    ]
    expected = [("CustomerErased", AMIRA), ("CustomerRolesChanged", BORIS), ("OrderPlaced", "erased")]
    assert acts(send) == expected


@pytest.mark.parametrize("order", [(AMIRA, BORIS), (BORIS, AMIRA)], ids=["subject first", "actor first"])
def test_of_two_who_were_erased_neither_is_named(send: Any, order: tuple[str, str]) -> None:
    told(promoted(), *(erased(who) for who in order))
    assert acts(send) == [("CustomerErased", BORIS), ("CustomerErased", AMIRA)]
    told(promoted())
    assert acts(send) == [("CustomerErased", BORIS), ("CustomerErased", AMIRA)]


def test_one_erasure_leaves_others_as_they_are(send: Any) -> None:
    told(placed(), erased(BORIS), now_told("inventory/StockReserved.v1"))
    assert {entry["actor"] for entry in entries(send, "ord_1")} == {AMIRA, None}


def test_an_erasure_that_died_half_way_is_done_by_its_repeat(send: Any) -> None:
    told(placed(), promoted())
    table = boto3.client("dynamodb")
    key = {"pk": {"S": f"NAMES#{AMIRA}"}, "sk": {"S": "ERASED"}}
    table.put_item(TableName="souk-local-journal", Item=key)
    told(erased())
    assert acts(send) == [
        ("CustomerErased", AMIRA),
        ("CustomerRolesChanged", BORIS),
        ("OrderPlaced", "erased"),
    ]


def test_the_feed_shows_what_is_left(send: Any) -> None:
    told(placed(), registered(), erased())
    items = send("GET", "/journal/events", **ADMIN).body["items"]
    assert sorted(item["type"] for item in items) == ["CustomerErased", "OrderPlaced"]
