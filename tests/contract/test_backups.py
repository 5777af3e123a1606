"""Backups, as the templates declare them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.templates import resources, template
from tools.build import sam

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
