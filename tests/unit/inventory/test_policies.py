"""Stock policies: what is untracked always sells, back-orders go below zero on purpose, a change loses nothing."""

from __future__ import annotations

import itertools
from collections import Counter
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from functions.inventory import service
from functions.inventory.domain import Level, Listing, Reservation, Share, followed, listed, never_stocked
from functions.inventory.table import InventoryTable
from tests.unit.inventory.conftest import (
    NOW,
    cancelled,
    confirmed,
    counted,
    kept,
    placed,
    published,
    withdrawn,
)


def test_untracked_skus_are_always_reserved_and_leave_their_level_alone(
    deliver: Any, level: Any, table: InventoryTable
) -> None:
    deliver(published(MUG="untracked"), placed("ord_a", MUG=900), placed("ord_b", MUG=900))
    deliver(confirmed("ord_a"), cancelled("ord_b"), cancelled("ord_a"))
    assert level("MUG") == (0, 0)
    ends = [held.status for order in ("ord_a", "ord_b") if (held := kept(table, order))]
    assert ends == ["returned", "released"]


def test_an_order_of_tracked_and_untracked_skus_is_held_as_a_whole_or_not(
    stocked: Any, deliver: Any, level: Any, table: InventoryTable
) -> None:
    stocked(POT=2)
    deliver(published(MUG="untracked"), placed("ord_a", MUG=5, POT=2), placed("ord_b", MUG=5, POT=1))
    ends = [held.status for order in ("ord_a", "ord_b") if (held := kept(table, order))]
    assert ends == ["reserved", "rejected"]
    assert level("POT") == (2, 0)


def test_a_policy_that_is_not_known_here_sells_no_more_than_there_is(
    stocked: Any, deliver: Any, level: Any, table: InventoryTable
) -> None:
    stocked(POT=2)
    deliver(published(POT="of_tomorrow"), placed("ord_a", POT=2), placed("ord_b", POT=1))
    ends = [held.status for order in ("ord_a", "ord_b") if (held := kept(table, order, "POT"))]
    assert ends == ["reserved", "rejected"]


def test_back_orders_go_below_zero_and_what_comes_in_fills_them_first(
    stocked: Any, deliver: Any, level: Any, table: InventoryTable
) -> None:
    stocked(MUG=2)
    deliver(published(MUG="backorder"), placed("ord_a", MUG=5), placed("ord_b", MUG=1), confirmed("ord_a"))
    assert level("MUG") == (-3, -4)
    service.adjust(table, "MUG", 10, "received", adjustment_id="a", by="cus_admin", at=NOW)
    assert level("MUG") == (7, 6)


@pytest.mark.parametrize("shards", [1, 4])
def test_a_sku_that_is_tracked_again_sells_nothing_until_its_back_orders_are_filled(
    shards: int, stocked: Any, deliver: Any, level: Any, table: InventoryTable
) -> None:
    stocked(MUG=8)
    deliver(published(MUG="backorder"))
    service.set_shards(table, "MUG", shards, service.level(table, "MUG").version, NOW)
    deliver(*[placed(f"ord_{number}", MUG=3) for number in range(4)])
    assert level("MUG") == (8, -4)
    deliver(published("ProductChanged", 2, MUG="tracked"), placed("ord_late", MUG=1))
    assert level("MUG") == (8, -4)
    deliver(cancelled("ord_0"), cancelled("ord_1"), placed("ord_last", MUG=2), placed("ord_none", MUG=1))
    assert level("MUG") == (8, 0)
    late = [kept(table, order) for order in ("ord_late", "ord_last", "ord_none")]
    assert [one.status for one in late if one] == ["rejected", "reserved", "rejected"]


def test_a_change_of_policy_is_told(deliver: Any, told: Any) -> None:
    deliver(published(MUG="backorder", POT="tracked"))
    assert told() == [
        (
            "StockLevelChanged",
            {"sku": "MUG", "onHand": 0, "available": 0, "reason": "policy", "stockPolicy": "backorder"},
        )
    ]


def test_a_back_order_that_was_read_before_the_policy_changed_is_not_taken(
    stocked: Any, deliver: Any, table: InventoryTable, level: Any
) -> None:
    stocked(MUG=1)
    held = Reservation("ord_a", "reserved", {"MUG": 2}, 1)
    assert table.reserve([held], {"MUG"}) == []
    assert level("MUG") == (1, 1)


def test_a_product_of_very_many_variants_is_followed_in_several_writes(
    deliver: Any, table: InventoryTable
) -> None:
    policies = {f"S{number}": "untracked" for number in range(230)}
    assert deliver(published(**policies)) == []
    assert {level.policy for level in table.levels(policies).values()} == {"untracked"}


STORY = [
    published(version=1, MUG="untracked", POT="tracked"),
    published("ProductChanged", 2, at="2026-11-22T16:01:00.000Z", MUG="backorder", POT="tracked"),
    withdrawn("MUG", "POT", version=3, at="2026-11-22T16:02:00.000Z"),
    published(version=4, at="2026-11-22T16:03:00.000Z", MUG="backorder"),
]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=str)
def test_facts_of_a_product_in_any_order_end_as_the_latest_says(
    order: tuple[int, ...], deliver: Any, table: InventoryTable
) -> None:
    for number in order:
        assert deliver(STORY[number], STORY[number]) == []
    levels = table.levels(["MUG", "POT"])
    assert (levels["MUG"].policy, levels["MUG"].listed) == ("backorder", True)
    assert "POT" not in levels or not levels["POT"].listed


MOVE = [
    published(version=1, product="prd_a", at="2026-11-22T16:00:00.000Z", MUG="untracked"),
    published("ProductChanged", 2, product="prd_a", at="2026-11-22T16:01:00.000Z", POT="tracked"),
    published(version=1, product="prd_b", at="2026-11-22T16:02:00.000Z", MUG="backorder"),
]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_a_sku_that_goes_over_to_another_product_is_that_ones(
    order: tuple[int, ...], deliver: Any, table: InventoryTable
) -> None:
    for number in order:
        deliver(MOVE[number])
    level = table.levels(["MUG"])["MUG"]
    assert (level.product_id, level.policy, level.listed) == ("prd_b", "backorder", True)


def test_a_delivery_that_died_before_the_levels_followed_is_made_good_by_any_later_one(
    deliver: Any, table: InventoryTable
) -> None:
    first = STORY[0]["detail"]
    told = Listing("prd_1", 1, first["time"], {"MUG": "untracked", "POT": "tracked"})
    assert table.note_listing(None, told)
    assert table.levels(["MUG"]) == {}
    deliver(STORY[0])
    assert table.levels(["MUG"])["MUG"].policy == "untracked"


def test_an_older_fact_is_no_news_and_a_newer_one_knows_what_was_sold_before() -> None:
    first = Listing("prd_1", 1, "2026-11-22T16:00:00.000Z", {"MUG": "tracked"})
    second = Listing("prd_1", 2, "2026-11-22T16:01:00.000Z", {"POT": "tracked"})
    assert followed(second, first) is None
    news = followed(first, second)
    assert news
    assert news.former == {"MUG"}


def test_a_level_that_is_as_its_listing_says_is_left_alone() -> None:
    listing = Listing("prd_1", 1, "2026-11-22T16:00:00.000Z", {"MUG": "backorder"})
    after = listed(never_stocked("MUG"), listing)
    assert after
    assert listed(after, replace(listing, version=2)) is None


# --- whatever changes when -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(30))
def test_a_policy_that_changes_between_the_steps_of_orders_loses_no_unit_and_finds_none(
    seed: int, stocked: Any, deliver: Any, table: InventoryTable
) -> None:
    random = Random(seed)
    stocked(MUG=6)
    policy, version, shown = "tracked", 0, 6
    for step in range(25):
        orders = [f"ord_{random.randrange(6)}" for _ in range(random.choice([1, 1, 3]))]
        shown = service.level(table, "MUG").available
        match random.choice(["place", "place", "end", "end", "policy", "split", "count"]):
            case "place":
                assert deliver(*[placed(order, MUG=random.randint(1, 4)) for order in orders]) == []
                left = service.level(table, "MUG").available
                assert left == shown or policy == "backorder" or (policy == "tracked" and left >= 0)
            case "end":
                end = random.choice([confirmed, cancelled])
                at = f"2026-11-22T17:{10 + step}:00.000Z"
                assert deliver(*[end(order, at) for order in orders]) == []
            case "policy":
                policy, version = random.choice(["tracked", "backorder", "untracked"]), version + 1
                assert deliver(published(version=version, MUG=policy)) == []
            case "split":
                level = service.level(table, "MUG")
                if level.available >= 0 or level.policy != "tracked":
                    service.set_shards(table, "MUG", random.choice([1, 2, 3]), level.version, NOW)
            case "count":
                deliver(counted(f"2026-11-22T17:{10 + step}:30.000Z", MUG=random.randint(0, 9)))
        agrees_with_its_ledger(table)


def agrees_with_its_ledger(table: InventoryTable) -> None:
    """Check the level against movements and reservations; no shard sells what it has while another is in debt."""
    level = service.level(table, "MUG")
    movements, _ = table.movements("MUG", 100, None)
    units: Counter[str] = Counter()
    for number in range(6):
        held = kept(table, f"ord_{number}")
        if held is None:
            continue
        taken = sum(held.places.values())
        units["reserved"] += taken if held.status == "reserved" else 0
        for step in {"committed": ["committed"], "returned": ["committed", "returned"]}.get(held.status, []):
            effect = 0 if "MUG" in held.seen.get(step, []) else taken
            units["gone"] += effect if step == "committed" else -effect
    on_hand = sum(one.delta for one in movements) - units["gone"]
    assert (level.on_hand, level.available) == (on_hand, on_hand - units["reserved"])
    if level.policy == "tracked" and len(level.shares) > 1:
        assert min(share.available for share in level.shares) >= 0


def test_a_short_level_is_brought_together_when_it_is_tracked_again() -> None:
    spread = Level("MUG", (Share(1, -3), Share(2, 1)), 4, policy="backorder", listed=True, product_id="prd_1")
    after = listed(spread, Listing("prd_1", 2, "2026-11-22T16:00:00.000Z", {"MUG": "tracked"}))
    assert after
    assert after.shares == (Share(3, -2),)
