"""Nothing that people do may cost more because the shop has grown."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from functions.catalog.lists.table import MAX_EXAMINED
from tests.bench.growth import Cost, by_size
from tests.bench.windowed import WindowedDynamoDB
from tests.simulation.fake_dynamodb import FakeDynamoDB

SMALL, LARGE = 1_000, 4_000
MERGED = 2
"""A page is merged of four parts of a list; how many of its rows lie in which follows from their ids."""


@pytest.fixture(scope="module")
def costs() -> tuple[dict[str, Cost], dict[str, Cost]]:
    return by_size(SMALL), by_size(LARGE)


def test_units_and_calls_are_those_of_a_smaller_shop(costs: tuple[dict[str, Cost], dict[str, Cost]]) -> None:
    small, large = costs
    grown = {
        name: (cost, large[name])
        for name, cost in small.items()
        if (cost.write_units, cost.read_units, cost.aws_calls)
        != (large[name].write_units, large[name].read_units, large[name].aws_calls)
        and not _is_merged(name)
    }
    assert grown == {}


def test_a_merged_page_takes_at_most_two_queries_more(costs: tuple[dict[str, Cost], dict[str, Cost]]) -> None:
    small, large = costs
    for name in filter(_is_merged, small.keys() - {FILTERED}):
        assert large[name].aws_calls <= small[name].aws_calls + MERGED, name
        assert large[name].read_units <= small[name].read_units + 4, name
        assert large[name].write_units == small[name].write_units == 0, name


def test_a_search_that_must_look_further_stays_within_its_bound(
    costs: tuple[dict[str, Cost], dict[str, Cost]],
) -> None:
    _, large = costs
    assert large[FILTERED].aws_calls <= 25
    assert large[FILTERED].read_units <= MAX_EXAMINED / 8, (
        "an entry is read as a kilobyte, half a unit for four"
    )


FILTERED = "search, common and rare"
"""Its page is full while there are hits, however far apart they are: it looks through MAX_EXAMINED entries at most."""


def _is_merged(name: str) -> bool:
    """Tell whether an operation reads several partitions up to a limit each and shows the best of all."""
    return name.startswith(("list", "the middle", "search", "console: orders"))


TABLE: dict[str, Any] = {
    "TableName": "t",
    "AttributeDefinitions": [
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "sk", "AttributeType": "S"},
        {"AttributeName": "open_shard", "AttributeType": "S"},
        {"AttributeName": "at", "AttributeType": "S"},
    ],
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "open",
            "Projection": {"ProjectionType": "ALL"},
            "KeySchema": [
                {"AttributeName": "open_shard", "KeyType": "HASH"},
                {"AttributeName": "at", "KeyType": "RANGE"},
            ],
        }
    ],
}
CONDITIONS = (
    "",
    " AND {0} <= :a",
    " AND {0} < :a",
    " AND {0} >= :a",
    " AND {0} > :a",
    " AND {0} = :a",
    " AND {0} BETWEEN :a AND :b",
    " AND begins_with({0}, :a)",
)


@pytest.mark.parametrize("index", [None, "open"])
def test_a_windowed_query_answers_as_one_of_the_whole_partition(index: str | None) -> None:
    whole, windowed = FakeDynamoDB(), WindowedDynamoDB()
    for database in (whole, windowed):
        database.create_table(**TABLE)
        for number in range(40):
            item = {
                "pk": "p",
                "sk": f"{number:02d}",
                "open_shard": "p",
                "at": f"{number // 3:02d}",
                "n": number % 2,
            }
            database.put_item(TableName="t", Item={name: {"S": str(value)} for name, value in item.items()})
    hash_name, range_name = ("open_shard", "at") if index else ("pk", "sk")
    for condition, limit, forwards, value in itertools.product(
        CONDITIONS, (None, 1, 5), (True, False), ("05", "1")
    ):
        request: dict[str, Any] = {
            "TableName": "t",
            "KeyConditionExpression": f"{hash_name} = :p{condition.format('#r')}",
            "ExpressionAttributeValues": {":p": {"S": "p"}},
            "ScanIndexForward": forwards,
        }
        request |= {"IndexName": index} if index else {}
        request |= {"Limit": limit} if limit else {}
        if condition:
            request["ExpressionAttributeNames"] = {"#r": range_name}
            request["ExpressionAttributeValues"][":a"] = {"S": value}
        if ":b" in condition:
            request["ExpressionAttributeValues"][":b"] = {"S": "11"}
        for _ in range(3):
            expected = whole.query(**request)
            assert windowed.query(**request) == expected, request
            if "LastEvaluatedKey" not in expected:
                break
            request["ExclusiveStartKey"] = expected["LastEvaluatedKey"]
