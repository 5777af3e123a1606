"""The house rules for templates: each one broken once in a real template, and found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cfnlint.decode
import pytest
from cfnlint.helpers import load_plugins
from cfnlint.template import Template

from tests.support.templates import ROOT

RULES = {rule.id: rule for rule in load_plugins(str(ROOT / "tools" / "cfn_rules"))}
TEMPLATES = [ROOT / "template.yaml", *sorted((ROOT / "infra").glob("*.yaml"))]


def found(path: Path, name: str | None = "") -> dict[str, list[str]]:
    """Return what each rule finds in a template, by the name of its file unless it is to have another, or none."""
    template, _ = cfnlint.decode.decode(str(path))
    told = str(path) if name == "" else name
    matches = {id: rule.match(Template(told, template, ["eu-west-1"])) for id, rule in RULES.items()}
    return {id: [match.message for match in some] for id, some in matches.items() if some}


_QUEUE = "        Queue: {Type: SQS"
_EVERY_MINUTE = "        EveryMinute: {Type: Schedule, Properties: {Schedule: rate(1 minute)"


@pytest.mark.parametrize(
    ("rule", "old", "new"),
    [
        ("E9113", "      DefaultRouteSettings:", "      # DefaultRouteSettings:"),
        ("E9113", "$context.routeKey", "$context.path"),
        ("E9113", "$context.routeKey", "$context.identity.sourceIp"),
        ("E9113", "        Format: ", "        # Format: "),
        ("E9106", "/aws/vendedlogs/souk-${Environment}", "/aws/vendedlogs/gateway"),
        ("E9106", "  HttpStage:", "  Published:"),
        ("E9106", 'Name: !Sub "souk-${Environment}", ProtocolType', "Name: souk, ProtocolType"),
    ],
)
def test_a_broken_rule_is_found_in_the_platform(tmp_path: Path, rule: str, old: str, new: str) -> None:
    text = (ROOT / "template.yaml").read_text()
    assert old in text, "the template has changed; break something that is in it"
    (tmp_path / "template.yaml").write_text(text.replace(old, new))
    assert rule in found(tmp_path / "template.yaml")


@pytest.fixture
def broken(tmp_path: Path) -> Callable[[str, str], dict[str, list[str]]]:
    """Return a function that replaces a piece of inventory's template and returns what is found then."""
    text = (ROOT / "infra" / "inventory.yaml").read_text()

    def replace(old: str, new: str) -> dict[str, list[str]]:
        assert old in text, "the template has changed; break something that is in it"
        path = tmp_path / "inventory.yaml"
        path.write_text(text.replace(old, new, 1))
        return found(path)

    return replace


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_the_templates_keep_the_rules(path: Path) -> None:
    assert found(path) == {}
    assert found(path, None) == {}, "as sam validate hands it over"


@pytest.mark.parametrize(
    ("rule", "old", "new"),
    [
        (
            "E9101",
            "RedrivePolicy: {deadLetterTargetArn: !GetAtt InboxDeadLetterQueue.Arn, maxReceiveCount: 60}",
            "",
        ),
        ("E9101", "maxReceiveCount: 60", "maxReceiveCount: 0"),
        ("E9101", "MessageRetentionPeriod: 1209600", "MessageRetentionPeriod: 60"),
        ("E9101", ", SqsManagedSseEnabled: true", ""),
        ("E9101", "      SqsManagedSseEnabled: true\n", "      SqsManagedSseEnabled: false\n"),
        ("E9101", "inventory-inbox-dlq", "inventory-inbox-dead"),
        (
            "E9101",
            "deadLetterTargetArn: !GetAtt InboxDeadLetterQueue.Arn",
            "deadLetterTargetArn: !GetAtt PublishDeadLetterQueue.Arn",
        ),
        ("E9102", ", FunctionResponseTypes: [ReportBatchItemFailures]", ""),
        ("E9102", "VisibilityTimeout: 60", "VisibilityTimeout: 10"),
        ("E9102", "      Timeout: 50", "      Timeout: 60"),
        ("E9102", "ScalingConfig: {MaximumConcurrency: 100}, ", ""),
        ("E9102", "    Metadata: {Souk: {Hidden: ", "    Metadata: {Souk: {Kept: "),
        ("E9103", 'Condition: {"ForAllValues:StringEquals": {"events:source": souk.inventory}}', ""),
        ("E9103", '"events:source": souk.inventory', '"events:source": souk.orders'),
        ("E9103", '{"ForAllValues:StringEquals": {"events:source"', '{StringLike: {"events:source"'),
        (
            "E9104",
            "/aws/lambda/souk-${Environment}-inventory",
            "/aws/lambda/souk-${Environment}-inventory-http",
        ),
        ("E9104", ", RetentionInDays: !Ref LogRetentionDays", ""),
        ("E9104", ", RetentionInDays: !Ref LogRetentionDays", ", RetentionInDays: 3653"),
        ("E9104", "LogGroup: !Ref Logs, ", ""),
        ("E9104", "      Timeout: 50", "      LoggingConfig: {LogGroup: !Ref Other}\n      Timeout: 50"),
        ("E9104", "  SharedLayer:\n", "  HttpLogs: {Type: AWS::Logs::LogGroup}\n\n  SharedLayer:\n"),
        ("E9105", "DeletionPolicy: RetainExceptOnCreate", "DeletionPolicy: Delete"),
        ("E9105", "UpdateReplacePolicy: Retain\n", "UpdateReplacePolicy: Delete\n"),
        ("E9105", "DeletionProtectionEnabled: !If [Kept, true, false]", "DeletionProtectionEnabled: false"),
        ("E9105", "DeletionProtectionEnabled: !If [Kept, true, false]", ""),
        ("E9105", "[!Equals [!Ref Environment, local]]", "[!Equals [!Ref Environment, prod]]"),
        ("E9105", "PointInTimeRecoveryEnabled: true", "PointInTimeRecoveryEnabled: false"),
        ("E9106", "TableName: !Sub souk-${Environment}-inventory", "TableName: inventory"),
        ("E9106", "TableName: !Sub souk-${Environment}-inventory", ""),
        (
            "E9106",
            "TableName: !Sub souk-${Environment}-inventory",
            "TableName: !Sub souk-${Environment}-inventorybook",
        ),
        (
            "E9106",
            "FunctionName: !Sub souk-${Environment}-inventory-",
            "FunctionName: !Sub souk-${Environment}-",
        ),
        (
            "E9106",
            "QueueName: !Sub souk-${Environment}-inventory-inbox\n",
            "QueueName: souk-local-inventory-inbox\n",
        ),
        ("E9106", '!Sub "/souk/${Environment}/apis/inventory"', "/souk/local/apis/inventory"),
        ("E9106", "/aws/lambda/souk-${Environment}-inventory", "/aws/lambda/souk-${Environment}-orders"),
        ("E9106", "  SharedLayer:\n", "  Shared:\n"),
        ("E9107", "Action: events:PutEvents", "Action: events:*"),
        ("E9107", "Resource: !GetAtt InventoryTable.Arn", 'Resource: "*"'),
        ("E9107", "Resource: !GetAtt InventoryTable.Arn", 'Resource: [!GetAtt InventoryTable.Arn, "*"]'),
        ("E9108", ", DeadLetterConfig: {Arn: !GetAtt InboxDeadLetterQueue.Arn}", ""),
        ("E9108", "Arn: !GetAtt InboxQueue.Arn", "Arn: !GetAtt InboxFunction.Arn"),
        ("E9108", "Queue: {Type: SQS", "Queue: {Type: EventBridgeRule"),
        ("E9108", "BisectBatchOnFunctionError: true", "BisectBatchOnFunctionError: false"),
        ("E9108", "MaximumRetryAttempts: 100", "MaximumRetryAttempts: -1"),
        ("E9108", "OnFailure:", "OnSuccess:"),
        ("E9108", "StartingPosition: TRIM_HORIZON", "StartingPosition: LATEST"),
        ("E9108", "StreamViewType: NEW_IMAGE", "StreamViewType: KEYS_ONLY"),
        ("E9108", '"outbox":', '"version":'),
        ("E9108", "            FilterCriteria:", "            IgnoredCriteria:"),
        ("E9108", "              Filters:", "              Filters: [{Pattern: '{}'}]\n              Other:"),
        ("E9114", _QUEUE, f"{_EVERY_MINUTE}}}}}\n{_QUEUE}"),
        (
            "E9114",
            _QUEUE,
            f"{_EVERY_MINUTE}, RetryPolicy: {{MaximumEventAgeInSeconds: 90, MaximumRetryAttempts: 0}}}}}}\n{_QUEUE}",
        ),
        ("E9109", "SERVICE_NAME: inventory", "SERVICE_NAME: orders"),
        ("E9109", "        ENVIRONMENT_NAME: !Ref Environment\n", ""),
        ("E9110", ", SystemLogLevel: WARN", ""),
        ("E9110", "LogFormat: JSON", "LogFormat: Text"),
        ("E9111", "[!Ref InboxQueue, !Ref InboxDeadLetterQueue, ", "[!Ref InboxQueue, "),
        ("E9115", "[!Ref InboxQueue, !Ref InboxDeadLetterQueue, ", "[!Ref InboxQueue, "),
        ("E9115", '{Bool: {"aws:SecureTransport": "false"}}', '{Bool: {"aws:SecureTransport": "true"}}'),
        ("E9115", 'Effect: Deny, Principal: "*"', "Effect: Deny, Principal: {Service: events.amazonaws.com}"),
        ("E9115", 'Action: "sqs:*"', "Action: sqs:ReceiveMessage"),
        (
            "E9115",
            "  InboxQueuePolicy:\n",
            "  QueuePolicy:\n    Type: AWS::SQS::QueuePolicy\n"
            "    Properties: {Queues: [!Ref InboxQueue], PolicyDocument: {Statement: []}}\n"
            "  InboxQueuePolicy:\n",
        ),
        (
            "E9111",
            "Resource: [!GetAtt InboxQueue.Arn, !GetAtt InboxDeadLetterQueue.Arn]",
            "Resource: !GetAtt InboxDeadLetterQueue.Arn",
        ),
        (
            "E9111",
            'Condition: {ArnEquals: {"aws:SourceArn": [!GetAtt InboxRule.Arn, !GetAtt InboxReplayRule.Arn]}}',
            "Condition: {}",
        ),
        ("E9111", "[!GetAtt InboxRule.Arn, ", "[!GetAtt OtherRule.Arn, !GetAtt InboxRule.Arn, "),
        ("E9111", "[!GetAtt InboxRule.Arn, !GetAtt InboxReplayRule.Arn]", "!GetAtt InboxRule.Arn"),
        ("E9111", "Principal: {Service: events.amazonaws.com}", 'Principal: "*"'),
        ("E9112", "CodeUri: ../functions/inventory/", "CodeUri: ../functions/orders/"),
        ("E9112", "    Layers: [!Ref SharedLayer]\n", ""),
        ("E9112", "ContentUri: ../functions/shared/", "ContentUri: ../functions/"),
        ("E9112", "    Metadata: {BuildMethod: makefile}\n", ""),
        ("E9112", "      Timeout: 50", "      Layers: [!Ref Other]\n      Timeout: 50"),
        ("E9113", "ANY /inventory/{proxy+}", "ANY /inventory/stock/{proxy+}"),
        ("E9113", "RouteKey: ANY /inventory,", "RouteKey: GET /inventory,"),
        ("E9113", "RouteKey: ANY /inventory,", "RouteKey: $default,"),
        ("E9113", "Condition: Http, ", ""),
        ("E9113", "    Condition: Rest\n", "    Condition: Http\n"),
        ("E9113", '"2.0"', '"1.0"'),
        ("E9113", "    OpenApiVersion: 3.0.3", "    # OpenApiVersion: 3.0.3"),
        ("E9113", "ThrottlingRateLimit: 1000, ", ""),
        ("E9113", "Queue: {Type: SQS", "Queue: {Type: Api"),
    ],
)
def test_a_broken_rule_is_found(
    broken: Callable[[str, str], dict[str, list[str]]], rule: str, old: str, new: str
) -> None:
    assert rule in broken(old, new)


@pytest.mark.parametrize(
    "comment",
    [
        "            # why\n            - Effect",
        "            - Effect: Allow\n              # why\n              Sid: x\n              NotEffect",
    ],
)
def test_a_star_may_stand_with_its_reason(
    broken: Callable[[str, str], dict[str, list[str]]], comment: str
) -> None:
    old = "            - Effect: Allow\n              Action: sqs:SendMessage"
    new = old.replace("            - Effect", comment, 1).replace("sqs:SendMessage", "sqs:*")
    assert "E9107" not in broken(old, new)


def test_a_comment_elsewhere_is_no_reason(broken: Callable[[str, str], dict[str, list[str]]]) -> None:
    assert "E9107" in broken(
        "Action: events:PutEvents", 'Action: events:* #why\n              Sid: "# no"'.replace(" #why", "")
    )


def test_what_is_forbidden_to_all_needs_no_reason(broken: Callable[[str, str], dict[str, list[str]]]) -> None:
    old = "            - Effect: Allow\n              Action: sqs:SendMessage"
    denied = '            - {Effect: Deny, Action: "s3:*", Resource: "*"}\n'
    assert broken(old, denied + old) == {}


def test_each_rule_has_an_id_of_its_own() -> None:
    assert sorted(RULES) == [f"E91{number:02}" for number in range(1, 16)]


def test_cfn_lint_takes_the_rules_by_itself() -> None:
    assert "append_rules: [tools/cfn_rules]" in (ROOT / ".cfnlintrc").read_text()
