"""A wishlist service on an empty account."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from functions.shared import aws, outbox
from functions.wishlist import app as edge
from functions.wishlist.table import WishlistTable
from tests.support.lambda_events import Context, sqs_event

AMIRA = "cus_01kaqz5r7b8v0w3m2x4y6t9n1d"


@pytest.fixture
def table(deploy: Callable[[str], str]) -> WishlistTable:
    name = deploy("wishlist")
    edge.wishlists.cache_clear()
    return WishlistTable(name)


@pytest.fixture
def keep(table: WishlistTable, call: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that sends `PUT /wishlist/items/{sku}` as Amira, unless told otherwise."""

    def send(sku: str, quantity: int = 1, **options: Any) -> Any:
        given = {"path": {"sku": sku}, "subject": AMIRA, **options}
        return call(edge.app, "PUT", "/wishlist/items/{sku}", {"quantity": quantity}, **given)

    return send


@pytest.fixture
def deliver(table: WishlistTable) -> Callable[..., list[str]]:
    """Return a function that hands facts to the inbox and returns the messages given back."""

    def hand(*events: dict[str, Any]) -> list[str]:
        answer = edge.on_inbox(sqs_event(*events), Context())
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    return hand


@pytest.fixture
def facts(table: WishlistTable) -> Callable[[], list[tuple[str, Any]]]:
    """Return a function that returns the facts that wait in the table's items, as type and data."""

    def read() -> list[tuple[str, Any]]:
        items = aws.dynamodb().scan(TableName=table.name)["Items"]
        waiting = [fact for item in items if "outbox" in item for fact in outbox.unpack(item)]
        return [(fact.type, json.loads(bytes(fact.data))) for fact in waiting]

    return read
