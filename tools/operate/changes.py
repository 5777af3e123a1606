"""One change set of a stack: shown, judged and executed; what an earlier deploy left half done is mended first.

What can be repeated after a failure is repeated by running the command again; where a person must decide, the error
says what to type. docs/deploying.md, "When a deploy fails", has the same as a table.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from tools.report import ToolError, step

KEEPS_DATA = {
    "AWS::DynamoDB::Table",
    "AWS::Events::Archive",
    "AWS::KMS::Key",
    "AWS::S3::Bucket",
    "AWS::SES::EmailIdentity",
    "AWS::SQS::Queue",
    "AWS::SecretsManager::Secret",
}
"""Types whose replacement or removal loses what they hold, or parts the service from it."""
DONE = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "IMPORT_COMPLETE"}
FAILED_AT_BIRTH = {"CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED"}
"""States of a stack that can only be deleted."""
PATIENCE = 7200.0
"""A canary takes five minutes, CloudFront up to half an hour, an index of a large table hours."""


@dataclass(frozen=True)
class Change:
    """What happens to one resource; `replaced` is True, False, or Conditional where CloudFormation cannot tell yet."""

    action: str
    logical: str
    kind: str
    replaced: str = "False"
    why: tuple[str, ...] = ()

    @property
    def word(self) -> str:
        """Return what happens, in one word."""
        if self.action == "Modify":
            return {"True": "replace", "Conditional": "replace?"}.get(self.replaced, "change")
        return self.action.lower()

    @property
    def loses(self) -> bool:
        """Tell whether data may be lost, or left where nothing reads it."""
        return self.kind in KEEPS_DATA and self.word in ("replace", "replace?", "remove")

    def __str__(self) -> str:
        because = f": {', '.join(self.why)}" if self.why else ""
        return f"    {self.word:9} {self.logical} ({self.kind.removeprefix('AWS::')}){because}"


def changes(client: Any, change_set: str) -> list[Change]:
    """Return what a change set does, what is lost first."""
    pages = client.get_paginator("describe_change_set").paginate(ChangeSetName=change_set)
    found = [
        _change(one["ResourceChange"])
        for page in pages
        for one in page["Changes"]
        if "ResourceChange" in one  # hooks are listed too
    ]
    order = ("remove", "replace", "replace?", "change", "import", "add")
    return sorted(found, key=lambda one: (not one.loses, order.index(one.word), one.logical))


def _change(told: dict[str, Any]) -> Change:
    because = {
        f"{target.get('Attribute', '')}.{target['Name']}".removeprefix("Properties.")
        for detail in told.get("Details", [])
        if (target := detail.get("Target", {})).get("Name")
    }
    return Change(
        told["Action"],
        told["LogicalResourceId"],
        told["ResourceType"],
        replaced=told.get("Replacement", "False"),
        why=tuple(sorted(because)),
    )


def told(name: str, found: list[Change]) -> str:
    """Return what a change set does, for people; of a new stack, or one that only grows, just how much."""
    if all(one.word == "add" for one in found):
        return f"{name}: {len(found)} resources are added"
    return "\n".join([f"{name}: {len(found)} changes", *map(str, found)])


def refuse_losses(name: str, found: Iterable[Change], allowed: Collection[str]) -> None:
    """Raise ToolError where data would be lost that nobody has said may be."""
    lost = [one for one in found if one.loses and one.logical not in allowed]
    if lost:
        words = ", ".join(f"{one.word} {one.logical}" for one in lost)
        raise ToolError(
            f"{name}: this would {words}, and what it holds; nothing was changed. Where that is meant: "
            f'REPLACE="{" ".join(one.logical for one in lost)}"'
        )


def execute(client: Any, stack: str, change_set: str) -> None:
    """Execute a change set and wait for its end; raise ToolError with the reason and what to do when it fails."""
    try:
        client.execute_change_set(ChangeSetName=change_set)
    except ClientError as error:  # the stack has changed since, or changes now
        said = error.response["Error"].get("Message", error)
        raise ToolError(f"{stack}: somebody else deploys it too ({said}); run it again") from None
    state = wait(client, stack)
    if state not in DONE:
        raise ToolError(f"{stack}: {state}: {reason(client, stack)}; mend that and run it again")


def settle(client: Any, stack: str) -> None:
    """Bring a stack into a state in which it can be deployed, whatever an earlier deploy left; safe to repeat."""
    state = status(client, stack)
    if state is not None and _under_way(state):
        step(f"{stack}: somebody else's deploy is under way ({state}); waiting for its end")
        state = wait(client, stack)
    if state in FAILED_AT_BIRTH:
        step(f"{stack}: {state}; such a stack can only be deleted: it is made anew")
        remove(client, stack)
    elif state == "UPDATE_ROLLBACK_FAILED":
        step(f"{stack}: {state}; rolling it back once more")
        client.continue_update_rollback(StackName=stack)
        if (state := wait(client, stack)) == "UPDATE_ROLLBACK_FAILED":
            stuck = " ".join(failed(client, stack))
            raise ToolError(
                f"{stack}: cannot be rolled back: {reason(client, stack)}; mend that and run it again, or leave what "
                "is stuck as it is: aws cloudformation continue-update-rollback "
                f"--stack-name {stack} --resources-to-skip {stuck}"
            )


def remove(client: Any, stack: str) -> None:
    """Delete a stack and wait until it is gone; tables and what else is to be kept stay. Safe to repeat."""
    client.delete_stack(StackName=stack)
    if (state := wait(client, stack)) is not None:
        raise ToolError(
            f"{stack}: {state}: {reason(client, stack)}; mend that and run it again "
            f"(in the way: {' '.join(failed(client, stack))})"
        )


def status(client: Any, stack: str) -> str | None:
    """Return a stack's state, None where there is none."""
    try:
        found: str = client.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    return None if found == "DELETE_COMPLETE" else found


def wait(client: Any, stack: str, *, seconds: float = PATIENCE) -> str | None:
    """Wait until nothing is under way, and return the stack's state."""
    until, pause = time.monotonic() + seconds, 0.2 if os.environ.get("AWS_ENDPOINT_URL") else 5.0
    while (state := status(client, stack)) is not None and _under_way(state):
        if time.monotonic() > until:
            raise ToolError(f"{stack}: still {state} after {seconds:.0f} s; look at it, then run it again")
        time.sleep(pause)
    return state


def _under_way(state: str) -> bool:
    """Tell whether a stack changes; one in review has a change set that nobody executed, and nothing else."""
    return state.endswith("_IN_PROGRESS") and state != "REVIEW_IN_PROGRESS"


def reason(client: Any, stack: str) -> str:
    """Return why the last operation on a stack failed: what failed first, not what was cancelled for it."""
    said = [
        f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', event['ResourceStatus'])}"
        for event in _last_operation(client, stack)
        if event["ResourceStatus"].endswith("_FAILED")
        and "cancelled" not in event.get("ResourceStatusReason", "")
    ]
    return said[-1] if said else "it does not say why"


def failed(client: Any, stack: str) -> list[str]:
    """Return the resources that the last operation on a stack failed at."""
    events = _last_operation(client, stack)
    found = {one["LogicalResourceId"] for one in events if one["ResourceStatus"].endswith("_FAILED")}
    return sorted(found - {stack})


def _last_operation(client: Any, stack: str) -> list[dict[str, Any]]:
    """Return the events of the last operation, newest first."""
    found = []
    for page in client.get_paginator("describe_stack_events").paginate(StackName=stack):
        for event in page["StackEvents"]:
            found.append(event)
            if event["LogicalResourceId"] == stack and event.get("ResourceStatusReason") == "User Initiated":
                return found
    return found
