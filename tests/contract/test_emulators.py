"""What an emulator lacks is behind a condition that is false there, on MiniStack and on LocalStack's open core."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.conftest import BEYOND
from tests.support.templates import template
from tools import ROOT
from tools.local.stack import EMULATORS
from tools.services import PLATFORM, services

UNKNOWN = {
    "ministack": (
        "AWS::Events::Archive",
        "AWS::CodeDeploy::",
        "AWS::CloudWatch::CompositeAlarm",
        "AWS::WAFv2::",
        "AWS::Budgets::",
    ),
    "localstack": (
        "AWS::ApiGatewayV2::",
        "AWS::Events::Archive",
        "AWS::SES::",
        "AWS::CloudFront::",
        "AWS::CodeDeploy::",
        "AWS::WAFv2::",
        "AWS::Backup::",
        "AWS::Budgets::",
    ),
}
"""Beginnings of resource types, by make; SES is known to LocalStack's core, which then raises NotImplementedError."""


def holds(conditions: dict[str, Any], condition: Any, parameters: dict[str, str]) -> bool:
    """Evaluate a condition of a template."""
    if isinstance(condition, str):
        return holds(conditions, conditions[condition], parameters)
    ((function, given),) = condition.items()
    if function == "Condition":
        return holds(conditions, given, parameters)
    if function == "Fn::Equals":
        one, other = (parameters[part["Ref"]] if isinstance(part, dict) else part for part in given)
        return bool(one == other)
    inner = [holds(conditions, part, parameters) for part in given]
    return {"Fn::Not": not inner[0], "Fn::And": all(inner), "Fn::Or": any(inner)}[function]


def made(service: str, gateway: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the resources of a local stack with one of the gateways."""
    read = template(service)
    parameters = {name: str(one.get("Default", "")) for name, one in read.get("Parameters", {}).items()}
    parameters |= {"Environment": "local", "Gateway": gateway}
    conditions = read.get("Conditions", {})
    for name, resource in read["Resources"].items():
        if "Condition" not in resource or holds(conditions, resource["Condition"], parameters):
            yield name, resource


def homes() -> list[tuple[str, str]]:
    return [(make, gateway) for make, emulator in EMULATORS.items() for gateway in sorted(emulator.gateways)]


@pytest.mark.parametrize(("make", "gateway"), homes())
@pytest.mark.parametrize("service", [PLATFORM, *services()])
def test_a_local_stack_has_only_what_its_emulator_knows(service: str, make: str, gateway: str) -> None:
    found = {name: resource["Type"] for name, resource in made(service, gateway)}
    assert found, "an empty stack cannot be deployed"
    assert not {name: kind for name, kind in found.items() if kind.startswith(UNKNOWN[make])}


@pytest.mark.parametrize("service", services())
def test_no_call_waits_for_an_authoriser(service: str) -> None:
    """LocalStack's open core skips them: what they would let in is everybody."""
    assert not any(word in str(template(service)) for word in ("Authorizer", "AuthorizationType"))


def test_what_is_beyond_an_emulator_names_tests_that_there_are() -> None:
    folder = ROOT / "tests" / "integration"
    for names in BEYOND.values():
        for name in names:
            file, _, test = name.partition("::")
            assert (folder / file).is_file(), name
            assert f"def {test}(" in (folder / file).read_text() or not test, name
