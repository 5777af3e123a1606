"""What the real templates deploy, read from them: functions, tables, queues, rules, streams and schedules.

Everything the simulation runs (handlers, environments, batch sizes, event patterns, redrive counts, schedules) comes
from infra/<service>.yaml, so that it simulates the stack that is deployed and not another.
"""

from __future__ import annotations

import functools
import importlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support import templates

SERVICES = ("catalog", "inventory", "cart", "orders", "payments")
"""Identity is left out: callers come with tokens that a test signs (tests/support/tokens.py)."""

BUS = "souk-local"
SETTINGS = {"CancellationWindowSeconds": "45"}
"""Parameters other than by default: less than a minute, not an hour, so that people meet the end of it."""
ACCOUNT = {
    "AWS::Region": "eu-west-1",
    "AWS::AccountId": "000000000000",
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::StackName": "souk-local",
}


@dataclass(frozen=True)
class Function:
    """One Lambda function: its handler, its environment, how long it may run (seconds)."""

    service: str
    name: str
    handler: Callable[[Any, Any], Any]
    app: Any
    environment: Mapping[str, str]
    timeout: float


@dataclass(frozen=True)
class QueueSource:
    """A queue and the function it feeds; seconds, and receives until a message goes to the dead-letter queue."""

    name: str
    dead_letters: str
    visibility: float
    max_receives: int
    batch: int
    function: Function


@dataclass(frozen=True)
class StreamSource:
    """A table's stream and the function it feeds."""

    table: str
    wants: Callable[[Any], bool]
    batch: int
    retries: int
    bisects: bool
    dead_letters: str
    function: Function


@dataclass(frozen=True)
class Schedule:
    """A function that runs every so many seconds."""

    seconds: float
    function: Function


@dataclass(frozen=True)
class Rule:
    """Which events the bus hands to which queue."""

    wants: Callable[[Any], bool]
    queue: str


@dataclass
class Deployment:
    """Everything of the services that exist."""

    services: list[str] = field(default_factory=list)
    tables: list[dict[str, Any]] = field(default_factory=list)
    queues: dict[str, QueueSource] = field(default_factory=dict)
    dead_letters: set[str] = field(default_factory=set)
    streams: list[StreamSource] = field(default_factory=list)
    schedules: list[Schedule] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    routes: dict[tuple[str, str], Function] = field(default_factory=dict)
    functions: list[Function] = field(default_factory=list)


class _Template:
    """One template with its intrinsic functions resolved."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.template = templates.template(service)
        self.parameters = {
            name: SETTINGS.get(name, str(parameter.get("Default", "")))
            for name, parameter in self.template.get("Parameters", {}).items()
        }

    def of_type(self, kind: str) -> dict[str, Any]:
        return templates.resources(self.service, kind)

    def value(self, node: Any) -> Any:
        """Return a node with Ref, Sub, GetAtt and If resolved as CloudFormation would."""
        if isinstance(node, list):
            return [self.value(inner) for inner in node]
        if not isinstance(node, dict):
            return node
        if len(node) == 1 and next(iter(node)) in ("Ref", "Fn::GetAtt", "Fn::Sub", "Fn::If"):
            return self._called(*next(iter(node.items())))
        if any(name.startswith("Fn::") for name in node):
            raise NotImplementedError(f"{set(node)} in {self.service}")
        return {name: self.value(inner) for name, inner in node.items()}

    def _called(self, name: str, given: Any) -> Any:
        if name == "Ref":
            return self._reference(given)
        if name == "Fn::GetAtt":
            return self._attribute(*given)
        if name == "Fn::Sub":
            return re.sub(r"\$\{([^}]+)\}", lambda match: self._substituted(match[1]), given)
        condition, then, otherwise = given
        return self.value(then if self._holds(self.template["Conditions"][condition]) else otherwise)

    def _holds(self, node: Mapping[str, Any]) -> bool:
        ((name, given),) = node.items()
        match name:
            case "Fn::Equals":
                return bool(self.value(given[0]) == self.value(given[1]))
            case "Fn::Not":
                return not self._holds(given[0])
            case "Condition":
                return self._holds(self.template["Conditions"][given])
        raise NotImplementedError(f"{name} in {self.service}")

    def _substituted(self, name: str) -> str:
        logical, _, attribute = name.partition(".")
        return str(self._attribute(logical, attribute) if attribute else self._reference(name))

    def _reference(self, name: str) -> str:
        known = {**ACCOUNT, **self.parameters}
        if name in known:
            return known[name]
        resource = self.template["Resources"][name]
        named = self.physical_name(name)
        return queue_url(named) if resource["Type"] == "AWS::SQS::Queue" else named

    def physical_name(self, logical: str) -> str:
        properties = self.template["Resources"][logical].get("Properties", {})
        for name in ("TableName", "QueueName", "FunctionName", "Name", "BucketName", "TopicName"):
            if name in properties:
                return str(self.value(properties[name]))
        return logical

    def _attribute(self, logical: str, attribute: str) -> str:
        if attribute not in ("Arn", "StreamArn"):
            raise NotImplementedError(f"{logical}.{attribute} in {self.service}")
        return f"arn:aws:{self.physical_name(logical)}"


def queue_url(name: str) -> str:
    """Return the URL by which a queue is addressed."""
    return f"https://sqs.eu-west-1.amazonaws.com/000000000000/{name}"


def from_arn(arn: str) -> str:
    """Return the physical name in an ARN made here."""
    return arn.removeprefix("arn:aws:")


@functools.cache
def deployment() -> Deployment:
    """Return what is deployed; imports the services' apps, once."""
    made = Deployment()
    for service in SERVICES:
        if templates.path(service).exists():
            _add(made, _Template(service))
    return made


def _add(made: Deployment, template: _Template) -> None:
    made.services.append(template.service)
    made.tables.append(templates.table_request(template.service))
    redrives = {
        template.physical_name(name): template.value(queue.get("RedrivePolicy"))
        for name, queue in template.of_type("AWS::SQS::Queue").items()
    }
    visibilities = {
        template.physical_name(name): queue.get("VisibilityTimeout", 30)
        for name, queue in template.of_type("AWS::SQS::Queue").items()
    }
    made.dead_letters |= {name for name, redrive in redrives.items() if not redrive}
    for properties in template.of_type("AWS::Serverless::Function").values():
        function = _function(template, properties)
        made.functions.append(function)
        if function.handler is function.app:
            made.routes |= {(one.method, one.path): function for one in function.app.operations}
        for event in properties.get("Events", {}).values():
            _source(
                made, function, event["Type"], template.value(event["Properties"]), redrives, visibilities
            )
    for rule in template.of_type("AWS::Events::Rule").values():
        rule = template.value(rule)
        made.rules += [
            Rule(compiled(rule["EventPattern"]), from_arn(target["Arn"])) for target in rule["Targets"]
        ]


def _function(template: _Template, properties: Mapping[str, Any]) -> Function:
    shared = template.template.get("Globals", {}).get("Function", {})
    module_name, _, attribute = properties["Handler"].rpartition(".")
    module = importlib.import_module(module_name)
    variables = {
        **shared.get("Environment", {}).get("Variables", {}),
        **properties.get("Environment", {}).get("Variables", {}),
    }
    name = template.value(properties["FunctionName"])
    environment = {key: str(template.value(value)) for key, value in variables.items()}
    environment |= {"AWS_LAMBDA_FUNCTION_NAME": name, "AWS_REGION": "eu-west-1"}
    return Function(
        template.service,
        name.removeprefix("souk-local-"),
        getattr(module, attribute),
        module.app,
        environment,
        float(properties.get("Timeout", shared.get("Timeout", 3))),
    )


def _source(
    made: Deployment,
    function: Function,
    kind: str,
    event: Mapping[str, Any],
    redrives: Mapping[str, Any],
    visibilities: Mapping[str, float],
) -> None:
    match kind:
        case "SQS":
            name = from_arn(event["Queue"])
            made.queues[name] = QueueSource(
                name,
                from_arn(redrives[name]["deadLetterTargetArn"]),
                float(visibilities[name]),
                redrives[name]["maxReceiveCount"],
                event["BatchSize"],
                function,
            )
        case "DynamoDB":
            filters = event.get("FilterCriteria", {}).get("Filters", [])
            wants = [compiled(json.loads(each["Pattern"])) for each in filters] or [lambda _: True]
            made.streams.append(
                StreamSource(
                    from_arn(event["Stream"]),
                    _any(wants),
                    event["BatchSize"],
                    event["MaximumRetryAttempts"],
                    event.get("BisectBatchOnFunctionError", False),
                    from_arn(event["DestinationConfig"]["OnFailure"]["Destination"]),
                    function,
                )
            )
        case "Schedule" | "ScheduleV2":
            made.schedules.append(
                Schedule(_seconds(event.get("Schedule", event.get("ScheduleExpression"))), function)
            )
        case _:
            raise NotImplementedError(f"{kind} events")


def _seconds(expression: Any) -> float:
    match = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", str(expression))
    if match is None:
        raise NotImplementedError(f"schedule {expression}")
    return int(match[1]) * {"minute": 60.0, "hour": 3600.0, "day": 86400.0}[match[2]]


Test = Callable[[Any], bool]


def compiled(pattern: Mapping[str, Any]) -> Test:
    """Return a test whether an event fits a pattern: EventBridge's, which Lambda's filters share."""
    tests = [
        (
            name,
            compiled(wanted) if isinstance(wanted, Mapping) else _any([_choice(choice) for choice in wanted]),
        )
        for name, wanted in pattern.items()
    ]

    def test(event: Any) -> bool:
        return all(fits(event.get(name) if isinstance(event, Mapping) else None) for name, fits in tests)

    return test


def _any(choices: list[Test]) -> Test:
    return choices[0] if len(choices) == 1 else lambda value: any(choice(value) for choice in choices)


def _choice(choice: Any) -> Test:
    match choice:
        case {"exists": bool(wanted)}:
            return lambda value: (value is not None) == wanted
        case {"prefix": str(prefix)}:
            return lambda value: isinstance(value, str) and value.startswith(prefix)
        case {"anything-but": excluded}:
            return lambda value: value is not None and value not in excluded
        case Mapping():
            raise NotImplementedError(f"pattern {choice}")
    return lambda value: bool(value == choice)
