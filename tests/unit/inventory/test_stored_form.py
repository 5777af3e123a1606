"""The form in which stock is stored: two versions of the code read and write it during a deploy."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from functions.inventory import service
from functions.inventory.domain import Level, Listing, Memory, Reservation, Share
from functions.inventory.table import Change, InventoryTable, Move

AT = datetime(2026, 11, 22, 17, 5, 9, 123000, tzinfo=UTC)
TIME = "2026-11-22T17:05:09.123Z"


def keys(pk: str, sk: str) -> dict[str, str]:
    return {"pk": pk, "sk": sk}


def test_a_reservation_is_stored_in_the_form_that_all_versions_read(
    table: InventoryTable, stored: Any
) -> None:
    level = Level("MUG", (Share(5, 5), Share(5, 5)), 1)
    assert table.change_levels([Change(Level("MUG", (Share(0, 0),), 0), level)])
    drawn = {"MUG": {0: 2, 1: 1}, "POT": {0: 1}}
    times = {"reserved": TIME}
    held = Reservation("ord_1", "reserved", {"MUG": 3}, 1, {"MUG": drawn["MUG"]}, times=times)
    assert table.reserve([held], ()) is None
    assert stored(table)[0] == {
        **keys("ORDER#ord_1", "RESERVATION"),
        "order_id": "ord_1",
        "status": "reserved",
        "lines": {"MUG": 3},
        "version": 1,
        "drawn": {"MUG": {"0": 2, "1": 1}},
        "reserved_at": TIME,
    }
    assert table.reservation("ord_1") == held
    assert table.move([Move(held, "committed", 1_795_367_109_123)], AT) is None
    ended = Move(held, "committed", 1_795_367_109_123).made(AT)
    assert table.reservation("ord_1") == ended
    assert (ended.version, ended.times) == (2, {"reserved": TIME, "committed": TIME})


def test_what_is_of_the_first_shard_takes_no_room_in_a_reservation(
    table: InventoryTable, stored: Any
) -> None:
    short, times = {"MUG": (3, 1)}, {"rejected": TIME}
    rejected = Reservation(
        "ord_1", "rejected", {"MUG": 3}, 1, drawn={"MUG": {0: 3}}, short=short, times=times
    )
    assert table.store_unheld(rejected)
    assert stored(table) == [
        {
            **keys("ORDER#ord_1", "RESERVATION"),
            "order_id": "ord_1",
            "status": "rejected",
            "lines": {"MUG": 3},
            "version": 1,
            "short": {"MUG": [3, 1]},
            "rejected_at": TIME,
        }
    ]
    assert table.reservation("ord_1") == replace(rejected, drawn={})


def test_a_reservation_is_read_with_and_without_what_later_versions_store(table: InventoryTable) -> None:
    old = {"order_id": "ord_1", "status": "committed", "lines": {"MUG": 3}, "version": 2}
    table.put({**keys("ORDER#ord_1", "RESERVATION"), **old})
    assert table.reservation("ord_1") == Reservation("ord_1", "committed", {"MUG": 3}, 2)
    seen = {"seen": {"committed": ["MUG"]}, "drawn": {"MUG": {"1": 3}}, "committed_ms": 1, "new": "field"}
    table.put({**keys("ORDER#ord_1", "RESERVATION"), **old, **seen})
    assert table.reservation("ord_1") == Reservation(
        "ord_1", "committed", {"MUG": 3}, 2, drawn={"MUG": {1: 3}}, seen={"committed": ["MUG"]}
    )


def test_a_level_is_stored_in_the_form_that_all_versions_read(table: InventoryTable, stored: Any) -> None:
    split = Level(
        "MUG",
        (Share(5, 4), Share(6, 6)),
        3,
        counted_at=1_795_367_109_123,
        memories=(Memory(2, {1_795_367_110: -1}), Memory()),
        policy="backorder",
        listed=True,
        product_id="prd_1",
        told_at=TIME,
    )
    assert table.change_levels([Change(Level("MUG", (Share(0, 0),), 0), split, outbox="[]")])
    both = {"version": 3, "counted_ms": 1_795_367_109_123, "stock_policy": "backorder"}
    assert stored(table) == [
        {
            **keys("SKU#MUG", "LEVEL"),
            **both,
            "sku": "MUG",
            "on_hand": 5,
            "available": 4,
            "shards": 2,
            "at_1795367110": -1,
            "listed": True,
            "product_id": "prd_1",
            "told_at": TIME,
            "outbox": "[]",
        },
        {**keys("SKU#MUG#1", "SHARD"), **both, "on_hand": 6, "available": 6},
    ]
    memories = (Memory(0, {1_795_367_110: -1}), Memory())  # how often it moved counts from here
    read = table.level("MUG")
    assert read
    assert (read.memories, read.shares) == (memories, split.shares)
    assert (read.counted_at, read.policy, read.listed) == (1_795_367_109_123, "backorder", True)
    assert (read.product_id, read.told_at) == ("prd_1", TIME)


def test_a_plain_level_takes_no_more_room_than_its_units(table: InventoryTable, stored: Any) -> None:
    table.change_levels([Change(Level("MUG", (Share(0, 0),), 0), Level("MUG", (Share(5, 4),), 1))])
    plain = {**keys("SKU#MUG", "LEVEL"), "sku": "MUG", "on_hand": 5, "available": 4, "version": 1}
    assert stored(table) == [plain]
    assert table.level("MUG") == Level("MUG", (Share(5, 4),), 1, memories=(Memory(),))


def test_a_listing_is_stored_in_the_form_that_all_versions_read(table: InventoryTable, stored: Any) -> None:
    told = Listing("prd_1", 2, TIME, {"MUG": "tracked"}, frozenset("FEDCBA"))
    assert table.note_listing(None, told)
    assert stored(table) == [
        {
            **keys("PRODUCT#prd_1", "LISTING"),
            "version": 2,
            "told_at": TIME,
            "policies": {"MUG": "tracked"},
            "former": ["A", "B", "C", "D", "E", "F"],
        }
    ]
    assert table.listing("prd_1") == told


def test_a_movement_is_stored_in_the_form_that_all_versions_read(table: InventoryTable, stored: Any) -> None:
    service.adjust(table, "MUG", 5, "received", adjustment_id="adj_1", by="usr_1", at=AT)
    moves = [item for item in stored(table) if item["sk"].startswith("MOVE#")]
    assert moves == [
        {
            **keys("SKU#MUG", f"MOVE#{TIME}#adj_1"),
            "id": "adj_1",
            "time": TIME,
            "delta": 5,
            "reason": "received",
            "by": "usr_1",
        }
    ]


def test_a_movement_tells_what_a_count_found_or_had_seen(table: InventoryTable, stored: Any) -> None:
    assert service._count(table, "MUG", 7, 1_795_367_109_123, "evt_1", AT)
    service.adjust(
        table, "MUG", 5, "received", adjustment_id="adj_1", by="usr_1", at=AT - timedelta(seconds=1)
    )
    moves = [item for item in stored(table) if item["sk"].startswith("MOVE#")]
    earlier = "2026-11-22T17:05:08.123Z"
    assert moves == [
        {
            **keys("SKU#MUG", f"MOVE#{earlier}#adj_1"),
            "id": "adj_1",
            "time": earlier,
            "delta": 0,
            "reason": "received",
            "by": "usr_1",
            "seen": 5,
        },
        {
            **keys("SKU#MUG", f"MOVE#{TIME}#evt_1#MUG"),
            "id": "evt_1#MUG",
            "time": TIME,
            "delta": 7,
            "reason": "counted",
            "counted": 7,
            "counted_ms": 1_795_367_109_123,
        },
    ]
