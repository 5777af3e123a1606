"""What a deleted stack has left is taken up by the next deploy, and nothing else is."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import boto3
import pytest

from tests.support import templates as tables
from tools.build import sam
from tools.operate import adoption
from tools.operate.environment import Deployed
from tools.services import services

DEV = Deployed("dev")
CATALOG = sam.StackTemplate("catalog")


def table(environment: str, service: str) -> str:
    request = {**tables.table_request(service), "TableName": f"souk-{environment}-{service}"}
    boto3.client("dynamodb").create_table(**request)
    return f"souk-{environment}-{service}"


def test_the_table_and_the_bucket_of_a_stack_that_is_gone_are_found(cloud: None) -> None:
    table("prod", "catalog")
    assert adoption.left(DEV, CATALOG, "souk-dev-catalog") == {}, "another environment's"
    account = boto3.client("sts").get_caller_identity()["Account"]
    bucket = f"souk-dev-catalog-imports-{account}"
    boto3.client("s3").create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    table("dev", "catalog")
    assert set(adoption.left(DEV, CATALOG, "souk-dev-catalog").values()) == {bucket, "souk-dev-catalog"}


def test_a_stack_that_is_there_takes_nothing_up(cloud: None) -> None:
    table("dev", "catalog")
    body = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
    boto3.client("cloudformation").create_stack(StackName="souk-dev-catalog", TemplateBody=body)
    assert adoption.left(DEV, CATALOG, "souk-dev-catalog") == {}


@pytest.mark.parametrize("service", services())
def test_each_services_table_would_be_taken_up(service: str, cloud: None) -> None:
    table("dev", service)
    found = adoption.left(DEV, sam.StackTemplate(service), f"souk-dev-{service}")
    assert list(found.values()) == [f"souk-dev-{service}"]


def test_its_template_is_put_into_the_folder_of_its_stack(cloud: None, tmp_path: Path) -> None:
    bucket = "aws-sam-cli-managed-default-samclisourcebucket-1a2b"
    boto3.client("s3").create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    packaged = tmp_path / "packaged.json"
    packaged.write_text(json.dumps({"CodeUri": f"s3://{bucket}/souk-dev-catalog/0a1b"}))
    address = adoption._uploaded(DEV, packaged, "souk-dev-catalog")
    assert address.endswith("/souk-dev-catalog/adopted.template"), "a pipeline's role has this one alone"
    (there,) = boto3.client("s3").list_objects_v2(Bucket=bucket)["Contents"]
    assert there["Key"] == "souk-dev-catalog/adopted.template"


def test_what_a_template_needs_is_put_there_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said, told = tmp_path / "said", tmp_path / "sam"
    told.write_text(f"#!/bin/sh\necho $@ > {said}\n")
    told.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    sam.package(CATALOG, sam.Target("dev"), tmp_path / "template.json")
    assert "--s3-prefix souk-dev-catalog " in said.read_text()
