"""CloudWatch for tests: the alarms of infra/watch.yaml, and whether they ring for metrics that were recorded.

Of how CloudWatch judges an alarm this is what our alarms use ("Using Amazon CloudWatch alarms"): the periods that end
now, the statistic of each, what is made of a period without data. The emulators' own judges know no dimensions
(MiniStack) or wait for minutes (LocalStack).
"""

from __future__ import annotations

import json
import math
import operator
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from samcli.lib.cfn_language_extensions.sam_integration import expand_language_extensions

from tools.intrinsics import PSEUDO, Resolver
from tools.services import PLATFORM, WATCH, watched
from tools.templates import resources, template

ENVIRONMENT = "dev"
STATISTICS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "Sum": math.fsum,
    "Maximum": max,
    "p99": lambda values: sorted(values)[math.ceil(len(values) * 0.99) - 1],
}
COMPARED: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
}
P99_LEAST = 1000
"""With fewer values in a period p99 says nothing where an alarm ignores that: 10 / (1 − 0.99)."""


def expanded(service: str) -> dict[str, Any]:
    """Return infra/watch.yaml as CloudFormation makes it for a service."""
    given = {"Environment": ENVIRONMENT, **watched(service)}
    read, all_given = template(WATCH), {**PSEUDO, **given}
    made: dict[str, Any] = expand_language_extensions(read, all_given, enabled=True).expanded_template
    for name, value in given.items():
        made["Parameters"][name] = {**made["Parameters"][name], "Default": value}
    return made


def alarms(service: str) -> dict[str, dict[str, Any]]:
    """Return the properties of a service's alarms, by their names."""
    return {alarm["AlarmName"]: alarm for alarm in made(service, "AWS::CloudWatch::Alarm")}


def made(service: str, kind: str) -> list[dict[str, Any]]:
    """Return the properties of what is made of a type for a service."""
    resolver = Resolver(expanded(service))
    return [
        resolver.value(one["Properties"])
        for one in resolver.template["Resources"].values()
        if one["Type"] == kind and ("Condition" not in one or resolver.holds(one["Condition"]))
    ]


def of_platform() -> dict[str, dict[str, Any]]:
    """Return the properties of the platform's alarms, by their names, where it sends mail."""
    resolver = Resolver(template(PLATFORM))
    resolver.parameters |= {"Environment": ENVIRONMENT, "MailDomain": "example.com"}
    found = resources(PLATFORM, "AWS::CloudWatch::Alarm").values()
    return {alarm["AlarmName"]: alarm for alarm in map(resolver.value, found)}


def of_shop() -> dict[str, Any]:
    """Return the properties of the shop's dashboard, which the platform has (template.yaml)."""
    resolver = Resolver(template(PLATFORM))
    (board,) = resources(PLATFORM, "AWS::CloudWatch::Dashboard").values()
    found: dict[str, Any] = resolver.value(board)
    return found


def shown(body: str) -> set[tuple[str, str]]:
    """Return the metrics of a dashboard, by namespace and name; its searches by their names alone."""
    found = set()
    for widget in json.loads(body)["widgets"]:
        assert widget["properties"]["region"] == "eu-west-1"
        before: list[str] = []
        for row in widget["properties"].get("metrics", ()):
            told = [one for one in row if isinstance(one, str)]
            told = (
                before
                if told == ["..."]
                else [old if one == "." else one for one, old in zip(told, before or told, strict=True)]
            )
            before = told or before
            found |= {(told[0], told[1])} if told else set()
            for search in (one["expression"] for one in row if isinstance(one, dict) and "expression" in one):
                (space,) = re.findall(r"SEARCH\('\{([\w/-]+),\w+\}", search)
                found |= {(space, name) for name in re.findall(r'"(\w+)"', search)}
    return found


Series = tuple[str, str, frozenset[tuple[str, str]]]


class Metrics:
    """What was recorded, by series and by minute; minute 0 is now, the others lie before."""

    def __init__(self) -> None:
        self.values: dict[Series, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))

    def record(self, series: Series, values: Iterable[float], minute: int = 0) -> None:
        """Add values that were recorded so many minutes ago."""
        self.values[series][minute] += values

    def take(self, line: str, minute: int = 0) -> None:
        """Take a log line, as CloudWatch does: its embedded metrics, if it has any."""
        told = json.loads(line)
        for block in told.get("_aws", {}).get("CloudWatchMetrics", ()):
            for names in block["Dimensions"]:
                dimensions = frozenset((name, told[name]) for name in names)
                for metric in block["Metrics"]:
                    self.record(
                        (block["Namespace"], metric["Name"], dimensions), [told[metric["Name"]]], minute
                    )

    def rings(self, alarm: Mapping[str, Any]) -> bool:
        """Tell whether an alarm rings for what was recorded."""
        minutes = alarm["Period"] // 60
        verdicts = [
            self._breaches(alarm, range(number * minutes, (number + 1) * minutes))
            for number in range(alarm["EvaluationPeriods"])
        ]
        return sum(verdicts) >= alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"])

    def _breaches(self, alarm: Mapping[str, Any], minutes: range) -> bool:
        recorded = self.values[series_of(alarm)]
        values = [value for minute in minutes for value in recorded.get(minute, ())]
        if not values:
            return bool(alarm["TreatMissingData"] == "breaching")
        if alarm.get("EvaluateLowSampleCountPercentile") == "ignore" and len(values) < P99_LEAST:
            return False
        statistic = STATISTICS[alarm.get("Statistic") or alarm["ExtendedStatistic"]]
        return COMPARED[alarm["ComparisonOperator"]](statistic(values), float(alarm["Threshold"]))


def series_of(alarm: Mapping[str, Any]) -> Series:
    """Return the series that an alarm listens to."""
    dimensions = frozenset((one["Name"], one["Value"]) for one in alarm.get("Dimensions", ()))
    return alarm["Namespace"], alarm["MetricName"], dimensions
