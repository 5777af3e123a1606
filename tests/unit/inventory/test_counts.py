"""A count is true of its time: with late counts and late movements in any order, the level ends as the rule says."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from functions.inventory import service
from functions.inventory.domain import (
    MOST_MOMENTS,
    Level,
    Memory,
    Share,
    Status,
    adjusted,
    counted,
    gain,
    has_seen,
    instant,
    never_stocked,
    split,
    summed,
    thinned,
)
from functions.inventory.table import InventoryTable
from functions.shared.errors import ConflictError
from tests.unit.inventory.conftest import NOW, cancelled, confirmed, kept, placed
from tests.unit.inventory.conftest import counted as stock_counted

SECOND = 1000


class Count(NamedTuple):
    """Somebody counted so many units."""

    at: int
    units: int


class Adjust(NamedTuple):
    """Somebody received units."""

    at: int
    units: int


class End(NamedTuple):
    """An order for two units becomes so; in its order's turn."""

    at: int
    order: str
    after: Status


Event = Count | Adjust | End
UNITS = 2


def ended(level: Level, after: Status, at: int, units: int = UNITS) -> Level:
    """Return the level after a reservation of its units has become so: what the table's writes amount to."""
    gained = gain(after, units, seen=has_seen(level.counted_at, at))
    (share,), (memory,) = level.shares, level.memories or (Memory(),)
    moments = memory.moments
    if gained.on_hand:
        moments = summed([*moments.items(), (at // SECOND, gained.on_hand)])
    after_it = Share(share.on_hand + gained.on_hand, share.available + gained.available)
    return replace(level, shares=(after_it,), memories=(Memory(memory.changes + 1, moments),))


def arrived(level: Level, event: Event) -> Level:
    match event:
        case Count():
            return counted(level, event.units, event.at) or level
        case Adjust():
            return adjusted(level, event.units, event.at)
        case End():
            return ended(level, event.after, event.at)


def by_the_rule(events: Sequence[Event], orders: int) -> tuple[int, int]:
    """Return on hand and available as the rule says of what has arrived, in whatever order it has."""
    last = max((event for event in events if isinstance(event, Count)), default=Count(0, 0))
    on_hand = last.units
    reserved = orders * UNITS
    for event in events:
        if isinstance(event, End):
            reserved -= UNITS if event.after in ("committed", "released") else 0
        if not isinstance(event, Count) and event.at // SECOND >= last.at // SECOND:
            on_hand += moved(event)
    return on_hand, on_hand - reserved


def moved(event: Adjust | End) -> int:
    if isinstance(event, Adjust):
        return event.units
    return {"committed": -UNITS, "returned": UNITS}.get(event.after, 0)


def worlds(times: Sequence[int]) -> Iterator[tuple[Event, ...]]:
    """Yield two counts and what may move around them, at all those times."""
    for one, two, three, four in itertools.product(times, repeat=4):
        yield (
            Count(2 * SECOND + 300, 9),
            Count(5 * SECOND + 700, 7),
            Adjust(one, 4),
            End(two, "a", "committed"),
            End(three, "b", "committed"),
            End(four, "b", "returned"),
        )


@pytest.mark.parametrize(
    "times",
    [
        (1 * SECOND, 3 * SECOND, 6 * SECOND),  # before, between and after the counts
        (2 * SECOND, 2 * SECOND + 999, 5 * SECOND + 100),  # in their very seconds
    ],
)
def test_whatever_arrives_when_a_level_is_the_last_count_and_what_has_moved_since(
    times: Sequence[int],
) -> None:
    for events in worlds(times):
        opened = replace(never_stocked("MUG"), shares=(Share(0, -2 * UNITS),), version=1)
        walk(opened, (), events)


def walk(level: Level, before: tuple[Event, ...], waiting: tuple[Event, ...]) -> None:
    """Have what waits arrive in every order there is; an order comes back only after it has left."""
    for event in waiting:
        if (
            isinstance(event, End)
            and event.after == "returned"
            and End(0, "b", "committed")[1:] not in {one[1:] for one in before if isinstance(one, End)}
        ):
            continue
        after, events = arrived(level, event), (*before, event)
        assert (after.on_hand, after.available) == by_the_rule(events, 2), events
        walk(after, events, tuple(one for one in waiting if one is not event))


def test_a_count_that_changes_nothing_is_still_the_last() -> None:
    level = counted(never_stocked("MUG"), 10, 2 * SECOND)
    assert level
    same = counted(level, 10, 5 * SECOND)
    assert same
    assert counted(same, 3, 4 * SECOND) is None


def test_a_count_below_what_is_promised_sells_nothing_until_that_is_made_up() -> None:
    level = Level("MUG", (Share(6, 3), Share(4, 1)), 1)
    short = counted(level, 5, SECOND)
    assert short
    assert short.shares == (Share(5, -1),)  # in one place: shards would not know of each other's debts
    with pytest.raises(ConflictError):
        split(short, 2)
    assert split(adjusted(short, 3, 9 * SECOND), 2).shares == (Share(4, 1), Share(4, 1))


def test_a_write_off_of_what_is_promised_is_refused_and_a_receipt_of_less_than_is_owed_is_not() -> None:
    short = counted(Level("MUG", (Share(6, 0),), 1), 2, SECOND)
    assert short
    assert adjusted(short, 1, 9 * SECOND).available == -3
    with pytest.raises(ConflictError):
        adjusted(short, -1, 9 * SECOND)


@pytest.mark.parametrize("seed", range(40))
def test_what_is_taken_together_never_makes_a_count_too_high(seed: int) -> None:
    random = Random(seed)
    moments = {second: random.choice([-3, -1, -1, 2]) for second in random.sample(range(500), 60)}
    thin = thinned(moments)
    while len(again := thinned(thin)) < len(thin):
        thin = again
    assert len(thin) <= 2
    assert sum(thin.values()) == sum(moments.values())
    for second in range(-1, 501):
        exact = sum(units for at, units in moments.items() if at >= second)
        assert sum(units for at, units in thin.items() if at >= second) <= exact


def test_what_is_promised_and_not_there_is_told(stocked: Any, deliver: Any, told: Any) -> None:
    stocked(MUG=5)
    deliver(placed(MUG=4), stock_counted("2026-11-22T17:06:00.000Z", MUG=1))
    ((_, data),) = [fact for fact in told() if fact[0] == "StockLevelChanged"]
    assert data == {"sku": "MUG", "onHand": 1, "available": 0, "reason": "counted", "owed": 3}


# --- as it arrives ---------------------------------------------------------------------------------------------------


def test_units_that_were_sold_since_a_count_are_not_for_sale_again(
    stocked: Any, deliver: Any, level: Any
) -> None:
    stocked(MUG=10)
    deliver(placed(MUG=3), confirmed(at="2026-11-22T17:07:00.000Z"))
    deliver(stock_counted("2026-11-22T17:06:00.000Z", MUG=10))
    assert level("MUG") == (7, 7)


def test_a_sale_that_is_heard_of_after_a_count_that_saw_it_does_not_take_the_units_twice(
    stocked: Any, deliver: Any, level: Any, table: InventoryTable
) -> None:
    stocked(MUG=10)
    deliver(placed(MUG=3), stock_counted("2026-11-22T17:08:00.000Z", MUG=7))
    assert level("MUG") == (7, 4)
    assert deliver(confirmed(at="2026-11-22T17:07:00.000Z")) == []
    assert level("MUG") == (7, 7)
    held = kept(table, placed()["detail"]["data"]["orderId"])
    assert held
    assert held.seen == {"committed": ["MUG"]}


TELL = {
    "count": stock_counted("2026-11-22T17:08:00.000Z", MUG=6, POT=2),
    "older count": stock_counted("2026-11-22T17:05:30.000Z", MUG=9, POT=2),
    "sold before": confirmed("ord_a", "2026-11-22T17:07:00.000Z"),
    "sold after": confirmed("ord_b", "2026-11-22T17:09:00.000Z"),
}


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("order", list(itertools.permutations(TELL)), ids=", ".join)
def test_counts_and_sales_end_alike_in_every_order(
    order: tuple[str, ...], shards: int, stocked: Any, deliver: Any, level: Any, table: InventoryTable
) -> None:
    stocked(MUG=10, POT=10)
    if shards > 1:
        service.set_shards(table, "MUG", shards, 1, NOW)
    deliver(placed("ord_a", MUG=2, POT=1), placed("ord_b", MUG=1))
    for name in order:
        assert deliver(TELL[name], TELL[name]) == []
    assert (level("MUG"), level("POT")) == ((5, 5), (2, 2))


def test_goods_that_came_back_before_a_count_are_in_it_and_after_it_are_not(
    stocked: Any, deliver: Any, level: Any, table: InventoryTable
) -> None:
    stocked(MUG=10)
    deliver(placed("ord_a", MUG=2), placed("ord_b", MUG=3))
    deliver(confirmed("ord_a", "2026-11-22T17:06:00.000Z"), confirmed("ord_b", "2026-11-22T17:06:00.000Z"))
    deliver(stock_counted("2026-11-22T17:08:00.000Z", MUG=7))
    deliver(cancelled("ord_a", "2026-11-22T17:07:00.000Z"), cancelled("ord_b", "2026-11-22T17:09:00.000Z"))
    assert level("MUG") == (10, 10)
    held = kept(table, "ord_a")
    assert held
    assert held.seen == {"returned": ["MUG"]}


def test_a_count_is_not_of_a_time_after_it_was_told(stocked: Any, deliver: Any, level: Any) -> None:
    stocked(MUG=10)
    deliver(placed(MUG=3))
    early = stock_counted("2026-11-22T17:06:00.000Z", MUG=8)
    early["detail"]["data"]["countedAt"] = "2027-11-22T17:06:00.000Z"
    deliver(early, confirmed(at="2026-11-22T17:07:00.000Z"))
    assert level("MUG") == (5, 5)


def test_the_ledger_says_what_a_count_found_and_what_it_changed(
    stocked: Any, deliver: Any, table: InventoryTable
) -> None:
    stocked(MUG=10)
    deliver(placed(MUG=3), confirmed(at="2026-11-22T17:07:00.000Z"))
    deliver(stock_counted("2026-11-22T17:06:00.000Z", MUG=9))
    movements, _ = table.movements("MUG", 10, None)
    assert [(one.delta, one.counted) for one in movements if one.reason == "counted"] == [(-1, 9)]


def test_a_receipt_made_before_a_count_that_is_in_already_is_told_as_seen(
    stocked: Any, deliver: Any, level: Any, table: InventoryTable
) -> None:
    stocked(MUG=10)
    deliver(stock_counted("2026-11-22T17:06:00.000Z", MUG=12))
    service.adjust(table, "MUG", 2, "received", adjustment_id="late", by="cus_admin", at=NOW)
    assert level("MUG") == (12, 12)
    movements, _ = table.movements("MUG", 10, None)
    assert [(one.delta, one.seen) for one in movements if one.seen is not None] == [(0, 2)]


def test_a_level_remembers_no_more_moments_than_it_needs(
    stocked: Any, deliver: Any, level: Any, table: InventoryTable
) -> None:
    stocked(MUG=500)
    for number in range(MOST_MOMENTS + 5):
        minute, second = divmod(number, 60)
        at = f"2026-11-22T17:{10 + minute:02d}:{second:02d}.000Z"
        deliver(placed(f"ord_{number}", MUG=1), confirmed(f"ord_{number}", at))
    found = service.level(table, "MUG")
    assert len(found.moments) <= MOST_MOMENTS
    assert sum(found.moments.values()) == 500 - (MOST_MOMENTS + 5)
    deliver(stock_counted("2026-11-22T17:10:50.000Z", MUG=100))
    assert level("MUG") == (97, 97)  # three went in and after that second


def test_the_time_of_a_level_is_in_milliseconds() -> None:
    assert instant(NOW) == 1795367110000
