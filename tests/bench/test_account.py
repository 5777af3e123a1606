"""What the account counts that no journey shows by itself."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bench.account import is_provider, shared_seconds, transferred

INTENT = {"pk": {"S": "SIM#ord_1"}, "sk": {"S": "INTENT"}}
TROUBLE = {"pk": {"S": "SIM"}, "sk": {"S": "TROUBLE"}}
PAYMENT = {"pk": {"S": "PAYMENT#ord_1"}, "sk": {"S": "PAYMENT"}}


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("public, max-age=0, s-maxage=15, stale-while-revalidate=60", 15),
        ("public, max-age=300", 300),
        ("max-age=300", 0),
        ("no-store", 0),
        ("", 0),
    ],
)
def test_a_shared_cache_keeps_what_is_public_for_as_long_as_it_says(said: str, seconds: int) -> None:
    assert shared_seconds({"headers": {"Cache-Control": said}}) == seconds


def test_an_answer_without_headers_is_not_kept() -> None:
    assert shared_seconds({"statusCode": 204}) == 0


@pytest.mark.parametrize(
    ("operation", "request_", "expected"),
    [
        ("get_item", {"Key": INTENT}, True),
        ("get_item", {"Key": TROUBLE}, True),
        ("put_item", {"Item": INTENT}, True),
        ("update_item", {"Key": INTENT}, True),
        ("get_item", {"Key": PAYMENT}, False),
        ("update_item", {"Key": PAYMENT}, False),
        ("query", {"IndexName": "open"}, False),
        (
            "transact_write_items",
            {"TransactItems": [{"Put": {"Item": PAYMENT}}, {"Put": {"Item": INTENT}}]},
            False,
        ),
    ],
)
def test_only_calls_for_the_simulators_own_records_are_the_providers(
    operation: str, request_: Any, expected: bool
) -> None:
    assert is_provider(operation, request_) is expected


def test_an_answer_of_a_kilobyte_and_more_is_sent_compressed() -> None:
    assert transferred("x" * 999) == 500 + 999
    assert transferred("x" * 1000) == 500 + 300
