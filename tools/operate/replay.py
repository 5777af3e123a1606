"""`make replay`: send facts from the archive again, to one consumer or all, and prove that twice changes nothing.

    make replay FROM=2026-11-22T10:00 TO=2026-11-22T11:00 SERVICE=inventory     # UTC; the last hour without FROM and TO

The facts are sent twice. The first time puts right what a consumer had lost; what that changed is listed by table. The
second time must change nothing, and the audit must agree: if not, the command leaves with status 1.

With ENV=prod they are sent once and nothing is compared, since others use the tables meanwhile. There the template
makes the archive, and EventBridge sends to the consumers' rules alone; locally the template type is missing, so
deployments make the archive, and the emulator sends to every rule.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tools import options
from tools.local import archive
from tools.local.drain import waiting
from tools.local.stack import Stack
from tools.operate import audit
from tools.operate.environment import Environment, chosen
from tools.report import ToolError, step

LIVE_ONLY = [{"exists": False}]
PATIENCE = 120.0
PATIENCE_ON_AWS = 3600.0
CALM = 1.0

Fingerprints = dict[str, dict[str, str]]


def main() -> None:
    """Replay a time range; on the local stack twice."""
    named = options.services()
    environment = chosen()
    until = moment("TO") or datetime.now(UTC)
    since = moment("FROM") or until - timedelta(hours=1)
    known = consumers(environment)
    services = named or known
    if unknown := set(services) - set(known):
        raise ToolError(f"{', '.join(sorted(unknown))} consumes nothing; there are: {' '.join(known)}")
    step(f"facts from {since:%Y-%m-%d %H:%M:%S} to {until:%H:%M:%S} UTC, to {', '.join(services)}")
    if isinstance(environment, Stack):
        prove(environment, since, until, services)
    else:
        targets = [rule["Arn"] for rule in feeding(environment, services).values()]
        send(environment, f"replay-{uuid.uuid4()}", since, until, targets, PATIENCE_ON_AWS)
        step(f"sent; then see: make dlq ENV={environment.name}, make audit ENV={environment.name}")


def prove(stack: Stack, since: datetime, until: datetime, services: list[str]) -> None:
    """Replay twice; leave with 1 where the second time changes anything or the audit does not agree."""
    if archive.ensure(stack.client("events"), stack.name):
        raise ToolError("the archive did not exist; it has been made, and holds what comes from now on")
    before = fingerprints(stack, services)
    sent = replay(stack, since, until, services)
    first = fingerprints(stack, services)
    step(f"{sent} facts sent; that changed {told(before, first)}")
    replay(stack, since, until, services)
    second = fingerprints(stack, services)
    step(f"{sent} facts sent again; that changed {told(first, second)}")
    _, differences = audit.audit(stack)
    for difference in differences:
        print(difference)
    dead = waiting(stack, dead=True)
    step(f"audit: {len(differences)} differences; dead letters: {sum(dead.values())}")
    sys.exit(1 if changes(first, second) or differences or dead else 0)


def moment(option: str) -> datetime | None:
    """Return an option that is a time, in UTC where it says nothing else."""
    given = options.text(option)
    if not given:
        return None
    try:
        time_ = datetime.fromisoformat(given)
    except ValueError:
        raise ToolError(f"{option} is a time such as 2026-11-22T10:00, not {given!r}") from None
    return time_ if time_.tzinfo else time_.replace(tzinfo=UTC)


def bus(environment: Environment) -> str:
    """Return the name of the bus, with which the names of all that belongs to an environment begin."""
    return f"souk-{environment.name}"


def inbox(environment: Environment, service: str) -> str:
    """Return the name of the rule that sends facts to a service, and of its queue."""
    return f"{bus(environment)}-{service}-inbox"


def consumers(environment: Environment) -> list[str]:
    """Return the services that have an inbox."""
    start, _, end = inbox(environment, "*").partition("*")
    return sorted(
        name.removeprefix(start).removesuffix(end) for name in rules(environment) if name.endswith(end)
    )


def feeding(environment: Environment, services: list[str]) -> dict[str, Any]:
    """Return the rules that feed the inboxes of services, those for replays alone among them, by name."""
    names = {inbox(environment, service) for service in services}
    return {name: rule for name, rule in rules(environment).items() if name.removesuffix("-replay") in names}


def rules(environment: Environment) -> dict[str, Any]:
    """Return the shop's rules on the bus by name."""
    name = bus(environment)
    found = environment.client("events").list_rules(EventBusName=name, NamePrefix=f"{name}-")["Rules"]
    return {rule["Name"]: rule for rule in found}


def send(
    environment: Environment,
    name: str,
    since: datetime,
    until: datetime,
    targets: list[str],
    patience: float = PATIENCE,
) -> None:
    """Have the bus send the facts of a time range to these rules alone, and wait until it has."""
    events = environment.client("events")
    try:
        kept = events.describe_archive(ArchiveName=archive.name(environment.name))["ArchiveArn"]
    except events.exceptions.ResourceNotFoundException:
        raise ToolError(f"{environment.name} has no archive; deploy the platform") from None
    events.start_replay(
        ReplayName=name,
        EventSourceArn=kept,
        EventStartTime=since,
        EventEndTime=until,
        Destination={
            "Arn": events.describe_event_bus(Name=bus(environment))["Arn"],
            "FilterArns": targets,
        },
    )
    end = time.monotonic() + patience
    while (state := events.describe_replay(ReplayName=name)["State"]) in ("STARTING", "RUNNING"):
        if time.monotonic() > end:
            raise ToolError(f"the replay {name} is still {state} after {patience:.0f} s")
        time.sleep(0.2)
    if state != "COMPLETED":
        raise ToolError(f"the replay {name} is {state}")


def replay(stack: Stack, since: datetime, until: datetime, services: list[str]) -> int:
    """Send the facts of a time range to services, wait until they are worked off, and return how many facts it held."""
    known, wanted = rules(stack), feeding(stack, services)
    name = f"replay-{uuid.uuid4()}"
    others = {name_: rule for name_, rule in known.items() if name_ not in wanted}
    with _counter(stack, name) as (counter, counted), _others_deaf(stack, others):
        send(stack, name, since, until, [counter, *(rule["Arn"] for rule in wanted.values())])
        count = counted()
    _work_off(stack)
    return count


def _work_off(stack: Stack) -> None:
    """Wait until the shop's queues have stayed empty for a moment."""
    end = calm_since = time.monotonic()
    end += PATIENCE
    while time.monotonic() - calm_since < CALM:
        if left := {name: count for name, count in waiting(stack).items() if name.startswith(bus(stack))}:
            calm_since = time.monotonic()
        if time.monotonic() > end:
            raise ToolError(f"still waiting after {PATIENCE:.0f} s: {left}; try: make status")
        time.sleep(0.1)


@contextlib.contextmanager
def _counter(stack: Stack, name: str) -> Iterator[tuple[str, Callable[[], int]]]:
    """Hand over a rule that counts what a replay sends, and the way to read it."""
    events, sqs = stack.client("events"), stack.client("sqs")
    url = sqs.create_queue(QueueName=f"{name}-dlq")["QueueUrl"]  # a name that nobody waits for to run empty
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    rule = events.put_rule(
        Name=name, EventBusName=bus(stack), EventPattern=json.dumps({"replay-name": [name]})
    )
    events.put_targets(Rule=name, EventBusName=bus(stack), Targets=[{"Id": "counter", "Arn": arn}])
    what = "ApproximateNumberOfMessages"
    try:
        yield (
            rule["RuleArn"],
            lambda: int(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[what])["Attributes"][what]),
        )
    finally:
        events.remove_targets(Rule=name, EventBusName=bus(stack), Ids=["counter"])
        events.delete_rule(Name=name, EventBusName=bus(stack))
        sqs.delete_queue(QueueUrl=url)


@contextlib.contextmanager
def _others_deaf(stack: Stack, others: Mapping[str, Any]) -> Iterator[None]:
    """Have other rules take live facts only while this lasts: the emulator does not heed FilterArns, AWS does."""
    events = stack.client("events")

    def put(rule: Any, pattern: dict[str, Any]) -> None:
        events.put_rule(
            Name=rule["Name"], EventBusName=bus(stack), EventPattern=json.dumps(pattern), State=rule["State"]
        )

    patterns = {
        name: json.loads(rule["EventPattern"]) for name, rule in others.items() if "EventPattern" in rule
    }
    for pattern in patterns.values():
        if pattern.get("replay-name") == LIVE_ONLY:
            del pattern["replay-name"]  # left by a replay that was interrupted
    try:
        for name, pattern in patterns.items():
            put(others[name], {**pattern, "replay-name": LIVE_ONLY})
        yield
    finally:
        for name, pattern in patterns.items():
            put(others[name], pattern)


# --- what changed -------------------------------------------------------------------------------------------------


def fingerprints(stack: Stack, services: list[str]) -> Fingerprints:
    """Return the hash of every item of the services' tables, by key: an item that was written again alike is alike."""
    found: Fingerprints = {}
    scan = stack.client("dynamodb").get_paginator("scan")
    for service in services:
        items = found.setdefault(service, {})
        for page in scan.paginate(TableName=f"{bus(stack)}-{service}", ConsistentRead=True):
            for item in page["Items"]:
                key = f"{item['pk']['S']} {item['sk']['S']}"
                items[key] = hashlib.sha256(json.dumps(item, sort_keys=True).encode()).hexdigest()
    return found


def changes(before: Fingerprints, after: Fingerprints) -> dict[str, list[str]]:
    """Return the keys of the items that differ, by table."""
    found = {
        table: sorted(
            key for key in items.keys() | before[table].keys() if items.get(key) != before[table].get(key)
        )
        for table, items in after.items()
    }
    return {table: keys for table, keys in found.items() if keys}


def told(before: Fingerprints, after: Fingerprints) -> str:
    """Return what changed, for people."""
    found = changes(before, after)
    count = sum(map(len, after.values()))
    some = "; ".join(f"{table}: {len(keys)} ({', '.join(keys[:3])}…)" for table, keys in found.items())
    return some or f"none of {count} items"
