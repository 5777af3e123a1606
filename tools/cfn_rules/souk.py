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
        if isinstance(resource, dict) and resource.get("Type") in kinds:  # a list is of Fn::ForEach
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


def referred(arn: Any) -> str:
    """Return the logical id of the resource whose ARN a !GetAtt is; nothing where it is no !GetAtt."""
    return str(listed((arn or {}).get("Fn::GetAtt", [""]))[0]).partition(".")[0]


def substituted(value: Any) -> str:
    """Return the text of a !Sub; nothing where it is no !Sub."""
    return str(value.get("Fn::Sub", "")) if isinstance(value, dict) else ""


def shared_settings(cfn: Template, kind: str) -> Any:
    """Return what Globals say for all functions (``Function``) or all APIs (``Api``)."""
    return (cfn.template.get("Globals") or {}).get(kind) or {}


def service(cfn: Template) -> str:
    """Return the name of the template's service, ``platform`` for template.yaml.

    `sam validate --lint` hands over text without a file name; then the template's own word has to do: what has no
    functions is no service.
    """
    if not cfn.filename:
        variables = (shared_settings(cfn, "Function").get("Environment") or {}).get("Variables") or {}
        return str(variables.get("SERVICE_NAME", "platform"))
    name = Path(cfn.filename).stem
    return "platform" if name == "template" else name


class QueuesHaveADeadLetterQueue(CloudFormationLintRule):
    """A message that cannot be handled must end somewhere."""

    id = "E9101"
    shortdesc = "Every queue has a dead-letter queue, or is one, and is encrypted"
    description = (
        "RedrivePolicy names a dead-letter queue: its name is the queue's with -dlq; it keeps 14 days"
    )
    source_url = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html"
    tags = ["souk", "sqs"]  # noqa: RUF012

    def match(self, cfn: Template) -> Matches:
        """Return the queues without."""
        found = []
        for name, _, properties in resources(cfn, "AWS::SQS::Queue"):
            path: list[str | int] = ["Resources", name]
            if not _redrives(cfn, properties) and not _is_last(name, properties):
                found.append(RuleMatch(path, f"{name} has no RedrivePolicy to a queue of its name with -dlq"))
            if properties.get("SqsManagedSseEnabled") is not True:
                found.append(RuleMatch(path, f"{name} lacks SqsManagedSseEnabled: true"))
        return found


def _redrives(cfn: Template, properties: Any) -> bool:
    policy = properties.get("RedrivePolicy") or {}
    last = cfn.template["Resources"].get(referred(policy.get("deadLetterTargetArn"))) or {}
    named = substituted((last.get("Properties") or {}).get("QueueName"))
    home = substituted(properties.get("QueueName"))
    return named == f"{home}-dlq" and int(policy.get("maxReceiveCount", 0)) > 0


def _is_last(name: str, properties: Any) -> bool:
    return name.endswith("DeadLetterQueue") and properties.get("MessageRetentionPeriod") == 1209600


class QueueSourcesReportPartialFailures(CloudFormationLintRule):
    """One bad message must not bring the good ones of its batch back."""

    id = "E9102"
    shortdesc = (
        "Every SQS source reports partial failures, has a limit, and its queue hides a message long enough"
    )
    description = (
        "FunctionResponseTypes has ReportBatchItemFailures; ScalingConfig a MaximumConcurrency; VisibilityTimeout is "
        "six times the Timeout and the window, or Metadata.Souk.Hidden says why it is only above the Timeout"
    )
    source_url = "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html"
    tags = ["souk", "sqs", "lambda"]  # noqa: RUF012

    def match(self, cfn: Template) -> Matches:
        """Return the sources that do not."""
        found = []
        for path, properties in events(cfn, "SQS"):
            if "ReportBatchItemFailures" not in (properties.get("FunctionResponseTypes") or []):
                found.append(RuleMatch(path, "FunctionResponseTypes lacks ReportBatchItemFailures"))
            if not (properties.get("ScalingConfig") or {}).get("MaximumConcurrency"):
                found.append(RuleMatch(path, "ScalingConfig lacks a MaximumConcurrency"))
            hidden, timeout = _visibility(cfn, properties.get("Queue")), _timeout(cfn, str(path[1]))
            queue = cfn.template["Resources"].get(referred(properties.get("Queue"))) or {}
            if ((queue.get("Metadata") or {}).get("Souk") or {}).get("Hidden"):
                least, wanted = timeout + 1, f"is not above the function's Timeout, {timeout} s"
            else:
                window = _most(properties.get("MaximumBatchingWindowInSeconds", 0))
                least = 6 * timeout + window
                wanted = f"is below six times the function's Timeout and the window, {least} s"
            if hidden < least:
                found.append(RuleMatch(path, f"VisibilityTimeout, {hidden} s, {wanted}"))
        return found


def _visibility(cfn: Template, arn: Any) -> int:
    queue = cfn.template["Resources"].get(referred(arn)) or {}
    return int((queue.get("Properties") or {}).get("VisibilityTimeout", 30))


def _most(value: Any) -> int:
    """Return the larger number of an !If, or the number that it is."""
    return max(value["Fn::If"][1:]) if isinstance(value, dict) else int(value)


def _timeout(cfn: Template, function: str) -> int:
    shared = shared_settings(cfn, "Function").get("Timeout", 3)
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


class ServicesKeepTheirLogsForATime(CloudFormationLintRule):
    """A log group that Lambda makes by itself keeps everything for ever."""

    id = "E9104"
    shortdesc = "All functions of a service write to its one log group, which has a retention"
    description = "Logs is /aws/lambda/souk-<environment>-<service>, kept LogRetentionDays; Globals name it"
    source_url = (
        "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/Working-with-log-groups-and-streams.html"
    )
    tags = ["souk", "logs"]  # noqa: RUF012

    def match(self, cfn: Template) -> Matches:
        """Return the group that is not so, and what writes elsewhere."""
        functions = list(resources(cfn, "AWS::Serverless::Function"))
        groups = {name: properties for name, _, properties in resources(cfn, "AWS::Logs::LogGroup")}
        groups.pop("AccessLogs", None)  # the gateway's, E9113
        wanted = {
            "LogGroupName": {"Fn::Sub": f"/aws/lambda/souk-${{Environment}}-{service(cfn)}"},
            "RetentionInDays": {"Ref": "LogRetentionDays"},
        }
        found = []
        if functions and groups != {"Logs": wanted}:
            found.append(RuleMatch(["Resources"], f"the one log group is Logs, with {json.dumps(wanted)}"))
        shared = shared_settings(cfn, "Function").get("LoggingConfig") or {}
        if functions and shared.get("LogGroup") != {"Ref": "Logs"}:
            found.append(RuleMatch(["Globals"], "Globals set LoggingConfig.LogGroup to !Ref Logs"))
        return found + [
            RuleMatch(["Resources", name], f"{name} has a LoggingConfig of its own")
            for name, _, properties in functions
            if properties.get("LoggingConfig", shared)
            != shared  # cfn-lint puts the Globals into all functions
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
    "AWS::ApiGatewayV2::Api": ("Name", "{own}"),
    "AWS::Serverless::LayerVersion": ("LayerName", "{own}"),
    "AWS::DynamoDB::Table": ("TableName", "{own}"),
    "AWS::SQS::Queue": ("QueueName", "{own}"),
    "AWS::Events::EventBus": ("Name", "{own}"),
    "AWS::Events::Rule": ("Name", "{own}"),
    "AWS::SecretsManager::Secret": ("Name", "{own}"),
    "AWS::KMS::Alias": ("AliasName", "alias/{own}"),
    "AWS::SSM::Parameter": ("Name", "/souk/${{Environment}}/"),
    "AWS::Logs::LogGroup": ("LogGroupName", "/aws/{kind}/{own}"),
}
_KINDS = {
    "AWS::Serverless::Function": "Function",
    "AWS::Serverless::Api": "Api",
    "AWS::ApiGatewayV2::Api": "Api",
    "AWS::ApiGatewayV2::Integration": "Integration",
    "AWS::ApiGatewayV2::Route": "Route",
    "AWS::ApiGatewayV2::Stage": "Stage",
    "AWS::Lambda::Permission": "Permission",
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
            start = start.format(own=own, kind="vendedlogs" if name == "AccessLogs" else "lambda")
            if not _starts(substituted(properties.get(attribute)), start):
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
    return text.startswith(start) and (start[-1] == "/" or text[len(start) : len(start) + 1] in ("", "-"))


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
        found = [
            RuleMatch(path, "facts reach a function through its inbox queue only")
            for path, _ in events(cfn, "EventBridgeRule", "CloudWatchEvent")
        ]
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
            found += [RuleMatch(source, text) for text in _lost_of_a_stream(cfn, properties)]
        return found


def _lost_of_a_stream(cfn: Template, properties: Any) -> Iterator[str]:
    """Yield what makes a publisher miss facts, or be called for every record that has none."""
    table = cfn.template["Resources"].get(referred(properties.get("Stream"))) or {}
    view = ((table.get("Properties") or {}).get("StreamSpecification") or {}).get("StreamViewType")
    if view != "NEW_IMAGE":
        yield "a table's stream has StreamViewType: NEW_IMAGE, which holds the outbox"
    if properties.get("StartingPosition") != "TRIM_HORIZON":
        yield "a stream is read from TRIM_HORIZON: what was written before the function is there is not lost"
    filters = (properties.get("FilterCriteria") or {}).get("Filters") or []
    images = [json.loads(one["Pattern"]).get("dynamodb", {}).get("NewImage", {}) for one in filters]
    if not any("outbox" in image for image in images) or not all(images):
        yield "a stream's filters name attributes of the new image, the outbox among them"


class SchedulesDoNotPileUp(CloudFormationLintRule):
    """What was not called in time is done by the next turn; a day of late calls (the default) would come at once."""

    id = "E9114"
    shortdesc = "A scheduled call is given up when the next one is due"
    description = "RetryPolicy: MaximumEventAgeInSeconds is the rate's period, MaximumRetryAttempts is 0"
    source_url = "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html"
    tags = ["souk", "events"]  # noqa: RUF012

    def match(self, cfn: Template) -> Matches:
        """Return the schedules that are tried for longer."""
        found = []
        for path, properties in events(cfn, "Schedule"):
            rate = re.fullmatch(r"rate\((\d+) minutes?\)", str(properties.get("Schedule")))
            seconds = 60 * int(rate[1]) if rate else None
            wanted = {"MaximumEventAgeInSeconds": seconds, "MaximumRetryAttempts": 0}
            if properties.get("RetryPolicy") != wanted:
                found.append(RuleMatch(path, f"a schedule of so many minutes has RetryPolicy: {wanted}"))
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
        variables = (shared_settings(cfn, "Function").get("Environment") or {}).get("Variables") or {}
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
        given = shared_settings(cfn, "Function").get("LoggingConfig") or {}
        wanted = {"LogFormat": "JSON", "SystemLogLevel": "WARN"}
        if not list(resources(cfn, "AWS::Serverless::Function")) or given.items() >= wanted.items():
            return []
        return [RuleMatch(["Globals"], f"Globals set LoggingConfig to {wanted}")]


class QueuesTakeTlsAlone(CloudFormationLintRule):
    """What is said of buyers goes over no line that can be read."""

    id = "E9115"
    shortdesc = "Every queue has one policy, which denies what does not come over TLS"
    description = (
        "One QueuePolicy names the queue, with a Deny where aws:SecureTransport is false; `local` needs none"
    )
    source_url = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-security-best-practices.html"
    tags = ["souk", "sqs"]  # noqa: RUF012

    def match(self, cfn: Template) -> Matches:
        """Return the queues without, and those of two policies: the one written last would count alone."""
        policies = [properties for _, _, properties in resources(cfn, "AWS::SQS::QueuePolicy")]
        found = []
        for queue, _, _ in resources(cfn, "AWS::SQS::Queue"):
            own = [policy for policy in policies if {"Ref": queue} in policy.get("Queues", [])]
            said = own[0]["PolicyDocument"]["Statement"] if len(own) == 1 else []
            if _DENIED not in said and {"Fn::If": ["Kept", _DENIED, {"Ref": "AWS::NoValue"}]} not in said:
                found.append(
                    RuleMatch(["Resources", queue], f"{queue} lacks a policy, its one, that wants TLS")
                )
        return found


_DENIED = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "sqs:*",
    "Resource": "*",  # the queue whose policy it is
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}


class InboxesTakeFromTheirRuleOnly(CloudFormationLintRule):
    """Who may send to an inbox could tell a service facts that never happened."""

    id = "E9111"
    shortdesc = "The queues of rules take messages from these rules alone"
    description = (
        "A QueuePolicy for the target and its dead-letter queue, for EventBridge, with their rules' ARNs"
    )
    source_url = "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html"
    tags = ["souk", "sqs", "events"]  # noqa: RUF012

    def match(self, cfn: Template) -> Matches:
        """Return the rules whose queues do not take their facts, or others' as well."""
        return [
            RuleMatch(
                ["Resources", rule], f"no QueuePolicy lets {rule}, and its rules alone, send to {queue}"
            )
            for queue, rules in _fed(cfn).items()
            for rule in rules
            if not _takes_from(cfn, queue, rules)
        ]


def _fed(cfn: Template) -> dict[str, list[str]]:
    """Return by queue the rules that it is a target of, or that send it what a target did not take."""
    found: dict[str, list[str]] = {}
    for rule, _, properties in resources(cfn, "AWS::Events::Rule"):
        for target in properties.get("Targets") or []:
            for arn in (target.get("Arn"), (target.get("DeadLetterConfig") or {}).get("Arn")):
                found.setdefault(referred(arn), []).append(rule)
    return found


def _takes_from(cfn: Template, queue: str, rules: list[str]) -> bool:
    arns: list[Any] = [{"Fn::GetAtt": [rule, "Arn"]} for rule in rules]
    wanted = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Condition": {"ArnEquals": {"aws:SourceArn": arns if len(arns) > 1 else arns[0]}},
    }
    policies = (properties for _, _, properties in resources(cfn, "AWS::SQS::QueuePolicy"))
    arn = {"Fn::GetAtt": [queue, "Arn"]}
    allowed = [
        statement
        for policy in policies
        if {"Ref": queue} in policy.get("Queues", [])
        for statement in policy["PolicyDocument"]["Statement"]
        if statement.get("Effect") == "Allow" and {arn["Fn::GetAtt"][0], "*"} & _named(statement)
    ]
    return bool(allowed) and all(
        {name: value for name, value in one.items() if name != "Resource"} == wanted for one in allowed
    )


def _named(statement: Any) -> set[str]:
    """Return the logical ids of the queues that a statement is about, ``*`` for what is no !GetAtt of one."""
    return {referred(one) if isinstance(one, dict) else "*" for one in listed(statement.get("Resource", "*"))}


class EverythingIsBuiltAlike(CloudFormationLintRule):
    """The Makefiles compile and prune; SAM's own way ships all of a folder, and packages that Lambda has already."""

    id = "E9112"
    shortdesc = (
        "Functions are built from the service's folder, by its Makefile, on the service's own shared layer"
    )
    description = "CodeUri, Layers and ContentUri by the convention; Metadata: {BuildMethod: makefile}"
    source_url = "https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/building-custom-runtimes.html"
    tags = ["souk", "lambda"]  # noqa: RUF012

    def match(self, cfn: Template) -> Matches:
        """Return what is built otherwise."""
        built = list(resources(cfn, "AWS::Serverless::Function", "AWS::Serverless::LayerVersion"))
        if not built:
            return []
        root = "" if service(cfn) == "platform" else "../"
        layer = (cfn.template["Resources"].get("SharedLayer") or {}).get("Properties") or {}
        shared = shared_settings(cfn, "Function")
        wanted = {
            f"Globals set CodeUri to {root}functions/{service(cfn)}/": shared.get("CodeUri")
            == f"{root}functions/{service(cfn)}/",
            "Globals set Layers to [!Ref SharedLayer]": shared.get("Layers") == [{"Ref": "SharedLayer"}],
            f"SharedLayer has the ContentUri {root}functions/shared/": layer.get("ContentUri")
            == f"{root}functions/shared/",
        }
        found = [RuleMatch(["Globals"], text) for text, there in wanted.items() if not there]
        return found + [
            RuleMatch(
                ["Resources", name], f"{name} has a BuildMethod other than makefile, or layers of its own"
            )
            for name, resource, properties in built
            if resource.get("Metadata") != {"BuildMethod": "makefile"}
            or properties.get("Layers", shared.get("Layers")) != shared.get("Layers")
        ]


class CallsTakeOneRoute(CloudFormationLintRule):
    """The service's code decides what a path is; the gateway hands on all of them, and lets nobody flood the shop."""

    id = "E9113"
    shortdesc = "Every service has one greedy route, in the platform's HTTP API or in a REST API of its own"
    description = (
        "ANY /<segment> and ANY /<segment>/{proxy+} with Condition Http; a RestApi with Condition Rest, of one stage; "
        "stages are throttled, and the HTTP API's writes an access log without what is of a person"
    )
    source_url = "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html"
    tags = ["souk", "api"]  # noqa: RUF012

    def match(self, cfn: Template) -> Matches:
        """Return what is open otherwise."""
        found = [
            RuleMatch(path, "calls reach a function by the service's route, not by an event of its own")
            for path, _ in events(cfn, "Api", "HttpApi")
        ]
        if "HttpFunction" in cfn.template.get("Resources", {}):
            found += [RuleMatch(["Resources", "HttpFunction"], text) for text in _ways_in(cfn)]
        for name, _, properties in resources(cfn, "AWS::ApiGatewayV2::Stage"):
            found += [RuleMatch(["Resources", name], text) for text in _lacking(properties)]
        return found


def _ways_in(cfn: Template) -> Iterator[str]:
    """Yield what a service's ways in lack."""
    keys = sorted(properties["RouteKey"] for _, _, properties in resources(cfn, "AWS::ApiGatewayV2::Route"))
    if not keys or keys != [keys[0], f"{keys[0]}/{{proxy+}}"] or not re.fullmatch(r"ANY /[a-z]+", keys[0]):
        yield "it has the routes ANY /<segment> and ANY /<segment>/{proxy+}, and no others"
    kinds = {
        "Http": ("AWS::ApiGatewayV2::Integration", "AWS::ApiGatewayV2::Route"),
        "Rest": ("AWS::Serverless::Api",),
    }
    for condition, types in kinds.items():
        made = list(resources(cfn, *types))
        if not made or any(resource.get("Condition") != condition for _, resource, _ in made):
            yield f"what is of {condition} has the Condition {condition}"
    for _, _, properties in resources(cfn, "AWS::ApiGatewayV2::Integration"):
        if properties.get("PayloadFormatVersion") != "2.0":
            yield "its Integration has PayloadFormatVersion 2.0"
    rest = shared_settings(cfn, "Api")
    if not rest.get("OpenApiVersion"):
        yield "Globals set Api.OpenApiVersion: without it SAM publishes a second stage, open to all"
    if not all(one.get("ThrottlingRateLimit") for one in rest.get("MethodSettings") or [{}]):
        yield "Globals set Api.MethodSettings with a ThrottlingRateLimit"


_PERSONAL = re.compile(r"\$context\.(identity|path|authorizer|httpUserAgent|domain)")


def _lacking(stage: Any) -> Iterator[str]:
    """Yield what an HTTP API's stage lacks."""
    if not (stage.get("DefaultRouteSettings") or {}).get("ThrottlingRateLimit"):
        yield "a stage has DefaultRouteSettings with a ThrottlingRateLimit"
    told = (stage.get("AccessLogSettings") or {}).get("Format") or ""
    if not told or _PERSONAL.search(told):
        yield "a stage has AccessLogSettings, whose Format names no address, no path and no agent"
