"""`make undeploy`: an environment goes, its data stays unless it is said otherwise, and no other one is touched."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from tools.operate import guard, undeploy
from tools.operate.environment import Deployed
from tools.report import ToolError

BODY = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})


@pytest.fixture(autouse=True)
def account(cloud: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """An account that holds dev and dev1, each with stacks, a table, a bucket, a parameter and a key."""
    monkeypatch.setenv("ENV", "dev")
    for option in ("CONFIRM", "DATA", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(option, raising=False)
    for name in ("dev", "dev1"):
        for stack in ("platform", "orders", "orders-watch", "edge", "cart"):
            boto3.client("cloudformation").create_stack(StackName=f"souk-{name}-{stack}", TemplateBody=BODY)
        boto3.client("dynamodb").create_table(
            TableName=f"souk-{name}-orders",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            DeletionProtectionEnabled=True,
        )
        bucket, s3 = f"souk-{name}-edge-sitebucket-1x2y", boto3.client("s3")
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        for content in (b"one", b"two"):
            s3.put_object(Bucket=bucket, Key="index.html", Body=content)
        s3.delete_object(Bucket=bucket, Key="index.html")
        boto3.client("ssm").put_parameter(Name=f"/souk/{name}/jwks", Value="{}", Type="String")
        boto3.client("kms").create_key(Tags=[{"TagKey": undeploy.KEY_TAG, "TagValue": name}])


def left() -> dict[str, list[str]]:
    """Return what is there, of both environments."""
    kms = boto3.client("kms")
    states = [
        kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] for key in kms.list_keys()["Keys"]
    ]
    names: dict[str, Any] = {
        "stacks": [one["StackName"] for one in boto3.client("cloudformation").describe_stacks()["Stacks"]],
        "tables": boto3.client("dynamodb").list_tables()["TableNames"],
        "buckets": [one["Name"] for one in boto3.client("s3").list_buckets()["Buckets"]],
        "parameters": [
            one["Name"]
            for one in boto3.client("ssm").get_parameters_by_path(Path="/souk", Recursive=True)["Parameters"]
        ],
        "keys": [state for state in states if state == "Enabled"],
    }
    return names


def test_nothing_is_deleted_before_the_environment_is_named_twice() -> None:
    before = left()
    with pytest.raises(ToolError, match=r"deletes souk-dev-edge .* souk-dev-platform; .*CONFIRM=dev"):
        undeploy.main()
    assert left() == before


def test_the_platform_goes_last_and_what_watches_a_service_before_it() -> None:
    names = [name.removeprefix("souk-dev-") for name in undeploy.stacks(Deployed("dev"))]
    assert names == ["edge", "orders-watch", "cart", "orders", "platform"]


def test_stacks_go_and_data_stays_and_another_environment_is_not_touched(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = left()
    monkeypatch.setenv("CONFIRM", "dev")
    for _ in range(2):  # it can be repeated
        undeploy.main()
        assert "kept: souk-dev-orders souk-dev-edge-sitebucket-1x2y" in capsys.readouterr().out
    after = left()
    assert sorted(after.pop("stacks")) == sorted(name for name in before.pop("stacks") if "dev1" in name)
    assert after == before


def test_what_stood_before_the_edge_goes_after_it_from_its_own_region(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    far = boto3.client("cloudformation", region_name=guard.WAF_REGION)
    for name in ("dev", "dev1"):
        far.create_stack(StackName=f"souk-{name}-waf", TemplateBody=BODY)
    monkeypatch.setenv("CONFIRM", "dev")
    undeploy.main()
    assert len(far.describe_stacks()["Stacks"]) == 2, "nothing says that it is there: its region is not asked"
    knows = json.dumps(
        {**json.loads(BODY), "Parameters": {"WebAcl": {"Type": "String", "Default": "arn:aws:wafv2"}}}
    )
    boto3.client("cloudformation").create_stack(StackName="souk-dev-edge", TemplateBody=knows)
    undeploy.main()
    assert [one["StackName"] for one in far.describe_stacks()["Stacks"]] == ["souk-dev1-waf"]


def test_data_goes_where_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    before = left()
    monkeypatch.setenv("CONFIRM", "dev")
    monkeypatch.setenv("DATA", "delete")
    for _ in range(2):
        undeploy.main()
    after = left()
    assert after.pop("keys") == ["Enabled"]
    before.pop("keys")
    assert after == {
        kind: [name for name in names if "souk-dev-" not in name and "/dev/" not in name]
        for kind, names in before.items()
    }


def test_the_data_of_prod_is_not_deleted_by_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    for option, value in {"ENV": "prod", "CONFIRM": "prod", "DATA": "delete"}.items():
        monkeypatch.setenv(option, value)
    with pytest.raises(ToolError, match="by hand"):
        undeploy.main()
