"""What a deleted stack has left, taken up by the new one of its name: tables and buckets outlive their stack.

CloudFormation takes up what is there where a change set asks for it, of resources that are kept when their stack is
deleted and whose name is a plain text in the template ("Import AWS resources into a CloudFormation stack
automatically"). The SAM CLI cannot ask for that, so the change set of such a first deploy is made here.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError, WaiterError

from tools import templates
from tools.build import sam
from tools.operate import changes
from tools.operate.environment import Environment
from tools.report import ToolError, step

Names = dict[str, str]

_NAMES = {"AWS::DynamoDB::Table": "TableName", "AWS::S3::Bucket": "BucketName"}
_ABSENT = {"404", "NoSuchBucket", "ResourceNotFoundException"}


def left(environment: Environment, stack: sam.StackTemplate, name: str) -> Names:
    """Return what an earlier stack of this name left, by logical id; nothing where the stack is there."""
    state = changes.status(environment.client("cloudformation"), name)
    if state not in (None, "REVIEW_IN_PROGRESS"):
        return {}
    account = environment.client("sts").get_caller_identity()["Account"]
    region = environment.variables["AWS_REGION"]
    known = {"Environment": environment.name, "AWS::AccountId": account, "AWS::Region": region}
    kept = _kept(templates.read(stack.source), known)
    return {logical: one for logical, (kind, one) in kept.items() if _is_there(environment, kind, one)}


def _kept(template: Mapping[str, Any], known: Names) -> dict[str, tuple[str, str]]:
    """Return the type and the name of all that outlives its stack and has a name of ours."""
    return {
        logical: (one["Type"], re.sub(r"\$\{([\w:]+)\}", lambda at: known[at[1]], name["Fn::Sub"]))
        for logical, one in template["Resources"].items()
        if one.get("DeletionPolicy", "").startswith("Retain")
        and (name := one["Properties"].get(_NAMES.get(one["Type"], "")))
    }


def _is_there(environment: Environment, kind: str, name: str) -> bool:
    try:
        if kind == "AWS::S3::Bucket":
            environment.client("s3").head_bucket(Bucket=name)
        else:
            environment.client("dynamodb").describe_table(TableName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] in _ABSENT:
            return False
        raise
    return True


def change_set(
    environment: Environment, stack: sam.StackTemplate, target: sam.Target, template: Path, names: Names
) -> str:
    """Make the change set of a stack's first deploy, which takes up what has these names; return its ARN."""
    step(f"{stack.label}: takes up {', '.join(sorted(names.values()))}")
    said = templates.read(template)
    for logical, name in names.items():
        one = said["Resources"][logical]
        one["Properties"][_NAMES[one["Type"]]] = name
        one["DeletionPolicy"] = "Retain"  # also where this deploy fails: what is there is no newborn
    named = template.with_name("adopted.json")
    named.write_text(json.dumps(said))
    packaged = sam.package(stack, target, named)
    client, made = environment.client("cloudformation"), target.stack_name(stack)
    arn: str = client.create_change_set(
        StackName=made,
        ChangeSetName=f"adopt-{time.time_ns()}",
        ChangeSetType="CREATE",
        ImportExistingResources=True,
        TemplateURL=_uploaded(environment, packaged, made),
        Parameters=[
            {"ParameterKey": key, "ParameterValue": value} for key, value in target.overrides(stack).items()
        ],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        Tags=[{"Key": key, "Value": value} for key, value in sam.tags(target.environment).items()],
    )["Id"]
    try:
        client.get_waiter("change_set_create_complete").wait(ChangeSetName=arn)
    except WaiterError:
        why = client.describe_change_set(ChangeSetName=arn).get("StatusReason", "it does not say why")
        raise ToolError(f"{stack.label}: {', '.join(names.values())} cannot be taken up: {why}") from None
    return arn


def _uploaded(environment: Environment, packaged: Path, name: str) -> str:
    """Put a template beside its artifacts (it is too long to be sent in a call), and return its address."""
    body = packaged.read_text()
    found = re.search(r"s3://([^/\"]+)/", body)
    if found is None:
        raise ToolError(f"{packaged} names no artifacts")
    s3, key = environment.client("s3"), f"{name}/adopted.template"
    s3.put_object(Bucket=found[1], Key=key, Body=body.encode())
    signed: str = s3.generate_presigned_url("get_object", Params={"Bucket": found[1], "Key": key})
    return signed.partition("?")[0]  # CloudFormation reads it by its caller's rights
