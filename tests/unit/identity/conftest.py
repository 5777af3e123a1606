"""Identity under test: the shop's front door as a client sees it, its mails, its facts, its keys in the parameter."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

import boto3
import pytest
import time_machine
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from cryptography.hazmat.primitives.asymmetric import rsa
from moto.core import DEFAULT_ACCOUNT_ID
from moto.ses.models import ses_backends

from functions.identity import api
from functions.identity.accounts.domain import Account
from functions.identity.api import keys, publication
from functions.identity.app import app, on_mail, publish
from functions.identity.keys.service import Publication, SigningKeys
from functions.identity.table import IdentityTable
from functions.shared import aws
from functions.shared import tokens as shared_tokens
from functions.shared.clock import now, parse, rfc3339
from tests.support.lambda_events import Context, api_event, sqs_event
from tests.support.tokens import rsa_key

NOW = parse("2026-11-22T17:05:09.123Z")
PASSWORD = "correct horse"
_numbers = itertools.count()


class Answer(NamedTuple):
    """An HTTP answer."""

    status: int
    body: Any
    headers: dict[str, str]


class Mail(NamedTuple):
    """A mail as SES took it."""

    to: str
    subject: str
    text: str

    @property
    def token(self) -> str:
        """Return the token in its link."""
        found = re.search(r"/account\.html#(?:verify|reset)=(\S+)", self.text)
        assert found is not None, self.text
        return found[1]


@dataclass
class Front:
    """The front door; facts and mails take their ways out of the table's stream."""

    address: str = "203.0.113.7"
    _shard: str | None = None

    def call(
        self,
        method: str,
        route: str,
        body: Any = None,
        *,
        token: str | None = None,
        subject: str | None = None,
        roles: str = "customer",
        headers: dict[str, str] | None = None,
        **options: Any,
    ) -> Answer:
        """Send a request, with a token or with one that identity signs for a subject."""
        token = token_of(subject, roles) if subject else token
        sent = {**(headers or {}), **({"Authorization": f"Bearer {token}"} if token is not None else {})}
        event = api_event(method, route, body, headers=sent, source_ip=self.address, **options)
        answer = app(event, Context())
        text = answer["body"]
        return Answer(answer["statusCode"], json.loads(text) if text else None, answer["headers"])

    def register(self, email: str = "amira@example.com", password: str = PASSWORD, **options: Any) -> Answer:
        """Register an account."""
        body = {"email": email, "password": password, "name": "Amira Haddad"}
        return self.call("POST", "/identity/register", body, **options)

    def try_log_in(self, email: str = "amira@example.com", password: str = PASSWORD) -> Answer:
        """Log in, or not."""
        return self.call("POST", "/identity/login", {"email": email, "password": password})

    def log_in(self, email: str = "amira@example.com", password: str = PASSWORD) -> Any:
        """Return the tokens of a new session."""
        answer = self.try_log_in(email, password)
        assert answer.status == 200, answer
        return answer.body

    def refresh(self, token: str) -> Answer:
        """Refresh a session."""
        return self.call("POST", "/identity/refresh", {"refreshToken": token})

    def me(self, token: str) -> Answer:
        """Get one's profile."""
        return self.call("GET", "/identity/me", token=token)

    def stream(self) -> list[dict[str, Any]]:
        """Return the stream's records since last time that pass the publisher's filter."""
        client = boto3.client("dynamodbstreams")
        if self._shard is None:
            arn = client.list_streams()["Streams"][0]["StreamArn"]
            shard = client.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
            self._shard = client.get_shard_iterator(
                StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
        answer = client.get_records(ShardIterator=self._shard)
        self._shard = answer["NextShardIterator"]
        images = [record["dynamodb"].get("NewImage", {}) for record in answer["Records"]]
        return [{"dynamodb": {"NewImage": image}} for image in images if "outbox" in image or "mail" in image]

    def orders(self) -> list[str]:
        """Publish what the table has to say, and return the mail orders that lie in the queue then."""
        publish({"Records": self.stream()}, Context())
        queue, url = boto3.client("sqs"), os.environ["MAIL_QUEUE_URL"]
        found = []
        while got := queue.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in got:
                queue.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                found.append(message["Body"])
        return found

    def mails(self) -> list[Mail]:
        """Send all mails asked for since last time, and return them."""
        before = len(sent())
        orders = self.orders()
        if orders:
            assert on_mail(sqs_event(*orders), Context()) == {"batchItemFailures": []}
        return sent()[before:]

    def facts(self) -> list[dict[str, Any]]:
        """Return the details of the facts on the bus since last time, in order."""
        publish({"Records": self.stream()}, Context())
        queue, url = boto3.client("sqs"), _url("heard")
        got = queue.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        for message in got:
            queue.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"])["detail"] for message in got]


def token_of(subject: str, roles: str) -> str:
    """Return an access token that identity signs, for an account as it is said to be."""
    account = Account(
        subject, f"{subject}@example.com", "Amira", "", rfc3339(now()), roles=tuple(roles.split(","))
    )
    return keys().access_token(account, "", now())


def _url(name: str) -> str:
    url: str = boto3.client("sqs").get_queue_url(QueueName=f"souk-local-{name}")["QueueUrl"]
    return url


def sent() -> list[Mail]:
    backend = ses_backends[DEFAULT_ACCOUNT_ID]["eu-west-1"]
    return [Mail(m.destinations["ToAddresses"][0], m.subject, m.body) for m in backend.sent_messages]


@pytest.fixture(autouse=True)
def few_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have moto's KMS take keys that this process has made already: different ones within a test."""
    numbers = itertools.count(1)
    monkeypatch.setattr(rsa, "generate_private_key", lambda **_: rsa_key(next(numbers)))


@pytest.fixture
def real_argon2() -> None:
    """Have passwords hashed as the shop does it; else, see below."""


@pytest.fixture(autouse=True)
def _quick_argon2(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep argon2's form of a hash, but not its work: that is a third of these tests' time."""

    def digest(salt: str, password: bytes) -> str:
        return base64.b64encode(hashlib.sha256(salt.encode() + password).digest()).decode().rstrip("=")

    def quick_hash(hasher: PasswordHasher, password: bytes) -> str:
        salt = base64.b64encode(os.urandom(16)).decode().rstrip("=")
        cost = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
        return f"$argon2id$v=19${cost}${salt}${digest(salt, password)}"

    def quick_verify(hasher: PasswordHasher, kept: str, password: bytes) -> bool:
        *_, salt, expected = kept.split("$")
        if digest(salt, password) != expected:
            raise VerifyMismatchError
        return True

    if "real_argon2" not in request.fixturenames:
        monkeypatch.setattr(PasswordHasher, "hash", quick_hash)
        monkeypatch.setattr(PasswordHasher, "verify", quick_verify)


@pytest.fixture
def table(deploy: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> IdentityTable:
    """Identity's table, with everything it needs around it."""
    name = deploy("identity")
    sqs, events = boto3.client("sqs"), boto3.client("events")
    monkeypatch.setenv("MAIL_QUEUE_URL", sqs.create_queue(QueueName="souk-local-identity-mail")["QueueUrl"])
    monkeypatch.setenv("MAIL_SENDER_NAME", "shop@souk.example")
    monkeypatch.setenv("KEY_LEAD_SECONDS", "3600")
    sqs.create_queue(QueueName="souk-local-heard")
    arn = f"arn:aws:sqs:eu-west-1:{DEFAULT_ACCOUNT_ID}:souk-local-heard"
    events.put_rule(
        Name="heard", EventBusName="souk-local", EventPattern=json.dumps({"source": ["souk.identity"]})
    )
    events.put_targets(Rule="heard", EventBusName="souk-local", Targets=[{"Id": "heard", "Arn": arn}])
    boto3.client("sesv2").create_email_identity(EmailIdentity="shop@souk.example")
    for kept in (api.table, keys, publication, shared_tokens.keys):
        kept.cache_clear()
    aws.ssm().delete_parameter(Name="/souk/local/jwks")
    return IdentityTable(name)


@pytest.fixture
def front(table: IdentityTable) -> Iterator[Front]:
    """The front door of an identity service nobody has used yet, in the middle of a window of its limits."""
    with time_machine.travel(NOW, tick=True):
        yield Front()


@pytest.fixture
def signing_keys(table: IdentityTable) -> SigningKeys:
    """Another worker's view of the signing keys."""
    return some_signing_keys(table)


def some_signing_keys(table: IdentityTable) -> SigningKeys:
    lead = timedelta(hours=1)
    issuer = "http://localhost:8080/identity"
    return SigningKeys(table, Publication(issuer, "souk-local", "/souk/local/jwks", "local", lead))


def images(table: IdentityTable) -> list[dict[str, Any]]:
    """Return every item of the table, as a test may look at it."""
    items: list[dict[str, Any]] = boto3.client("dynamodb").scan(TableName=table.name)["Items"]
    return items
