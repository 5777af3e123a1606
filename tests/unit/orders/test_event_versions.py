"""A published event changes: StockRejected has a field renamed, publisher first, consumers first, and back.

Messages are under way at every step: what is published at one is delivered at this or any later one, and the two
versions of one fact at steps of their own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import product
from typing import Any, NamedTuple

import msgspec
import pytest
from chalice.app import SQSEvent

from functions.inventory.events import ShortLine, StockRejected
from functions.orders import events, saga
from functions.orders.table import OrdersTable
from functions.shared.clock import now
from functions.shared.dynamo import encode_item
from functions.shared.inbox import Handlers, deliver
from functions.shared.outbox import fact, pack, unpack
from functions.shared.types import Data, OrderId
from tests.support.dlq import dead_letters
from tests.support.lambda_events import Context, sqs_event

AT = datetime(2026, 11, 22, 17, 5, 9, tzinfo=UTC)


class StockRejectedV2(Data, frozen=True):
    """What inventory tells: the field ``lines`` has another name."""

    order_id: OrderId
    shortages: tuple[ShortLine, ...]


TAKEN = msgspec.defstruct(
    "StockRejectedV2",
    [("shortages", tuple[events.ShortLine, ...])],
    bases=(events.ParticipantEvent,),
    namespace={"detail": lambda said: " ".join(line.sku for line in said.shortages)},
    frozen=True,
)
"""What orders reads of it."""


class Step(NamedTuple):
    """Which versions are deployed."""

    published: tuple[int, ...]
    taken: tuple[int, ...]


PUBLISHER_FIRST = [Step((1,), (1,)), Step((1, 2), (1,)), Step((1, 2), (1, 2)), Step((2,), (1, 2))]
CONSUMERS_FIRST = [Step((1,), (1,)), Step((1,), (1, 2)), Step((1, 2), (1, 2)), Step((2,), (1, 2))]
CHANGES = {
    "publisher first": PUBLISHER_FIRST,
    "consumers first": CONSUMERS_FIRST,
    "back before one was dropped, publisher first": [*CONSUMERS_FIRST[2::-1]],
    "back before one was dropped, consumers first": [*PUBLISHER_FIRST[2::-1]],
}


def published(order_id: str, versions: tuple[int, ...]) -> list[dict[str, Any]]:
    """Return the events that a version of inventory puts on the bus for an order that it rejects."""
    short = (ShortLine("POT-CLAY-L", 2, 1),)
    known: dict[int, Data] = {1: StockRejected(order_id, short), 2: StockRejectedV2(order_id, short)}
    facts = [fact(known[version], order_id, 1, AT) for version in versions]
    return [
        {
            "source": "souk.inventory",
            "detail-type": envelope.type,
            "detail": json.loads(msgspec.json.encode(envelope)),
        }
        for envelope in unpack(encode_item({"outbox": pack(*facts)}))
    ]


@pytest.fixture
def take(table: OrdersTable) -> Callable[..., None]:
    """Return a function that has a version of orders take an event, twice."""

    def run(event: dict[str, Any], versions: tuple[int, ...]) -> None:
        known: dict[int, type[Any]] = {1: events.StockRejected, 2: TAKEN}
        handlers: Handlers = {known[one]: lambda told: saga.on_vote(table, told, now()) for one in versions}
        assert deliver(SQSEvent(sqs_event(event, event), Context()), handlers)["batchItemFailures"] == []

    return run


def told(table: OrdersTable, order_id: str) -> list[tuple[str, str]]:
    """Return what the order's timeline has of inventory's no."""
    order = table.order(order_id)
    assert order is not None
    assert (order.status, order.reason) == ("cancelled", "out_of_stock")
    return [(entry.type, entry.detail) for entry in order.timeline if entry.type == "StockRejected"]


@pytest.mark.parametrize("change", CHANGES)
def test_a_fact_is_taken_whatever_is_deployed_where_while_its_messages_are_under_way(
    table: OrdersTable, place: Any, take: Any, change: str
) -> None:
    steps = CHANGES[change]
    for number, step in enumerate(steps):
        later = range(number, len(steps))
        for arrivals in product(later, repeat=len(step.published)):
            for backwards in (False, True):
                order_id = place().body["orderId"]
                messages = list(zip(arrivals, published(order_id, step.published), strict=True))
                for at, event in sorted(messages[:: -1 if backwards else 1], key=lambda one: one[0]):
                    take(event, steps[at].taken)
                assert told(table, order_id) == [("StockRejected", "POT-CLAY-L")], (step, arrivals, backwards)
    assert dead_letters() == []


@pytest.mark.parametrize(("sent", "taken"), [((1,), (2,)), ((2,), (1,))])
def test_a_version_that_nobody_takes_here_any_more_is_put_aside_and_nothing_is_lost(
    table: OrdersTable, place: Any, take: Any, sent: tuple[int, ...], taken: tuple[int, ...]
) -> None:
    order_id = place().body["orderId"]
    (event,) = published(order_id, sent)
    take(event, taken)
    letters = dead_letters()
    assert {letter["reason"] for letter in letters} == {f"StockRejected v{sent[0]} has no handler here"}
    for letter in letters:
        take(json.loads(letter["body"]), (1, 2))
    assert told(table, order_id) == [("StockRejected", "POT-CLAY-L")]


def test_each_version_has_an_id_of_its_own_and_says_which_others_there_are() -> None:
    first, second = (event["detail"] for event in published("ord_1", (1, 2)))
    assert (first["id"], second["id"]) == ("ord_1.1.StockRejected", "ord_1.1.StockRejectedV2")
    assert (first["version"], first["also"]) == (1, [2])
    assert (second["version"], second["also"]) == (2, [1])
    assert "shortages" in second["data"]
    (alone,) = (event["detail"] for event in published("ord_1", (2,)))
    assert "also" not in alone
