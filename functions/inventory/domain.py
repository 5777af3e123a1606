"""Stock rules as pure functions: what is on the shelf, what is promised, what may change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from functions.shared.errors import ConflictError

ASK_AGAIN = timedelta(minutes=5)
"""After an order's deadline, how long its reservation waits for the decision before orders is asked for it."""

MAX_ON_HAND = 1_000_000_000

Status = Literal["reserved", "rejected", "refused", "committed", "released", "returned"]
"""A reservation's life: reserved → committed → returned, reserved → released, or rejected / refused at once.

``refused`` is the tombstone of an order cancelled before its OrderPlaced arrived.
"""


@dataclass(frozen=True)
class Level:
    """The stock of one SKU; ``on_hand - available`` units are reserved."""

    sku: str
    on_hand: int
    available: int
    version: int
    counted_at: str = ""

    @property
    def reserved(self) -> int:
        """Return the units promised to orders that still lie on the shelf."""
        return self.on_hand - self.available


@dataclass(frozen=True)
class Reservation:
    """What one order holds: quantity by SKU, and where its life has got to."""

    order_id: str
    status: Status
    lines: dict[str, int]
    version: int
    expires_at: str = ""


def summed(lines: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Return the quantity by SKU; lines that repeat a SKU are added up."""
    total: dict[str, int] = {}
    for sku, quantity in lines:
        total[sku] = total.get(sku, 0) + quantity
    return total


def adjusted(level: Level, delta: int) -> Level:
    """Return the level after units were found, lost, received or written off.

    Raises
    ------
    ConflictError
        Fewer units than are promised would remain, or more than a shelf can be said to hold.
    """
    on_hand, available = level.on_hand + delta, level.available + delta
    if available < 0:
        raise ConflictError(
            "stock_below_reserved",
            f"{level.sku} has {level.on_hand} on hand, {level.reserved} of them reserved: {delta} is too much.",
            pointer="/delta",
        )
    if on_hand > MAX_ON_HAND:
        raise ConflictError("stock_too_large", f"At most {MAX_ON_HAND} units of a SKU.", pointer="/delta")
    return Level(level.sku, on_hand, available, level.version + 1, level.counted_at)


def counted(level: Level, on_hand: int, counted_at: str) -> Level | None:
    """Return the level after a count, None when it changes nothing or is older than the last one.

    A count below what is reserved is taken as what is reserved: the units are sold, and the orders' own
    cancellations bring them back.
    """
    if counted_at <= level.counted_at:
        return None
    on_hand = max(on_hand, level.reserved)
    if on_hand == level.on_hand and level.version:
        return None
    return Level(level.sku, on_hand, on_hand - level.reserved, level.version + 1, counted_at)


def expiry(decide_by: datetime) -> datetime:
    """Return when an undecided reservation asks for its order's decision."""
    return decide_by + ASK_AGAIN
