"""An inventory on an empty account: shelves to fill, a way in for facts, and what was told to the bus."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from functions.inventory import app as inventory_app
from functions.inventory import service
from functions.inventory.domain import Reservation
from functions.inventory.table import InventoryTable
from functions.shared import aws, outbox
from tests.support.lambda_events import Context, sample, sqs_event, stream_event

NOW = datetime(2026, 11, 22, 17, 5, 10, tzinfo=UTC)
ORDER = "ord_01kaqz5r7b8v0w3m2x4y6t9n1c"


@pytest.fixture
def table(deploy: Callable[[str], str]) -> InventoryTable:
    name = deploy("inventory")
    inventory_app.inventory.cache_clear()
    return InventoryTable(name)


@pytest.fixture
def stocked(table: InventoryTable) -> Callable[..., None]:
    """Return a function that puts units of SKUs on the shelf: ``stocked(MUG=5)``."""

    def put(**units: int) -> None:
        for sku, count in units.items():
            service.adjust(
                table, sku, count, "received", adjustment_id=f"first-{sku}", by="cus_admin", at=NOW
            )

    return put


@pytest.fixture
def deliver(table: InventoryTable) -> Callable[..., list[str]]:
    """Return a function that hands facts to the inbox and returns the messages given back."""

    def hand(*events: dict[str, Any] | str) -> list[str]:
        answer = inventory_app.on_inbox(sqs_event(*events), Context())
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    return hand


@pytest.fixture
def level(table: InventoryTable) -> Callable[[str], tuple[int, int] | None]:
    """Return a function that returns the units of a SKU on hand and available."""

    def read(sku: str) -> tuple[int, int] | None:
        found = table.level(sku)
        return (found.on_hand, found.available) if found else None

    return read


@pytest.fixture
def told(table: InventoryTable, arrived: Callable[[], list[Any]]) -> Callable[[], list[tuple[str, Any]]]:
    """Return a function that returns what has been told of orders, and what waits in items; as type and data, once."""
    heard: dict[str, Any] = {}

    def read() -> list[tuple[str, Any]]:
        for event in arrived():
            detail = event["detail"]
            same = detail["type"], detail["data"], detail["time"]
            assert heard.setdefault(detail["id"], same) == same
        items = aws.dynamodb().scan(TableName=table.name)["Items"]
        waiting = [one for item in items if "outbox" in item for one in outbox.unpack(item)]
        facts = [(kind, data) for kind, data, _ in heard.values()]
        return sorted([*facts, *((one.type, json.loads(bytes(one.data))) for one in waiting)], key=str)

    return read


@pytest.fixture
def images(table: InventoryTable) -> Callable[[], dict[str, Any]]:
    """Return a function that returns the stream batch of everything in the table."""
    return lambda: stream_event(*aws.dynamodb().scan(TableName=table.name)["Items"])


def kept(table: InventoryTable, order_id: str, sku: str = "MUG") -> Reservation | None:
    """Return the reservation of an order, be it a record or inside the level of a SKU."""
    level = table.level(sku)
    return table.reservation(order_id) or (level.holds.get(order_id) if level else None)


def placed(order_id: str = ORDER, **quantities: int) -> dict[str, Any]:
    """Return an OrderPlaced for so many units of each SKU."""
    (line,) = sample("orders/OrderPlaced.v1")["detail"]["data"]["lines"]
    lines = [{**line, "sku": sku, "quantity": quantity} for sku, quantity in quantities.items()]
    return sample("orders/OrderPlaced.v1", orderId=order_id, lines=lines)


def confirmed(order_id: str = ORDER, at: str = "2026-11-22T17:06:00.000Z", *skus: str) -> dict[str, Any]:
    """Return an OrderConfirmed, of MUG unless told otherwise."""
    return _decided("OrderConfirmed", order_id, at, skus)


def cancelled(order_id: str = ORDER, at: str = "2026-11-22T17:06:30.000Z", *skus: str) -> dict[str, Any]:
    """Return an OrderCancelled, of MUG unless told otherwise."""
    return _decided("OrderCancelled", order_id, at, skus)


def _decided(kind: str, order_id: str, at: str, skus: tuple[str, ...]) -> dict[str, Any]:
    lines = [{"sku": sku, "quantity": 1} for sku in skus or ("MUG",)]
    event = sample(f"orders/{kind}.v1", orderId=order_id, lines=lines)
    event["detail"]["time"] = at
    return event


def counted(at: str = "2026-11-22T17:05:11.000Z", **units: int) -> dict[str, Any]:
    """Return a StockCounted; by itself of a second after NOW."""
    lines = [{"sku": sku, "onHand": count} for sku, count in units.items()]
    event = sample("catalog/StockCounted.v1", countedAt=at, lines=lines)
    event["detail"] |= {"id": f"imp_{at}.1.StockCounted", "time": at}
    return event


def published(
    kind: str = "ProductPublished",
    version: int = 1,
    product: str = "prd_1",
    at: str = "2026-11-22T16:00:00.000Z",
    **policies: str,
) -> dict[str, Any]:
    """Return a ProductPublished or a ProductChanged of SKUs and their stock policies."""
    variant = sample(f"catalog/{kind}.v1")["detail"]["data"]["variants"][0]
    variants = [{**variant, "sku": sku, "stockPolicy": policy} for sku, policy in policies.items()]
    event = sample(f"catalog/{kind}.v1", productId=product, variants=variants)
    return _told(event, product, version, at)


def withdrawn(
    *skus: str, version: int = 2, product: str = "prd_1", at: str = "2026-11-22T16:30:00.000Z"
) -> dict[str, Any]:
    """Return a ProductWithdrawn."""
    event = sample("catalog/ProductWithdrawn.v1", productId=product, skus=list(skus))
    return _told(event, product, version, at)


def _told(event: dict[str, Any], product: str, version: int, at: str) -> dict[str, Any]:
    kind = event["detail-type"]
    event["detail"] |= {"id": f"{product}.{version}.{kind}", "time": at}
    event["detail"]["aggregate"] = {"id": product, "version": version}
    return event
