"""An order of one SKU is held inside its level: what stands there, what keeps it, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from functions.inventory import service
from functions.inventory.app import app
from functions.inventory.domain import ASK_AGAIN, MOST_HOLDS, Reservation
from functions.inventory.table import InventoryTable
from functions.shared import clock
from tests.unit.inventory.conftest import NOW, ORDER, cancelled, confirmed, counted, kept, placed, published

DECIDE_BY = clock.parse("2026-11-22T17:07:09.123Z")


@pytest.fixture
def item(table: InventoryTable) -> Callable[[], dict[str, Any]]:
    """Return a function that returns the item of MUG's level."""
    return lambda: table.get({"pk": "SKU#MUG", "sk": "LEVEL"}) or {}


def test_a_hold_is_stored_in_the_level_and_nowhere_else(
    stocked: Any, deliver: Any, item: Any, table: InventoryTable
) -> None:
    stocked(MUG=5)
    deliver(placed(MUG=2))
    stored = item()
    units, version, reserved, expires = stored[f"h_{ORDER}"].split()
    assert (units, version, int(expires)) == ("2", "1", 1795367529123)
    assert (stored["available"], stored["on_hand"], stored["open_at"]) == (3, 5, "2026-11-22T17:12:09.123Z")
    assert table.reservation(ORDER) is None
    held = kept(table, ORDER)
    assert held
    assert (held.lines, held.places, held.within) == ({"MUG": 2}, {("MUG", 0): 2}, True)
    assert int(reserved) % 1000 == int(clock.parse(held.times["reserved"]).microsecond / 1000)


@pytest.mark.parametrize(("end", "status"), [(confirmed, "committed"), (cancelled, "released")])
def test_its_end_leaves_a_record_and_a_level_that_is_open_no_more(
    end: Any, status: str, stocked: Any, deliver: Any, item: Any, table: InventoryTable
) -> None:
    stocked(MUG=5)
    deliver(placed(MUG=2))
    deliver(end())
    assert not {"open_at", "open_shard", f"h_{ORDER}"} & item().keys()
    record = table.reservation(ORDER)
    assert record
    assert (record.status, record.version, record.lines, record.within) == (status, 2, {"MUG": 2}, False)
    assert record.times.keys() == {"reserved", status}


def test_the_end_of_one_of_two_leaves_the_level_open(stocked: Any, deliver: Any, item: Any) -> None:
    stocked(MUG=5)
    deliver(placed("ord_a", MUG=2), placed("ord_b", MUG=1))
    deliver(confirmed("ord_a"))
    assert {"open_at", "h_ord_b"} <= item().keys()
    deliver(confirmed("ord_b"))
    assert "open_at" not in item()


def test_what_people_change_leaves_holds_as_they_are(
    stocked: Any, deliver: Any, level: Any, item: Any, table: InventoryTable
) -> None:
    stocked(MUG=5)
    deliver(placed(MUG=2))
    before = item()[f"h_{ORDER}"]
    service.adjust(table, "MUG", 3, "found", adjustment_id="a", by="cus_admin", at=NOW)
    deliver(counted(MUG=9), published(MUG="backorder"))
    service.set_shards(table, "MUG", 3, service.level(table, "MUG").version, NOW)
    assert (item()[f"h_{ORDER}"], "open_at" in item()) == (before, True)
    assert level("MUG") == (9, 7)
    deliver(confirmed())
    assert level("MUG") == (7, 7)


def test_an_adjustment_that_has_not_seen_a_hold_is_tried_again(
    stocked: Any, deliver: Any, table: InventoryTable
) -> None:
    stocked(MUG=5)
    deliver(placed("ord_a", MUG=1))
    read = service.level(table, "MUG")
    deliver(cancelled("ord_a"), placed("ord_b", MUG=1))
    now = service.level(table, "MUG")
    assert read.shares == now.shares  # as many units, of another order
    assert read.memories != now.memories


def test_a_level_holds_so_many_and_the_others_have_a_record(
    stocked: Any, deliver: Any, level: Any, item: Any, table: InventoryTable
) -> None:
    stocked(MUG=99)
    numbers = range(MOST_HOLDS + 5)
    for number in numbers:
        deliver(placed(f"ord_{number}", MUG=1))
    assert sum(name.startswith("h_") for name in item()) == MOST_HOLDS
    assert len([number for number in numbers if table.reservation(f"ord_{number}")]) == 5
    deliver(*[confirmed(f"ord_{number}") for number in numbers])
    assert level("MUG") == (99 - len(numbers), 99 - len(numbers))


def test_orders_of_several_skus_of_split_levels_and_untracked_ones_have_a_record(
    stocked: Any, deliver: Any, table: InventoryTable
) -> None:
    stocked(MUG=5, POT=5, PEN=5)
    service.set_shards(table, "POT", 2, service.level(table, "POT").version, NOW)
    deliver(published(PEN="untracked"))
    deliver(placed("ord_a", MUG=1, PEN=1), placed("ord_b", POT=1), placed("ord_c", PEN=1))
    assert all(table.reservation(order_id) for order_id in ("ord_a", "ord_b", "ord_c"))


@pytest.mark.parametrize(("end", "left"), [(confirmed, (3, 3)), (cancelled, (5, 5))])
def test_a_record_of_before_this_way_ends_as_ever(
    end: Any, left: tuple[int, int], stocked: Any, deliver: Any, level: Any, table: InventoryTable
) -> None:
    stocked(MUG=5)
    times = {"reserved": "2026-11-22T17:05:10.000Z"}
    old = Reservation(ORDER, "reserved", {"MUG": 2}, 1, "2026-11-22T17:12:09.123Z", times=times)
    assert table.reserve([old], ()) is None
    deliver(placed(MUG=2), end())
    assert level("MUG") == left


def test_a_decision_of_before_it_named_its_lines_ends_the_hold_when_it_is_told_again(
    stocked: Any, deliver: Any, level: Any, table: InventoryTable
) -> None:
    stocked(MUG=5)
    bare = confirmed()
    del bare["detail"]["data"]["lines"]
    deliver(placed(MUG=2), bare)
    assert level("MUG") == (5, 3)
    assert service.remind(table, DECIDE_BY + ASK_AGAIN) == 1
    deliver(confirmed())
    assert level("MUG") == (3, 3)


def test_staff_see_what_a_level_holds(stocked: Any, deliver: Any, call: Any) -> None:
    stocked(MUG=5)
    deliver(placed(MUG=2))
    asked = {"path": {"orderId": ORDER}, "subject": "cus_staff", "roles": "staff"}
    answer = call(app, "GET", "/inventory/reservations/{orderId}", **asked)
    assert (answer.status, answer.body) == (
        200,
        {"orderId": ORDER, "status": "reserved", "lines": {"MUG": 2}},
    )


def test_a_level_is_looked_into_until_it_holds_nothing(
    stocked: Any, deliver: Any, item: Any, table: InventoryTable
) -> None:
    stocked(MUG=5)
    later = clock.rfc3339(DECIDE_BY + timedelta(minutes=3))
    deliver(placed("ord_a", MUG=1), placed("ord_b", later, MUG=1))
    assert service.remind(table, DECIDE_BY + ASK_AGAIN) == 1  # ord_b waits three minutes more
    assert item()["open_at"] == clock.rfc3339(DECIDE_BY + timedelta(minutes=3) + ASK_AGAIN)
    assert service.remind(table, DECIDE_BY + 3 * ASK_AGAIN) == 2
