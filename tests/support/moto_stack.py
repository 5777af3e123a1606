"""A service's stack under moto: its tables, queues, buckets, keys and secrets, and the environment of its functions."""

from __future__ import annotations

import functools
import importlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3

from tests.support import templates
from tools.intrinsics import Resolver


def functions(service: str) -> dict[str, dict[str, Any]]:
    """Return the functions of a service's template, by logical id."""
    return templates.resources(service, "AWS::Serverless::Function")


def handler(properties: Mapping[str, Any]) -> Any:
    """Return what a function's Handler names; raise where it names nothing."""
    module, _, attribute = properties["Handler"].rpartition(".")
    return getattr(importlib.import_module(module), attribute)


@dataclass
class MotoStack:
    """One service, created from its template in the moto account in force."""

    service: str
    resolver: Resolver = field(init=False)

    def __post_init__(self) -> None:
        template = templates.template(self.service)
        self.resolver = Resolver(template)
        for logical, resource in template["Resources"].items():
            create = _CREATE.get(resource["Type"])
            if create and ("Condition" not in resource or self.resolver.holds(resource["Condition"])):
                made = create(self.resolver.name(logical), self.service)
                if made is not None:
                    self.resolver.made[logical] = made

    def environment(self, function: str) -> dict[str, str]:
        """Return the environment of one of its functions, by logical id."""
        return self.resolver.variables(function)

    def rows(self) -> list[dict[str, Any]]:
        """Return all items of its table, in wire form, in the order of their keys."""
        pages = (
            boto3.client("dynamodb").get_paginator("scan").paginate(TableName=f"souk-local-{self.service}")
        )
        items = [item for page in pages for item in page["Items"]]
        return sorted(items, key=lambda item: (item["pk"]["S"], item["sk"]["S"]))

    def waiting(self, queue: str) -> list[dict[str, Any]]:
        """Return up to ten messages of one of its queues, by logical id."""
        url = self.resolver.made[queue]
        answer = boto3.client("sqs").receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], VisibilityTimeout=0
        )
        found: list[dict[str, Any]] = answer.get("Messages", [])
        return found

    def all(self, queue: str) -> list[dict[str, Any]]:
        """Return all messages of one of its queues, by logical id, and take them out."""
        url, found = self.resolver.made[queue], []
        while some := self.waiting(queue):
            found += some
            for message in some:
                boto3.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found


def stand_ins(*names: str) -> None:
    """Create functions of these names that do nothing, for what lists and limits functions."""
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = boto3.client("iam").create_role(RoleName="any", AssumeRolePolicyDocument=policy)["Role"]["Arn"]
    code: Any = {"Handler": "app.app", "Runtime": "python3.11", "Role": role, "Code": {"ZipFile": b"-"}}
    for name in names:
        boto3.client("lambda").create_function(FunctionName=name, **code)


def forget(module: Any) -> None:
    """Drop what a service's modules keep from another account: their cached tables, keys and adapters."""
    package = module.__name__.rpartition(".")[0]
    for name, loaded in list(importlib.import_module("sys").modules.items()):
        if name.startswith(f"{package}."):
            for value in vars(loaded).values():
                if isinstance(value, functools._lru_cache_wrapper):
                    value.cache_clear()


def _table(name: str, service: str) -> None:
    boto3.client("dynamodb").create_table(**templates.table_request(service))


def _queue(name: str, service: str) -> str:
    return str(boto3.client("sqs").create_queue(QueueName=name)["QueueUrl"])


def _bucket(name: str, service: str) -> str:
    name = name.lower()
    region: Any = {"LocationConstraint": "eu-west-1"}
    boto3.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration=region)
    return name


def _secret(name: str, service: str) -> str:
    return str(boto3.client("secretsmanager").create_secret(Name=name, SecretString="s" * 64)["ARN"])


_CREATE: dict[str, Callable[[str, str], str | None]] = {
    "AWS::DynamoDB::Table": _table,
    "AWS::SQS::Queue": _queue,
    "AWS::S3::Bucket": _bucket,
    "AWS::SecretsManager::Secret": _secret,
}
