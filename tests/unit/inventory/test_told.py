"""What people change is told by the table's stream, and nothing else is."""

from __future__ import annotations

from typing import Any

import pytest

from functions.inventory import app as inventory_app
from tests.support import templates
from tests.support.lambda_events import Context
from tests.unit.inventory.conftest import placed


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
