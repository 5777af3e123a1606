"""The bill's arithmetic, with numbers worked by hand on the prices of docs/prices."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bench import billing
from tests.bench.stacks import Size, Stacks

MILLION = 1_000_000


@pytest.fixture
def prices() -> Any:
    return billing.assumed({})


@pytest.fixture
def where() -> Stacks:
    return Stacks(
        gateways={"orders": "rest", "cart": "http"},
        sizes={("orders", "orders-http"): Size(512, "x86_64"), ("cart", "cart-inbox"): Size(256, "arm64")},
        log_classes={"orders": "STANDARD", "cart": "INFREQUENT_ACCESS"},
        backed_up={"orders"},
        fact_days=60,
    )


def _items(found: billing.Bill) -> dict[str, float]:
    """Return what a bill has something for, rounded to a hundredth of a cent."""
    return {what: round(dollars, 4) for what, dollars in found.items() if dollars}


def test_a_request_costs_what_its_gateway_takes(prices: Any, where: Stacks) -> None:
    assert _items(billing.bill({("orders", "requests"): MILLION}, prices, where)) == {"API": 3.5}
    assert _items(billing.bill({("cart", "requests"): MILLION}, prices, where)) == {"API": 1.11}


def test_a_million_units_requests_and_events_cost_their_list_price(prices: Any, where: Stacks) -> None:
    counted = ("write_units", "read_units", "messages", "receives", "deletes", "events", "calls:sesv2")
    found = billing.bill({("orders", what): MILLION for what in counted}, prices, where)
    expected = {"writes": 0.705, "reads": 0.1415, "queues": 1.2, "events": 1.0, "mails": 100.0}
    assert _items(found) == expected


def test_a_gigabyte_of_log_costs_half_in_the_class_for_infrequent_access(prices: Any, where: Stacks) -> None:
    assert _items(billing.bill({("orders", "log_bytes"): 1e9}, prices, where)) == {"logs": 0.57}
    assert _items(billing.bill({("cart", "log_bytes"): 1e9}, prices, where)) == {"logs": 0.285}


def test_signatures_by_rsa_cost_a_fifth_of_those_by_ecc(prices: Any, where: Stacks) -> None:
    assert _items(billing.bill({("identity", "kms:ECC"): MILLION}, prices, where)) == {"KMS": 15.0}
    assert _items(billing.bill({("identity", "kms:RSA"): MILLION}, prices, where)) == {"KMS": 3.0}


def test_a_secret_that_is_read_is_paid_for_and_a_parameter_is_not(prices: Any, where: Stacks) -> None:
    counted = {("orders", "calls:secretsmanager"): MILLION, ("orders", "calls:ssm"): MILLION}
    assert _items(billing.bill(counted, prices, where)) == {"secrets": 5.0}


def test_a_function_is_billed_by_its_memory_and_processor(prices: Any, where: Stacks) -> None:
    """Half a gigabyte for 6 ms on x86, a quarter for 12 on arm64: half the memory computes for twice as long."""
    x86 = billing.bill({("orders", "ran:orders-http:invocation"): MILLION}, prices, where)
    arm = billing.bill({("cart", "ran:cart-inbox:invocation"): MILLION}, prices, where)
    assert x86["Lambda"] == pytest.approx(MILLION * 0.5 * 0.006 * 1.66667e-5)
    assert arm["Lambda"] == pytest.approx(MILLION * 0.25 * 0.012 * 1.33334e-5)


def test_what_a_call_waits_for_takes_no_longer_with_less_memory(prices: Any, where: Stacks) -> None:
    """A call of DynamoDB computes 3.5 ms at 512 MB and waits 4.5: 8 ms there, 7 + 4.5 with half the memory."""
    assert billing.seconds("dynamodb", Size(512, "x86_64"), prices) == pytest.approx(0.008)
    assert billing.seconds("dynamodb", Size(256, "arm64"), prices) == pytest.approx(0.0115)


def test_a_signature_of_a_token_has_a_password_checked_before_it(prices: Any) -> None:
    """20 ms for KMS and 150 for the password; with twice the memory half of what is computed: 76.75 and 16.5."""
    assert billing.seconds("kms", Size(512, "x86_64"), prices) == pytest.approx(0.170)
    assert billing.seconds("kms", Size(1024, "x86_64"), prices) == pytest.approx(0.09325)


def test_one_invocation_of_a_hundred_is_billed_a_start(prices: Any, where: Stacks) -> None:
    prices["starts"] = {"share": 0.01, "instructions": 900e6, "instructions_a_second": 2.25e9}
    found = billing.bill({("orders", "ran:orders-http:invocation"): MILLION}, prices, where)
    assert found["starts"] == pytest.approx(10_000 * 0.4 * 0.5 * 1.66667e-5)
    without = billing.bill({("orders", "ran:orders-http:dynamodb"): MILLION}, prices, where)
    assert without["starts"] == 0


def test_the_provider_is_waited_for_in_a_line_of_its_own(prices: Any, where: Stacks) -> None:
    """A million times 0.3 to 1 s of half a gigabyte."""
    asked = {("orders", "ran:orders-http:provider"): MILLION}
    assert _items(billing.bill(asked, prices, where)) == {}
    assert billing.provider_wait(asked, prices, where) == pytest.approx((2.500005, 8.33335))
    less = {("cart", "ran:cart-inbox:provider"): MILLION}
    assert billing.provider_wait(less, prices, where) == pytest.approx((1.000005, 3.33335))


def test_the_edge_costs_what_is_above_its_free_allowance(prices: Any) -> None:
    found = billing.edge_bill(12 * MILLION, 1500e9, 3 * MILLION, prices)
    assert found == pytest.approx({"edge requests": 2.4, "edge functions": 0.1, "edge transfer": 42.5})
    assert sum(billing.edge_bill(10 * MILLION, 1000e9, 2 * MILLION, prices).values()) == 0


def test_what_stays_grows_with_the_months_and_what_expires_does_not(prices: Any, where: Stacks) -> None:
    stays, expires = {("cart", "item_bytes"): 1e9}, {("cart", "item_bytes:15"): 1e9}
    assert billing.storage(stays, 1, prices, where)["tables"] == pytest.approx(0.283)
    assert billing.storage(stays, 12, prices, where)["tables"] == pytest.approx(12 * 0.283)
    assert billing.storage(expires, 1, prices, where)["tables"] == pytest.approx(0.283 / 2)
    assert billing.storage(expires, 12, prices, where)["tables"] == pytest.approx(0.283 / 2)


def test_what_lies_for_longer_than_a_month_is_not_all_there_after_one(prices: Any, where: Stacks) -> None:
    year = {("cart", "item_bytes:360"): 1e9}
    assert billing.storage(year, 1, prices, where)["tables"] == pytest.approx(0.283)
    assert billing.storage(year, 36, prices, where)["tables"] == pytest.approx(12 * 0.283)


def test_backups_are_of_items_whose_table_has_them_and_not_of_indexes(prices: Any, where: Stacks) -> None:
    stored = {("orders", "item_bytes"): 1e9, ("orders", "index_bytes"): 1e9, ("cart", "item_bytes"): 1e9}
    found = billing.storage(stored, 2, prices, where)
    assert found["tables"] == pytest.approx(2 * 3 * 0.283)
    assert found["backups"] == pytest.approx(2 * 0.22)


def test_the_archive_is_paid_for_once_to_fill_it_and_then_for_as_long_as_it_keeps_facts(
    prices: Any, where: Stacks
) -> None:
    facts = {("orders", "event_bytes"): 1e9}
    assert _items(billing.bill(facts, prices, where)) == {"archive": 0.11}
    kept = [billing.storage(facts, months, prices, where)["archive"] for months in (1, 2, 3)]
    assert kept == pytest.approx([0.023, 0.046, 0.046])


def test_assumptions_can_be_given() -> None:
    given = billing.assumed({"PROVIDER_MS": "200 800", "COLD_SHARE": "0.05", "INIT_MS": "250"})
    assert given["provider_milliseconds"]["between"] == [200, 800]
    assert billing.starting(given) == pytest.approx(0.05 * 0.25)
    assert billing.assumed({"PROVIDER_MS": "500"})["provider_milliseconds"]["between"] == [500, 500]
