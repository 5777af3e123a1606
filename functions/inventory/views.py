"""The shapes of inventory's HTTP face, and how they are made of the domain."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from msgspec import Meta

from functions.inventory.domain import MAX_SHARDS, Level, Movement, availability
from functions.inventory.events import StockPolicy
from functions.shared.clock import rfc3339
from functions.shared.types import Body, Query, View


class AskStock(Query, frozen=True):
    """Of which SKUs."""

    skus: Annotated[str, Meta(description="Up to 100 SKUs with commas between them", examples=["A,B"])] = ""


class AskReservation(Query, frozen=True):
    """By which of the order's SKUs, where it is of one only."""

    sku: (
        Annotated[str, Meta(description="The SKU of an order that is of one only", examples=["A"])] | None
    ) = None


class AvailabilityView(View, frozen=True):
    """What can be had of a SKU; ``available``: units that can leave at once, 20 at most, null where uncounted.

    ``backOrderable``: more than those can be ordered, and are sent later.
    """

    sku: str
    availability: Literal["in_stock", "back_order", "untracked", "out"]
    available: int | None
    back_orderable: bool


class AvailabilitiesView(View, frozen=True):
    """What can be had of the SKUs asked for that are on sale."""

    items: list[AvailabilityView]


class LevelView(View, frozen=True):
    """The stock of one SKU, in units; below zero are back-orders, and what a count did not find of the promised."""

    sku: str
    on_hand: int
    reserved: int
    available: int
    stock_policy: StockPolicy
    counted_at: str | None


class LevelsView(View, frozen=True):
    """The stock of the SKUs asked for that are known."""

    items: list[LevelView]


class MovementView(View, frozen=True):
    """One entry of the stock ledger; of a count also what was counted, and when."""

    time: str
    delta: int
    reason: str
    counted: int | None
    counted_at: str | None
    order_id: str | None
    by: str | None


class MovementsView(View, frozen=True):
    """A page of the stock ledger, newest first."""

    items: list[MovementView]
    next_cursor: str | None


class ReservationView(View, frozen=True):
    """What an order holds: units by SKU."""

    order_id: str
    status: str
    lines: dict[str, int]


class Adjust(Body, frozen=True):
    """A change of the shelf by people: `delta` units, not zero."""

    delta: Annotated[int, Meta(ge=-1_000_000, le=1_000_000)]
    reason: Annotated[str, Meta(min_length=1, max_length=200)]


class ShardsView(View, frozen=True):
    """Over how many shards the stock of a SKU is spread; 1: it is not."""

    sku: str
    shards: int


class SetShards(Body, frozen=True):
    """A number of shards; the units are spread evenly over them."""

    shards: Annotated[int, Meta(ge=1, le=MAX_SHARDS)]


def availability_view(level: Level) -> AvailabilityView:
    """Shape what everybody may know of a level."""
    return AvailabilityView(level.sku, *availability(level))


def level_view(level: Level) -> LevelView:
    """Shape a level."""
    return LevelView(
        level.sku, level.on_hand, level.reserved, level.available, level.policy, _time(level.counted_at)
    )


def movement_view(movement: Movement) -> MovementView:
    """Shape an entry of the ledger."""
    return MovementView(
        movement.time,
        movement.delta,
        movement.reason,
        movement.counted,
        _time(movement.counted_ms),
        movement.order_id,
        movement.by,
    )


def _time(milliseconds: int | None) -> str | None:
    return rfc3339(datetime.fromtimestamp(milliseconds / 1000, UTC)) if milliseconds else None
