"""Every consumer takes every event its rule lets through, in every form the publisher's schema allows, once or twice.

The handler, its environment, its table and its queues are those of the real template; the event is the publisher's own
sample. Nothing else is known of the consumer.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest

from functions.shared import signing
from functions.shared.clock import rfc3339
from functions.shared.ids import derived_id
from tests.support import templates
from tests.support.contracts import Contract, Event, consumed, contracts, fits, forms, read, rule_patterns
from tests.support.lambda_events import Context, api_event, sqs_event
from tests.support.moto_stack import MotoStack, forget, functions, handler
from tests.support.services import app_of
from tools.services import services


def consumers() -> list[str]:
    """Return the services with an inbox: a queue that a rule feeds."""
    return [service for service in services() if rule_patterns(service)]


class Consumer(NamedTuple):
    """A consumer on an empty account."""

    stack: MotoStack
    deliver: Callable[..., list[str]]


@pytest.fixture
def consumer(cloud: None, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Consumer]:
    """Return a function that creates a consumer from its template."""

    def create(service: str) -> Consumer:
        forget(app_of(service))
        stack = MotoStack(service)
        ((logical, properties),) = (
            (name, one) for name, one in functions(service).items() if one["Handler"].endswith(".on_inbox")
        )
        for name, value in stack.environment("HttpFunction").items():
            monkeypatch.setenv(name, value)
        _GIVEN.get(service, lambda: None)()
        for name, value in stack.environment(logical).items():
            monkeypatch.setenv(name, value)
        function = handler(properties)

        def deliver(*events: Event | str) -> list[str]:
            answer = function(sqs_event(*events), Context())
            return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

        return Consumer(stack, deliver)

    return create


def place_the_order_of_the_samples() -> None:
    """Place the order that all samples tell of, by the quote its OrderPlaced shows."""
    placed = read("samples", Contract("orders", "OrderPlaced"))["detail"]["data"]
    now = datetime.now(UTC)
    shown = ("cartId", "customerId", "email", "lines", "totals", "shippingAddress")
    quote = {
        "id": derived_id("quo", placed["orderId"]),
        **{name: placed[name] for name in shown},
        "issuedAt": rfc3339(now),
        "expiresAt": rfc3339(now + timedelta(minutes=15)),
    }
    body = {
        "quote": signing.sign("quote", json.dumps(quote).encode()),
        "payment": {"token": placed["paymentToken"]},
    }
    request = api_event("POST", "/orders", body, subject=placed["customerId"])
    answer = app_of("orders").app(request, Context())
    assert (answer["statusCode"], json.loads(answer["body"])["orderId"]) == (202, placed["orderId"])


# What must have happened before a consumer can make sense of a fact at all: orders answers for orders it has, and
# nothing is confirmed that was not authorised.
_GIVEN = {"orders": place_the_order_of_the_samples}
_AFTER = {
    ("payments", "OrderConfirmed"): Contract("orders", "OrderPlaced"),
    ("payments", "OrderPaymentChanged"): Contract("orders", "OrderPlaced"),
}


def deliveries() -> list[Any]:
    return [
        pytest.param(service, contract, form, id=f"{service} takes {contract.name}, {form}")
        for service in consumers()
        for contract in consumed(service)
        for form in forms(contract)
    ]


@pytest.mark.parametrize(("service", "contract", "form"), deliveries())
def test_a_consumer_takes_a_fact_and_a_repeat_changes_nothing(
    consumer: Callable[[str], Consumer], service: str, contract: Contract, form: str
) -> None:
    stack, deliver = consumer(service)
    if (service, contract.type) in _AFTER:
        deliver(read("samples", _AFTER[service, contract.type]))
    event = forms(contract)[form]
    assert deliver(event) == []
    after = stack.rows()
    assert deliver(event, event) == []
    assert stack.rows() == after
    assert stack.waiting("InboxDeadLetterQueue") == []


@pytest.mark.parametrize("service", consumers())
def test_a_consumer_takes_all_its_facts_in_any_order(
    consumer: Callable[[str], Consumer], service: str
) -> None:
    stack, deliver = consumer(service)
    events = [read("samples", contract) for contract in consumed(service)]
    assert deliver(*events[:10]) == []
    assert deliver(*reversed(events[:10])) == []
    assert stack.waiting("InboxDeadLetterQueue") == []


@pytest.mark.parametrize("service", consumers())
def test_a_rule_and_its_handlers_name_the_same_facts(
    consumer: Callable[[str], Consumer], service: str
) -> None:
    stack, deliver = consumer(service)
    deliver(*(read("samples", contract) for contract in contracts()))
    refused = {json.loads(letter["Body"])["detail-type"] for letter in stack.all("InboxDeadLetterQueue")}
    assert {one.type for one in contracts()} - refused == {one.type for one in consumed(service)}


@pytest.mark.parametrize("service", consumers())
def test_an_unreadable_message_is_put_aside_and_the_others_go_on(
    consumer: Callable[[str], Consumer], service: str
) -> None:
    stack, deliver = consumer(service)
    good = read("samples", consumed(service)[0])
    bad = {**good, "detail": {**good["detail"], "data": "not what it was"}}
    assert deliver("poison", good, bad if "detail-type" in rule_patterns(service)[0] else "poison") == []
    letters = stack.waiting("InboxDeadLetterQueue")
    assert len(letters) == 2
    assert all(letter["MessageAttributes"]["reason"]["StringValue"] for letter in letters)


@pytest.mark.parametrize("service", consumers())
def test_a_rule_feeds_the_inbox_whose_function_handles_it(service: str) -> None:
    rules = templates.resources(service, "AWS::Events::Rule").values()
    fed = {target["Arn"]["Fn::GetAtt"][0] for rule in rules for target in rule["Targets"]}
    others = {
        "MailQueue",
        "FindsQueue",
    }  # these have tests of their own: tests/unit/orders/test_mails, test_finding
    assert fed - others == {"InboxQueue"}
    sources = [
        event["Properties"]["Queue"]["Fn::GetAtt"][0]
        for function in functions(service).values()
        if function["Handler"].endswith(".on_inbox")
        for event in function["Events"].values()
    ]
    assert sources == ["InboxQueue"]


def test_every_fact_of_the_checkout_reaches_those_who_must_answer() -> None:
    heard = {
        contract.type: {
            service for service in consumers() if any(fits(p, contract) for p in rule_patterns(service))
        }
        for contract in contracts()
    }
    participants = {"inventory", "payments"}
    for kind in ("OrderPlaced", "OrderConfirmed", "OrderCancelled"):
        assert participants <= heard[kind]
    for kind in ("StockReserved", "StockRejected", "PaymentAuthorized", "PaymentDeclined"):
        assert "orders" in heard[kind]
    assert "inventory" in heard["StockCounted"]
    assert {"ProductPublished", "ProductChanged", "ProductWithdrawn"} <= {
        kind for kind, who in heard.items() if "cart" in who
    }
