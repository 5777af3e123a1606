"""Inventory hears of orders and counts: what it holds and says, and that a repeat or a late fact changes nothing."""

from __future__ import annotations

from typing import Any

import pytest

from functions.inventory.table import InventoryTable
from tests.support.dlq import dead_letters
from tests.unit.inventory.conftest import ORDER, cancelled, confirmed, counted, kept, placed


def test_an_order_is_held_and_inventory_says_yes(stocked: Any, deliver: Any, level: Any, told: Any) -> None:
    stocked(MUG=5)
    assert deliver(placed(MUG=2)) == []
    assert level("MUG") == (5, 3)
    assert told() == [("StockReserved", {"orderId": ORDER, "lines": [{"sku": "MUG", "quantity": 2}]})]


def test_lines_that_repeat_a_sku_are_held_together(stocked: Any, deliver: Any, level: Any) -> None:
    stocked(MUG=5)
    order = placed(MUG=3)
    order["detail"]["data"]["lines"] *= 2
    deliver(order)
    assert level("MUG") == (5, 5)  # six were asked for
    again = placed("ord_2", MUG=2)
    again["detail"]["data"]["lines"] *= 2
    deliver(again)
    assert level("MUG") == (5, 1)


def test_all_lines_are_held_or_none(stocked: Any, deliver: Any, level: Any, told: Any) -> None:
    stocked(MUG=5, POT=1)
    deliver(placed(MUG=2, POT=2, LAMP=1))
    assert (level("MUG"), level("POT")) == ((5, 5), (1, 1))
    assert [fact for fact in told() if fact[0] != "StockLevelChanged"] == [
        (
            "StockRejected",
            {
                "orderId": ORDER,
                "lines": [
                    {"sku": "LAMP", "requested": 1, "available": 0},
                    {"sku": "POT", "requested": 2, "available": 1},
                ],
            },
        )
    ]


def test_the_last_unit_can_be_held(stocked: Any, deliver: Any, level: Any) -> None:
    stocked(MUG=2)
    deliver(placed(MUG=2))
    assert level("MUG") == (2, 0)


def test_a_confirmed_order_leaves_the_shelf(stocked: Any, deliver: Any, level: Any, told: Any) -> None:
    stocked(MUG=5)
    deliver(placed(MUG=2), confirmed())
    assert level("MUG") == (3, 3)
    assert [kind for kind, _ in told()] == ["StockCommitted", "StockReserved"]


def test_a_cancelled_order_is_for_sale_again(stocked: Any, deliver: Any, level: Any, told: Any) -> None:
    stocked(MUG=5)
    deliver(placed(MUG=2), cancelled())
    assert level("MUG") == (5, 5)
    lines = {"orderId": ORDER, "lines": [{"sku": "MUG", "quantity": 2}]}
    assert told() == [("StockReleased", lines), ("StockReserved", lines)]


def test_an_order_cancelled_after_it_left_the_shelf_comes_back(
    stocked: Any, deliver: Any, level: Any, told: Any
) -> None:
    stocked(MUG=5)
    deliver(placed(MUG=2), confirmed(), cancelled())
    assert level("MUG") == (5, 5)
    committed, released, reserved = told()
    assert (committed[0], released[0], reserved[0]) == ("StockCommitted", "StockReleased", "StockReserved")
    assert released[1]["returned"]


def test_an_order_cancelled_before_it_arrives_holds_nothing(
    stocked: Any, deliver: Any, level: Any, table: InventoryTable, told: Any
) -> None:
    stocked(MUG=5)
    assert deliver(cancelled(), placed(MUG=2)) == []
    assert level("MUG") == (5, 5)
    held = kept(table, ORDER)
    assert held
    assert held.status == "refused"
    assert told()[1:] == [("StockReleased", {"orderId": ORDER, "lines": []})]


def test_a_rejected_order_stays_so_when_stock_arrives(stocked: Any, deliver: Any, level: Any) -> None:
    stocked(MUG=1)
    deliver(placed(MUG=2), counted(MUG=10), placed(MUG=2))
    assert level("MUG") == (10, 10)


def test_what_was_never_held_is_neither_committed_nor_released(
    stocked: Any, deliver: Any, level: Any
) -> None:
    stocked(MUG=1)
    assert deliver(placed(MUG=2), confirmed(), cancelled(), confirmed("ord_unknown")) == []
    assert level("MUG") == (1, 1)


@pytest.mark.parametrize(
    "story",
    [
        [placed(MUG=2)],
        [placed(MUG=2), confirmed()],
        [placed(MUG=2), cancelled()],
        [placed(MUG=2), confirmed(), cancelled()],
        [cancelled(), placed(MUG=2)],
        [placed(MUG=9)],
        [counted(MUG=9)],
    ],
    ids=lambda story: " ".join(event["detail-type"] for event in story),
)
def test_a_story_told_again_in_any_order_changes_nothing(
    story: list[dict[str, Any]], stocked: Any, deliver: Any, level: Any, told: Any, table: InventoryTable
) -> None:
    stocked(MUG=5)
    assert deliver(*story) == []
    before = level("MUG"), told(), kept(table, ORDER), table.movements("MUG", 10, None)
    assert deliver(*story, *reversed(story), *story) == []
    assert (level("MUG"), told(), kept(table, ORDER), table.movements("MUG", 10, None)) == before


def test_a_repeat_tells_again_what_was_answered_whatever_became_of_it_since(
    stocked: Any, deliver: Any, arrived: Any
) -> None:
    stocked(MUG=5)
    told: dict[str, Any] = {}
    for one in (placed(MUG=2), confirmed(), cancelled(), placed("ord_2", MUG=9)):
        assert deliver(one) == []
        told |= {event["detail"]["id"]: event["detail"] for event in arrived()}
    assert set(told) == {
        f"{ORDER}.1.StockReserved",
        f"{ORDER}.2.StockCommitted",
        f"{ORDER}.3.StockReleased",
        "ord_2.1.StockRejected",
    }
    again: dict[str, Any] = {}
    for one in (placed(MUG=2), confirmed(), cancelled(), placed("ord_2", MUG=9)):
        assert deliver(one) == []
        again |= {event["detail"]["id"]: event["detail"] for event in arrived()}
    same = ("id", "time", "data", "aggregate")
    assert {key: [one[name] for name in same] for key, one in again.items()} == {
        key: [one[name] for name in same] for key, one in told.items()
    }


def test_a_late_confirmation_cannot_take_what_was_released(stocked: Any, deliver: Any, level: Any) -> None:
    stocked(MUG=5)
    deliver(placed(MUG=2), cancelled(), confirmed())
    assert level("MUG") == (5, 5)


def test_two_orders_do_not_share_units(stocked: Any, deliver: Any, level: Any, table: InventoryTable) -> None:
    stocked(MUG=3)
    deliver(placed("ord_a", MUG=2), placed("ord_b", MUG=2))
    assert level("MUG") == (3, 1)
    states = [held.status for order in ("ord_a", "ord_b") if (held := kept(table, order))]
    assert states == ["reserved", "rejected"]


def test_one_bad_record_does_not_hold_up_the_others(stocked: Any, deliver: Any, level: Any) -> None:
    stocked(MUG=5)
    late = confirmed("ord_bad", at="soon")
    assert deliver("poison", late, placed(MUG=2)) == ["message-1"]
    assert level("MUG") == (5, 3)
    assert [letter["body"] for letter in dead_letters()] == ["poison"]


# --- counts --------------------------------------------------------------------------------------------------------


def test_a_count_sets_the_level(deliver: Any, level: Any, told: Any, table: InventoryTable) -> None:
    deliver(counted(MUG=12, POT=0))
    assert (level("MUG"), level("POT")) == ((12, 12), (0, 0))
    assert ("StockLevelChanged", {"sku": "MUG", "onHand": 12, "available": 12, "reason": "counted"}) in told()
    movements, _ = table.movements("MUG", 10, None)
    assert [(one.delta, one.reason) for one in movements] == [(12, "counted")]


def test_a_count_leaves_what_is_held_held(stocked: Any, deliver: Any, level: Any) -> None:
    stocked(MUG=5)
    deliver(placed(MUG=2), counted(MUG=10))
    assert level("MUG") == (10, 8)


def test_an_older_count_changes_nothing(deliver: Any, level: Any) -> None:
    deliver(counted("2026-11-22T17:00:00.000Z", MUG=12))
    deliver(counted("2026-11-22T16:00:00.000Z", MUG=3))
    assert level("MUG") == (12, 12)


def test_the_ledger_adds_up_to_the_shelf(
    stocked: Any, deliver: Any, level: Any, table: InventoryTable
) -> None:
    stocked(MUG=5)
    deliver(
        placed("ord_a", MUG=2),
        confirmed("ord_a"),
        counted(MUG=9),
        placed("ord_b", MUG=1),
        placed("ord_c", MUG=3),
        confirmed("ord_c"),
        cancelled("ord_c"),
    )
    movements, _ = table.movements("MUG", 50, None)
    reservations = [held for order in ("ord_a", "ord_b", "ord_c") if (held := kept(table, order))]
    committed = sum(held.lines["MUG"] for held in reservations if held.status == "committed")
    reserved = sum(held.lines["MUG"] for held in reservations if held.status == "reserved")
    on_hand = sum(one.delta for one in movements) - committed
    assert level("MUG") == (on_hand, on_hand - reserved)
