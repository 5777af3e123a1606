"""Write units by hand: an item below a kilobyte is one, twice in a transaction; each index entry is one, once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bench.units import write_units
from tests.simulation.fake_tables import Table

KEYS = {"pk": {"S": "ORDER#1"}, "sk": {"S": "ORDER"}}
OPEN = {**KEYS, "open_shard": {"S": "OPEN#3"}, "open_at": {"S": "2026-11-29"}}
MOVED = {**OPEN, "open_at": {"S": "2026-11-30"}}


@pytest.fixture
def table() -> Table:
    return Table(
        {
            "TableName": "souk-local-orders",
            "AttributeDefinitions": [
                {"AttributeName": name, "AttributeType": "S"}
                for name in ("pk", "sk", "open_shard", "open_at")
            ],
            "KeySchema": _keys("pk", "sk"),
            "GlobalSecondaryIndexes": [
                {
                    "IndexName": "open",
                    "KeySchema": _keys("open_shard", "open_at"),
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                }
            ],
        }
    )


def _keys(hash_name: str, range_name: str) -> list[dict[str, str]]:
    return [
        {"AttributeName": hash_name, "KeyType": "HASH"},
        {"AttributeName": range_name, "KeyType": "RANGE"},
    ]


def _large(image: dict[str, Any]) -> dict[str, Any]:
    return {**image, "note": {"S": "x" * 1500}}


def test_a_new_item_with_an_index_entry_takes_one_unit_each(table: Table) -> None:
    assert write_units(table, None, OPEN) == 1 + 1


def test_a_transaction_doubles_the_item_and_not_its_index_entry(table: Table) -> None:
    assert write_units(table, None, OPEN, transaction=True) == 2 * 1 + 1


def test_a_transaction_doubles_each_kilobyte_of_the_item_and_none_of_its_entry(table: Table) -> None:
    assert write_units(table, None, _large(OPEN), transaction=True) == 2 * 2 + 1


def test_an_entry_that_moves_is_removed_and_made_once_each_in_a_transaction_too(table: Table) -> None:
    assert write_units(table, OPEN, MOVED) == 1 + 2
    assert write_units(table, OPEN, MOVED, transaction=True) == 2 * 1 + 2


def test_a_write_that_leaves_its_entry_as_it_is_takes_nothing_for_it(table: Table) -> None:
    assert write_units(table, OPEN, {**OPEN, "status": {"S": "placed"}}, transaction=True) == 2


def test_a_write_whose_condition_does_not_hold_takes_the_item_only(table: Table) -> None:
    assert write_units(table, OPEN, MOVED, wrote=False) == 1
    assert write_units(table, OPEN, MOVED, wrote=False, transaction=True) == 2
