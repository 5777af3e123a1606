"""Vaults of daily backups: one beside the tables, one for their copies in the region that BackupRegion names.

The plan is in template.yaml. Vaults are made here and not there: what they hold must outlive every stack, one of the
two is in another region, and making them is safe to repeat. They take AWS Backup's own key. On AWS alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import boto3

from tools import options
from tools.build import sam
from tools.operate.environment import Environment
from tools.report import ToolError, step


def vault(environment: str) -> str:
    """Return the name of an environment's vault, the same in both regions."""
    return f"souk-{environment}-backups"


def make_vaults(environment: Environment) -> None:
    """Make both vaults where samconfig.toml names a region for copies and they are not there yet."""
    for region, client in _clients(environment):
        try:
            client.create_backup_vault(BackupVaultName=vault(environment.name))
            step(f"{vault(environment.name)}: made in {region}")
        except client.exceptions.AlreadyExistsException:
            pass


def vaults(environment: Environment) -> list[str]:
    """Return the vaults that are there, as name and region."""
    return [
        f"{vault(environment.name)} ({region})"
        for region, client in _clients(environment)
        if _is_there(client, environment)
    ]


def delete_vaults(environment: Environment) -> None:
    """Delete both vaults and all backups in them; ToolError where these take longer. Safe to repeat."""
    name = vault(environment.name)
    for region, client in _clients(environment):
        if _is_there(client, environment):
            empty(client, name)
            client.delete_backup_vault(BackupVaultName=name)
            step(f"{name} ({region}): deleted")


def empty(client: Any, name: str, *, tries: int = 60, pause: float = 5) -> None:
    """Delete the backups in a vault and wait until they are gone."""
    for _ in range(tries):
        found = client.list_recovery_points_by_backup_vault(BackupVaultName=name)["RecoveryPoints"]
        if not found:
            return
        for point in found:
            if point["Status"] != "DELETING":
                client.delete_recovery_point(BackupVaultName=name, RecoveryPointArn=point["RecoveryPointArn"])
        time.sleep(pause)
    raise ToolError(f"{name} is not empty yet; run it again later")


def _is_there(client: Any, environment: Environment) -> bool:
    return vault(environment.name) in {
        one["BackupVaultName"]
        for page in client.get_paginator("list_backup_vaults").paginate()
        for one in page["BackupVaultList"]
    }


def _clients(environment: Environment) -> Iterator[tuple[str, Any]]:
    """Yield the regions of the tables and of the copies; none where there are no copies, as on emulators."""
    there = sam.given(environment.name).get("BackupRegion") if not options.text("AWS_ENDPOINT_URL") else ""
    here = environment.variables["AWS_REGION"]
    if there == here:
        raise ToolError(f"BackupRegion={there} is where the tables are; copies belong into another region")
    clients: Any = boto3
    for region in (here, there) if there else ():
        yield region, clients.client("backup", region_name=region)
