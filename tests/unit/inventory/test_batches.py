"""Orders that arrive together share one write of each level, and each ends as if it had come alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from functions.inventory.domain import Reservation
from functions.inventory.table import InventoryTable
from functions.shared import aws
from tests.unit.inventory.conftest import cancelled, confirmed, kept, placed


class Calls:
    """DynamoDB's client, which keeps what it was asked for."""

    def __init__(self) -> None:
        self.client: Any = aws.dynamodb()
        self.made: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Any:
        def call(**request: Any) -> Any:
            self.made.append((name, request))
            return getattr(self.client, name)(**request)

        return call

    def names(self) -> list[str]:
        """Return the calls made, without what they were made with."""
        return [name for name, _ in self.made]


@pytest.fixture
def calls(table: InventoryTable) -> Iterator[Calls]:
    kept = Calls()
    real = aws._factory
    aws.use(lambda name: kept if name == "dynamodb" else real(name))
    yield kept
    aws.use(None)


def orders(count: int, quantity: int = 1) -> list[dict[str, Any]]:
    return [placed(f"ord_{number}", MUG=quantity) for number in range(count)]


def statuses(table: InventoryTable, count: int) -> list[str]:
    held = [kept(table, f"ord_{number}") for number in range(count)]
    return [one.status if one else "none" for one in held]


def test_a_batch_of_orders_is_held_with_one_read_and_one_write_of_the_level(
    stocked: Any, deliver: Any, level: Any, calls: Calls
) -> None:
    stocked(MUG=50)
    calls.made.clear()
    assert deliver(*orders(10, 2)) == []
    assert calls.names() == ["batch_get_item", "update_item", "batch_get_item"]
    assert level("MUG") == (50, 30)


def test_a_batch_is_committed_and_released_with_one_write_of_the_level(
    stocked: Any, deliver: Any, level: Any, calls: Calls, table: InventoryTable
) -> None:
    stocked(MUG=50)
    deliver(*orders(10, 2))
    calls.made.clear()
    deliver(*[confirmed(f"ord_{number}") for number in range(5)])
    deliver(*[cancelled(f"ord_{number}") for number in range(3, 8)])
    assert calls.names() == ["batch_get_item", "transact_write_items"] * 2
    assert level("MUG") == (44, 40)
    assert statuses(table, 10) == ["committed"] * 3 + ["returned"] * 2 + ["released"] * 3 + ["reserved"] * 2


def test_what_is_left_goes_to_the_first_of_a_batch_in_one_try(
    stocked: Any, deliver: Any, level: Any, table: InventoryTable, calls: Calls
) -> None:
    stocked(MUG=5)
    calls.made.clear()
    assert deliver(*orders(4, 2)) == []
    assert calls.names() == [
        "batch_get_item",
        "update_item",
        "batch_get_item",
        "batch_get_item",
        "put_item",
        "put_item",
    ]
    assert level("MUG") == (5, 1)
    assert statuses(table, 4) == ["reserved", "reserved", "rejected", "rejected"]


def test_a_refusal_takes_a_second_look_and_one_write(stocked: Any, deliver: Any, calls: Calls) -> None:
    stocked(MUG=1)
    deliver(*orders(1))
    calls.made.clear()
    deliver(*[placed(f"ord_late_{number}", MUG=1) for number in range(10)])
    assert calls.names() == ["batch_get_item", "batch_get_item", *["put_item"] * 10]
    looks = [call["RequestItems"] for name, call in calls.made if name == "batch_get_item"]
    assert [[table.get("ConsistentRead", False) for table in look.values()] for look in looks] == [
        [False],
        [True],
    ]


def test_a_refusal_tells_what_the_others_of_the_batch_have_left(
    stocked: Any, deliver: Any, told: Any
) -> None:
    stocked(MUG=5)
    deliver(*orders(3, 2))
    ((_, data),) = [fact for fact in told() if fact[0] == "StockRejected"]
    assert data["lines"] == [{"sku": "MUG", "requested": 2, "available": 1}]


def test_an_order_that_was_answered_before_is_left_out_and_the_others_are_held(
    stocked: Any, deliver: Any, level: Any, table: InventoryTable
) -> None:
    stocked(MUG=5)
    deliver(cancelled("ord_1"), placed("ord_2", MUG=1))
    assert deliver(*orders(4)) == []
    assert level("MUG") == (5, 2)
    assert statuses(table, 4) == ["reserved", "refused", "reserved", "reserved"]


def test_the_same_order_twice_in_a_batch_is_held_once(stocked: Any, deliver: Any, level: Any) -> None:
    stocked(MUG=5)
    assert deliver(*orders(2), *orders(2)) == []
    assert level("MUG") == (5, 3)


def test_a_bad_fact_in_a_batch_fails_alone(
    stocked: Any, deliver: Any, level: Any, table: InventoryTable
) -> None:
    stocked(MUG=5)
    deliver(*orders(3))
    facts = confirmed("ord_0"), confirmed("ord_1"), confirmed("ord_2", at="soon")
    assert deliver(*facts, "poison") == ["message-2"]
    assert level("MUG") == (3, 2)
    assert statuses(table, 3) == ["committed", "committed", "reserved"]


def test_orders_that_do_not_fit_into_one_transaction_take_several(
    deliver: Any, table: InventoryTable, calls: Calls
) -> None:
    skus = [f"SKU{number}" for number in range(100)]
    for sku in skus:
        level = {"sku": sku, "on_hand": 1, "available": 1, "version": 1}
        table.put({"pk": f"SKU#{sku}", "sk": "LEVEL", **level})
    calls.made.clear()
    assert (
        deliver(*[placed(f"ord_{n}", **dict.fromkeys(skus[n * 50 : n * 50 + 50], 1)) for n in range(2)]) == []
    )
    assert deliver(*[confirmed(f"ord_{number}") for number in range(2)]) == []
    assert statuses(table, 2) == ["committed"] * 2
    assert calls.names().count("transact_write_items") == 4


def test_each_fact_of_a_batch_names_the_order_that_led_to_it(
    stocked: Any, deliver: Any, arrived: Any
) -> None:
    stocked(MUG=1)
    batch = orders(2)
    for number, event in enumerate(batch):
        event["detail"] |= {"id": f"ord_{number}.1.OrderPlaced", "correlationId": f"purchase-{number}"}
    deliver(*batch)
    facts = [event["detail"] for event in arrived()]
    causes = {(one["type"], one["correlationId"], one["causationId"]) for one in facts}
    assert causes == {
        ("StockReserved", "purchase-0", "ord_0.1.OrderPlaced"),
        ("StockRejected", "purchase-1", "ord_1.1.OrderPlaced"),
    }


def test_an_order_and_its_cancellation_in_one_batch_hold_nothing(
    stocked: Any, deliver: Any, level: Any, table: InventoryTable
) -> None:
    stocked(MUG=5)
    deliver(placed("ord_0", MUG=1), cancelled("ord_1"), placed("ord_1", MUG=1), cancelled("ord_0"))
    assert level("MUG") == (5, 5)
    assert set(statuses(table, 2)) <= {"released", "refused"}


def test_nothing_is_held_where_another_took_the_units_meanwhile(
    stocked: Any, level: Any, table: InventoryTable
) -> None:
    stocked(MUG=2)
    first, second = (Reservation(f"ord_{n}", "reserved", {"MUG": 2}, 1) for n in range(2))
    assert table.reserve([first], ()) is None
    assert table.reserve([second], ()) == []
    assert level("MUG") == (2, 0)
    assert statuses(table, 2) == ["reserved", "none"]
