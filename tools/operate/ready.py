"""`make ready ENV=prod`: what is missing before a shop opens, each with the command that mends it; it only reads.

Leaves with 1 where anything is missing, or could not be looked at.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from tools.build import pages
from tools.operate import backups
from tools.operate.deploy import ENOUGH_CONCURRENCY
from tools.operate.environment import Environment, chosen
from tools.services import EDGE, PLATFORM, services, watched
from tools.templates import resources, template

_CONCURRENCY = "--service-code lambda --quota-code L-B99A9384"


class Missing(NamedTuple):
    """Something that is not as it must be, and the command that mends it."""

    what: str
    mended_by: str


class Account:
    """What is deployed of an environment, as CloudFormation tells it."""

    def __init__(self, environment: Environment) -> None:
        self.name, self.client = environment.name, environment.client

    @cached_property
    def stacks(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the environment's stacks, by what stands in their names after ``souk-<environment>-``."""
        pages = self.client("cloudformation").get_paginator("describe_stacks").paginate()
        start = f"souk-{self.name}-"
        every = (stack for page in pages for stack in page["Stacks"])
        return {
            one["StackName"].removeprefix(start): one for one in every if one["StackName"].startswith(start)
        }

    def parameter(self, stack: str, name: str) -> str:
        """Return the value of a stack's parameter; nothing where there is none."""
        given = self.stacks.get(stack, {}).get("Parameters", ())
        return next((one["ParameterValue"] for one in given if one["ParameterKey"] == name), "")

    def deploy(self, of: str = "") -> str:
        """Return the command that deploys, all without a name."""
        return f"make deploy ENV={self.name}" + (f" SERVICE={of}" if of else "")


Check = Callable[[Account], Iterator[Missing]]


def main() -> None:
    """Print what is missing in the environment that ENV names."""
    environment = chosen()
    found = missing(Account(environment))
    for title, lacking in found.items():
        print(f"{'--' if lacking else 'ok'}  {title}")
        for one in lacking:
            print(f"      {one.what}\n        {one.mended_by}")
    open_ = sum(map(len, found.values()))
    print(f"\n{environment.name}: " + (f"{open_} things are missing" if open_ else "ready to open"))
    sys.exit(1 if open_ else 0)


def missing(account: Account) -> dict[str, list[Missing]]:
    """Return what is missing, by check; what cannot be looked at is missing too."""
    return {title: _looked_at(account, check) for title, check in CHECKS.items()}


def _looked_at(account: Account, check: Check) -> list[Missing]:
    try:
        return list(check(account))
    except (ClientError, BotoCoreError) as error:
        return [Missing(f"could not be looked at: {str(error)[:200]}", "give your role the right to read it")]


def _stacks(account: Account) -> Iterator[Missing]:
    for name in (PLATFORM, *services(), EDGE):
        status = account.stacks.get(name, {}).get("StackStatus", "")
        if not status.endswith("_COMPLETE") or "ROLLBACK" in status or status.startswith("DELETE"):
            yield Missing(f"{name} is {status or 'not deployed'}", account.deploy(name))


def _sender(account: Account) -> Iterator[Missing]:
    sender = account.parameter("orders", "MailSender")
    if not sender or sender == template("orders")["Parameters"]["MailSender"]["Default"]:
        what = f"mail comes from {sender or 'nobody'}, whom nobody can answer"
        yield Missing(what, f"MailSender=shop@<your domain> in samconfig.toml, then {account.deploy()}")
        return
    ses, domain = account.client("sesv2"), sender.rpartition("@")[2]
    mend = f"MailDomain={domain} in samconfig.toml, then {account.deploy(PLATFORM)}"
    there = {one["IdentityName"]: one for one in ses.list_email_identities(PageSize=1000)["EmailIdentities"]}
    known = [name for name in (sender, domain) if name in there]
    if not known:
        yield Missing(f"SES may not send from {sender}", mend)
        return
    told = ses.get_email_identity(EmailIdentity=known[-1])
    if (
        not there[known[-1]].get("SendingEnabled")
        or told.get("DkimAttributes", {}).get("Status") != "SUCCESS"
    ):
        signing = [
            f"{token}._domainkey.{domain} CNAME {token}.dkim.amazonses.com"
            for token in told.get("DkimAttributes", {}).get("Tokens", [])
        ]
        records = f"in the DNS of {domain}: {'; '.join(signing)}" if signing else mend
        yield Missing(f"mail from {known[-1]} is not proven and signed (DKIM)", records)
    if not told.get("ConfigurationSetName"):
        yield Missing(f"nobody is told of bounces and complaints of mail from {known[-1]}", mend)
    returns = told.get("MailFromAttributes", {})
    if returns.get("MailFromDomain") and returns.get("MailFromDomainStatus") != "SUCCESS":
        name, region = returns["MailFromDomain"], ses.meta.region_name
        mail = f"{name} MX 10 feedback-smtp.{region}.amazonses.com"
        spf = f'{name} TXT "v=spf1 include:amazonses.com ~all"'
        yield Missing(f"mail does not come back to {name} (SPF)", f"in the DNS of {domain}: {mail}; {spf}")


def _sandbox(account: Account) -> Iterator[Missing]:
    if not account.client("sesv2").get_account().get("ProductionAccessEnabled"):
        asked = "--production-access-enabled --mail-type TRANSACTIONAL --website-url <the shop>"
        yield Missing(
            "SES is in its sandbox: it sends to nobody else", f"aws sesv2 put-account-details {asked}"
        )


def _concurrency(account: Account) -> Iterator[Missing]:
    limit = account.client("lambda").get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
    if limit < ENOUGH_CONCURRENCY:
        ask = f"aws service-quotas request-service-quota-increase {_CONCURRENCY} --desired-value 1000"
        yield Missing(f"Lambda runs {limit} functions at once, fewer than {ENOUGH_CONCURRENCY}", ask)


def _alarms(account: Account) -> Iterator[Missing]:
    pages = account.client("cloudwatch").get_paginator("describe_alarms")
    found = pages.paginate(AlarmNamePrefix=f"souk-{account.name}-")
    there = {alarm["AlarmName"]: alarm for page in found for alarm in page["MetricAlarms"]}
    for service in services():
        functions = watched(service)["Functions"].split(",")
        if any(f"souk-{account.name}-{service}-{function}-errors" not in there for function in functions):
            yield Missing(f"{service} has functions without alarms", account.deploy(service))
    for name, alarm in sorted(there.items()):
        if alarm["StateValue"] == "ALARM":
            yield Missing(f"{name} rings", f"see {alarm['AlarmDescription'].rpartition(' ')[2]}")


def _receivers(account: Account) -> Iterator[Missing]:
    sns, end = account.client("sns"), f":souk-{account.name}-alarms"
    topics = (
        one["TopicArn"] for page in sns.get_paginator("list_topics").paginate() for one in page["Topics"]
    )
    topic = next((arn for arn in topics if arn.endswith(end)), None)
    if topic is None:
        yield Missing("there is no topic for alarms", account.deploy(PLATFORM))
        return
    pages = sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
    every = [one for page in pages for one in page["Subscriptions"]]
    if not [one for one in every if one["SubscriptionArn"].startswith("arn:")]:
        subscribe = (
            f"aws sns subscribe --topic-arn {topic} --protocol email --notification-endpoint <address>"
        )
        waits = "its receiver has not answered SNS's mail" if every else "nobody is subscribed"
        yield Missing(f"alarms call nobody: {waits}", subscribe)


def _backups(account: Account) -> Iterator[Missing]:
    dynamodb = account.client("dynamodb")
    for name in (f"souk-{account.name}-{service}" for service in services()):
        try:
            told = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        except ClientError as error:
            yield Missing(
                f"{name}: {error.response['Error'].get('Code')}", account.deploy(name.split("-")[2])
            )
            continue
        if told.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus") != "ENABLED":
            on = "--point-in-time-recovery-specification PointInTimeRecoveryEnabled=true"
            yield Missing(
                f"{name} cannot be restored to a moment",
                f"aws dynamodb update-continuous-backups --table-name {name} {on}",
            )
        if not dynamodb.describe_table(TableName=name)["Table"].get("DeletionProtectionEnabled"):
            protect = f"aws dynamodb update-table --table-name {name} --deletion-protection-enabled"
            yield Missing(f"{name} can be deleted by mistake", protect)


def _copies(account: Account) -> Iterator[Missing]:
    region, vault = account.parameter(PLATFORM, "BackupRegion"), backups.vault(account.name)
    if not region:
        mend = f"BackupRegion=<another region> in samconfig.toml, then {account.deploy(PLATFORM)}"
        yield Missing("tables have no backups in a second region", mend)
        return
    backup, since = account.client("backup"), datetime.now(UTC) - timedelta(days=2)
    managed = backup.describe_region_settings().get("ResourceTypeManagementPreference", {})
    if not managed.get("DynamoDB"):
        on = "--resource-type-management-preference DynamoDB=true"
        yield Missing("backups of tables cannot be copied", f"aws backup update-region-settings {on}")
    points = backup.list_recovery_points_by_backup_vault(
        BackupVaultName=vault, ByCreatedAfter=since, MaxResults=1000
    )
    copies = backup.list_copy_jobs(ByState="COMPLETED", ByCreatedAfter=since, MaxResults=1000)
    done = {one["ResourceArn"] for one in points["RecoveryPoints"] if one["Status"] == "COMPLETED"}
    there = f":{region}:"
    copied = {one["ResourceArn"] for one in copies["CopyJobs"] if there in one["DestinationBackupVaultArn"]}
    for name in (f"souk-{account.name}-{service}" for service in services()):
        for what, arns in (("backups", done), ("copies", copied)):
            if not any(arn.endswith(f":table/{name}") for arn in arns):
                look = "list-backup-jobs" if what == "backups" else "list-copy-jobs"
                yield Missing(f"{name}: no {what} of the last two days", f"aws backup {look} says why")


def _payments(account: Account) -> Iterator[Missing]:
    provider = account.parameter("payments", "PaymentProvider")
    if provider in ("", "simulator"):
        what = f"payments go to {provider or 'nobody'}, which moves no money"
        yield Missing(what, f"PaymentProvider=stripe in samconfig.toml, then {account.deploy('payments')}")
        return
    secrets, name = account.client("secretsmanager"), f"souk-{account.name}-payments-{provider}-key"
    listed = secrets.list_secrets(Filters=[{"Key": "name", "Values": [name]}])["SecretList"]
    if name not in {one["Name"] for one in listed}:
        put = f"aws secretsmanager create-secret --name {name} --secret-string sk_live_…"
        yield Missing(f"there is no key for {provider}", put)
    if not account.parameter(EDGE, "StripePublishableKey"):
        key = "StripePublishableKey=pk_live_… in samconfig.toml"
        yield Missing("the checkout has no fields for a card", f"{key}, {account.deploy(EDGE)}")


def _domain(account: Account) -> Iterator[Missing]:
    if not account.parameter(EDGE, "Domain"):
        what = "the shop has CloudFront's name, and the TLS that goes with it"
        yield Missing(
            what, f"Domain=… Certificate=… in samconfig.toml (docs/deploying.md), {account.deploy(EDGE)}"
        )


def _legal(account: Account) -> Iterator[Missing]:
    for file, state in pages.unwritten().items():
        yield Missing(f"{file} {state}", f"write it (docs/deploying.md), then {account.deploy(EDGE)}")


def _retention(account: Account) -> Iterator[Missing]:
    logs = account.client("logs")
    for start in (f"/aws/lambda/souk-{account.name}-", f"/aws/vendedlogs/souk-{account.name}-"):
        pages = logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=start)
        for group in (group for page in pages for group in page["logGroups"]):
            if not group.get("retentionInDays"):
                end = f"aws logs put-retention-policy --log-group-name {group['logGroupName']}"
                yield Missing(
                    f"{group['logGroupName']} keeps lines for ever", f"{end} --retention-in-days 30"
                )
    archives = {one["ArchiveName"]: one for one in account.client("events").list_archives()["Archives"]}
    for archive in resources(PLATFORM, "AWS::Events::Archive").values():
        name = archive["ArchiveName"]["Fn::Sub"].replace("${Environment}", account.name)
        if not archives.get(name, {}).get("RetentionDays"):
            what = "keeps facts, with buyers' addresses, for ever" if name in archives else "is not there"
            yield Missing(f"the archive {name} {what}", account.deploy(PLATFORM))


CHECKS: Mapping[str, Check] = {
    "every stack is deployed": _stacks,
    "mail comes from a domain of the shop's, proven and signed": _sender,
    "SES sends to everybody": _sandbox,
    "Lambda may run enough at once": _concurrency,
    "everything is watched and nothing rings": _alarms,
    "alarms call somebody": _receivers,
    "tables can be restored and are protected": _backups,
    "there are fresh backups in a second region": _copies,
    "payments move money": _payments,
    "the shop has a name of its own": _domain,
    "legal texts are there": _legal,
    "logs and facts are kept for a time": _retention,
}
"""What is looked at, in the order in which it is told."""
