"""The ledger against the payments: compared whenever money has moved, and told where they differ."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from functions.payments.table import PaymentsTable
from functions.shared import log
from tests.unit.payments.conftest import ORDER, Shop


@pytest.fixture
def measured(capsys: pytest.CaptureFixture[str]) -> Any:
    """Return a function that runs something as an invocation and returns its line."""

    def run(work: Any) -> dict[str, Any]:
        capsys.readouterr()
        log.logged("inbox", lambda event, context: work())({}, None)
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found

    return run


def test_a_payment_that_is_what_its_ledger_says_is_not_told_of(shop: Shop, measured: Any) -> None:
    shop.place()
    line = measured(shop.confirm)
    assert shop.payment.captured == 5000
    assert "unbalanced" not in line
    assert "_aws" not in line


def test_a_payment_that_is_not_what_its_ledger_says_is_told_of_with_its_order(
    shop: Shop, measured: Any
) -> None:
    shop.place()
    boto3.client("dynamodb").put_item(
        TableName=shop.table.name,
        Item={
            "pk": {"S": f"PAYMENT#{ORDER}"},
            "sk": {"S": "ENTRY#00000001"},
            **{name: {"S": "x"} for name in ("time", "currency")},
            "order_id": {"S": ORDER},
            "number": {"N": "1"},
            "amount": {"N": "1"},
            "kind": {"S": "capture"},
            "debit": {"S": "provider_receivable"},
            "credit": {"S": "customer_sales"},
        },
    )
    line = measured(shop.confirm)
    assert shop.payment.captured == 5000
    assert (line["level"], line["orderId"], line["unbalanced"]) == ("error", ORDER, 1)
    assert [one["Name"] for one in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]] == ["unbalanced"]


class Unreadable(PaymentsTable):
    """A table whose ledger cannot be read just now."""

    def query_all(self, *_: Any, **__: Any) -> Any:
        raise TimeoutError


def test_money_that_has_moved_has_moved_whether_the_ledger_can_be_read_then_or_not(
    shop: Shop, measured: Any
) -> None:
    shop.table = Unreadable(shop.table.name)
    shop.place()
    line = measured(shop.confirm)
    assert (shop.payment.status, line["outcome"], line["notBalanced"]) == ("captured", "ok", "TimeoutError")
