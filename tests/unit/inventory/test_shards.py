"""A level spread over shards is one level to everybody, and every unit of it can be sold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from functions.inventory import service
from functions.inventory.app import app, inventory
from functions.inventory.domain import MAX_SHARDS, Level, Share, adjusted, counted, plan, split
from functions.inventory.table import Change, InventoryTable
from functions.shared.errors import PreconditionFailedError
from tests.unit.inventory.conftest import NOW, cancelled, confirmed, kept, placed
from tests.unit.inventory.conftest import counted as stock_counted

Spread = Callable[[int], None]


@pytest.fixture
def spread(table: InventoryTable) -> Spread:
    """Return a function that spreads the level of MUG over so many shards."""

    def over(shards: int) -> None:
        service.set_shards(table, "MUG", shards, service.level(table, "MUG").version, NOW)

    return over


@pytest.fixture
def shares(table: InventoryTable) -> Callable[[], list[Share]]:
    """Return a function that returns what each shard of MUG has."""
    return lambda: list(service.level(table, "MUG").shares)


def orders(count: int) -> list[dict[str, Any]]:
    return [placed(f"ord_{number}", MUG=1) for number in range(count)]


def test_units_are_spread_evenly(stocked: Any, spread: Spread, shares: Any, level: Any) -> None:
    stocked(MUG=10)
    spread(4)
    assert shares() == [Share(3, 3), Share(3, 3), Share(2, 2), Share(2, 2)]
    assert level("MUG") == (10, 10)


def test_shards_can_be_brought_together_again(
    stocked: Any, spread: Spread, shares: Any, deliver: Any
) -> None:
    stocked(MUG=10)
    spread(4)
    deliver(*orders(3))
    spread(1)
    assert shares() == [Share(10, 7)]


def test_a_batch_draws_from_one_shard(stocked: Any, spread: Spread, shares: Any, deliver: Any) -> None:
    stocked(MUG=40)
    spread(4)
    deliver(*orders(10))
    assert sorted(share.available for share in shares()) == [0, 10, 10, 10]


def test_batches_draw_from_different_shards(stocked: Any, spread: Spread, shares: Any, deliver: Any) -> None:
    stocked(MUG=400)
    spread(4)
    for number in range(24):
        deliver(placed(f"ord_{number}", MUG=1))
    assert all(share.available < 100 for share in shares())


def test_every_unit_is_sold_and_none_twice(stocked: Any, spread: Spread, level: Any, deliver: Any) -> None:
    stocked(MUG=10)
    spread(4)
    for number in range(14):
        assert deliver(placed(f"ord_{number}", MUG=1)) == []
    assert level("MUG") == (10, 0)


def test_one_order_can_buy_the_last_units_of_all_shards(
    stocked: Any, spread: Spread, level: Any, deliver: Any, table: InventoryTable
) -> None:
    stocked(MUG=4)
    spread(4)
    deliver(placed("ord_all", MUG=4))
    held = kept(table, "ord_all")
    assert held
    assert held.drawn == {"MUG": {0: 1, 1: 1, 2: 1, 3: 1}}
    assert level("MUG") == (4, 0)


@pytest.mark.parametrize("end", [confirmed, cancelled])
def test_units_go_back_to_or_leave_from_where_they_were_taken(
    end: Any, stocked: Any, spread: Spread, shares: Any, deliver: Any
) -> None:
    stocked(MUG=12)
    spread(4)
    deliver(placed("ord_0", MUG=8))
    reserved = [share.on_hand - share.available for share in shares()]
    deliver(end("ord_0"))
    expected = [Share(3 - units, 3 - units) if end is confirmed else Share(3, 3) for units in reserved]
    assert shares() == expected


@pytest.mark.parametrize("shards", [1, 2, 8])
@pytest.mark.parametrize(("end", "left"), [(confirmed, (4, 4)), (cancelled, (12, 12))])
def test_orders_end_well_after_their_shards_are_no_more(
    shards: int, end: Any, left: Any, stocked: Any, spread: Spread, level: Any, deliver: Any
) -> None:
    stocked(MUG=12)
    spread(4)
    deliver(placed("ord_0", MUG=8))
    spread(shards)
    assert deliver(end("ord_0")) == []
    assert level("MUG") == left


def test_a_count_and_an_adjustment_are_of_the_whole_level(
    stocked: Any, spread: Spread, level: Any, deliver: Any, table: InventoryTable
) -> None:
    stocked(MUG=12)
    spread(3)
    deliver(placed("ord_0", MUG=5))
    service.adjust(table, "MUG", -2, "lost", adjustment_id="a", by="cus_admin", at=NOW)
    assert level("MUG") == (10, 5)
    deliver(stock_counted(MUG=6))
    assert level("MUG") == (6, 1)


def test_a_count_makes_up_for_what_was_drawn_unevenly(
    stocked: Any, spread: Spread, shares: Any, deliver: Any
) -> None:
    stocked(MUG=30)
    spread(3)
    deliver(*orders(10))
    deliver(stock_counted(MUG=40))
    assert [share.available for share in shares()] == [10, 10, 10]


def test_a_level_that_changed_since_it_was_read_is_not_spread(stocked: Any, table: InventoryTable) -> None:
    stocked(MUG=5)
    version = service.level(table, "MUG").version
    service.adjust(table, "MUG", 1, "found", adjustment_id="a", by="cus_admin", at=NOW)
    with pytest.raises(PreconditionFailedError):
        service.set_shards(table, "MUG", 4, version, NOW)


def test_a_change_by_people_is_refused_where_a_shard_has_sold_meanwhile(
    stocked: Any, spread: Spread, deliver: Any, table: InventoryTable
) -> None:
    stocked(MUG=12)
    spread(3)
    before = service.level(table, "MUG")
    deliver(placed("ord_0", MUG=1))
    assert not table.change_levels([Change(before, split(before, 1))])


def test_the_most_shards_fit_into_one_transaction(stocked: Any, spread: Spread, shares: Any) -> None:
    stocked(MUG=100)
    spread(MAX_SHARDS)
    assert len(shares()) == MAX_SHARDS
    spread(1)
    assert shares() == [Share(100, 100)]


# --- rules -----------------------------------------------------------------------------------------------------------


def test_people_change_the_sum_and_the_units_lie_evenly_after_it() -> None:
    level = Level("MUG", (Share(9, 0), Share(1, 1)), 3)
    assert adjusted(level, 3, 1_000).shares == (Share(7, 2), Share(6, 2))
    after = counted(level, 11, 1_000)
    assert after
    assert after.shares == (Share(6, 1), Share(5, 1))


def test_an_order_whose_units_lie_in_too_many_shards_is_refused() -> None:
    levels = {f"S{n}": Level(f"S{n}", (Share(1, 1),) * 16, 1) for n in range(7)}
    held, short = plan({"ord_0": dict.fromkeys(levels, 16)}, levels, 0)
    assert (held, set(short)) == ({}, {"ord_0"})


def test_what_one_order_of_a_batch_takes_the_next_does_not_have() -> None:
    levels = {"MUG": Level("MUG", (Share(3, 3), Share(2, 2)), 1)}
    held, short = plan({f"ord_{n}": {"MUG": 2} for n in range(3)}, levels, 0)
    assert held == {"ord_0": {"MUG": {0: 2}}, "ord_1": {"MUG": {1: 2}}}
    assert short == {"ord_2": {"MUG": 1}}


def test_a_short_shard_is_passed_over() -> None:
    levels = {"MUG": Level("MUG", (Share(1, 1), Share(5, 5)), 1)}
    held, _ = plan({"ord_0": {"MUG": 2}}, levels, 0)
    assert held == {"ord_0": {"MUG": {1: 2}}}


# --- over HTTP -------------------------------------------------------------------------------------------------------

ROUTE = "/inventory/stock/{sku}/shards"
STAFF = {"path": {"sku": "MUG"}, "subject": "cus_staff", "roles": "staff"}


@pytest.fixture
def send(stocked: Any, call: Callable[..., Any]) -> Callable[..., Any]:
    inventory.cache_clear()
    stocked(MUG=10)
    return lambda *args, **options: call(app, *args, **{**STAFF, **options})


def test_staff_spread_a_level_by_its_etag(send: Any, shares: Any) -> None:
    seen = send("GET", ROUTE)
    assert (seen.status, seen.body) == (200, {"sku": "MUG", "shards": 1})
    match = {"If-Match": seen.headers["ETag"]}
    answer = send("PUT", ROUTE, {"shards": 5}, headers=match)
    assert (answer.status, answer.body) == (200, {"sku": "MUG", "shards": 5})
    assert answer.headers["ETag"] == send("GET", ROUTE).headers["ETag"]
    assert shares() == [Share(2, 2)] * 5
    assert send("PUT", ROUTE, {"shards": 2}, headers=match).status == 412


@pytest.mark.parametrize("shards", [0, MAX_SHARDS + 1, "2", None])
def test_a_number_of_shards_out_of_bounds_is_refused(send: Any, shards: Any, level: Any) -> None:
    answer = send("PUT", ROUTE, {"shards": shards}, headers={"If-Match": '"1"'})
    assert (answer.status, answer.body["pointer"]) == (400, "/shards")


def test_a_level_is_not_spread_blindly_nor_by_customers_nor_where_there_is_none(send: Any) -> None:
    assert send("PUT", ROUTE, {"shards": 2}).status == 428
    assert send("PUT", ROUTE, {"shards": 2}, roles="customer").status == 403
    assert send("GET", ROUTE, roles="customer").status == 403
    assert send("GET", ROUTE, path={"sku": "NOPE"}).status == 404


def test_everybody_sees_the_sum(send: Any, spread: Spread) -> None:
    spread(4)
    one = send("GET", "/inventory/admin/stock/{sku}")
    several = send("GET", "/inventory/admin/stock", query={"skus": "MUG"})
    assert one.body == several.body["items"][0]
    assert (one.body["onHand"], one.body["reserved"], one.body["available"]) == (10, 0, 10)
