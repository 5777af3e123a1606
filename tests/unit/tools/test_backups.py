"""The vaults of daily backups: made in both regions, kept with what is in them, deleted where data is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.support.templates import ROOT
from tools.build import sam
from tools.operate import backups
from tools.operate.environment import Deployed
from tools.report import ToolError

DEV = Deployed("dev")


@pytest.fixture(autouse=True)
def account(cloud: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An account without anything; dev's copies go to eu-central-1."""
    settings(monkeypatch, tmp_path, "eu-central-1")


def settings(monkeypatch: pytest.MonkeyPatch, folder: Path, region: str) -> None:
    """Have samconfig.toml name a region for dev's copies."""
    text = (ROOT / "samconfig.toml").read_text()
    asked = f"Environment=dev BackupRegion={region}" if region else "Environment=dev"
    (folder / "samconfig.toml").write_text(text.replace("Environment=dev", asked))
    monkeypatch.setattr(sam, "ROOT", folder)


def there() -> dict[str, list[str]]:
    clients: Any = boto3
    return {
        region: [
            one["BackupVaultName"]
            for one in clients.client("backup", region_name=region).list_backup_vaults()["BackupVaultList"]
        ]
        for region in ("eu-west-1", "eu-central-1")
    }


def test_a_vault_is_made_in_both_regions_however_often() -> None:
    for _ in range(2):
        backups.make_vaults(DEV)
        assert there() == {"eu-west-1": ["souk-dev-backups"], "eu-central-1": ["souk-dev-backups"]}
    assert backups.vaults(DEV) == ["souk-dev-backups (eu-west-1)", "souk-dev-backups (eu-central-1)"]


def test_nothing_is_made_or_asked_where_no_region_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings(monkeypatch, tmp_path, "")
    backups.make_vaults(DEV)
    assert there() == {"eu-west-1": [], "eu-central-1": []}
    assert backups.vaults(DEV) == []


def test_an_emulator_is_not_asked_for_vaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    backups.make_vaults(DEV)
    assert backups.vaults(DEV) == []


def test_the_region_of_the_tables_is_none_for_their_copies(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings(monkeypatch, tmp_path, "eu-west-1")
    with pytest.raises(ToolError, match="another region"):
        backups.make_vaults(DEV)


class Vault:
    """A vault whose backups go some looks after they were deleted; it gives three of them at a time."""

    def __init__(self, backups: int, looks: int) -> None:
        self.points = {f"arn:{number}": looks for number in range(backups)}
        self.deleted: list[str] = []

    def list_recovery_points_by_backup_vault(self, **_: Any) -> dict[str, Any]:
        self.points = {arn: left - (arn in self.deleted) for arn, left in self.points.items() if left}
        shown = list(self.points)[:3]
        return {
            "RecoveryPoints": [
                {"RecoveryPointArn": arn, "Status": "DELETING" if arn in self.deleted else "COMPLETED"}
                for arn in shown
            ]
        }

    def delete_recovery_point(self, **request: Any) -> None:
        self.deleted.append(request["RecoveryPointArn"])


def test_a_vault_is_emptied_page_by_page_and_each_backup_is_deleted_once() -> None:
    vault = Vault(backups=7, looks=2)
    backups.empty(vault, "souk-dev-backups", pause=0)
    assert vault.points == {}
    assert sorted(vault.deleted) == [f"arn:{number}" for number in range(7)]


def test_a_vault_that_is_slow_to_empty_is_left_for_another_run() -> None:
    with pytest.raises(ToolError, match="run it again later"):
        backups.empty(Vault(backups=1, looks=99), "souk-dev-backups", tries=3, pause=0)
