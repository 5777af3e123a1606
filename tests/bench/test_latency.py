"""The way of an order on paper follows its hops and the milliseconds it is given."""

from __future__ import annotations

import copy
import itertools
from typing import Any

import pytest

from tests.bench import billing, latency
from tests.bench.stacks import stacks

PRICES = billing.assumed({})


def _with(**ways: float) -> Any:
    prices = copy.deepcopy(PRICES)
    prices["ways"].update(ways)
    return prices


@pytest.fixture(scope="module")
def way() -> list[latency.Hop]:
    return latency.way(PRICES)


def test_an_order_is_decided_within_220_ms_at_the_median(way: list[latency.Hop]) -> None:
    assert latency.milliseconds(way) <= 220


def test_it_begins_with_the_request_and_ends_where_orders_decides(way: list[latency.Hop]) -> None:
    assert (way[0].function, way[0].handed) == ("orders-http", latency.BUYER)
    assert way[-1].function == "orders-inbox"


def test_each_hop_begins_when_what_the_last_one_sent_has_arrived(way: list[latency.Hop]) -> None:
    lasts = PRICES["ways"]
    bus = round(lasts["bus"] + lasts["queue"])
    for hop, following in itertools.pairwise(way):
        assert hop.begun < following.sent <= hop.ended
        waited = round(following.begun - following.sent)
        assert waited in {round(lasts["stream"]), round(lasts["queue"]), bus}


def test_each_hop_lasts_as_long_as_it_computes_and_as_its_calls_take(way: list[latency.Hop]) -> None:
    """Ten milliseconds more of computing at 512 MB, and then ten more of every call: each hop makes one at least."""
    prices = copy.deepcopy(PRICES)
    prices["milliseconds"]["invocation"]["computes"] += 10
    for hop, slower in zip(way, latency.way(prices), strict=True):
        size = stacks().sizes[hop.function.partition("-")[0], hop.function]
        assert slower.ended - slower.begun == pytest.approx(hop.ended - hop.begun + 10 * 512 / size.memory)
    for work in ("dynamodb", "events"):
        prices["milliseconds"][work]["waits"] += 10
    calls = [slower.ended - slower.begun for slower in latency.way(prices)]
    assert all(took >= hop.ended - hop.begun + 20 for hop, took in zip(way, calls, strict=True))


def test_a_slower_provider_is_waited_for_to_the_millisecond(way: list[latency.Hop]) -> None:
    slow = latency.way(PRICES, provider_milliseconds=1000)
    assert latency.milliseconds(slow) == pytest.approx(latency.milliseconds(way) + 1000)


def test_every_way_between_functions_counts_as_often_as_it_is_gone(way: list[latency.Hop]) -> None:
    """Ten milliseconds more on each way of a kind make ten more for each hop that goes it."""
    for kind, gone in (("stream", _hops(way, {"stream"})), ("bus", _hops(way, {"bus"}))):
        slower = latency.way(_with(**{kind: PRICES["ways"][kind] + 10}))
        assert latency.milliseconds(slower) == pytest.approx(latency.milliseconds(way) + 10 * gone)


def _hops(way: list[latency.Hop], kinds: set[str]) -> int:
    lasts = PRICES["ways"]
    medians = {"stream": lasts["stream"], "bus": lasts["bus"] + lasts["queue"]}
    return sum(round(hop.begun - hop.sent) in {round(medians[kind]) for kind in kinds} for hop in way[1:])
