"""An order of one SKU is held inside its level: what stands there, what keeps it, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from functions.inventory import service
from functions.inventory.app import app
from functions.inventory.domain import MOST_HOLDS, Reservation
from functions.inventory.events import OrderPlaced
from functions.inventory.table import InventoryTable
from functions.shared import aws, clock, inbox
from tests.unit.inventory.conftest import NOW, ORDER, cancelled, confirmed, counted, kept, placed, published


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
    units, reserved = stored[f"h_{ORDER}"].split()
    assert (units, stored["available"], stored["on_hand"]) == ("2", 3, 5)
    assert table.reservation(ORDER) is None
    held = kept(table, ORDER)
    assert held
    assert (held.lines, held.places, held.hold) == ({"MUG": 2}, {("MUG", 0): 2}, stored[f"h_{ORDER}"])
    assert int(reserved) % 1000 == int(clock.parse(held.times["reserved"]).microsecond / 1000)


@pytest.mark.parametrize(("end", "status"), [(confirmed, "committed"), (cancelled, "released")])
def test_its_end_leaves_a_record_and_nothing_in_the_level(
    end: Any, status: str, stocked: Any, deliver: Any, item: Any, table: InventoryTable
) -> None:
    stocked(MUG=5)
    deliver(placed(MUG=2))
    deliver(end())
    assert f"h_{ORDER}" not in item()
    record = table.reservation(ORDER)
    assert record
    assert (record.status, record.version, record.lines, record.hold) == (status, 2, {"MUG": 2}, "")
    assert record.times.keys() == {"reserved", status}


def test_what_people_change_leaves_holds_as_they_are(
    stocked: Any, deliver: Any, level: Any, item: Any, table: InventoryTable
) -> None:
    stocked(MUG=5)
    deliver(placed(MUG=2))
    before = item()[f"h_{ORDER}"]
    service.adjust(table, "MUG", 3, "found", adjustment_id="a", by="cus_admin", at=NOW)
    deliver(counted(MUG=9), published(MUG="backorder"))
    service.set_shards(table, "MUG", 3, service.level(table, "MUG").version, NOW)
    assert item()[f"h_{ORDER}"] == before
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
    old = Reservation(ORDER, "reserved", {"MUG": 2}, 1, times=times)
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
    deliver(confirmed())
    assert level("MUG") == (3, 3)


def test_staff_see_what_a_level_holds(stocked: Any, deliver: Any, call: Any) -> None:
    stocked(MUG=5)
    deliver(placed(MUG=2))
    asked = {"path": {"orderId": ORDER}, "subject": "cus_staff", "roles": "staff"}
    path = "/inventory/reservations/{orderId}"
    answer = call(app, "GET", path, query={"sku": "MUG"}, **asked)
    assert (answer.status, answer.body) == (
        200,
        {"orderId": ORDER, "status": "reserved", "lines": {"MUG": 2}},
    )
    without, of_another, of_none = (
        call(app, "GET", path, query=query, **asked) for query in (None, {"sku": "POT"}, {"sku": "!"})
    )
    assert (without.status, of_another.status, of_none.status) == (404, 404, 400)
    deliver(confirmed())
    assert call(app, "GET", path, **asked).body["status"] == "committed"


@pytest.mark.parametrize(("end", "left"), [(confirmed, (3, 3)), (cancelled, (5, 5))])
def test_a_hold_of_before_reads_and_ends_as_ever(
    end: Any, left: tuple[int, int], stocked: Any, deliver: Any, level: Any, table: InventoryTable
) -> None:
    stocked(MUG=5)
    deliver(placed("ord_new", MUG=2), cancelled("ord_new"))
    text = "2 3 1795367110000 1795367529123"
    values = {":hold": text, ":two": 2}
    place = {"pk": "SKU#MUG", "sk": "LEVEL"}
    table.update(place, f"SET h_{ORDER} = :hold, available = available - :two", values)
    held = kept(table, ORDER)
    assert held
    assert (held.lines, held.version, held.times) == ({"MUG": 2}, 3, {"reserved": "2026-11-22T17:05:10.000Z"})
    deliver(placed(MUG=2), end())
    assert level("MUG") == left


def test_an_order_whose_stock_was_let_go_goes_to_nobody_else(
    stocked: Any, deliver: Any, table: InventoryTable
) -> None:
    stocked(MUG=1)
    deliver(placed(MUG=1))
    _, again, _ = inbox.read(json.dumps(placed(MUG=1)), {OrderPlaced: print})
    before = service.on_orders_placed(table, [again], NOW)
    deliver(cancelled())
    after = service.on_orders_placed(table, [again], NOW)
    assert [one.goes_on for one in (*before, *after)] == [True, False]


def test_a_hold_that_was_left_beside_an_ended_record_is_given_back(
    stocked: Any, deliver: Any, level: Any, table: InventoryTable
) -> None:
    stocked(MUG=3)
    deliver(placed(MUG=2), cancelled())
    values = {":hold": "2 1795367110000", ":two": 2}
    table.update(
        {"pk": "SKU#MUG", "sk": "LEVEL"}, f"SET h_{ORDER} = :hold, available = available - :two", values
    )
    looks = []

    def as_it_was(parsed: Any, **_: Any) -> None:
        if not looks:  # a read that is not consistent may miss what was written last
            for item in parsed["Responses"][table.name]:
                item.pop(f"h_{ORDER}", None)
        looks.append(parsed)

    events = aws.dynamodb().meta.events
    events.register("after-call.dynamodb.BatchGetItem", as_it_was)
    deliver(placed(MUG=2))
    events.unregister("after-call.dynamodb.BatchGetItem", as_it_was)
    assert level("MUG") == (3, 3)


def test_an_order_that_is_held_beside_its_rejection_is_answered_both_ways(
    stocked: Any, deliver: Any, level: Any, told: Any, table: InventoryTable
) -> None:
    stocked(MUG=1)
    deliver(placed(MUG=2))
    values = {":hold": "1 1795367110000", ":one": 1}
    table.update(
        {"pk": "SKU#MUG", "sk": "LEVEL"}, f"SET h_{ORDER} = :hold, available = available - :one", values
    )
    deliver(placed(MUG=2))
    assert {kind for kind, _ in told()} == {"StockLevelChanged", "StockRejected", "StockReserved"}
    _, again, _ = inbox.read(json.dumps(placed(MUG=2)), {OrderPlaced: print})
    answers = service.on_orders_placed(table, [again], NOW)
    assert [one.goes_on for one in answers] == [False, False]
    deliver(cancelled())
    assert level("MUG") == (1, 1)
