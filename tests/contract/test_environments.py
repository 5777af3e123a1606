"""Two environments in one account are strangers: they share no name, and no policy of one reaches the other."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests.support.expanded import expanded
from tools import templates
from tools.intrinsics import Resolver
from tools.services import EDGE, PLATFORM, WAF, services

NAMES = {
    "AlarmName",
    "ArchiveName",
    "BucketName",
    "DashboardName",
    "FunctionName",
    "LayerName",
    "LogGroupName",
}
NAMES |= {"Name", "QueueName", "RoleName", "TableName", "TopicName", "GroupName", "ApplicationName"}
SCOPED = {
    "AWS::CodeDeploy::DeploymentGroup",
    "AWS::Lambda::Alias",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::Permission",
    "AWS::Lambda::Version",
    "AWS::ApiGateway::Deployment",
    "AWS::ApiGateway::Stage",
}
"""Types whose names are within another resource, or are another resource's."""
HOSTILE = ("dev", "dev1", "de")
"""Names of environments of which one begins with another."""


def resources(environment: str) -> Iterator[tuple[str, str, Any]]:
    """Yield type, logical id and resolved properties of every resource of an environment, with either gateway."""
    for stack in (PLATFORM, EDGE, WAF, *services()):
        template = expanded(templates.template(stack), environment)
        for gateway in ("http", "rest"):
            resolver = Resolver(template)
            resolver.parameters |= {"Environment": environment, "Gateway": gateway}
            for logical, one in template["Resources"].items():
                if "Condition" not in one or resolver.holds(one["Condition"]):
                    yield one["Type"], f"{stack} {logical}", resolver.value(one.get("Properties", {}))


def names(environment: str) -> set[tuple[str, str]]:
    """Return the names that an environment takes of its account, each with its type."""
    found = set()
    for kind, _, properties in resources(environment):
        nested = [
            inner for key, inner in properties.items() if key.endswith("Config") and isinstance(inner, dict)
        ]
        for place in [properties, *nested]:
            if kind not in SCOPED:
                found |= {
                    (kind, value) for key, value in place.items() if key in NAMES and isinstance(value, str)
                }
    return found


def reach(node: Any) -> Iterator[str]:
    """Yield the resources that policies in a resource's properties name."""
    if isinstance(node, dict):
        if "Effect" in node and "Resource" in node:
            named = node["Resource"]
            yield from named if isinstance(named, list) else [named]
        for inner in node.values():
            yield from reach(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from reach(inner)


@pytest.mark.parametrize("other", HOSTILE[1:])
def test_no_name_of_one_environment_is_anothers(other: str) -> None:
    one, another = names(HOSTILE[0]), names(other)
    assert len(one) == len(another) > 60
    assert not one & another


@pytest.mark.parametrize("other", HOSTILE[1:])
def test_no_policy_of_one_environment_reaches_another(other: str) -> None:
    patterns = {
        (where, str(named))
        for _, where, properties in resources(HOSTILE[0])
        for named in reach(properties)
        if "souk"
        in str(named)  # the others are attributes, or keys without names whose tag is in the condition
    }
    assert len(patterns) > 25
    theirs = {name for _, name in names(other)}
    found = [
        (where, pattern, name)
        for where, pattern in patterns
        for name in theirs
        if fnmatchcase(name, pattern.rpartition(":")[2])
        or fnmatchcase(name, pattern.rpartition("/")[2] or "-")
    ]
    assert not found
