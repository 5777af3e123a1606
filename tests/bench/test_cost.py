"""A month's counts: what windows gather, what the caches of the edge keep from the services, and what they do not."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.bench import cost
from tests.bench.journeys import Journey
from tests.bench.stacks import Source, Stacks

MESSAGES, SECONDS = 9_000, 22_500
"""0.4 a second."""


def _counted(messages: float) -> dict[tuple[str, str], float]:
    return {
        ("orders", "inbox:orders-inbox"): messages,
        ("orders", "messages"): messages,
        ("orders", "receives"): messages,
        ("orders", "deletes"): messages,
        ("orders", "invocations"): messages + 100,
        ("orders", "ran:orders-inbox:invocation"): messages,
        ("orders", "ran:orders-inbox:dynamodb"): 2 * messages,
    }


def _gathered(source: Source, messages: float = MESSAGES) -> dict[tuple[str, str], float]:
    return cost.gathered(_counted(messages), SECONDS, Stacks(sources={"orders-inbox": source}))


def test_a_window_of_five_seconds_gathers_for_twenty_at_low_traffic() -> None:
    """Every 22.5 s one message and the 8 of the 20 s after it: a thousand batches of nine."""
    found = _gathered(Source(10, 5))
    assert found["orders", "receives"] == found["orders", "deletes"] == pytest.approx(1_000)
    assert found["orders", "ran:orders-inbox:invocation"] == pytest.approx(1_000)
    assert found["orders", "invocations"] == pytest.approx(1_100)


def test_what_is_sent_and_what_each_message_calls_stays_as_it_is() -> None:
    found = _gathered(Source(10, 5))
    assert found["orders", "messages"] == MESSAGES
    assert found["orders", "ran:orders-inbox:dynamodb"] == 2 * MESSAGES


def test_a_batch_holds_no_more_than_the_template_allows() -> None:
    assert _gathered(Source(5, 20))["orders", "receives"] == pytest.approx(MESSAGES / 5)


def test_a_longer_window_gathers_for_as_long() -> None:
    """In 50 s 20 more come."""
    assert _gathered(Source(100, 50))["orders", "receives"] == pytest.approx(MESSAGES / 21)


def test_without_a_window_every_message_is_handed_over_alone() -> None:
    assert _gathered(Source(10, 0)) == _counted(MESSAGES)


@pytest.fixture
def few() -> dict[str, Journey]:
    """Return journeys of one request and 1,000 bytes each, of which only the product page may be kept."""
    tally: Counter[tuple[str, str]] = Counter(
        {("catalog", "requests"): 1, ("catalog", "transfer_bytes"): 1000}
    )
    return {
        name: Journey(name, tally, path="/catalog/x", kept_seconds=15 if name == "product page" else 0)
        for name in (*cost.VISIT, *cost.ORDER)
    }


def test_the_services_see_what_the_caches_do_not_answer_and_the_edge_sees_it_all(
    few: dict[str, Journey],
) -> None:
    """One product, asked for 3 times a second: each region keeps it for 15 s, so 16 of which one is fetched."""
    visits = cost.MONTH_SECONDS
    found = cost.month(few, 0, visits, products=1)
    asked = sum(cost.VISIT.values()) * visits
    assert found.hits["product page"] == pytest.approx(15 / 16)
    assert found.tally["catalog", "requests"] == pytest.approx(asked - 3 * visits * 15 / 16)
    assert found.edge_requests == pytest.approx(asked)
    assert found.transfer_bytes == pytest.approx(asked * 1000)


def test_a_shop_of_more_products_is_answered_from_the_caches_less_often(few: dict[str, Journey]) -> None:
    small, large = (cost.month(few, 0, 20_000_000, products=number) for number in (1_000, 10_000))
    assert small.hits["product page"] == pytest.approx(0.445, abs=0.001)
    assert large.hits["product page"] == pytest.approx(0.315, abs=0.001)


def test_an_order_brings_its_own_calls(few: dict[str, Journey]) -> None:
    found = cost.month(few, 1_000, 0)
    assert found.edge_requests == found.tally["catalog", "requests"] == 1_000 * sum(cost.ORDER.values())
