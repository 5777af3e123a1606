"""`make restore-drill ENV=dev SERVICE=orders`: restore a table of AWS beside itself, compare, delete what was restored.

The live table is only read. It is restored to AT (UTC), or else to the latest moment it can be, under a name of the
drill's own, which is the only one that the drill deletes. What takes longest in earnest is measured: the restore.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from tools import options
from tools.operate import replay
from tools.operate.environment import Environment, deployed
from tools.report import ToolError, step
from tools.services import services

SUFFIX = "-restore-drill"
"""What the name of a restored table ends in, and of no other."""
SEGMENTS, OF_EACH = 20, 10
"""How many parts of the table samples are taken from, and how many of each."""


class Comparison(NamedTuple):
    """How many items were restored, are live now, and what became of samples of the restored since that moment."""

    restored: int
    live: int
    same: int
    changed: int
    gone: int


def main() -> None:
    """Rehearse restoring the table of the service that SERVICE names, orders without it."""
    names = options.services(services()) or ["orders"]
    if len(names) != 1:
        raise ToolError("one service at a time: SERVICE=orders")
    found = drill(deployed(), names[0], replay.moment("AT"))
    for finding in found:
        print(f"restore-drill: {finding}")
    step(f"{len(found)} findings")
    sys.exit(1 if found else 0)


def drill(
    environment: Environment,
    service: str,
    at: datetime | None,
    *,
    pause: float = 10,
    patience: float = 6 * 3600,
) -> list[str]:
    """Restore, compare and delete; return what is wrong. The restored table is deleted whatever happens."""
    dynamodb, live = environment.client("dynamodb"), f"souk-{environment.name}-{service}"
    aside = live + SUFFIX
    at = moment(dynamodb, live, at)
    try:
        dynamodb.restore_table_to_point_in_time(
            SourceTableName=live, TargetTableName=aside, RestoreDateTime=at
        )
    except dynamodb.exceptions.TableAlreadyExistsException:
        raise ToolError(
            f"{aside} is there: another drill runs, or one was broken off; then: {_by_hand(aside)}"
        ) from None
    started = time.monotonic()
    try:
        step(f"{live} is restored to {at:%Y-%m-%d %H:%M:%S} UTC, as {aside}")
        _wait(dynamodb, aside, pause, patience)
        step(f"restored in {time.monotonic() - started:.0f} s")
        found = differences(dynamodb, live, aside)
        compared = compare(dynamodb, live, aside)
    finally:
        delete(dynamodb, aside)
    step(
        f"{compared.restored} items restored, {compared.live} are live; of samples {compared.same} are the same, "
        f"{compared.changed} changed since and {compared.gone} gone since"
    )
    if compared.live and not compared.restored:
        found.append("nothing was restored")
    elif compared.restored and not compared.same:
        found.append("no sample is what it is in the live table")
    return found


def moment(dynamodb: Any, table: str, at: datetime | None) -> datetime:
    """Return the moment to restore to, the latest without `at`; ToolError where the table cannot be restored to it."""
    try:
        told = dynamodb.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    except dynamodb.exceptions.TableNotFoundException:
        raise ToolError(f"there is no {table}; docs/operating.md says how a lost table is restored") from None
    recovery = told.get("PointInTimeRecoveryDescription", {})
    if recovery.get("PointInTimeRecoveryStatus") != "ENABLED":
        raise ToolError(
            f"{table} cannot be restored to a moment; make ready says the command that changes it"
        )
    first, last = recovery["EarliestRestorableDateTime"], recovery["LatestRestorableDateTime"]
    if at is not None and not first <= at <= last:
        within = " and ".join(f"{one.astimezone(UTC):%Y-%m-%dT%H:%M}" for one in (first, last))
        raise ToolError(f"{table} can be restored to moments between {within} (UTC)")
    chosen: datetime = (at or last).astimezone(UTC)
    return chosen


def _wait(dynamodb: Any, table: str, pause: float, patience: float) -> None:
    """Wait until a table is there, for minutes to hours."""
    until = time.monotonic() + patience
    while (state := dynamodb.describe_table(TableName=table)["Table"]["TableStatus"]) != "ACTIVE":
        if time.monotonic() > until:
            raise ToolError(f"{table} is still {state} after {patience:.0f} s")
        time.sleep(pause)


def differences(dynamodb: Any, live: str, aside: str) -> list[str]:
    """Return in what keys and indexes of two tables differ."""
    shapes = [_shape(dynamodb.describe_table(TableName=name)["Table"]) for name in (live, aside)]
    return [f"{part} differs" for part in shapes[0] if shapes[0][part] != shapes[1][part]]


def _shape(table: dict[str, Any]) -> dict[str, Any]:
    indexes = table.get("GlobalSecondaryIndexes", [])
    return {
        "the key": table["KeySchema"],
        "an index": sorted((one["IndexName"], str(one["KeySchema"])) for one in indexes),
    }


def compare(dynamodb: Any, live: str, aside: str) -> Comparison:
    """Count both tables, and look samples of the restored one up in the live one."""
    keys = [one["AttributeName"] for one in dynamodb.describe_table(TableName=live)["Table"]["KeySchema"]]
    samples = {}
    for segment in range(SEGMENTS):
        page = dynamodb.scan(TableName=aside, Segment=segment, TotalSegments=SEGMENTS, Limit=OF_EACH)
        samples.update({str([item[key] for key in keys]): item for item in page["Items"]})
    same = changed = gone = 0
    for item in samples.values():
        now = dynamodb.get_item(TableName=live, Key={key: item[key] for key in keys}).get("Item")
        same, changed, gone = same + (now == item), changed + bool(now and now != item), gone + (not now)
    return Comparison(_count(dynamodb, aside), _count(dynamodb, live), same, changed, gone)


def _count(dynamodb: Any, table: str) -> int:
    """Return how many items a table has now; what describe_table says may be six hours old."""
    pages = dynamodb.get_paginator("scan").paginate(TableName=table, Select="COUNT")
    return sum(page["Count"] for page in pages)


def delete(dynamodb: Any, table: str) -> None:
    """Delete a restored table, and no other one; where AWS does not take it yet, say how to."""
    if not table.endswith(SUFFIX):
        raise ToolError(f"{table} is not the drill's to delete")
    try:
        dynamodb.delete_table(TableName=table)
    except ClientError as error:
        step(f"{table} is still there ({error.response['Error'].get('Code')}); later: {_by_hand(table)}")


def _by_hand(table: str) -> str:
    return f"aws dynamodb delete-table --table-name {table}"
