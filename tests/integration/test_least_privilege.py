"""What the functions' own roles let them do, on an emulator that enforces them.

The other tests of this folder run with the same enforcement: they show that every role allows enough. Those here show
that it allows no more. A role can be assumed by Lambda only, so each test asks with a role of the same policies.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tools import REGION
from tools.local.buyer import Buyer
from tools.local.stack import Stack
from tools.services import publishers, services

Acting = Callable[[str, str, str], Any]
ANYBODY = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
KEY = {"pk": {"S": "NOBODY#1"}, "sk": {"S": "NOBODY"}}
SERVICES, PUBLISHERS = services(), publishers()


def policies(stack: Stack, role: str) -> dict[str, Any]:
    """Return the inline policies of a role by name."""
    iam = stack.client("iam")
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    return {name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names}


def role_of(stack: Stack, function: str) -> str:
    """Return the name of a function's role."""
    found = stack.client("lambda").get_function_configuration(FunctionName=f"souk-local-{function}")
    return str(found["Role"]).rpartition("/")[2]


@pytest.fixture(scope="module")
def acting(stack: Stack) -> Iterator[Acting]:
    """Return a function that returns an AWS client with what one function may do."""
    iam = stack.client("iam")
    made: dict[str, dict[str, str]] = {}

    def client(function: str, purpose: str, service: str) -> Any:
        name = f"souk-test-{purpose}-{function}"
        if name not in made:
            trust = json.dumps({"Version": "2012-10-17", "Statement": [ANYBODY]})
            role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
            for policy, document in policies(stack, role_of(stack, function)).items():
                iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document))
            made[name] = stack.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
        key = made[name]
        return boto3.client(
            service,
            endpoint_url=stack.endpoint,
            region_name=REGION,
            aws_access_key_id=key["AccessKeyId"],
            aws_secret_access_key=key["SecretAccessKey"],
            aws_session_token=key["SessionToken"],
        )

    yield client
    for name in made:
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            iam.delete_role_policy(RoleName=name, PolicyName=policy)
        iam.delete_role(RoleName=name)


def refused(ask: Callable[[], Any]) -> bool:
    """Tell whether a call is denied; any other failure is the test's."""
    try:
        ask()
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("AccessDenied", "AccessDeniedException"):
            raise
        return True
    return False


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_reads_its_own_table_and_no_other(acting: Acting, service: str) -> None:
    dynamodb = acting(f"{service}-http", "table", "dynamodb")
    allowed = {
        other
        for other in SERVICES
        if not refused(lambda other=other: dynamodb.get_item(TableName=f"souk-local-{other}", Key=KEY))  # type: ignore[misc]
    }
    assert allowed == {service}


@pytest.mark.parametrize("service", SERVICES)
def test_no_service_writes_into_anothers_table(acting: Acting, service: str) -> None:
    dynamodb = acting(f"{service}-http", "table", "dynamodb")
    others = [other for other in SERVICES if other != service]
    assert all(
        refused(lambda other=other: dynamodb.put_item(TableName=f"souk-local-{other}", Item=KEY))  # type: ignore[misc]
        for other in others
    )


def test_no_service_reads_a_whole_table(acting: Acting) -> None:
    for service in SERVICES:
        dynamodb = acting(f"{service}-http", "table", "dynamodb")
        assert refused(lambda: dynamodb.scan(TableName=f"souk-local-{service}"))  # noqa: B023


TELLING = [
    *((service, "publish") for service in PUBLISHERS),
    *(("orders", function) for function in ("http", "inbox", "sweep")),
    ("inventory", "inbox"),
    ("payments", "inbox"),
]
"""The functions that put facts on the bus: publishers, and those that tell what they have stored (ADR 27)."""


@pytest.mark.parametrize(("service", "function"), TELLING)
def test_a_service_publishes_under_its_own_name_only(stack: Stack, service: str, function: str) -> None:
    """Read from the role as deployed: the emulator knows no condition key events:source, so it cannot refuse by it."""
    allowing = [
        statement
        for document in policies(stack, role_of(stack, f"{service}-{function}")).values()
        for statement in document["Statement"]
        if "events:PutEvents" in statement["Action"]
    ]
    own = {"events:source": f"souk.{service}"}
    assert [statement["Condition"] for statement in allowing] == [{"ForAllValues:StringEquals": own}]
    assert [statement["Resource"].rpartition("/")[2] for statement in allowing] == ["souk-local"]


@pytest.mark.parametrize("service", [one for one in SERVICES if (one, "http") not in TELLING])
def test_a_function_that_answers_people_puts_nothing_on_the_bus(acting: Acting, service: str) -> None:
    events = acting(f"{service}-http", "table", "events")
    fact = {
        "Source": "souk.payments",
        "DetailType": "PaymentCaptured",
        "Detail": "{}",
        "EventBusName": "souk-local",
    }
    assert refused(lambda: events.put_events(Entries=[fact]))


def test_orders_does_not_read_what_identity_keeps_of_people(acting: Acting) -> None:
    for function in ("orders-http", "orders-inbox", "orders-sweep"):
        dynamodb = acting(function, "people", "dynamodb")
        assert refused(lambda: dynamodb.get_item(TableName="souk-local-identity", Key=KEY))  # noqa: B023
        assert refused(
            lambda: dynamodb.query(  # noqa: B023
                TableName="souk-local-identity",
                KeyConditionExpression="pk = :p",
                ExpressionAttributeValues={":p": {"S": "x"}},
            )
        )


def test_nobody_but_identity_signs_tokens(stack: Stack, acting: Acting) -> None:
    kms = stack.client("kms")
    key = kms.create_key(KeyUsage="SIGN_VERIFY", KeySpec="ECC_NIST_P256")["KeyMetadata"]["KeyId"]
    for service in SERVICES:
        if service != "identity":
            mine = acting(f"{service}-http", "table", "kms")
            ask = {"KeyId": key, "Message": b"x", "SigningAlgorithm": "ECDSA_SHA_256"}
            assert refused(lambda: mine.sign(**ask))  # noqa: B023


def test_no_role_changes_roles_or_stacks(acting: Acting) -> None:
    for service in SERVICES:
        assert refused(lambda: acting(f"{service}-http", "table", "iam").list_roles())  # noqa: B023
        assert refused(lambda: acting(f"{service}-http", "table", "cloudformation").describe_stacks())  # noqa: B023


@pytest.mark.parametrize(
    "path",
    [
        "audit",
        "services",
        "queues",
        "events",
        "orders",
        "acts",
        "traces/50b32045-3adc-48f2-82fa-2f246624fb2f",
    ],
)
def test_the_journal_may_read_all_that_it_shows(admin: Buyer, path: str) -> None:
    assert admin.send("GET", f"/journal/{path}").status in (200, 404)
