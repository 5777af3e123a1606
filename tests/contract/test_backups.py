"""Backups, as the templates declare them."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests.support.templates import resources, template
from tools.build import sam
from tools.intrinsics import Resolver
from tools.operate import backups

SERVICES = [stack.name for stack in sam.all_stacks() if stack.name != sam.PLATFORM]
TABLES = [(service, name) for service in SERVICES for name in resources(service, "AWS::DynamoDB::Table")]


def table(service: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = template(service)["Resources"][name]
    return found


def test_every_service_has_a_table() -> None:
    assert {service for service, _ in TABLES} == set(SERVICES)


@pytest.mark.parametrize(("service", "name"), TABLES)
def test_a_table_can_be_restored_to_any_moment(service: str, name: str) -> None:
    recovery = table(service, name)["Properties"]["PointInTimeRecoverySpecification"]
    assert recovery["PointInTimeRecoveryEnabled"] is True
    assert recovery.get("RecoveryPeriodInDays", 35) == 35


@pytest.mark.parametrize(("service", "name"), TABLES)
def test_a_table_is_not_deleted_by_mistake(service: str, name: str) -> None:
    kept = template(service)["Conditions"]["Kept"]
    assert kept == {"Fn::Not": [{"Fn::Equals": [{"Ref": "Environment"}, "local"]}]}
    assert table(service, name)["Properties"]["DeletionProtectionEnabled"] == {
        "Fn::If": ["Kept", True, False]
    }
    assert table(service, name)["DeletionPolicy"] == "RetainExceptOnCreate"
    assert table(service, name)["UpdateReplacePolicy"] == "Retain"


@pytest.mark.parametrize(("service", "name"), TABLES)
def test_a_table_has_a_name_to_be_restored_under(service: str, name: str) -> None:
    assert table(service, name)["Properties"]["TableName"] == {"Fn::Sub": f"souk-${{Environment}}-{service}"}


def test_the_archive_of_facts_outlasts_the_messages_that_may_be_lost() -> None:
    (archive,) = resources("platform", "AWS::Events::Archive").values()
    assert archive["RetentionDays"] == {"Ref": "FactRetentionDays"}
    assert (
        template("platform")["Parameters"]["FactRetentionDays"]["Default"] >= 14
    )  # days that dead letters are kept
    assert archive["EventPattern"]["source"] == [{"prefix": "souk."}]


def test_the_archive_does_not_take_in_what_it_sent_again() -> None:
    (archive,) = resources("platform", "AWS::Events::Archive").values()
    assert archive["EventPattern"]["replay-name"] == [{"exists": False}]


def test_the_local_archive_is_the_templates() -> None:
    from tools.local import archive as local

    (archive,) = resources("platform", "AWS::Events::Archive").values()
    assert archive["EventPattern"] == local.PATTERN
    assert archive["ArchiveName"] == {"Fn::Sub": local.name("${Environment}")}
    assert template("platform")["Parameters"]["FactRetentionDays"]["Default"] == local.RETENTION_DAYS


# --- daily, with copies in a second region ---


def planned() -> dict[str, Any]:
    """Return the properties of what backs up, by type, where it is asked for."""
    resolver = Resolver(template("platform"))
    resolver.parameters |= {"Environment": "prod", "BackupRegion": "eu-central-1"}
    found = {
        one["Type"]: one
        for one in template("platform")["Resources"].values()
        if one.get("Condition") == "BackedUp"
    }
    assert not Resolver(template("platform")).holds("BackedUp"), "emulators have no AWS Backup"
    return {kind: resolver.value(one["Properties"]) for kind, one in found.items()}


def test_each_table_is_backed_up_daily_and_copied_for_as_long_as_it_can_be_restored_to_a_moment() -> None:
    plan = planned()["AWS::Backup::BackupPlan"]["BackupPlan"]
    (rule,) = plan["BackupPlanRule"]
    (copy,) = rule["CopyActions"]
    name = backups.vault("prod")
    assert rule["TargetBackupVault"] == name
    assert (
        copy["DestinationBackupVaultArn"] == f"arn:aws:backup:eu-central-1:123456789012:backup-vault:{name}"
    )
    assert rule["Lifecycle"] == copy["Lifecycle"] == {"DeleteAfterDays": 35}
    selection = planned()["AWS::Backup::BackupSelection"]["BackupSelection"]
    (pattern,) = selection["Resources"]
    arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/souk-{}-{}"
    for service, _ in TABLES:
        assert fnmatchcase(arn.format("prod", service), pattern)
        assert not fnmatchcase(arn.format("prod1", service), pattern)


def test_the_role_that_backups_are_deleted_by_outlives_its_stack() -> None:
    (role,) = (one for one in template("platform")["Resources"].values() if one["Type"] == "AWS::IAM::Role")
    assert role["DeletionPolicy"] == "RetainExceptOnCreate"
    assert role["UpdateReplacePolicy"] == "Retain"
