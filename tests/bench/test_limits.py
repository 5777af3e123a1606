"""The limits of the design, on counts of the real handlers. Nothing here is timed.

Each limit is what the design asks for, or, where the shop does better already, what it has reached.
"""

from __future__ import annotations

import pytest

from tests.bench.artifacts import Artifact, build
from tests.bench.journeys import Journey, measure


@pytest.fixture(scope="module")
def journeys() -> dict[str, Journey]:
    return measure()


def test_an_order_takes_at_most_11_invocations_to_be_confirmed(journeys: dict[str, Journey]) -> None:
    """One of them tells the cart that its lines are on order, without which they could be bought twice."""
    assert journeys["1-line order, to confirmed"].total("invocations") <= 11


def test_an_order_takes_at_most_4_invocations_where_batches_are_full(journeys: dict[str, Journey]) -> None:
    assert journeys["1-line order, full batches, to confirmed"].total("invocations") <= 4


def test_a_one_line_order_takes_at_most_15_write_units_to_be_confirmed(journeys: dict[str, Journey]) -> None:
    """One of them is of the cart that its lines are on order."""
    assert journeys["1-line order, no key, to confirmed"].total("write_units") <= 15


def test_an_idempotency_key_takes_at_most_2_write_units_more(journeys: dict[str, Journey]) -> None:
    with_key, without = journeys["1-line order, to confirmed"], journeys["1-line order, no key, to confirmed"]
    assert with_key.total("write_units") <= without.total("write_units") + 2


def test_each_further_line_takes_at_most_3_write_units_to_be_confirmed(journeys: dict[str, Journey]) -> None:
    ten, one = journeys["10-line order, to confirmed"], journeys["1-line order, to confirmed"]
    assert ten.total("write_units") - one.total("write_units") <= 9 * 3


def test_no_handler_calls_another_service_or_opens_a_connection(journeys: dict[str, Journey]) -> None:
    assert {name: journey.connections for name, journey in journeys.items() if journey.connections} == {}
    assert not [name for name, journey in journeys.items() if journey.total("calls:lambda")]


def test_a_page_of_the_catalog_is_read_with_at_most_7_calls(journeys: dict[str, Journey]) -> None:
    """One of each of the four partitions, and one more for each 8 of the 25 entries that lie in the same.

    Which lie where is for their ids to say: there are three such at most, and one as a rule.
    """
    assert journeys["list of 24 products"].total("aws_calls") <= 7
    assert journeys["product page"].total("aws_calls") <= 2


@pytest.fixture(scope="module")
def order_placing() -> Artifact:
    return build("orders")


def test_the_zip_of_the_order_placing_function_has_at_most_105_kb(order_placing: Artifact) -> None:
    assert order_placing.zip_bytes <= 105_000


def test_every_module_of_the_order_placing_function_is_shipped_compiled(order_placing: Artifact) -> None:
    assert order_placing.modules == order_placing.compiled
