"""`make undeploy ENV=dev CONFIRM=dev`: delete an environment's stacks; its tables and buckets stay, unless DATA=delete.

All of it is found by name, so it can be repeated after any failure. What goes with the stacks in any case: messages in
queues, the archive of facts, secrets and logs. A new deploy takes up the tables that stayed (adoption.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tools import options
from tools.operate import backups, changes, guard
from tools.operate.environment import Environment, deployed, is_local
from tools.report import ToolError, step
from tools.services import EDGE, PLATFORM

KEY_TAG = "souk"
"""By which identity's role knows the signing keys of its environment (infra/identity.yaml)."""


def main() -> None:
    """Delete the environment that ENV names, once CONFIRM does too."""
    if is_local():
        raise ToolError("the local stack is thrown away by: make reset")
    environment, data = deployed(), options.choice("DATA", ["delete"]) is not None
    if data and environment.name == "prod":
        raise ToolError("the tables of prod are deleted by hand, one by one (docs/deploying.md)")
    if options.text("CONFIRM") != environment.name:
        there = " ".join(stacks(environment)) or "no stack is there"
        raise ToolError(f"this deletes {there}; if that is meant: CONFIRM={environment.name}")
    undeploy(environment, data=data)


def undeploy(environment: Environment, *, data: bool = False) -> None:
    """Delete the stacks, those that others need last; with `data` also all that is kept without them."""
    client = environment.client("cloudformation")
    has_waf = guard.wants_waf(environment) or bool((guard.knows(environment) or {}).get("WebAcl"))
    for stack in stacks(environment):
        if data and stack.endswith(f"-{PLATFORM}"):
            delete_data(environment)  # while there still is a stack to find the environment by
        changes.remove(client, stack)
        step(f"{stack}: deleted")
    guard.forget(environment)
    if has_waf:
        guard.remove_waf(environment)
    if data:
        delete_data(environment)
    elif left := [*tables(environment), *buckets(environment), *backups.vaults(environment)]:
        step(f"kept: {' '.join(left)}; the next deploy takes them up, DATA=delete removes them")


def stacks(environment: Environment) -> list[str]:
    """Return the environment's stacks: the edge first, the platform last, what watches a service before it."""
    prefix = f"souk-{environment.name}-"
    pages = environment.client("cloudformation").get_paginator("describe_stacks").paginate()
    found = [
        one["StackName"]
        for page in pages
        for one in page["Stacks"]
        if one["StackStatus"] != "DELETE_COMPLETE"
    ]
    place = {f"{prefix}{EDGE}": 0, f"{prefix}{PLATFORM}": 2}
    ours = [name for name in found if name.startswith(prefix)]
    return sorted(ours, key=lambda name: (place.get(name, 1), -name.count("-"), name))


def tables(environment: Environment) -> list[str]:
    """Return the environment's tables."""
    pages = environment.client("dynamodb").get_paginator("list_tables").paginate()
    return [
        name for page in pages for name in page["TableNames"] if name.startswith(f"souk-{environment.name}-")
    ]


def buckets(environment: Environment) -> list[str]:
    """Return the environment's buckets; one without a name of ours begins with its stack's."""
    found = environment.client("s3").list_buckets()["Buckets"]
    return [one["Name"] for one in found if one["Name"].startswith(f"souk-{environment.name}-")]


def delete_data(environment: Environment) -> None:
    """Delete tables, backups, buckets, parameters and signing keys.

    The keys go after a week, in which that can be called off.
    """
    backups.delete_vaults(environment)
    for table in tables(environment):
        dynamodb = environment.client("dynamodb")
        dynamodb.update_table(TableName=table, DeletionProtectionEnabled=False)
        dynamodb.delete_table(TableName=table)
        step(f"{table}: deleted")
    for bucket in buckets(environment):
        _empty(environment.client("s3"), bucket)
        environment.client("s3").delete_bucket(Bucket=bucket)
        step(f"{bucket}: deleted")
    ssm = environment.client("ssm")
    pages = ssm.get_paginator("get_parameters_by_path").paginate(
        Path=f"/souk/{environment.name}", Recursive=True
    )
    for name in [one["Name"] for page in pages for one in page["Parameters"]]:
        ssm.delete_parameter(Name=name)
    for key in _signing_keys(environment):
        environment.client("kms").schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
        step(f"key {key}: gone in 7 days")


def _empty(s3: Any, bucket: str) -> None:
    """Delete every version of every object of a bucket."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        if objects := [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found]:
            s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})


def _signing_keys(environment: Environment) -> Iterator[str]:
    """Yield the keys of an environment's identity that are not to be deleted already."""
    kms = environment.client("kms")
    for page in kms.get_paginator("list_keys").paginate():
        for key in page["Keys"]:
            told = kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
            if told["KeyManager"] == "CUSTOMER" and told["KeyState"] != "PendingDeletion":
                tags = kms.list_resource_tags(KeyId=key["KeyId"])["Tags"]
                if {"TagKey": KEY_TAG, "TagValue": environment.name} in tags:
                    yield key["KeyId"]
