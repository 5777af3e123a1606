"""The limits of the design, on counts of the real handlers. Nothing here is timed.

Each limit is what the design asks for, or, where the shop does better already, what it has reached.
"""

from __future__ import annotations

import pytest

from tests.bench import billing, cost, product_changes
from tests.bench.artifacts import Artifact, build
from tests.bench.journeys import Journey


def test_an_order_takes_at_most_5_invocations_to_be_confirmed(journeys: dict[str, Journey]) -> None:
    """One of them tells the cart that its lines are on order, without which they could be bought twice."""
    assert journeys["1-line order, to confirmed"].total("invocations") <= 5


def test_an_order_takes_at_most_2_invocations_where_batches_are_full(journeys: dict[str, Journey]) -> None:
    assert journeys["1-line order, full batches, to confirmed"].total("invocations") <= 2


def test_a_one_line_order_takes_at_most_7_write_units_to_be_confirmed(journeys: dict[str, Journey]) -> None:
    """One of them is of the cart that its lines are on order."""
    assert journeys["1-line order, to confirmed"].total("write_units") <= 7


def test_an_idempotency_key_that_is_not_the_quotes_id_takes_at_most_1_write_unit_more(
    journeys: dict[str, Journey],
) -> None:
    other, own = (
        journeys["1-line order, key of the client's, to confirmed"],
        journeys["1-line order, to confirmed"],
    )
    assert other.total("write_units") <= own.total("write_units") + 1


def test_a_banks_question_takes_at_most_4_invocations_and_5_write_units_more(
    journeys: dict[str, Journey],
) -> None:
    asked, plain = (journeys[f"1-line order{way}, to confirmed"] for way in (", its bank asks", ""))
    assert asked.total("invocations") <= plain.total("invocations") + 4
    assert asked.total("write_units") <= plain.total("write_units") + 5


def test_an_order_of_ten_lines_takes_at_most_31_write_units_to_be_confirmed(
    journeys: dict[str, Journey],
) -> None:
    """It has a reservation of its own from the beginning; an order of one SKU is held inside the level."""
    assert journeys["10-line order, to confirmed"].total("write_units") <= 31


def test_an_order_takes_at_most_26_write_units_and_12_invocations_to_be_captured(
    journeys: dict[str, Journey],
) -> None:
    captured = journeys["1-line order, to captured"]
    assert captured.total("write_units") <= 26
    assert captured.total("invocations") <= 12


def test_an_order_reads_at_most_6_units_to_be_confirmed(journeys: dict[str, Journey]) -> None:
    """What the simulated payment provider reads is another company's."""
    assert journeys["1-line order, to confirmed"].total("read_units") <= 6


def test_the_confirmation_is_on_the_bus_and_nobody_has_it_yet_where_an_order_counts_as_confirmed(
    journeys: dict[str, Journey],
) -> None:
    """OrderPlaced to the cart, and on its route to inventory, to payments and home: these deliveries, no others."""
    confirmed = journeys["1-line order, to confirmed"]
    assert confirmed.total("events") == 4
    assert confirmed.total("messages") == confirmed.total("receives") == confirmed.total("deletes") <= 4


def test_every_delivery_is_counted_in_the_end(journeys: dict[str, Journey]) -> None:
    captured = journeys["1-line order, to captured"]
    assert captured.total("messages") == captured.total("receives") == captured.total("deletes")


def test_the_payment_provider_is_asked_once_to_authorise_and_once_to_capture(
    journeys: dict[str, Journey],
) -> None:
    for stage, times in (("confirmed", 1), ("captured", 2)):
        tally = journeys[f"1-line order, to {stage}"].tally
        assert sum(number for (_, what), number in tally.items() if what.endswith(":provider")) == times


def test_everything_an_order_does_has_a_function_that_takes_the_time_for_it(
    journeys: dict[str, Journey],
) -> None:
    tally = journeys["1-line order, to captured"].tally
    ran = {
        kind: sum(
            number for (_, what), number in tally.items() if what.startswith("ran:") and what.endswith(kind)
        )
        for kind in (":invocation", ":dynamodb")
    }
    services = {service for service, _ in tally}
    journey = journeys["1-line order, to captured"]
    assert ran[":invocation"] == journey.total("invocations", *services)
    assert ran[":dynamodb"] == journey.total("calls:dynamodb", *services)


def test_a_million_orders_cost_at_most_20_dollars_to_be_confirmed(journeys: dict[str, Journey]) -> None:
    """The wait for a real payment provider is not in it."""
    found = billing.bill(cost.core(journeys["1-line order, to confirmed"]), billing.assumed({}))
    assert sum(found.values()) * 1e6 <= 20


def test_a_month_of_a_million_orders_and_20_million_visits_costs_at_most_450_dollars(
    journeys: dict[str, Journey],
) -> None:
    """Within 5 dollars: how many units a page of the catalog reads is for its products' ids to say."""
    assert cost.whole_month(journeys, cost.ORDERS, cost.VISITS, billing.assumed({})) <= 450


def test_a_change_of_price_takes_1_write_unit_more_than_a_change_of_title_which_takes_what_it_took() -> None:
    """Those that make words known take more or less by what other tests have looked for."""
    taken = product_changes.units()
    assert (taken["title"], taken["price"]) == (24, 25)
    assert (taken["title, of a reduced product"], taken["price again"]) == (24, 25)


def test_an_order_leaves_at_most_4_kilobytes_for_good(journeys: dict[str, Journey]) -> None:
    journey = journeys["1-line order, to captured"]
    services = {service for service, _ in journey.tally}
    stays = journey.total("item_bytes", *services) + journey.total("index_bytes", *services)
    assert 1_000 <= stays <= 4_000


def test_the_catalog_and_the_stock_are_the_pages_that_the_edge_may_keep(journeys: dict[str, Journey]) -> None:
    kept = {name: cost.edge_seconds(journeys[name]) for name in cost.VISIT}
    assert {name: seconds for name, seconds in kept.items() if seconds} == {
        "list of 24 products": 60,
        "product page": 60,
        "stock of a product": 5,
        "search": 60,
    }


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


def test_the_zip_of_the_order_placing_function_has_at_most_115_kb(order_placing: Artifact) -> None:
    assert order_placing.zip_bytes <= 115_000


def test_every_module_of_the_order_placing_function_is_shipped_compiled(order_placing: Artifact) -> None:
    assert order_placing.modules == order_placing.compiled
