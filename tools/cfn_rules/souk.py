"""House rules for the templates, as cfn-lint rules: what CloudFormation accepts and Souk does not.

cfn-lint loads this file by path (.cfnlintrc), not as a module of tools, so it imports nothing from the repository. The
rules read the templates as they are written, before the SAM transform.
"""

# mypy: disable-error-code="misc, import-untyped"
from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.template import Template

Matches = list[RuleMatch]
_STYLE = "https://docs.aws.amazon.com/lambda/latest/dg/best-practices.html"


def resources(cfn: Template, *kinds: str) -> Iterator[tuple[str, Any, Any]]:
    """Yield logical id, resource and properties of the resources of some types."""
    for name, resource in cfn.template.get("Resources", {}).items():
        if resource.get("Type") in kinds:
            yield name, resource, resource.get("Properties") or {}


def events(cfn: Template, *kinds: str) -> Iterator[tuple[list[str | int], Any]]:
    """Yield path and properties of the functions' event sources of some types."""
    for name, _, properties in resources(cfn, "AWS::Serverless::Function"):
        for source, event in (properties.get("Events") or {}).items():
            if event.get("Type") in kinds:
                path = ["Resources", name, "Properties", "Events", source]
                yield path, event.get("Properties") or {}


def statements(cfn: Template) -> Iterator[tuple[list[str | int], Any]]:
    """Yield path and content of every policy statement that allows something."""
    yield from _statements(cfn.template.get("Resources", {}), ["Resources"])


def _statements(node: Any, path: list[str | int]) -> Iterator[tuple[list[str | int], Any]]:
    if isinstance(node, dict):
        if node.get("Effect") == "Allow":
            yield path, node
        for name, inner in node.items():
            yield from _statements(inner, [*path, name])
    elif isinstance(node, list):
        for number, inner in enumerate(node):
            yield from _statements(inner, [*path, number])


def listed(value: Any) -> list[Any]:
    """Return a list, made of one where only one is given."""
    return value if isinstance(value, list) else [value]


def service(cfn: Template) -> str:
    """Return the name of the template's service, ``platform`` for template.yaml.

    `sam validate --lint` hands over text without a file name; then the template's own word has to do.
    """
    if not cfn.filename:
        shared = (cfn.template.get("Globals") or {}).get("Function") or {}
        return str(((shared.get("Environment") or {}).get("Variables") or {}).get("SERVICE_NAME", ""))
    name = Path(cfn.filename).stem
    return "platform" if name == "template" else name


class QueuesHaveADeadLetterQueue(CloudFormationLintRule):
    """A message that cannot be handled must end somewhere."""

    id = "E9101"
    shortdesc = "Every queue has a dead-letter queue, or is one"
    description = "RedrivePolicy names a dead-letter queue; those end in DeadLetterQueue and keep 14 days"
    source_url = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html"
    tags = ["souk", "sqs"]  # noqa: RUF012

    def match(self, cfn: Template) -> Matches:
        """Return the queues without."""
        return [
            RuleMatch(["Resources", name], f"{name} has no RedrivePolicy with a dead-letter queue")
            for name, _, properties in resources(cfn, "AWS::SQS::Queue")
            if not _redrives(properties) and not _is_last(name, properties)
        ]


def _redrives(properties: Any) -> bool:
    policy = properties.get("RedrivePolicy") or {}
    return bool(policy.get("deadLetterTargetArn")) and int(policy.get("maxReceiveCount", 0)) > 0


def _is_last(name: str, properties: Any) -> bool:
    return name.endswith("DeadLetterQueue") and properties.get("MessageRetentionPeriod") == 1209600


class QueueSourcesReportPartialFailures(CloudFormationLintRule):
    """One bad message must not bring the good ones of its batch back."""

    id = "E9102"
    shortdesc = "Every SQS source reports partial failures, and its queue hides a message while it is handled"
    description = "FunctionResponseTypes has ReportBatchItemFailures; VisibilityTimeout is above the Timeout"
    source_url = "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html"
    tags = ["souk", "sqs", "lambda"]  # noqa: RUF012

    def match(self, cfn: Template) -> Matches:
        """Return the sources that do not."""
        found = []
        for path, properties in events(cfn, "SQS"):
            if "ReportBatchItemFailures" not in (properties.get("FunctionResponseTypes") or []):
                found.append(RuleMatch(path, "FunctionResponseTypes lacks ReportBatchItemFailures"))
            hidden, timeout = _visibility(cfn, properties.get("Queue")), _timeout(cfn, str(path[1]))
            if hidden <= timeout:
                late = f"VisibilityTimeout, {hidden} s, is not above the function's Timeout, {timeout} s"
                found.append(RuleMatch(path, late))
        return found


def _visibility(cfn: Template, arn: Any) -> int:
    name = listed((arn or {}).get("Fn::GetAtt", [""]))[0].partition(".")[0]
    queue = cfn.template["Resources"].get(name) or {}
    return int((queue.get("Properties") or {}).get("VisibilityTimeout", 30))


def _timeout(cfn: Template, function: str) -> int:
    shared = ((cfn.template.get("Globals") or {}).get("Function") or {}).get("Timeout", 3)
    return int(cfn.template["Resources"][function]["Properties"].get("Timeout", shared))


class EventsCarryTheirServicesSource(CloudFormationLintRule):
    """A service must not be able to tell another's facts."""

    id = "E9103"
    shortdesc = "PutEvents is limited to the service's own source"
    description = (
        "A statement that allows events:PutEvents stands alone, with events:source equal to souk.<service>"
    )
    source_url = "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html"
    tags = ["souk", "events", "iam"]  # noqa: RUF012

    def match(self, cfn: Template) -> Matches:
        """Return the statements that allow more."""
        own = {"events:source": f"souk.{service(cfn)}"}
        return [
            RuleMatch(path, f"events:PutEvents needs the condition StringEquals {json.dumps(own)}")
            for path, statement in statements(cfn)
            if "events:PutEvents" in listed(statement.get("Action"))
            and statement.get("Condition") not in ({"StringEquals": own}, {"ForAllValues:StringEquals": own})
        ]


class FunctionsKeepTheirLogsForATime(CloudFormationLintRule):
    """A log group that Lambda makes by itself keeps everything for ever."""

    id = "E9104"
    shortdesc = "Every function has a log group with a retention"
    description = "A LogGroup named /aws/lambda/${<Function>} with RetentionInDays"
    source_url = (
        "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/Working-with-log-groups-and-streams.html"
    )
    tags = ["souk", "logs"]  # noqa: RUF012

    def match(self, cfn: Template) -> Matches:
        """Return the functions without."""
        kept = {
            json.dumps(properties.get("LogGroupName"))
            for _, _, properties in resources(cfn, "AWS::Logs::LogGroup")
            if properties.get("RetentionInDays")
        }
        return [
            RuleMatch(
                ["Resources", name], f"no AWS::Logs::LogGroup keeps the logs of {name} for a given time"
            )
            for name, _, _ in resources(cfn, "AWS::Serverless::Function")
            if json.dumps({"Fn::Sub": f"/aws/lambda/${{{name}}}"}) not in kept
        ]


class TablesOutliveTheirStack(CloudFormationLintRule):
    """Deleting a stack must not delete a shop's data, except on the local stack."""

    id = "E9105"
    shortdesc = "Tables are retained, protected and recoverable"
    description = (
        "DeletionPolicy, UpdateReplacePolicy, DeletionProtectionEnabled outside local, point in time recovery"
    )
    source_url = (
        "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-deletionpolicy.html"
    )
    tags = ["souk", "dynamodb"]  # noqa: RUF012

    def match(self, cfn: Template) -> Matches:
        """Return what is missing of which table."""
        found = []
        for name, table, properties in resources(cfn, "AWS::DynamoDB::Table"):
            wanted = {
                "DeletionPolicy: RetainExceptOnCreate": table.get("DeletionPolicy") == "RetainExceptOnCreate",
                "UpdateReplacePolicy: Retain": table.get("UpdateReplacePolicy") == "Retain",
                "DeletionProtectionEnabled: !If [Kept, true, false]": _protected(cfn, properties),
                "PointInTimeRecoverySpecification: {PointInTimeRecoveryEnabled: true}": _recoverable(
                    properties
                ),
            }
            lacking = [text for text, there in wanted.items() if not there]
            found += [RuleMatch(["Resources", name], f"{name} lacks {text}") for text in lacking]
        return found


def _protected(cfn: Template, properties: Any) -> bool:
    kept = (cfn.template.get("Conditions") or {}).get("Kept") or {}
    (compared,) = kept.get("Fn::Not") or [{}]
    local = sorted(map(json.dumps, compared.get("Fn::Equals") or [])) == ['"local"', '{"Ref": "Environment"}']
    return local and bool(properties.get("DeletionProtectionEnabled") == {"Fn::If": ["Kept", True, False]})


def _recoverable(properties: Any) -> bool:
    return (properties.get("PointInTimeRecoverySpecification") or {}).get(
        "PointInTimeRecoveryEnabled"
    ) is True


# The property that names a resource, and what every name of that type starts with: {own} is souk-<environment>, with
# the service after it in a service's template.
_NAMES = {
    "AWS::Serverless::Function": ("FunctionName", "{own}"),
    "AWS::Serverless::Api": ("Name", "{own}"),
    "AWS::Serverless::LayerVersion": ("LayerName", "{own}"),
    "AWS::DynamoDB::Table": ("TableName", "{own}"),
    "AWS::SQS::Queue": ("QueueName", "{own}"),
    "AWS::Events::EventBus": ("Name", "{own}"),
    "AWS::Events::Rule": ("Name", "{own}"),
    "AWS::SecretsManager::Secret": ("Name", "{own}"),
    "AWS::KMS::Alias": ("AliasName", "alias/{own}"),
    "AWS::SSM::Parameter": ("Name", "/souk/${{Environment}}/"),
    "AWS::Logs::LogGroup": ("LogGroupName", "/aws/lambda/${{"),
}
_KINDS = {
    "AWS::Serverless::Function": "Function",
    "AWS::Serverless::Api": "Api",
    "AWS::Serverless::LayerVersion": "Layer",
    "AWS::DynamoDB::Table": "Table",
    "AWS::SQS::Queue": "Queue",
    "AWS::SQS::QueuePolicy": "QueuePolicy",
    "AWS::Events::EventBus": "Bus",
    "AWS::Events::Rule": "Rule",
    "AWS::SecretsManager::Secret": "Secret",
    "AWS::SSM::Parameter": "Parameter",
    "AWS::Logs::LogGroup": "Logs",
}


class NamesFollowTheConvention(CloudFormationLintRule):
    """Stacks find each other by name alone: nothing is exported or imported."""

    id = "E9106"
    shortdesc = "Names follow the convention"
    description = (
        "souk-<environment>-<service>…, /souk/<environment>/… for parameters; logical ids end in their kind"
    )
    source_url = _STYLE
    tags = ["souk", "names"]  # noqa: RUF012

    def match(self, cfn: Template) -> Matches:
        """Return the names that do not."""
        own = "souk-${Environment}" + ("" if service(cfn) in ("platform", "edge") else f"-{service(cfn)}")
        found = []
        for name, _, properties in resources(cfn, *_NAMES):
            kind = cfn.template["Resources"][name]["Type"]
            attribute, start = _NAMES[kind]
            start = start.format(own=own)
            given = properties.get(attribute)
            text = given.get("Fn::Sub", "") if isinstance(given, dict) else ""
            if not _starts(str(text), start):
                found.append(
                    RuleMatch(["Resources", name], f"the {attribute} of {name} is not !Sub {start}…")
                )
        for name, resource, _ in resources(cfn, *_KINDS):
            if not name.endswith(_KINDS[resource["Type"]]):
                found.append(
                    RuleMatch(["Resources", name], f"{name} does not end in {_KINDS[resource['Type']]}")
                )
        return found


def _starts(text: str, start: str) -> bool:
    """Tell whether a name starts with whole words of the convention: souk-dev-cart is no start of souk-dev-cartoon."""
    return text.startswith(start) and (start[-1] in "/{" or text[len(start) : len(start) + 1] in ("", "-"))


class StarsHaveTheirReason(CloudFormationLintRule):
    """Least privilege: what a function may do to everything is explained where it is allowed."""

    id = "E9107"
    shortdesc = "No * in an action or as a resource without a comment"
    description = "A statement that allows it says why in a comment in it, or in the line above"
    source_url = "https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html#grant-least-privilege"
    tags = ["souk", "iam"]  # noqa: RUF012

    def match(self, cfn: Template) -> Matches:
        """Return the statements without; none where there is no file to find comments in, as under `sam validate`."""
        if not cfn.filename:
            return []
        lines = Path(cfn.filename).read_text().splitlines()
        return [
            RuleMatch(path, "a * needs a comment with its reason")
            for path, statement in statements(cfn)
            if _starred(statement) and not _commented(lines, statement)
        ]


def _starred(statement: Any) -> bool:
    actions = [str(action) for action in listed(statement.get("Action"))]
    return any("*" in action for action in actions) or "*" in listed(statement.get("Resource"))


def _commented(lines: list[str], statement: Any) -> bool:
    start, end = statement.start_mark.line, statement.end_mark.line
    return any(re.search(r"(^|\s)# ", line) for line in lines[max(start - 1, 0) : max(end, start + 1)])


class FactsTravelThroughQueues(CloudFormationLintRule):
    """The bus tries a function once or twice and forgets; a queue keeps what could not be handled."""

    id = "E9108"
    shortdesc = "The bus targets queues only, each with a dead-letter queue; streams have a way out"
    description = (
        "No EventBridgeRule on a function, DeadLetterConfig on every target, OnFailure and bisect on streams"
    )
    source_url = "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html"
    tags = ["souk", "events", "dynamodb"]  # noqa: RUF012

    def match(self, cfn: Template) -> Matches:
        """Return the ways on which a fact could get lost."""
        found = [RuleMatch(path, "facts reach a function through its inbox queue only") for path, _ in
                 events(cfn, "EventBridgeRule", "CloudWatchEvent")]  # fmt: skip
        for name, _, properties in resources(cfn, "AWS::Events::Rule"):
            for number, target in enumerate(properties.get("Targets") or []):
                path = ["Resources", name, "Properties", "Targets", number]
                if not str((target.get("Arn") or {}).get("Fn::GetAtt", [""])[0]).endswith("Queue"):
                    found.append(RuleMatch(path, "a rule targets a queue"))
                if not (target.get("DeadLetterConfig") or {}).get("Arn"):
                    found.append(RuleMatch(path, "a target has a DeadLetterConfig"))
        for source, properties in events(cfn, "DynamoDB"):
            destination = (properties.get("DestinationConfig") or {}).get("OnFailure") or {}
            bounded = properties.get("MaximumRetryAttempts", 0) > 0
            bounded = bounded and properties.get("BisectBatchOnFunctionError") is True
            if not (destination.get("Destination") and bounded):
                wanted = "OnFailure, MaximumRetryAttempts and BisectBatchOnFunctionError"
                found.append(
                    RuleMatch(source, f"a stream has {wanted}: else one bad record stops it for a day")
                )
        return found


class SettingsSayWhatTheyAre(CloudFormationLintRule):
    """Every function can tell where it is and who it is, by the same names in every service."""

    id = "E9109"
    shortdesc = "Every function knows its service and its environment"
    description = (
        "SERVICE_NAME is the template's service, ENVIRONMENT_NAME its environment, set for all functions"
    )
    source_url = _STYLE
    tags = ["souk", "lambda"]  # noqa: RUF012

    def match(self, cfn: Template) -> Matches:
        """Return where they are not set."""
        shared = (cfn.template.get("Globals") or {}).get("Function") or {}
        variables = (shared.get("Environment") or {}).get("Variables") or {}
        wanted = {"SERVICE_NAME": service(cfn), "ENVIRONMENT_NAME": {"Ref": "Environment"}}
        if not list(resources(cfn, "AWS::Serverless::Function")):
            return []
        return [
            RuleMatch(["Globals"], f"Globals set {name} to {value}")
            for name, value in wanted.items()
            if variables.get(name) != value
        ]


class OneLogLineAnInvocation(CloudFormationLintRule):
    """START, END and REPORT tell nothing that the function's own line or Lambda's metrics do not, and cost as much."""

    id = "E9110"
    shortdesc = "Lambda's own log lines are left out unless something is wrong"
    description = "Globals set LoggingConfig to {LogFormat: JSON, SystemLogLevel: WARN}"
    source_url = "https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html"
    tags = ["souk", "logs"]  # noqa: RUF012

    def match(self, cfn: Template) -> Matches:
        """Return Globals where they are not."""
        shared = (cfn.template.get("Globals") or {}).get("Function") or {}
        wanted = {"LogFormat": "JSON", "SystemLogLevel": "WARN"}
        if not list(resources(cfn, "AWS::Serverless::Function")) or shared.get("LoggingConfig") == wanted:
            return []
        return [RuleMatch(["Globals"], f"Globals set LoggingConfig to {wanted}")]
