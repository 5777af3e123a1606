"""What can be had of a SKU is told where few are left and where people changed it, so that nobody has to ask."""

from __future__ import annotations

import json
from typing import Any

import pytest

from functions.inventory import app as inventory_app
from functions.inventory import service
from functions.inventory.table import InventoryTable
from functions.shared import aws
from tests.simulation.deployment import compiled
from tests.support import templates
from tests.support.lambda_events import Context
from tests.unit.inventory.conftest import NOW, cancelled, confirmed, placed, published

ORDERS = [f"ord_{letter}" for letter in "abcde"]


@pytest.fixture
def heard(images: Any, arrived: Any) -> Any:
    """Return a function that publishes what is in the table and returns what is told of SKUs, by SKU."""

    def run() -> dict[str, list[Any]]:
        arrived()
        inventory_app.publish(images(), Context())
        return told(arrived())

    return run


def told(events: list[Any]) -> dict[str, list[Any]]:
    """Return kind, units, whether more can be ordered, the level's version, and its changes since, by SKU."""
    details = [event["detail"] for event in events if event["detail-type"] == "StockAvailabilityChanged"]
    fields = ("availability", "available", "backOrderable", "levelVersion", "changes")
    return {one["data"]["sku"]: [one["data"][name] for name in fields] for one in details}


def test_what_everybody_may_know_is_told_and_no_number_above_20(
    stocked: Any, deliver: Any, heard: Any
) -> None:
    stocked(MUG=500, POT=3, PEN=2)
    deliver(published(MUG="tracked", POT="backorder", CUP="untracked", PEN="tracked"), placed(PEN=2))
    assert {sku: one[:3] for sku, one in heard().items()} == {
        "MUG": ["in_stock", 20, False],
        "POT": ["in_stock", 3, True],
        "CUP": ["untracked", None, False],
        "PEN": ["out", 0, False],
    }


def test_nothing_is_told_of_what_is_not_on_sale(stocked: Any, heard: Any) -> None:
    stocked(MUG=5)
    assert heard() == {}


def test_of_two_that_are_told_the_one_after_people_changed_the_level_is_the_newer(
    stocked: Any, deliver: Any, heard: Any, table: InventoryTable
) -> None:
    stocked(MUG=5)
    deliver(published(MUG="tracked"))
    first = heard()["MUG"]
    service.adjust(table, "MUG", 9, "received", adjustment_id="second", by="cus_admin", at=NOW)
    assert heard()["MUG"] == ["in_stock", 14, False, first[3] + 1, 0]


def test_of_two_that_are_told_the_one_of_more_orders_is_the_newer_by_no_clock(
    stocked: Any, deliver: Any, heard: Any
) -> None:
    stocked(MUG=9, PEN=9)
    deliver(published(MUG="tracked", PEN="tracked"))
    last = heard()["MUG"]
    for step in (
        placed("ord_a", MUG=1),
        placed("ord_b", MUG=1, PEN=1),
        cancelled("ord_a"),
        confirmed("ord_b"),
        cancelled("ord_b"),
    ):
        deliver(step)
        told_now = heard()["MUG"]
        assert (told_now[3], told_now[4]) > (last[3], last[4]), step["detail-type"]
        last = told_now
    assert last[1] == 9


def test_a_split_level_is_told_as_a_whole(
    stocked: Any, deliver: Any, heard: Any, table: InventoryTable
) -> None:
    stocked(MUG=18)
    deliver(published(MUG="tracked"))
    service.set_shards(table, "MUG", 4, service.level(table, "MUG").version, NOW)
    assert heard()["MUG"][:2] == ["in_stock", 18]


def test_the_stream_brings_levels_that_few_are_left_of_and_no_others() -> None:
    function = templates.resources("inventory", "AWS::Serverless::Function")["PublishFunction"]
    filters = function["Events"]["Stream"]["Properties"]["FilterCriteria"]["Filters"]
    passes = [compiled(json.loads(one["Pattern"])) for one in filters]

    def comes(sk: str, available: int) -> bool:
        image = {"sk": {"S": sk}, "available": {"N": str(available)}}
        return any(test({"dynamodb": {"NewImage": image}}) for test in passes)

    shown = range(-3, 20 + service.LEAP)
    assert all(comes(sk, units) for sk in ("LEVEL", "SHARD") for units in shown)
    assert not any(comes("LEVEL", units) for units in (20 + service.LEAP, 100, 299, 2000))
    assert not comes("RESERVATION", 0)


def test_many_units_that_come_back_at_once_are_told_though_the_stream_passes_them_over(
    stocked: Any, deliver: Any, arrived: Any
) -> None:
    stocked(MUG=40)
    deliver(published(MUG="tracked"), *(placed(order_id, MUG=8) for order_id in ORDERS))
    arrived()
    off = [cancelled(order_id) for order_id in ORDERS]
    for each in off:
        each["detail"]["data"]["lines"][0] |= {"sku": "MUG", "quantity": 8}
    assert deliver(*off) == []
    assert told(arrived())["MUG"][:2] == ["in_stock", 20]


def test_what_the_bus_refuses_comes_again(
    stocked: Any, deliver: Any, images: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stocked(MUG=5)
    deliver(published(MUG="tracked"))
    batch = images()
    for record in batch["Records"]:
        record["dynamodb"]["NewImage"].pop("outbox", None)
    aws.eventbridge().delete_event_bus(Name="souk-local")
    monkeypatch.setenv("BUS_NAME", "souk-gone")
    with pytest.raises(Exception, match=r"refused|souk-gone"):
        inventory_app.publish(batch, Context())
