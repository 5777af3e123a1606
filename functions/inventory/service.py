"""Inventory's use cases: read, apply one rule, store the result together with its facts. All are safe to repeat."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, assert_never

from msgspec.structs import replace

from functions.inventory.domain import (
    MOST_ACTIONS,
    MOST_MOMENTS,
    Level,
    Listing,
    Movement,
    Plan,
    Reservation,
    Status,
    adjusted,
    availability,
    counted,
    fit_within,
    fitting,
    followed,
    instant,
    listed,
    never_stocked,
    plan,
    policy_of,
    split,
    summed,
)
from functions.inventory.events import (
    OrderCancelled,
    OrderConfirmed,
    OrderedLine,
    OrderPlaced,
    ProductPublished,
    ProductWithdrawn,
    ReservedLine,
    ShortLine,
    StockAvailabilityChanged,
    StockCommitted,
    StockCounted,
    StockLevelChanged,
    StockRejected,
    StockReleased,
    StockReserved,
    StockShardsChanged,
)
from functions.inventory.table import Change, InventoryTable, Move, within_level
from functions.shared import clock
from functions.shared.errors import NotFoundError, PreconditionFailedError
from functions.shared.ids import KEY_KEPT, is_id
from functions.shared.inbox import Fact
from functions.shared.optimistic import TRIES, BusyError, optimistic
from functions.shared.outbox import Told, fact, pack
from functions.shared.types import Data

LEAP = 10
"""Units: the stream's filter passes levels that are so far above what is told in numbers."""


def level(table: InventoryTable, sku: str) -> Level:
    """Return the level of a SKU; raise NotFoundError where it was neither stocked nor published."""
    found = table.level(sku)
    if found is None:
        raise NotFoundError("unknown_sku", f"No stock is kept of {sku}.", parameters={"sku": sku})
    return found


def listed_level(table: InventoryTable, sku: str) -> Level:
    """Return the level of a SKU that is on sale; raise NotFoundError for any other, be it stocked or not."""
    found = table.levels([sku]).get(sku)
    if found is None or not found.listed:
        raise NotFoundError("unknown_sku", f"{sku} is not on sale.", parameters={"sku": sku})
    return found


def reservation(table: InventoryTable, order_id: str, sku: str | None) -> Reservation:
    """Return what an order holds or held; raise NotFoundError where it never asked.

    Parameters
    ----------
    sku
        One of the order's: where it is the only one, what is held may be inside its level.
    """
    found = None
    if is_id("ord", order_id):
        held = table.level(sku) if sku else None
        found = held.holds.get(order_id) if held else None
        found = found or table.reservation(order_id)
    if found is None:
        raise NotFoundError("no_reservation", "That order has no reservation.")
    return found


@optimistic("stock_busy")
def adjust(
    table: InventoryTable, sku: str, delta: int, reason: str, *, adjustment_id: str, by: str, at: datetime
) -> Level | None:
    """Change what is on the shelf by `delta` units and return the new level.

    The first receipt of a SKU creates its level. Safe to repeat with the same `adjustment_id`, as long as an
    Idempotency-Key is kept.

    Raises
    ------
    ConflictError
        Fewer units than are promised would remain.
    """
    before = table.level(sku) or never_stocked(sku)
    if table.moved(adjustment_id, at):
        return before
    after = adjusted(before, delta, instant(at))
    effect = after.on_hand - before.on_hand
    movement = Movement(
        id=adjustment_id,
        time=clock.rfc3339(at),
        delta=effect,
        reason=reason,
        by=by,
        seen=None if effect == delta else delta,
    )
    change = Change(before, after, movement, _level_changed(after, reason, at))
    return after if table.change_level_once(change, adjustment_id, at + KEY_KEPT) else None


@optimistic("stock_busy")
def set_shards(table: InventoryTable, sku: str, shards: int, version: int, at: datetime) -> Level | None:
    """Spread a SKU's level evenly over so many shards and return it; `version` is the level's that was read.

    Raises
    ------
    NotFoundError
        No stock is kept of it.
    PreconditionFailedError
        People have changed the level since.
    """
    before = level(table, sku)
    if before.version != version:
        raise PreconditionFailedError("stock_changed", f"The stock of {sku} was changed; read it again.")
    after = split(before, shards)
    told = StockShardsChanged(sku, shards)
    outbox = pack(fact(told, f"sku_{sku}", after.version, at))
    return after if table.change_levels([Change(before, after, outbox=outbox)]) else None


def on_stock_counted(table: InventoryTable, event: Fact[StockCounted], at: datetime) -> None:
    """Set each SKU's level to what was counted and has moved since, unless a later count is already in.

    A count cannot be of a time after it was told.
    """
    counted_at = min(instant(clock.parse(time)) for time in (event.data.counted_at, event.time))
    for line in event.data.lines:
        _count(table, line.sku, line.on_hand, counted_at, event.id, at)


@optimistic("stock_busy")
def _count(
    table: InventoryTable, sku: str, on_hand: int, counted_at: int, event_id: str, at: datetime
) -> bool:
    before = table.level(sku) or never_stocked(sku)
    after = counted(before, on_hand, counted_at)
    if after is None:
        return True
    change = Change(before, after)
    if after.shares != before.shares or not before.version:
        movement = Movement(
            id=f"{event_id}#{sku}",
            time=clock.rfc3339(at),
            delta=after.on_hand - before.on_hand,
            reason="counted",
            counted=on_hand,
            counted_ms=counted_at,
        )
        change = Change(before, after, movement, _level_changed(after, "counted", at))
    return table.change_levels([change])


def _level_changed(level: Level, reason: str, at: datetime) -> str:
    on_hand, available, owed = max(0, level.on_hand), max(0, level.available), max(0, -level.available)
    changed = StockLevelChanged(level.sku, on_hand, available, reason, level.policy, owed)
    return pack(fact(changed, f"sku_{level.sku}", level.version, at))


def availabilities(table: InventoryTable, skus: Iterable[str], at: datetime) -> list[Told]:
    """Return what is told of what can be had of the SKUs that are on sale.

    Read after the write that is behind it: what is told last has seen all of them.
    """
    levels = table.levels(skus, consistent=True)
    return [_availability(levels[sku], at) for sku in sorted(levels) if levels[sku].listed]


def _availability(level: Level, at: datetime) -> Told:
    told = StockAvailabilityChanged(level.sku, *availability(level), level.version, level.changes)
    return fact(told, f"sku_{level.sku}", instant(at), at)


def on_product_published(table: InventoryTable, event: Fact[ProductPublished], at: datetime) -> None:
    """Take over which SKUs a product sells, and under which policy."""
    policies = {variant.sku: policy_of(variant.stock_policy) for variant in event.data.variants}
    _follow(table, Listing(event.data.product_id, event.aggregate.version, event.time, policies), at)


def on_product_withdrawn(table: InventoryTable, event: Fact[ProductWithdrawn], at: datetime) -> None:
    """Show nobody the SKUs of a product that is not on sale any more; what is ordered of it stays as it was."""
    gone = frozenset(event.data.skus)
    _follow(table, Listing(event.data.product_id, event.aggregate.version, event.time, {}, gone), at)


@optimistic("stock_busy")
def _follow(table: InventoryTable, told: Listing, at: datetime) -> bool:
    """Store what is told of a product where it is news, then have the levels follow what is stored.

    Whatever deliveries do to each other, the levels end as the latest fact says: who has changed one looks at the
    listing again.
    """
    known = table.listing(told.product_id)
    news = followed(known, told)
    if news and not table.note_listing(known, news):
        return False
    latest = news or known
    return latest is not None and _levels_follow(table, latest, at)


def _levels_follow(table: InventoryTable, listing: Listing, at: datetime) -> bool:
    """Return whether every level is as the listing says; False after a change, so that all is looked at again."""
    levels = table.levels(listing.skus, consistent=True)
    changes = []
    for sku in sorted(listing.skus):
        before = levels.get(sku) or never_stocked(sku)
        if after := listed(before, listing):
            is_told = after.policy != before.policy
            changes.append(
                Change(before, after, None, _level_changed(after, "policy", at) if is_told else None)
            )
    for some in _fitting(changes):
        if not table.change_levels(some):
            break
    return not changes


def _fitting(changes: Sequence[Change]) -> Iterable[list[Change]]:
    """Yield the changes in as few transactions as they fit into."""
    some: list[Change] = []
    room = MOST_ACTIONS
    for change in changes:
        size = max(len(change.before.shares), len(change.after.shares))
        if size > room:
            yield some
            some, room = [], MOST_ACTIONS
        some.append(change)
        room -= size
    if some:
        yield some


def on_orders_placed(table: InventoryTable, events: Sequence[Fact[OrderPlaced]], at: datetime) -> list[Told]:
    """Hold all lines of each order or none, and say which; orders answered before are answered again.

    The orders share one read and one write of each level: where many want the same SKU, that item is the narrow place.
    """
    told_by = {event.data.order_id: event for event in events}
    waiting, answers = dict(told_by), dict[str, Reservation | None]()
    start = zlib.crc32(next(iter(waiting)).encode())
    tries = 0
    sure = False
    while waiting:
        asked = {order_id: _wanted(event.data) for order_id, event in waiting.items()}
        only = {order_id: next(iter(lines)) for order_id, lines in asked.items() if len(lines) == 1}
        # A look that may be a moment old is cheap, and a write that relies on it fails where it was wrong. Nothing
        # would tell of a rejection that was, so it needs a second look.
        skus = {sku for lines in asked.values() for sku in lines}
        levels, records = table.look(skus, () if sure else only, consistent=sure)
        for each in levels.values():
            if any(len(memory.moments) > MOST_MOMENTS for memory in each.memories):
                table.thin(each)
        held = _holds(only, levels)
        new = {order_id: lines for order_id, lines in asked.items() if order_id not in {*records, *held}}
        planned = plan(new, levels, start + tries)
        within = {
            sku: [within_level(_reserved(waiting[each].data, planned.held[each], at)) for each in some]
            for sku, some in fit_within(planned, levels).items()
        }
        done = {sku: some for sku, some in within.items() if table.hold(levels[sku], some)}
        held |= {each.order_id: each for some in done.values() for each in some}
        answers |= {**dict.fromkeys(records), **_standing(table, held)}
        rest = planned.without({each.order_id for some in within.values() for each in some})
        sure = sure and len(done) == len(within)
        answers |= _answered(table, waiting, rest, levels, at, sure=sure)
        for order_id in asked.keys() & answers.keys():
            del waiting[order_id]
        sure = True
        tries += len(waiting) == len(asked)
        if tries == TRIES:
            raise BusyError("stock_busy")
    every = _said_before(table, told_by, [one for one, answer in answers.items() if answer is None])
    every += [answer for answer in answers.values() if answer]
    no = {answer.order_id for answer in every if answer.status == "rejected"}
    return [
        told
        for answer in every
        for told in _vote(told_by[answer.order_id], answer, at, goes_on=answer.order_id not in no)
    ]


def _said_before(
    table: InventoryTable, told_by: Mapping[str, Fact[OrderPlaced]], order_ids: Collection[str]
) -> list[Reservation]:
    """Return what orders were answered before; a rejection, and the hold beside it where there is one.

    orders hears of both then: it takes the first for the answer, and has the other ended. A hold beside any other
    record counts for nothing: whoever put it there has died before seeing the record.
    """
    if not order_ids:
        return []
    skus = {one: sku for one in order_ids if (sku := _only_sku(told_by[one].data.lines))}
    levels, records = table.look(skus.values(), order_ids, consistent=True)
    beside = []
    for order_id, held in _holds(skus, levels).items():
        if records[order_id].status == "rejected":
            beside.append(held)
        else:
            table.undo(held)
    return [*records.values(), *beside]


def _standing(table: InventoryTable, held: Mapping[str, Reservation]) -> dict[str, Reservation | None]:
    """Return what counts of orders that levels hold something for, as sure as can be; None where there is a record.

    Whoever ends an order, or answers it otherwise, writes its record and looks at its level; whoever holds it there
    looks for a record after that. So one of the two sees the other.
    """
    records = table.reservations(held) if held else {}
    for order_id, record in records.items():
        if record.status != "rejected":
            table.undo(held[order_id])
    return {**held, **dict.fromkeys(records)}


def _answered(
    table: InventoryTable,
    waiting: Mapping[str, Fact[OrderPlaced]],
    planned: Plan,
    levels: Mapping[str, Level],
    at: datetime,
    *,
    sure: bool,
) -> dict[str, Reservation | None]:
    """Store the answers as planned, rejections only where that is sure; return them, None for those answered before."""
    held = [_reserved(waiting[order_id].data, drawn, at) for order_id, drawn in planned.held.items()]
    backorders = {sku for sku, each in levels.items() if each.policy == "backorder"}
    before = table.reserve(held, backorders) if held else None
    if before is not None:
        return dict.fromkeys(before)
    no = [_rejected(waiting[order_id].data, short, at) for order_id, short in planned.short.items() if sure]
    rejected = {each.order_id: each if table.store_unheld(each) else None for each in no}
    return {**{each.order_id: each for each in held}, **rejected}


def _wanted(order: OrderPlaced) -> dict[str, int]:
    return summed((line.sku, line.quantity) for line in order.lines)


def _reserved(order: OrderPlaced, drawn: dict[str, dict[int, int]], at: datetime) -> Reservation:
    times = {"reserved": clock.rfc3339(at)}
    return Reservation(order.order_id, "reserved", _wanted(order), 1, drawn, times=times)


def _rejected(order: OrderPlaced, available: Mapping[str, int], at: datetime) -> Reservation:
    wanted = _wanted(order)
    short = {sku: (wanted[sku], left) for sku, left in available.items()}
    times = {"rejected": clock.rfc3339(at)}
    return Reservation(order.order_id, "rejected", {}, 1, short=short, times=times)


def _vote(event: Fact[OrderPlaced], held: Reservation, at: datetime, *, goes_on: bool = True) -> list[Told]:
    """Return what is told of an order's placing, whatever became of it since; nothing where it was off before."""
    if held.status == "refused":
        return []
    event.begin()
    if held.status == "rejected":
        short = tuple(ShortLine(sku, asked, left) for sku, (asked, left) in sorted(held.short.items()))
        return [replace(_told(held, StockRejected(held.order_id, short), "rejected", 1, at), goes_on=False)]
    told = _told(held, StockReserved(held.order_id, _lines(held)), "reserved", 1, at)
    return [replace(told, goes_on=goes_on and held.status == "reserved")]


def _told(held: Reservation, data: Data, status: Status, version: int, at: datetime) -> Told:
    time = held.times.get(status)
    return fact(data, held.order_id, version, clock.parse(time) if time else at)


def on_orders_confirmed(
    table: InventoryTable, events: Sequence[Fact[OrderConfirmed]], at: datetime
) -> list[Told]:
    """Take what the orders hold off the shelf."""
    return _end(table, events, {"reserved": "committed"}, at)


def on_orders_cancelled(
    table: InventoryTable, events: Sequence[Fact[OrderCancelled]], at: datetime
) -> list[Told]:
    """Give back what the orders hold or held; leave a tombstone where an OrderPlaced is still to come."""
    told = _end(table, events, {None: "refused", "reserved": "released", "committed": "returned"}, at)
    # What comes back in large numbers may leave the range that the stream looks at (infra/inventory.yaml) in one leap:
    # orders of one batch share a write.
    back = Counter[str]()
    for event in events:
        back.update({line.sku: line.quantity for line in event.data.lines})
    many = {sku for sku, units in back.items() if units > LEAP}
    return [*told, *(availabilities(table, many, clock.now()) if many else ())]


def _end(
    table: InventoryTable, events: Sequence[Fact[Any]], ends: Mapping[Status | None, Status], at: datetime
) -> list[Told]:
    """Move the orders' reservations to their ends, by status (None: it has none); tell of those that are there."""
    told_by = {event.data.order_id: event for event in events}
    waiting, ended = dict(told_by), dict[str, Reservation]()
    tries = 0
    while waiting:
        asked = list(waiting)
        found, levels = _found(table, waiting)
        held = fitting([found[each] for each in asked if each in found and found[each].status in ends])
        times = {order_id: instant(clock.parse(event.time)) for order_id, event in waiting.items()}
        moves = [Move(one, ends[one.status], times[one.order_id]) for one in held]
        if moves and table.move(moves, at, levels) is None:
            ended |= {move.before.order_id: move.made(at) for move in moves}
        ended |= {order_id: one for order_id, one in found.items() if one.status not in ends}
        none = [order_id for order_id in asked if order_id not in found]
        # An order may be held in its level between the look and the tombstone: there is a second look after it.
        stored = [order_id for order_id in none if None in ends and _store_tombstone(table, order_id, at)]
        again = [order_id for order_id in stored if _only_sku(waiting[order_id].data.lines)]
        done = {*ended, *(none if None not in ends else stored)} - {*again}
        for order_id in done & waiting.keys():
            del waiting[order_id]
        tries += len(waiting) == len(asked)
        if tries == TRIES:
            raise BusyError("stock_busy")
    mine = set(ends.values())
    return [told for order_id, one in ended.items() for told in _endings(told_by[order_id], one, mine, at)]


def _only_sku(lines: Iterable[OrderedLine]) -> str | None:
    """Return the SKU of an order that is of one only: such orders are held in its level."""
    skus = {line.sku for line in lines}
    return skus.pop() if len(skus) == 1 else None


def _found(
    table: InventoryTable, waiting: Mapping[str, Fact[Any]]
) -> tuple[dict[str, Reservation], dict[str, Level]]:
    """Return the reservations of orders, and the levels that some may be in; undo the holds that count for nothing."""
    skus = {order_id: sku for order_id, event in waiting.items() if (sku := _only_sku(event.data.lines))}
    levels, records = table.look(skus.values(), waiting, consistent=True)
    holds = _holds(skus, levels)
    for order_id, held in holds.items():
        if order_id in records and records[order_id].status != "rejected":
            table.undo(held)
        else:
            records[order_id] = held
    return records, levels


def _holds(skus: Mapping[str, str], levels: Mapping[str, Level]) -> dict[str, Reservation]:
    """Return what the levels hold for orders of one SKU each."""
    return {
        order_id: levels[sku].holds[order_id]
        for order_id, sku in skus.items()
        if sku in levels and order_id in levels[sku].holds
    }


def _store_tombstone(table: InventoryTable, order_id: str, at: datetime) -> bool:
    times = {"refused": clock.rfc3339(at)}
    return table.store_unheld(Reservation(order_id, "refused", {}, 1, times=times))


def _endings(event: Fact[Any], held: Reservation, mine: Collection[Status], at: datetime) -> list[Told]:
    """Return what is told of how a reservation has ended so far, of the ends that the event leads to.

    orders goes on telling its decision until it hears of that, so also where nothing was held before the order was off.
    """
    event.begin()
    committed, released = (
        StockCommitted(held.order_id, _lines(held)),
        StockReleased(held.order_id, _lines(held)),
    )
    steps: list[tuple[Status, Data, int]] = []
    match held.status:
        case "committed":
            steps = [("committed", committed, held.version)]
        case "released":
            steps = [("released", released, held.version)]
        case "returned":
            returned = replace(released, returned=True)
            steps = [("committed", committed, held.version - 1), ("returned", returned, held.version)]
        case "refused":
            steps = [("refused", released, held.version)]
        case "reserved" | "rejected":
            pass
        case _:
            assert_never(held.status)
    return [_told(held, data, status, version, at) for status, data, version in steps if status in mine]


def _lines(held: Reservation) -> tuple[ReservedLine, ...]:
    return tuple(ReservedLine(sku, quantity) for sku, quantity in sorted(held.lines.items()))
