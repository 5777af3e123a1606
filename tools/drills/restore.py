"""`make restore-drill`: delete the orders table of a local stack, restore it, and prove that all is there.

What happens on AWS with point-in-time recovery, as far as the emulator goes: an on-demand backup stands for the
recovery point (the emulator recovers only tables that still exist). The table comes back under its own name, so
functions, policies and stacks go on as they are; what a restored table lacks on AWS as well (stream, time to live,
recovery, protection) is set again, and the publisher reads the new stream. docs/operating.md tells the same for AWS.
Outside the local stack it restores a table beside the live one instead (restore_aside.py).
"""

from __future__ import annotations

import sys
import time
from typing import Any

from tools.drills import rehearsal, restore_aside
from tools.local import streams
from tools.local.drain import drain
from tools.local.shop import Shop
from tools.local.stack import ENVIRONMENT, Stack, running_stack
from tools.operate import audit, replay
from tools.operate.environment import is_local
from tools.report import ToolError, step
from tools.templates import resources

SERVICE = "orders"
TABLE = f"souk-{ENVIRONMENT}-{SERVICE}"


def main() -> None:
    """Rehearse the loss of the orders table; outside the local stack, a restore beside the live table."""
    if not is_local():
        restore_aside.main()
        return
    stack = running_stack()
    shop, dynamodb = Shop(stack.url), stack.client("dynamodb")
    sku = rehearsal.product(shop, rehearsal.staff(shop), "restored", 10)
    old = rehearsal.place(shop, rehearsal.quoted(shop, sku)).body
    rehearsal.decided(shop, [old])
    drain(stack, seconds=60)
    before = replay.fingerprints(stack, [SERVICE])
    backup = dynamodb.create_backup(TableName=TABLE, BackupName=f"{TABLE}-drill")["BackupDetails"][
        "BackupArn"
    ]
    step(f"recovery point made: {len(before[SERVICE])} items")
    stream = dynamodb.describe_table(TableName=TABLE)["Table"]["LatestStreamArn"]
    dynamodb.delete_table(TableName=TABLE)
    dynamodb.get_waiter("table_not_exists").wait(
        TableName=TABLE, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    lost = time.monotonic()
    broken = shop.call(
        "GET", f"/orders/{old['orderId']}", headers={"X-Order-Token": old["orderToken"]}
    ).status
    step(f"table deleted; an order can no longer be read ({broken})")
    restore(dynamodb, backup)
    settings(dynamodb)
    swap_stream(stack, stream)
    seconds = time.monotonic() - lost
    after = replay.fingerprints(stack, [SERVICE])
    step(f"restored and swapped in after {seconds:.1f} s: {len(after[SERVICE])} items")
    found = _findings(stack, shop, sku, old, bool(replay.changes(before, after)))
    dynamodb.delete_backup(BackupArn=backup)
    for finding in found:
        print(f"restore-drill: {finding}")
    step(f"the restore took {seconds:.1f} s; {len(found)} findings")
    sys.exit(1 if found else 0)


def restore(dynamodb: Any, backup: str) -> None:
    """Bring the table back under its own name."""
    dynamodb.restore_table_from_backup(TargetTableName=TABLE, BackupArn=backup)
    dynamodb.get_waiter("table_exists").wait(TableName=TABLE, WaiterConfig={"Delay": 1, "MaxAttempts": 600})


def settings(dynamodb: Any) -> None:
    """Set what a backup does not hold, as the template has it."""
    ((_, wanted),) = resources(SERVICE, "AWS::DynamoDB::Table").items()
    table = dynamodb.describe_table(TableName=TABLE)["Table"]
    if not table.get("StreamSpecification", {}).get("StreamEnabled"):
        dynamodb.update_table(
            TableName=TABLE, StreamSpecification={"StreamEnabled": True, **wanted["StreamSpecification"]}
        )
    dynamodb.update_time_to_live(TableName=TABLE, TimeToLiveSpecification=wanted["TimeToLiveSpecification"])
    dynamodb.update_continuous_backups(
        TableName=TABLE, PointInTimeRecoverySpecification=wanted["PointInTimeRecoverySpecification"]
    )


def swap_stream(stack: Stack, old: str) -> None:
    """Have the publisher read the restored table's stream in place of the old one's."""
    new = stack.client("dynamodb").describe_table(TableName=TABLE)["Table"]["LatestStreamArn"]
    if not streams.move(stack.client("lambda"), old, new):
        raise ToolError(f"nobody reads the stream {old}; deploy the service: make run")


def _findings(stack: Stack, shop: Shop, sku: str, old: dict[str, Any], differs: bool) -> list[str]:
    """Return what is wrong after the restore."""
    found = ["items differ from the recovery point"] if differs else []
    if rehearsal.order(shop, old)["status"] != "confirmed":
        found.append("an order from before cannot be read")
    placed = rehearsal.place(shop, rehearsal.quoted(shop, sku)).body
    (order,) = rehearsal.decided(shop, [placed], 120)
    step(f"a purchase afterwards: {order['orderId']} is {order['status']}")
    if order["status"] != "confirmed":
        found.append(f"a purchase afterwards is {order['status']}")
    drain(stack, seconds=60)
    checked, differences = audit.audit(stack)
    step(f"audit: {checked} compared, {len(differences)} differences")
    return [*found, *differences]
