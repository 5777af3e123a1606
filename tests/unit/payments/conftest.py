"""Payments under test: its table, a clock, and three providers that keep one contract."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from functions.payments import service
from functions.payments.app import payments, providers
from functions.payments.domain import Payment
from functions.payments.events import OrderCancelled, OrderConfirmed, OrderPaymentChanged, OrderPlaced
from functions.payments.providers.domain import Providers
from functions.payments.providers.secret import _kept as secrets_kept
from functions.payments.table import PaymentsTable
from functions.shared import inbox
from functions.shared.clock import parse, rfc3339
from functions.shared.dynamo import encode_item
from functions.shared.inbox import Fact
from functions.shared.outbox import Told, unpack
from tests.support.lambda_events import sample
from tests.unit.payments.fake_provider import ORDER, FakeProvider

NOW = parse("2026-11-22T17:05:09.123Z")
WEBHOOK_SECRET = "whsec_test"
ENVIRONMENT = {
    "PROVIDER_NAME": "simulator",
    "CAPTURE_ON_NAME": "confirmation",
    "STRIPE_URL": "http://127.0.0.1:1",
    "STRIPE_KEY_SECRET_NAME": "souk-local-payments-stripe-key",
    "WEBHOOK_SECRET_NAME": "souk-local-payments-webhook",
    "SIMULATOR_SLOW_SECONDS": "0.05",
    "PUBLIC_URL": "https://shop.example",
}


def a_payment(order_id: str = ORDER, **fields: Any) -> Payment:
    given = {"status": "authorized", "amount": 5000, "currency": "EUR", "provider": "fake", **fields}
    return Payment(order_id, version=1, created_at=rfc3339(NOW), **given)


def a_fact(kind: type[Any], **data: Any) -> Fact[Any]:
    """Return the publisher's sample of a fact as its handler gets it, with some of its data replaced."""
    event = sample(f"orders/{kind.__name__}.v1", **data)
    _, fact, _ = inbox.read(json.dumps(event), {kind: lambda _: None})
    return fact


@pytest.fixture
def table(deploy: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> PaymentsTable:
    name = deploy("payments")
    for variable, value in ENVIRONMENT.items():
        monkeypatch.setenv(variable, value)
    payments.cache_clear()
    providers.cache_clear()
    return PaymentsTable(name)


@pytest.fixture
def secrets(table: PaymentsTable) -> None:
    """The secrets the providers are set up with."""
    secrets_kept.clear()
    manager = boto3.client("secretsmanager")
    manager.create_secret(Name=ENVIRONMENT["WEBHOOK_SECRET_NAME"], SecretString=WEBHOOK_SECRET)
    manager.create_secret(Name=ENVIRONMENT["STRIPE_KEY_SECRET_NAME"], SecretString="sk_test_souk")


@pytest.fixture
def provider() -> FakeProvider:
    return FakeProvider()


class Shop:
    """What other services would tell payments, told at a time that a test moves on."""

    def __init__(self, table: PaymentsTable, provider: FakeProvider) -> None:
        self.table, self.provider = table, provider
        self.providers = Providers("fake", {"fake": lambda: provider})
        self.at = NOW
        self.answers: list[Told] = []

    def place(self, token: str = "good", total: int = 5000) -> None:
        totals = {"currency": "EUR", "subtotal": total, "shipping": 0, "tax": 0, "total": total}
        decide_by = rfc3339(NOW + timedelta(minutes=2))
        placed = a_fact(
            OrderPlaced,
            orderId=ORDER,
            customerId="cus_1",
            totals=totals,
            paymentToken=token,
            decideBy=decide_by,
        )
        self.answers = service.on_order_placed(self.table, self.providers, placed, self.at)

    def confirm(self) -> None:
        confirmed = a_fact(OrderConfirmed, orderId=ORDER)
        self.answers = service.on_order_confirmed(self.table, self.providers, confirmed, self.at)

    def pay_again(self, attempt: int = 2, token: str = "good") -> None:
        self.answers = []
        given = a_fact(OrderPaymentChanged, orderId=ORDER, attempt=attempt, paymentToken=token)
        service.on_payment_given(self.table, self.providers, given, self.at)

    def cancel(self, total: int = 5000) -> None:
        money = {"amount": total, "currency": "EUR"}
        cancelled = a_fact(OrderCancelled, orderId=ORDER, customerId="cus_1", total=money)
        self.answers = service.on_order_cancelled(self.table, self.providers, cancelled, self.at)

    def sweep(self, **later: float) -> int:
        self.answers = []
        self.at += timedelta(**later)
        return service.sweep(self.table, self.providers, self.at)

    @property
    def payment(self) -> Payment:
        found = self.table.payment(ORDER)
        assert found
        return found

    def told(self) -> list[tuple[str, dict[str, Any]]]:
        """Return the facts in the payment's outbox; where there are none, what its last message was answered."""
        item = self.table.get({"pk": f"PAYMENT#{ORDER}", "sk": "PAYMENT"}) or {}
        answers = [one.detail for one in self.answers]
        facts = unpack(encode_item(item)) if "outbox" in item else answers
        return [(fact.type, json.loads(bytes(fact.data))) for fact in facts]

    def ledger(self) -> list[tuple[str, str, str, int]]:
        entries, _ = self.table.entries(ORDER, 100, None)
        return [(entry.kind, entry.debit, entry.credit, entry.amount) for entry in entries]


class Written(PaymentsTable):
    """The table, which remembers what it told."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.outboxes: list[str] = []

    def move(self, before: Payment, after: Payment, outbox: str | None, *args: Any, **options: Any) -> bool:
        moved = super().move(before, after, outbox, *args, **options)
        self.outboxes += [outbox] if moved and outbox else []
        return moved


@pytest.fixture
def facts(shop: Shop) -> Callable[[], list[tuple[str, dict[str, Any]]]]:
    """Return a function that gives the facts of the payment since, with their data."""
    shop.table = written = Written(shop.table.name)

    def read() -> list[tuple[str, dict[str, Any]]]:
        every = [fact for outbox in written.outboxes for fact in unpack({"outbox": {"S": outbox}})]
        return [(fact.type, json.loads(bytes(fact.data))) for fact in every]

    return read


@pytest.fixture
def shop(table: PaymentsTable, provider: FakeProvider) -> Shop:
    return Shop(table, provider)


@pytest.fixture(scope="session")
def stripe_url() -> Iterator[str]:
    """The address of a localstripe that runs for this test session."""
    command = [sys.executable, str(Path(__file__).with_name("stripe_server.py"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        process.terminate()


def ask_stripe(url: str, path: str, sent: dict[str, str] | None = None) -> Any:
    """Return what localstripe answers to a GET, or a POST of fields, for tests that look at the far side."""
    headers = {"Authorization": "Bearer sk_test_souk"}
    body = urllib.parse.urlencode(sent).encode() if sent else None
    request = urllib.request.Request(f"{url}/v1/{path}", body, headers)
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.load(answer)
