"""What the templates deploy on AWS, as far as a bill depends on it: gateways, memory, windows, log classes, the edge.

Everything is read with the parameters of `make deploy ENV=prod` (samconfig.toml) and the templates' defaults, so that a
bill follows a change of a template.
"""

from __future__ import annotations

import fnmatch
import functools
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.support.templates import ROOT
from tools.intrinsics import Resolver
from tools.services import EDGE, PLATFORM, services
from tools.templates import template

ENVIRONMENT = "prod"
REST, HTTP = "rest", "http"
STANDARD = "STANDARD"
NO_CACHE = 0
LEAST_MB = 128
"""What Lambda gives a function whose template says nothing."""


class Size(NamedTuple):
    """What a function runs on; memory in MB."""

    memory: int
    architecture: str

    @property
    def gigabytes(self) -> float:
        """Return the memory as Lambda bills it."""
        return self.memory / 1024


class Source(NamedTuple):
    """How a queue hands over its messages: at most so many at once, gathered for so many seconds."""

    batch: int
    window: float


class Behaviour(NamedTuple):
    """How long the edge may keep what it is given for a path, in seconds, and whether its function runs for each."""

    pattern: str
    most_seconds: int
    runs_function: bool = False


@dataclass
class Stacks:
    """What is deployed; functions by service and by name without ``souk-<environment>-``, or by logical id."""

    gateways: dict[str, str] = field(default_factory=dict)
    sizes: dict[tuple[str, str], Size] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)
    log_classes: dict[str, str] = field(default_factory=dict)
    backed_up: set[str] = field(default_factory=set)
    behaviours: list[Behaviour] = field(default_factory=list)
    secrets: int = 0
    fact_days: int = 0

    def kept_seconds(self, path: str, said: int) -> int:
        """Return for how long the edge keeps an answer that says it may be kept for `said` seconds."""
        return min(said, self._behaviour(path).most_seconds)

    def runs_function(self, path: str) -> bool:
        """Tell whether the edge's function runs for each request of a path."""
        return self._behaviour(path).runs_function

    def _behaviour(self, path: str) -> Behaviour:
        fitting = (one for one in self.behaviours if fnmatch.fnmatchcase(path, one.pattern))
        return next(fitting, Behaviour("*", NO_CACHE))


@functools.cache
def stacks() -> Stacks:
    """Return what the templates of this repository deploy."""
    found = Stacks()
    for service in (*services(), PLATFORM):
        add(found, service, template(service))
    found.behaviours = list(_behaviours(template(EDGE)))
    return found


def add(found: Stacks, service: str, written: Mapping[str, Any]) -> None:
    """Add what one template deploys."""
    resolver = Resolver(written)
    resolver.parameters |= {
        name: value for name, value in _overrides().items() if name in resolver.parameters
    }
    kinds = set()
    for logical, resource in written["Resources"].items():
        if "Condition" in resource and not resolver.holds(resource["Condition"]):
            continue
        kinds.add(resource["Type"])
        if resource["Type"] in _READERS:
            _READERS[resource["Type"]](found, service, resolver, logical)
    found.gateways[service] = gateway(kinds)


def gateway(kinds: set[str]) -> str:
    """Return which of API Gateway's two kinds serves a stack with resources of these types."""
    is_http = (
        any(kind.startswith("AWS::ApiGatewayV2::") for kind in kinds) or "AWS::Serverless::HttpApi" in kinds
    )
    return HTTP if is_http else REST


def _function(found: Stacks, service: str, resolver: Resolver, logical: str) -> None:
    shared = resolver.template.get("Globals", {}).get("Function", {})
    properties = {**shared, **_properties(resolver, logical)}
    (architecture,) = resolver.value(properties.get("Architectures", ["x86_64"]))
    size = Size(int(resolver.value(properties.get("MemorySize", LEAST_MB))), architecture)
    found.sizes[service, logical] = found.sizes[service, _short(resolver.name(logical))] = size
    for event in properties.get("Events", {}).values():
        if event["Type"] == "SQS":
            given = event["Properties"]
            window = resolver.value(given.get("MaximumBatchingWindowInSeconds", 0))
            name = _short(resolver.name(given["Queue"]["Fn::GetAtt"][0]))
            found.sources[name] = Source(int(resolver.value(given.get("BatchSize", 10))), float(window))


def _logs(found: Stacks, service: str, resolver: Resolver, logical: str) -> None:
    found.log_classes[service] = resolver.value(_properties(resolver, logical).get("LogGroupClass", STANDARD))


def _table(found: Stacks, service: str, resolver: Resolver, logical: str) -> None:
    backup = _properties(resolver, logical).get("PointInTimeRecoverySpecification", {})
    if resolver.value(backup.get("PointInTimeRecoveryEnabled", False)):
        found.backed_up.add(service)


def _secret(found: Stacks, service: str, resolver: Resolver, logical: str) -> None:
    found.secrets += 1


def _archive(found: Stacks, service: str, resolver: Resolver, logical: str) -> None:
    found.fact_days = int(resolver.value(_properties(resolver, logical)["RetentionDays"]))


_READERS: dict[str, Callable[[Stacks, str, Resolver, str], None]] = {
    "AWS::Serverless::Function": _function,
    "AWS::Logs::LogGroup": _logs,
    "AWS::DynamoDB::Table": _table,
    "AWS::SecretsManager::Secret": _secret,
    "AWS::Events::Archive": _archive,
}


def _properties(resolver: Resolver, logical: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = resolver.template["Resources"][logical].get("Properties", {})
    return found


def _behaviours(written: Mapping[str, Any]) -> Iterator[Behaviour]:
    resources = written["Resources"]
    (distribution,) = (
        one["Properties"]["DistributionConfig"]
        for one in resources.values()
        if one["Type"] == "AWS::CloudFront::Distribution"
    )
    for behaviour in (*distribution["CacheBehaviors"], distribution["DefaultCacheBehavior"]):
        policy = behaviour["CachePolicyId"]
        most = NO_CACHE  # AWS's own policy is for the site's files, whose answers are no service's
        if isinstance(policy, dict):
            most = int(resources[policy["Ref"]]["Properties"]["CachePolicyConfig"]["MaxTTL"])
        runs = bool(behaviour.get("FunctionAssociations"))
        yield Behaviour(behaviour.get("PathPattern", "*"), most, runs)


def _short(name: str) -> str:
    return name.removeprefix(f"souk-{ENVIRONMENT}-")


@functools.cache
def _overrides() -> dict[str, str]:
    """Return the parameters that samconfig.toml gives this environment."""
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())
    given = config[ENVIRONMENT]["deploy"]["parameters"]["parameter_overrides"]
    return dict(pair.split("=", 1) for pair in given.split())
