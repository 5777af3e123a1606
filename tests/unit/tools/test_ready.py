"""What is missing before a shop opens: each thing alone, in an account where all else is there."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.support import templates
from tools.build import pages
from tools.operate import ready
from tools.operate.ready import CHECKS, Account
from tools.services import services, watched

ENVIRONMENT = "prod"
TOPIC = f"arn:aws:sns:eu-west-1:123456789012:souk-{ENVIRONMENT}-alarms"
PARAMETERS = {
    "orders": {"MailSender": "shop@example.com"},
    "payments": {"PaymentProvider": "stripe"},
    "edge": {"Domain": "shop.example.com", "StripePublishableKey": "pk_live_51Ab"},
    "platform": {"BackupRegion": "eu-central-1"},
}


def backed_up(services: Iterable[str]) -> dict[str, Any]:
    """Return the answers of AWS Backup where it has done its work for these services."""
    arns = [f"arn:aws:dynamodb:eu-west-1:123456789012:table/souk-{ENVIRONMENT}-{one}" for one in services]
    vault = f"arn:aws:backup:eu-central-1:123456789012:backup-vault:souk-{ENVIRONMENT}-backups"
    return {
        "describe_region_settings": {"ResourceTypeManagementPreference": {"DynamoDB": True}},
        "list_recovery_points_by_backup_vault": {
            "RecoveryPoints": [{"ResourceArn": arn, "Status": "COMPLETED"} for arn in arns]
        },
        "list_copy_jobs": {
            "CopyJobs": [{"ResourceArn": arn, "DestinationBackupVaultArn": vault} for arn in arns]
        },
    }


class Answers:
    """A client of which some calls are answered by the test: what moto has not, or has no way to set."""

    def __init__(self, client: Any, answers: dict[str, Any]) -> None:
        self.client, self.answers = client, answers

    def __getattr__(self, name: str) -> Any:
        return (lambda **_: self.answers[name]) if name in self.answers else getattr(self.client, name)


class Prod:
    """An environment that is ready, until a test takes something away."""

    name = ENVIRONMENT
    variables: dict[str, str] = {}  # noqa: RUF012

    def __init__(self) -> None:
        self.answers: dict[str, dict[str, Any]] = {
            "lambda": {"get_account_settings": {"AccountLimit": {"ConcurrentExecutions": 1000}}},
            "backup": backed_up(services()),
            "sesv2": {
                "get_account": {"ProductionAccessEnabled": True},
                "list_email_identities": {
                    "EmailIdentities": [{"IdentityName": "example.com", "SendingEnabled": True}]
                },
                "get_email_identity": {
                    "DkimAttributes": {"Status": "SUCCESS", "Tokens": ["t1", "t2", "t3"]},
                    "MailFromAttributes": {
                        "MailFromDomain": "bounce.example.com",
                        "MailFromDomainStatus": "SUCCESS",
                    },
                    "ConfigurationSetName": "souk-prod",
                },
            },
        }

    def client(self, service: str) -> Any:
        clients: Any = boto3
        return Answers(clients.client(service), self.answers.get(service, {}))


def a_stack(name: str, **parameters: str) -> None:
    stack = f"souk-{ENVIRONMENT}-{name}"
    body = {
        "Parameters": {one: {"Type": "String"} for one in parameters},
        "Resources": {"Thing": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": f"thing-of-{name}"}}},
    }
    given: Any = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    client = boto3.client("cloudformation")
    if any(one["StackName"] == stack for one in client.describe_stacks()["Stacks"]):
        client.delete_stack(StackName=stack)
    client.create_stack(StackName=stack, TemplateBody=json.dumps(body), Parameters=given)


@pytest.fixture
def prod(cloud: None) -> Prod:
    for name in ("platform", *services(), "edge"):
        a_stack(name, **PARAMETERS.get(name, {}))
    for service in services():
        request = templates.table_request(service)
        table = f"souk-{ENVIRONMENT}-{service}"
        boto3.client("dynamodb").create_table(
            **{**request, "TableName": table}, DeletionProtectionEnabled=True
        )
        boto3.client("dynamodb").update_continuous_backups(
            TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
        for function in watched(service)["Functions"].split(","):
            an_alarm(f"souk-{ENVIRONMENT}-{service}-{function}-errors")
        boto3.client("logs").create_log_group(logGroupName=f"/aws/lambda/souk-{ENVIRONMENT}-{service}")
        boto3.client("logs").put_retention_policy(
            logGroupName=f"/aws/lambda/souk-{ENVIRONMENT}-{service}", retentionInDays=30
        )
    boto3.client("sns").create_topic(Name=f"souk-{ENVIRONMENT}-alarms")
    boto3.client("sns").subscribe(TopicArn=TOPIC, Protocol="email", Endpoint="night@example.com")
    boto3.client("secretsmanager").create_secret(
        Name=f"souk-{ENVIRONMENT}-payments-stripe-key", SecretString="sk_live_x"
    )
    bus = boto3.client("events").create_event_bus(Name=f"souk-{ENVIRONMENT}")["EventBusArn"]
    boto3.client("events").create_archive(
        ArchiveName=f"souk-{ENVIRONMENT}-facts", EventSourceArn=bus, RetentionDays=30
    )
    return Prod()


def an_alarm(name: str) -> None:
    boto3.client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        AlarmDescription="Three runs. docs/operating.md#alarm-errors",
        MetricName="Errors",
        Namespace="AWS/Lambda",
        Statistic="Sum",
        Period=300,
        EvaluationPeriods=1,
        Threshold=3,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
    )


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> None:
    """The legal texts that this repository leaves to a shop's owner."""
    monkeypatch.setattr(pages, "unwritten", dict)


def told(prod: Prod) -> list[str]:
    found = ready.missing(Account(prod))
    assert list(found) == list(CHECKS)
    return [f"{one.what} | {one.mended_by}" for some in found.values() for one in some]


def test_an_account_with_everything_is_ready(prod: Prod, written: None) -> None:
    assert told(prod) == []


def test_the_texts_that_only_the_owner_can_write_are_missing_from_this_repository(prod: Prod) -> None:
    lacking = told(prod)
    assert [one.partition(" | ")[0] for one in lacking] == [
        f"{file} is a draft" for file in pages.unwritten()
    ]
    assert "make deploy ENV=prod SERVICE=edge" in lacking[0]


def _without_sender(prod: Prod) -> None:
    prod.answers["sesv2"]["list_email_identities"] = {"EmailIdentities": []}


def _unproven(prod: Prod) -> None:
    identity = {"IdentityName": "example.com", "SendingEnabled": False}
    prod.answers["sesv2"]["list_email_identities"] = {"EmailIdentities": [identity]}


def _unsigned(prod: Prod) -> None:
    prod.answers["sesv2"]["get_email_identity"]["DkimAttributes"]["Status"] = "PENDING"


def _made_by_hand(prod: Prod) -> None:
    del prod.answers["sesv2"]["get_email_identity"]["ConfigurationSetName"]


def _no_way_back(prod: Prod) -> None:
    prod.answers["sesv2"]["get_email_identity"]["MailFromAttributes"]["MailFromDomainStatus"] = "FAILED"


def _default_sender(prod: Prod) -> None:
    a_stack("orders", MailSender="shop@souk.example")


def _sandbox(prod: Prod) -> None:
    prod.answers["sesv2"]["get_account"] = {"ProductionAccessEnabled": False}


def _ten_at_once(prod: Prod) -> None:
    prod.answers["lambda"]["get_account_settings"] = {"AccountLimit": {"ConcurrentExecutions": 10}}


def _unwatched(prod: Prod) -> None:
    boto3.client("cloudwatch").delete_alarms(AlarmNames=["souk-prod-cart-http-errors"])


def _ringing(prod: Prod) -> None:
    boto3.client("cloudwatch").set_alarm_state(
        AlarmName="souk-prod-cart-http-errors", StateValue="ALARM", StateReason="test"
    )


def _nobody_called(prod: Prod) -> None:
    for one in boto3.client("sns").list_subscriptions()["Subscriptions"]:
        boto3.client("sns").unsubscribe(SubscriptionArn=one["SubscriptionArn"])


def _unrecoverable(prod: Prod) -> None:
    boto3.client("dynamodb").update_continuous_backups(
        TableName="souk-prod-orders", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False}
    )


def _unprotected(prod: Prod) -> None:
    boto3.client("dynamodb").update_table(TableName="souk-prod-orders", DeletionProtectionEnabled=False)


def _no_table(prod: Prod) -> None:
    _unprotected(prod)
    boto3.client("dynamodb").delete_table(TableName="souk-prod-orders")


def _in_one_region(prod: Prod) -> None:
    a_stack("platform", BackupRegion="")


def _not_managed(prod: Prod) -> None:
    prod.answers["backup"]["describe_region_settings"] = {
        "ResourceTypeManagementPreference": {"DynamoDB": False}
    }


def _not_backed_up(prod: Prod) -> None:
    prod.answers["backup"]["list_recovery_points_by_backup_vault"]["RecoveryPoints"][0]["Status"] = "EXPIRED"


def _not_copied(prod: Prod) -> None:
    elsewhere = f"arn:aws:backup:eu-west-2:123456789012:backup-vault:souk-{ENVIRONMENT}-backups"
    prod.answers["backup"]["list_copy_jobs"]["CopyJobs"][-1]["DestinationBackupVaultArn"] = elsewhere


def _simulator(prod: Prod) -> None:
    a_stack("payments", PaymentProvider="simulator")


def _no_key(prod: Prod) -> None:
    boto3.client("secretsmanager").delete_secret(
        SecretId="souk-prod-payments-stripe-key", ForceDeleteWithoutRecovery=True
    )


def _no_name(prod: Prod) -> None:
    a_stack("edge", Domain="", StripePublishableKey="pk_live_51Ab")


def _no_card_fields(prod: Prod) -> None:
    a_stack("edge", Domain="shop.example.com", StripePublishableKey="")


def _kept_for_ever(prod: Prod) -> None:
    boto3.client("logs").delete_retention_policy(logGroupName="/aws/lambda/souk-prod-cart")


def _no_archive(prod: Prod) -> None:
    boto3.client("events").delete_archive(ArchiveName="souk-prod-facts")


def _no_service(prod: Prod) -> None:
    boto3.client("cloudformation").delete_stack(StackName="souk-prod-cart")


@pytest.mark.parametrize(
    ("take_away", "what", "mended_by"),
    [
        (_no_service, "cart is not deployed", "make deploy ENV=prod SERVICE=cart"),
        (_without_sender, "SES may not send from shop@example.com", "MailDomain=example.com"),
        (
            _unproven,
            "mail from example.com is not proven and signed",
            "t1._domainkey.example.com CNAME t1.dkim",
        ),
        (
            _unsigned,
            "mail from example.com is not proven and signed",
            "t3._domainkey.example.com CNAME t3.dkim",
        ),
        (_made_by_hand, "nobody is told of bounces and complaints", "MailDomain=example.com"),
        (
            _no_way_back,
            "mail does not come back to bounce.example.com",
            "bounce.example.com MX 10 feedback-smtp.eu-west-1.amazonses.com",
        ),
        (_default_sender, "mail comes from shop@souk.example", "MailSender=shop@<your domain>"),
        (_sandbox, "SES is in its sandbox", "--production-access-enabled"),
        (_ten_at_once, "Lambda runs 10 functions at once", "--quota-code L-B99A9384 --desired-value 1000"),
        (_unwatched, "cart has functions without alarms", "make deploy ENV=prod SERVICE=cart"),
        (_ringing, "souk-prod-cart-http-errors rings", "docs/operating.md#alarm-errors"),
        (
            _nobody_called,
            "alarms call nobody: nobody is subscribed",
            f"aws sns subscribe --topic-arn {TOPIC}",
        ),
        (
            _unrecoverable,
            "souk-prod-orders cannot be restored",
            "update-continuous-backups --table-name souk-prod-orders",
        ),
        (_unprotected, "souk-prod-orders can be deleted", "--deletion-protection-enabled"),
        (_no_table, "souk-prod-orders: TableNotFoundException", "make deploy ENV=prod SERVICE=orders"),
        (_in_one_region, "tables have no backups in a second region", "BackupRegion=<another region>"),
        (_not_managed, "backups of tables cannot be copied", "update-region-settings"),
        (_not_backed_up, f"souk-prod-{services()[0]}: no backups", "aws backup list-backup-jobs"),
        (_not_copied, f"souk-prod-{services()[-1]}: no copies", "aws backup list-copy-jobs"),
        (_simulator, "payments go to simulator, which moves no money", "PaymentProvider=stripe"),
        (_no_key, "there is no key for stripe", "create-secret --name souk-prod-payments-stripe-key"),
        (_no_card_fields, "the checkout has no fields for a card", "StripePublishableKey=pk_live_"),
        (_no_name, "the shop has CloudFront's name", "Domain="),
        (_kept_for_ever, "/aws/lambda/souk-prod-cart keeps lines for ever", "put-retention-policy"),
        (_no_archive, "the archive souk-prod-facts is not there", "make deploy ENV=prod SERVICE=platform"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_is_missing_is_named_with_the_command_that_mends_it(
    prod: Prod, written: None, take_away: Callable[[Prod], None], what: str, mended_by: str
) -> None:
    take_away(prod)
    (lacking,) = told(prod)
    assert lacking.startswith(what)
    assert mended_by in lacking.partition(" | ")[2]


def test_a_receiver_that_has_not_answered_is_none(prod: Prod, written: None) -> None:
    pending = {"Subscriptions": [{"SubscriptionArn": "PendingConfirmation"}]}

    class Pages:
        def paginate(self, **_: Any) -> Any:
            return [pending]

    sns = boto3.client("sns")

    class Sns:
        def get_paginator(self, name: str) -> Any:
            return Pages() if name == "list_subscriptions_by_topic" else sns.get_paginator(name)

    prod.client = lambda service: Sns() if service == "sns" else Prod.client(prod, service)  # type: ignore[method-assign]
    (lacking,) = told(prod)
    assert "its receiver has not answered SNS's mail" in lacking


def test_what_cannot_be_looked_at_is_not_called_ready(prod: Prod, written: None) -> None:
    class Refused:
        def get_account_settings(self) -> Any:
            refused = {"Error": {"Code": "AccessDeniedException", "Message": "no"}}
            raise ClientError(refused, "GetAccountSettings")  # type: ignore[arg-type]

    prod.client = lambda service: Refused() if service == "lambda" else Prod.client(prod, service)  # type: ignore[method-assign]
    (lacking,) = told(prod)
    assert lacking.startswith("could not be looked at: An error occurred (AccessDeniedException)")


def test_it_is_told_in_one_page_and_by_the_exit_code(
    prod: Prod, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ready, "chosen", lambda: prod)
    with pytest.raises(SystemExit) as left:
        ready.main()
    assert left.value.code == 1
    page = capsys.readouterr().out
    assert page.count("\n") <= 60
    assert "ok  payments move money" in page
    assert "--  legal texts are there" in page
    assert "prod: 16 things are missing" in page


def test_it_only_reads() -> None:
    code = (templates.ROOT / "tools" / "operate" / "ready.py").read_text()
    calls = {"list_", "get_", "describe_"}
    asked = set(re.findall(r"\b(?:ses|sns|logs|dynamodb|secrets|events|backup)\.(\w+)\(", code))
    assert asked
    assert all(any(name.startswith(start) for start in calls) for name in asked)
