"""What inventory does by itself: its facts go to the bus, and reservations that nobody decides are asked about."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from functions.inventory import app as inventory_app
from functions.inventory import service
from functions.inventory.domain import ASK_AGAIN
from functions.inventory.table import InventoryTable
from functions.shared import clock, outbox
from functions.shared.open_work import SHARDS
from tests.support import templates
from tests.support.lambda_events import Context
from tests.unit.inventory.conftest import ORDER, cancelled, confirmed, placed

DECIDE_BY = clock.parse("2026-11-22T17:07:09.123Z")


def test_the_tables_facts_reach_the_bus(
    stocked: Any, images: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    stocked(MUG=5)
    capsys.readouterr()
    inventory_app.publish(images(), Context())
    assert '"facts":1' in capsys.readouterr().out


def test_a_level_that_changed_with_an_order_tells_no_old_fact_again(
    stocked: Any, deliver: Any, images: Any, told: Any
) -> None:
    stocked(MUG=5)
    assert [kind for kind, _ in told()] == ["StockLevelChanged"]
    deliver(placed(MUG=2))
    assert [kind for kind, _ in told()] == ["StockReserved"]


def test_only_items_with_news_reach_the_publisher() -> None:
    (source,) = (
        event["Properties"]
        for function in templates.resources("inventory", "AWS::Serverless::Function").values()
        for event in function.get("Events", {}).values()
        if event["Type"] == "DynamoDB"
    )
    assert source["FilterCriteria"]["Filters"][0]["Pattern"] == (
        '{"dynamodb":{"NewImage":{"outbox":{"S":[{"exists":true}]}}}}'
    )


def test_nobody_is_asked_before_the_reservation_has_waited_long_enough(
    stocked: Any, deliver: Any, table: InventoryTable
) -> None:
    stocked(MUG=5)
    deliver(placed(MUG=2))
    assert service.remind(table, DECIDE_BY + ASK_AGAIN - timedelta(milliseconds=1)) == 0
    assert service.remind(table, DECIDE_BY + ASK_AGAIN) == 1


def test_a_reminder_says_yes_again_and_asks_for_the_decision(
    stocked: Any, deliver: Any, table: InventoryTable, told: Any, level: Any
) -> None:
    stocked(MUG=5)
    deliver(placed(MUG=2))
    service.remind(table, DECIDE_BY + ASK_AGAIN)
    reminder, first = sorted(told(), key=lambda fact: "reminder" not in fact[1])
    assert (first[0], first[1]["orderId"]) == ("StockReserved", ORDER)
    assert reminder == ("StockReserved", {**first[1], "reminder": True})
    assert level("MUG") == (5, 3)


def test_each_reminder_is_a_fact_of_its_own(
    stocked: Any, deliver: Any, table: InventoryTable, images: Any
) -> None:
    stocked(MUG=5)
    deliver(placed(MUG=2))
    ids = set()
    for count in range(1, 4):
        assert service.remind(table, DECIDE_BY + count * ASK_AGAIN) == 1
        records = [record["dynamodb"]["NewImage"] for record in images()["Records"]]
        ids |= {fact.id for image in records if "outbox" in image for fact in outbox.unpack(image)}
    assert len(ids) == 3


def test_after_a_reminder_it_waits_again(stocked: Any, deliver: Any, table: InventoryTable) -> None:
    stocked(MUG=5)
    deliver(placed(MUG=2))
    at = DECIDE_BY + ASK_AGAIN
    assert service.remind(table, at) == 1
    assert service.remind(table, at + ASK_AGAIN - timedelta(milliseconds=1)) == 0
    assert service.remind(table, at + ASK_AGAIN) == 1


@pytest.mark.parametrize("decision", [confirmed(), cancelled()], ids=["confirmed", "cancelled"])
def test_what_is_decided_is_not_asked_about(
    decision: dict[str, Any], stocked: Any, deliver: Any, table: InventoryTable
) -> None:
    stocked(MUG=5)
    deliver(placed(MUG=2), decision)
    assert service.remind(table, DECIDE_BY + timedelta(days=1)) == 0


def test_the_decision_still_takes_effect_after_a_reminder(
    stocked: Any, deliver: Any, table: InventoryTable, level: Any
) -> None:
    stocked(MUG=5)
    deliver(placed(MUG=2))
    service.remind(table, DECIDE_BY + ASK_AGAIN)
    deliver(confirmed())
    assert level("MUG") == (3, 3)


def test_every_shard_of_open_work_is_swept(stocked: Any, deliver: Any, table: InventoryTable) -> None:
    stocked(MUG=999)
    orders = [placed(f"ord_{number}", MUG=1) for number in range(4 * SHARDS)]
    for start in range(0, len(orders), 10):
        deliver(*orders[start : start + 10])
    assert service.remind(table, DECIDE_BY + ASK_AGAIN) == len(orders)


def test_the_sweep_says_how_many_it_asked_about(
    table: InventoryTable, capsys: pytest.CaptureFixture[str]
) -> None:
    assert inventory_app.sweep({}, Context()) == {"asked": 0}
    assert '"asked":0' in capsys.readouterr().out
