"""The audit's books of stock: levels with their shards are what movements and reservations say, or it tells."""

from __future__ import annotations

from typing import Any

import pytest

from tools import audit

LEDGER: list[dict[str, Any]] = [
    {"pk": "SKU#MUG", "sk": "MOVE#2026-11-22T17:05:10.000Z#a", "delta": 10},
    {"pk": "ORDER#ord_1", "sk": "RESERVATION", "status": "reserved", "lines": {"MUG": 3}},
    {"pk": "ORDER#ord_2", "sk": "RESERVATION", "status": "committed", "lines": {"MUG": 1}},
]


def level(pk: str, on_hand: int, available: int) -> dict[str, Any]:
    return {
        "pk": pk,
        "sk": "SHARD" if pk.count("#") > 1 else "LEVEL",
        "on_hand": on_hand,
        "available": available,
    }


def differences(*levels: dict[str, Any]) -> list[str]:
    books = audit.Books()
    for item in [*LEDGER, *levels]:
        audit._stock_item(books, item)
    return list(audit.stock(books))


def test_a_level_that_agrees_with_the_ledger_is_no_difference() -> None:
    assert differences(level("SKU#MUG", 9, 6)) == []


def test_a_split_level_is_the_sum_of_its_shards() -> None:
    assert differences(level("SKU#MUG#1", 5, 4), level("SKU#MUG", 4, 2)) == []


@pytest.mark.parametrize("lost", [0, 1])
def test_a_shard_that_is_lost_is_told(lost: int) -> None:
    shards = [level("SKU#MUG", 4, 2), level("SKU#MUG#1", 5, 4)]
    del shards[lost]
    assert "the ledger says (9, 6)" in differences(*shards)[0]


def test_a_shard_below_zero_is_told_though_the_sum_is_right() -> None:
    assert differences(level("SKU#MUG", 9, 7), level("SKU#MUG#1", 0, -1)) == ["stock MUG: below zero"]
