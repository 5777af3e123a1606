"""The restore drill on AWS: the live table is only read, and of what was restored nothing stays."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from tests.support import templates
from tools.drills import restore_aside
from tools.drills.restore_aside import SUFFIX, drill
from tools.operate.environment import Deployed
from tools.report import ToolError

DEV, LIVE = Deployed("dev"), "souk-dev-orders"
READS = {"DescribeContinuousBackups", "DescribeTable", "GetItem", "Scan", "RestoreTableToPointInTime"}


class Aws:
    """An environment whose calls of DynamoDB are noted, by table; restored tables can come short or late."""

    name = "dev"
    variables: dict[str, str] = {}  # noqa: RUF012

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.lose: list[dict[str, Any]] = []
        self.late = self.misshapen = False
        self.dynamodb = boto3.Session().client("dynamodb")  # of its own: others are not to be noted
        events = self.dynamodb.meta.events
        events.register("provide-client-params.dynamodb", self._note)
        events.register("after-call.dynamodb.RestoreTableToPointInTime", self._restored)
        events.register("after-call.dynamodb.DescribeTable", self._described)

    def client(self, service: str) -> Any:
        assert service == "dynamodb"
        return self.dynamodb

    def _note(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        self.calls.append((model.name, params.get("TargetTableName") or params["TableName"]))

    def _restored(self, **_: Any) -> None:
        for key in self.lose:
            boto3.client("dynamodb").delete_item(TableName=LIVE + SUFFIX, Key=key)

    def _described(self, parsed: dict[str, Any], **_: Any) -> None:
        if self.late and parsed["Table"]["TableName"] == LIVE + SUFFIX:
            parsed["Table"]["TableStatus"] = "CREATING"
        if self.misshapen and parsed["Table"]["TableName"] == LIVE + SUFFIX:
            parsed["Table"]["KeySchema"].pop()


@pytest.fixture
def aws(cloud: None) -> Iterator[Aws]:
    dynamodb = boto3.client("dynamodb")
    dynamodb.create_table(
        **{**templates.table_request("orders"), "TableName": LIVE}, DeletionProtectionEnabled=True
    )
    dynamodb.update_continuous_backups(
        TableName=LIVE, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    for number in range(7):
        put(number)
    return Aws()


def key(number: int) -> dict[str, Any]:
    return {"pk": {"S": f"order#{number}"}, "sk": {"S": "order"}}


def put(number: int, status: str = "placed") -> None:
    boto3.client("dynamodb").put_item(TableName=LIVE, Item={**key(number), "status": {"S": status}})


def tables() -> list[str]:
    return boto3.client("dynamodb").list_tables()["TableNames"]


def test_a_table_is_restored_beside_the_live_one_compared_and_deleted(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    assert drill(aws, "orders", None, pause=0) == []
    said = capsys.readouterr().out
    assert "7 items restored, 7 are live; of samples 7 are the same, 0 changed since and 0 gone since" in said
    assert tables() == [LIVE]
    of_live = {name for name, table in aws.calls if table == LIVE}
    assert of_live <= READS
    assert {table for name, table in aws.calls if name == "DeleteTable"} == {LIVE + SUFFIX}


def test_what_is_missing_is_found(aws: Aws) -> None:
    aws.lose = [key(number) for number in range(7)]
    assert drill(aws, "orders", None, pause=0) == ["nothing was restored"]
    assert tables() == [LIVE]


def test_other_items_and_other_keys_are_found(aws: Aws) -> None:
    def all_differ(**_: Any) -> None:
        for number in range(7):
            put(number, "confirmed")

    aws.misshapen = True
    aws.dynamodb.meta.events.register("after-call.dynamodb.RestoreTableToPointInTime", all_differ)
    assert drill(aws, "orders", None, pause=0) == [
        "the key differs",
        "no sample is what it is in the live table",
    ]


def test_what_went_on_since_is_told_and_is_no_fault(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    def goes_on(**_: Any) -> None:
        put(0, "confirmed")
        boto3.client("dynamodb").delete_item(TableName=LIVE, Key=key(1))
        put(7)
        put(8)

    aws.dynamodb.meta.events.register("after-call.dynamodb.RestoreTableToPointInTime", goes_on)
    assert drill(aws, "orders", None, pause=0) == []
    said = capsys.readouterr().out
    assert "7 items restored, 8 are live; of samples 5 are the same, 1 changed since and 1 gone since" in said


def test_what_was_restored_goes_also_where_the_drill_breaks_off(aws: Aws) -> None:
    aws.late = True
    with pytest.raises(ToolError, match=f"{LIVE}{SUFFIX} is still CREATING"):
        drill(aws, "orders", None, pause=0, patience=0)
    assert tables() == [LIVE]


def test_what_another_drill_restored_is_left_to_it(aws: Aws) -> None:
    boto3.client("dynamodb").restore_table_to_point_in_time(
        SourceTableName=LIVE, TargetTableName=LIVE + SUFFIX
    )
    with pytest.raises(ToolError, match="another drill runs"):
        drill(aws, "orders", None, pause=0)
    assert tables() == [LIVE, LIVE + SUFFIX]


def test_only_a_drills_own_table_is_deleted(aws: Aws) -> None:
    with pytest.raises(ToolError, match="not the drill's"):
        restore_aside.delete(aws.client("dynamodb"), LIVE)
    assert tables() == [LIVE]


def test_a_moment_that_the_table_cannot_be_restored_to_is_refused_before_anything_is_done(aws: Aws) -> None:
    for at in (datetime.now(UTC) + timedelta(days=1), datetime(2020, 1, 1, tzinfo=UTC)):
        with pytest.raises(ToolError, match="between"):
            drill(aws, "orders", at, pause=0)
    boto3.client("dynamodb").update_continuous_backups(
        TableName=LIVE, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False}
    )
    with pytest.raises(ToolError, match="cannot be restored"):
        drill(aws, "orders", None, pause=0)
    with pytest.raises(ToolError, match="there is no souk-dev-cart"):
        drill(aws, "cart", None, pause=0)
    assert "RestoreTableToPointInTime" not in {name for name, _ in aws.calls}
