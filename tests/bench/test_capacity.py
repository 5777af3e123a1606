"""The arithmetic of capacity: what a cache leaves of a hot key's load, and at which rate a limit is reached."""

from __future__ import annotations

import math

import pytest

from tests.bench import billing, capacity
from tests.bench.capacity import Limit
from tests.bench.journeys import Journey

LIMIT = Limit("requests", 1_000, True, "raise")


def test_a_limit_is_reached_where_the_load_is_the_limit() -> None:
    """Seventeen requests an order: 1,000 at 58.8 orders a second."""
    assert capacity.reached(LIMIT, lambda orders: {"requests": 17 * orders}) == pytest.approx(
        1_000 / 17, rel=1e-3
    )


def test_a_load_that_caches_bound_never_reaches_its_limit() -> None:
    assert capacity.reached(LIMIT, lambda orders: {"requests": orders / (1 + orders / 100)}) == math.inf


def test_one_answer_that_is_kept_is_fetched_once_a_lifetime_in_each_region() -> None:
    """A thousand a second, kept for 15 s in three regions: each fetches one of 5,001."""
    page = Journey("product page", capacity.Counter(), path="/catalog/products/x", kept_seconds=15)
    assert capacity.origin(1_000, page, cached=True) == pytest.approx(1_000 / 5_001)
    assert capacity.origin(1_000, page, cached=False) == 1_000


def test_open_work_of_an_order_takes_a_unit_of_its_shard_to_begin_and_one_to_end() -> None:
    found = capacity.by_key()
    assert {key: units for key, units in found.items() if key[1] == "OPEN"} == {("orders", "OPEN"): 2}
    assert not [kind for _, kind in found if kind.startswith("SIM")]


def test_functions_are_busy_for_what_they_compute_call_and_wait_for_the_provider() -> None:
    """6 ms, two calls of 8, and 300 of the provider at its fastest."""
    counted = capacity.Counter(
        {
            ("payments", "ran:payments-inbox:invocation"): 1,
            ("payments", "ran:payments-inbox:dynamodb"): 2,
            ("payments", "ran:payments-inbox:provider"): 1,
        }
    )
    memory = capacity.stacks().sizes["payments", "payments-inbox"].memory
    computed = (6 + 2 * 3.5) * 512 / memory
    found = capacity.busy_seconds(counted, billing.assumed({}))
    assert found == pytest.approx((computed + 2 * 4.5 + 300) / 1000)


def test_a_hot_product_is_read_less_often_behind_the_caches(journeys: dict[str, Journey]) -> None:
    keys = capacity.by_key()
    bare, behind = (
        capacity.loads(100, journeys, keys, billing.assumed({}), cached=cached) for cached in (False, True)
    )
    name = "partition: hottest product, reads"
    assert bare[name] == pytest.approx(100 * 0.01 * 3 * 20 * 0.5)
    assert behind[name] < 0.2
    assert behind["API Gateway requests"] < bare["API Gateway requests"]
    assert behind["orders table, writes"] == bare["orders table, writes"]
