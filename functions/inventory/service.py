"""Inventory's use cases: read, apply one rule, store the result together with its facts. All are safe to repeat."""

from __future__ import annotations

from datetime import datetime

from functions.inventory.domain import Level, Reservation, adjusted, counted, expiry, summed
from functions.inventory.events import (
    OrderCancelled,
    OrderConfirmed,
    OrderPlaced,
    ReservedLine,
    ShortLine,
    StockCommitted,
    StockCounted,
    StockLevelChanged,
    StockRejected,
    StockReleased,
    StockReserved,
)
from functions.inventory.table import InventoryTable
from functions.shared import clock
from functions.shared.errors import ConflictError, NotFoundError
from functions.shared.ids import is_id
from functions.shared.inbox import Fact
from functions.shared.outbox import fact, pack

_TRIES = 8


class BusyError(RuntimeError):
    """The item changed under us each time we tried; the message comes again."""


def level(table: InventoryTable, sku: str) -> Level:
    """Return the level of a SKU; raise NotFoundError where it was never stocked."""
    found = table.level(sku)
    if found is None:
        raise NotFoundError("unknown_sku", f"No stock is kept of {sku}.")
    return found


def reservation(table: InventoryTable, order_id: str) -> Reservation:
    """Return what an order holds or held; raise NotFoundError where it never asked."""
    found = table.reservation(order_id) if is_id("ord", order_id) else None
    if found is None:
        raise NotFoundError("no_reservation", "That order has no reservation.")
    return found


def adjust(
    table: InventoryTable, sku: str, delta: int, reason: str, *, adjustment_id: str, by: str, at: datetime
) -> Level:
    """Change what is on the shelf by `delta` units and return the new level.

    The first receipt of a SKU creates its level. Safe to repeat with the same `adjustment_id`.

    Raises
    ------
    ConflictError
        Fewer units than are promised would remain.
    """
    for _ in range(_TRIES):
        before = table.level(sku) or Level(sku, 0, 0, 0)
        if table.moved(adjustment_id):
            return before
        after = adjusted(before, delta)
        movement = {
            "id": adjustment_id, "time": clock.rfc3339(at), "delta": delta, "reason": reason, "by": by,
        }  # fmt: skip
        if table.change_level(before, after, movement, _level_changed(after, reason, at)):
            return after
    raise ConflictError("stock_busy", f"{sku} is being sold very fast; try again.", retry_after=1)


def on_stock_counted(table: InventoryTable, event: Fact[StockCounted], at: datetime) -> None:
    """Set each SKU's level to what was counted, unless a later count is already in."""
    for line in event.data.lines:
        _count(table, line.sku, line.on_hand, event.data.counted_at, event.id, at)


def _count(
    table: InventoryTable, sku: str, on_hand: int, counted_at: str, event_id: str, at: datetime
) -> None:
    for _ in range(_TRIES):
        before = table.level(sku) or Level(sku, 0, 0, 0)
        after = counted(before, on_hand, counted_at)
        if after is None:
            return
        movement = {
            "id": f"{event_id}#{sku}", "time": clock.rfc3339(at), "delta": after.on_hand - before.on_hand,
            "reason": "counted",
        }  # fmt: skip
        if table.change_level(before, after, movement, _level_changed(after, "counted", at)):
            return
    raise BusyError(sku)


def _level_changed(level: Level, reason: str, at: datetime) -> str:
    changed = StockLevelChanged(level.sku, level.on_hand, level.available, reason)
    return pack(fact(changed, f"sku_{level.sku}", level.version, at))


def on_order_placed(table: InventoryTable, event: Fact[OrderPlaced], at: datetime) -> None:
    """Hold all lines or none, and say which; an order that has been answered or cancelled before changes nothing."""
    order = event.data
    wanted = summed((line.sku, line.quantity) for line in order.lines)
    expires_at = clock.rfc3339(expiry(clock.parse(order.decide_by)))
    held = Reservation(order.order_id, "reserved", wanted, 1, expires_at)
    yes = pack(fact(StockReserved(order.order_id, _lines(held)), order.order_id, 1, at))
    for _ in range(_TRIES):
        levels = table.levels(wanted)
        short = tuple(
            ShortLine(sku, quantity, levels[sku].available if sku in levels else 0)
            for sku, quantity in wanted.items()
            if sku not in levels or levels[sku].available < quantity
        )
        if short:
            rejected = Reservation(order.order_id, "rejected", {}, 1)
            no = pack(fact(StockRejected(order.order_id, short), order.order_id, 1, at))
            table.store_unheld(rejected, no, at)
            return
        if not table.reserve(held, yes, at):
            return
    raise BusyError(order.order_id)


def on_order_confirmed(table: InventoryTable, event: Fact[OrderConfirmed], at: datetime) -> None:
    """Take what the order holds off the shelf."""
    for _ in range(_TRIES):
        held = table.reservation(event.data.order_id)
        if held is None or held.status != "reserved":
            return
        outbox = pack(fact(StockCommitted(held.order_id, _lines(held)), held.order_id, held.version + 1, at))
        if table.commit(held, outbox, at):
            return
    raise BusyError(event.data.order_id)


def on_order_cancelled(table: InventoryTable, event: Fact[OrderCancelled], at: datetime) -> None:
    """Give back what the order holds or held; leave a tombstone where its OrderPlaced is still to come."""
    order_id = event.data.order_id
    for _ in range(_TRIES):
        held = table.reservation(order_id)
        if held is None:
            done = table.store_unheld(Reservation(order_id, "refused", {}, 1), None, at)
        elif held.status == "reserved":
            done = table.release(held, _released(held, at), at)
        elif held.status == "committed":
            done = table.take_back(held, _released(held, at), at)
        else:
            return
        if done:
            return
    raise BusyError(order_id)


def _released(held: Reservation, at: datetime) -> str:
    released = StockReleased(held.order_id, _lines(held), returned=held.status == "committed")
    return pack(fact(released, held.order_id, held.version + 1, at))


def remind(table: InventoryTable, at: datetime, limit: int = 100) -> int:
    """Ask orders for the decision on reservations past their expiry; return how many were asked for.

    A reservation never ends on inventory's word alone: the order may have been confirmed by a fact that is still on
    its way. The reminder makes orders tell its decision again.
    """
    asked = 0
    for held in table.expired(at, limit):
        again = StockReserved(held.order_id, _lines(held), reminder=True)
        outbox = pack(fact(again, held.order_id, held.version + 1, at))
        asked += table.remind(held, expiry(at), outbox)
    return asked


def _lines(held: Reservation) -> tuple[ReservedLine, ...]:
    return tuple(ReservedLine(sku, quantity) for sku, quantity in held.lines.items())
