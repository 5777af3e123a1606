"""Inventory's Lambda edge: stock over HTTP, facts from the inbox, facts to the bus."""

from __future__ import annotations

import functools
import os
import re
from typing import Any

from chalice.app import Response, SQSEvent

from functions.inventory import service
from functions.inventory.events import (
    OrderCancelled,
    OrderConfirmed,
    OrderPlaced,
    ProductChanged,
    ProductPublished,
    ProductWithdrawn,
    StockCounted,
)
from functions.inventory.table import InventoryTable
from functions.inventory.views import (
    Adjust,
    AskReservation,
    AskStock,
    AvailabilitiesView,
    AvailabilityView,
    LevelsView,
    LevelView,
    MovementsView,
    ReservationView,
    SetShards,
    ShardsView,
    availability_view,
    level_view,
    movement_view,
)
from functions.shared import inbox, outbox
from functions.shared.clock import now
from functions.shared.errors import InvalidError
from functions.shared.http import IDEMPOTENCY_KEY, IF_MATCH, Service, caller, etag, json_response
from functions.shared.idempotency import answered_once
from functions.shared.ids import fingerprint, new_id
from functions.shared.types import PageQuery

app = Service("inventory")

PUBLIC = {"Cache-Control": "public, max-age=0, s-maxage=5"}
"""Caches on the way answer for five seconds: what is shown may be a moment old anyway, the reservation decides."""


@functools.cache
def inventory() -> InventoryTable:
    """Return the service's table."""
    return InventoryTable(os.environ["TABLE_NAME"])


@app.endpoint("GET", "/inventory/health", auth="none")
def health() -> Response:
    """Tell that the service answers: 200."""
    return json_response({"status": "ok", "service": "inventory"})


@app.endpoint("GET", "/inventory/stock", auth="none", query=AskStock, returns=AvailabilitiesView)
def get_availabilities(query: AskStock) -> Response:
    """Tell what can be had of up to 100 SKUs on sale (``?skus=A,B``): 200 | 400 too many, or not SKUs."""
    skus = asked_skus(query)
    found = inventory().levels(skus)
    known = [found[sku] for sku in dict.fromkeys(skus) if sku in found]
    items = [availability_view(level) for level in known if level.listed]
    return json_response(AvailabilitiesView(items), headers=PUBLIC)


@app.endpoint("GET", "/inventory/stock/{sku}", auth="none", returns=AvailabilityView)
def get_availability(sku: str) -> Response:
    """Tell what can be had of one SKU: 200 | 404 not on sale."""
    return json_response(
        availability_view(service.listed_level(inventory(), checked_sku(sku))), headers=PUBLIC
    )


@app.endpoint("GET", "/inventory/admin/stock", roles=("staff", "admin"), query=AskStock, returns=LevelsView)
def get_levels(query: AskStock) -> Response:
    """List the levels of up to 100 SKUs (``?skus=A,B``), on sale or not: 200 | 400 too many, or not SKUs | 403."""
    skus = asked_skus(query)
    found = inventory().levels(skus)
    return json_response(LevelsView([level_view(found[sku]) for sku in dict.fromkeys(skus) if sku in found]))


@app.endpoint("GET", "/inventory/admin/stock/{sku}", roles=("staff", "admin"), returns=LevelView)
def get_level(sku: str) -> Response:
    """Get the level of one SKU: 200 | 403 | 404 neither stocked nor published."""
    return json_response(level_view(service.level(inventory(), checked_sku(sku))))


@app.endpoint(
    "POST",
    "/inventory/stock/{sku}/adjustments",
    roles=("admin",),
    body=Adjust,
    headers=(IDEMPOTENCY_KEY,),
    returns=LevelView,
    status=201,
)
def adjust(sku: str, body: Adjust, key: str | None) -> Response:
    """Receive, write off or correct units: 201 the level | 400 | 403 | 409 below what is reserved, key reused."""
    at, by = now(), caller().required_subject()
    if body.delta == 0:
        raise InvalidError("zero_delta", "A change of 0 units is none.", field=("delta",))
    adjustment_id = fingerprint(by, key, sku) if key else new_id("adj", at)

    def run() -> Response:
        level = service.adjust(
            inventory(),
            checked_sku(sku),
            body.delta,
            body.reason,
            adjustment_id=adjustment_id,
            by=by,
            at=at,
        )
        return json_response(level_view(level), 201)

    return answered_once(app, inventory(), f"adjust#{by}", at, run, key=key)


@app.endpoint(
    "GET",
    "/inventory/stock/{sku}/movements",
    roles=("staff", "admin"),
    query=PageQuery,
    returns=MovementsView,
)
def get_movements(sku: str, query: PageQuery) -> Response:
    """List the ledger of a SKU, newest first: 200 | 400 made-up cursor | 403."""
    movements, following = inventory().movements(checked_sku(sku), query.limit, query.cursor)
    return json_response(MovementsView([*map(movement_view, movements)], following))


@app.endpoint("GET", "/inventory/stock/{sku}/shards", roles=("staff", "admin"), returns=ShardsView)
def get_shards(sku: str) -> Response:
    """Get over how many shards a SKU's stock is spread: 200 with its ETag | 403 | 404 never stocked."""
    found = service.level(inventory(), checked_sku(sku))
    return json_response(ShardsView(found.sku, len(found.shares)), headers=etag(found.version))


@app.endpoint(
    "PUT",
    "/inventory/stock/{sku}/shards",
    roles=("staff", "admin"),
    body=SetShards,
    headers=(IF_MATCH,),
    returns=ShardsView,
)
def set_shards(sku: str, body: SetShards, version: int) -> Response:
    """Spread a SKU's stock: 200 | 400 | 403 | 404 | 409 sold very fast | 412 changed since | 428 no If-Match."""
    after = service.set_shards(inventory(), checked_sku(sku), body.shards, version, now())
    return json_response(ShardsView(after.sku, len(after.shares)), headers=etag(after.version))


@app.endpoint(
    "GET",
    "/inventory/reservations/{orderId}",
    roles=("staff", "admin"),
    query=AskReservation,
    returns=ReservationView,
)
def get_reservation(order_id: str, query: AskReservation) -> Response:
    """Get what an order holds, one of a single SKU by that too (``?sku=A``): 200 | 400 | 403 | 404."""
    sku = None if query.sku is None else checked_sku(query.sku)
    held = service.reservation(inventory(), order_id, sku)
    return json_response(ReservationView(held.order_id, held.status, held.lines))


@app.on_sqs_message(queue="inventory-inbox")
def on_inbox(batch: SQSEvent) -> inbox.BatchResponse:
    """Facts from other services; only the records that failed are given back."""
    table = inventory()
    return inbox.deliver(
        batch,
        {
            OrderPlaced: inbox.BatchHandler(lambda facts: service.on_orders_placed(table, facts, now())),
            OrderConfirmed: inbox.BatchHandler(
                lambda facts: service.on_orders_confirmed(table, facts, now())
            ),
            OrderCancelled: inbox.BatchHandler(
                lambda facts: service.on_orders_cancelled(table, facts, now())
            ),
            StockCounted: lambda fact: service.on_stock_counted(table, fact, now()),
            ProductPublished: lambda fact: service.on_product_published(table, fact, now()),
            ProductChanged: lambda fact: service.on_product_published(table, fact, now()),
            ProductWithdrawn: lambda fact: service.on_product_withdrawn(table, fact, now()),
        },
    )


@app.lambda_function()
def publish(event: dict[str, Any], context: object) -> None:
    """Put the table's new facts on the bus, and what can be had of SKUs that changed; raises to be tried again."""
    outbox.publish(event)
    if outbox.tell(service.availabilities(inventory(), changed_skus(event), now())):
        raise outbox.PublishError("some were refused")


def changed_skus(event: dict[str, Any]) -> set[str]:
    """Return the SKUs of the levels and shards in a stream batch."""
    keys = [record["dynamodb"]["Keys"] for record in event["Records"]]
    return {key["pk"]["S"].split("#")[1] for key in keys if key["sk"]["S"] in ("LEVEL", "SHARD")}


def asked_skus(query: AskStock) -> list[str]:
    """Return the SKUs of the query; raise InvalidError for too many, and for what cannot be one."""
    skus = query.skus.split(",")
    if len(skus) > 100:
        raise InvalidError("too_many_skus", "Ask for at most 100 SKUs at once.")
    return [checked_sku(sku) for sku in skus]


def checked_sku(text: str) -> str:
    """Return the SKU; raise InvalidError for what cannot be one."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", text):
        raise InvalidError("invalid_sku", "A SKU has 1 to 64 letters, digits, dots, dashes or underscores.")
    return text
