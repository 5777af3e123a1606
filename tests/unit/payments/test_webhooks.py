"""Webhooks: signed, fresh, taken once, and never believed."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from functions.payments.app import app, payments
from functions.payments.domain import TRY_AGAIN
from functions.payments.providers.signature import sign
from functions.payments.table import PaymentsTable
from functions.shared.clock import epoch, now, rfc3339
from tests.unit.payments.conftest import ORDER, WEBHOOK_SECRET, Shop

ROUTE = "/payments/webhooks/{provider}"


@pytest.fixture
def send(table: PaymentsTable, secrets: None, call: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **options: call(app, *args, **options)


def event(event_id: str = "evt_1", **fields: Any) -> str:
    return json.dumps({"id": event_id, "type": "capture.succeeded", "orderId": ORDER, **fields})


def notify(
    send: Any, body: str, *, secret: str = WEBHOOK_SECRET, age: int = 0, provider: str = "simulator"
) -> Any:
    signature = sign(body.encode(), secret, epoch(now()) - age)
    return send("POST", ROUTE, body, path={"provider": provider}, headers={"Simulator-Signature": signature})


def waiting(shop: Shop) -> None:
    """Leave a capture waiting for its next try, an hour from now."""
    shop.place()
    shop.at = now() + timedelta(hours=1) - TRY_AGAIN
    shop.provider.down("capture")
    shop.confirm()


def test_a_signed_notice_is_taken(send: Any) -> None:
    answer = notify(send, event())
    assert (answer.status, answer.body) == (200, {"received": True})


def test_a_notice_of_an_open_payment_brings_the_next_sweep_to_it(send: Any, shop: Shop) -> None:
    waiting(shop)
    notify(send, event())
    assert shop.payment.open_at <= rfc3339(now())


def test_a_notice_changes_nothing_else(send: Any, shop: Shop) -> None:
    waiting(shop)
    notify(send, event(type="refund.succeeded"))
    assert (shop.payment.status, shop.payment.captured, shop.ledger()) == ("capturing", 0, [])


def test_a_repeated_notice_is_taken_and_does_nothing(send: Any, shop: Shop) -> None:
    notify(send, event())
    waiting(shop)
    before = shop.payment
    assert notify(send, event()).status == 200
    assert shop.payment == before


def test_a_notice_of_a_promised_refund_brings_the_next_sweep_to_it(send: Any, shop: Shop) -> None:
    shop.place()
    shop.confirm()
    shop.at = now() + timedelta(hours=1)
    shop.provider.down("refund")
    shop.cancel()
    notify(send, event())
    assert payments().due(now(), 10) == [(ORDER, ORDER.replace("ord_", "rfd_"))]


def test_a_notice_of_a_decided_payment_does_nothing(send: Any, shop: Shop) -> None:
    shop.place()
    shop.cancel()
    before = shop.payment
    assert notify(send, event()).status == 200
    assert shop.payment == before


@pytest.mark.parametrize("fields", [{"orderId": "ord_unknown"}, {"orderId": None}])
def test_a_notice_of_no_order_of_ours_is_taken(send: Any, fields: dict[str, Any]) -> None:
    assert notify(send, event(**fields)).status == 200


def test_a_bad_signature_is_refused(send: Any) -> None:
    answer = notify(send, event(), secret="another")
    assert (answer.status, answer.body["code"]) == (400, "invalid_signature")


@pytest.mark.parametrize("age", [301, 86_400, -301])
def test_an_old_or_future_signature_is_refused(send: Any, age: int) -> None:
    answer = notify(send, event(), age=age)
    assert (answer.status, answer.body["code"]) == (400, "stale_signature")


def test_a_body_changed_since_it_was_signed_is_refused(send: Any) -> None:
    signature = sign(event().encode(), WEBHOOK_SECRET, epoch(now()))
    headers = {"Simulator-Signature": signature}
    assert send("POST", ROUTE, event("evt_2"), path={"provider": "simulator"}, headers=headers).status == 400


@pytest.mark.parametrize(
    "header",
    [None, "", "v1=ab", "t=1", "t=,v1=", "t=x,v1=ab", "t=1e9,v1=ab", f"t={'9' * 400},v1=ab", "t=1,v1=\u00e9"],
)
def test_a_malformed_signature_is_refused(send: Any, header: str | None) -> None:
    headers = {} if header is None else {"Simulator-Signature": header}
    answer = send("POST", ROUTE, event(), path={"provider": "simulator"}, headers=headers)
    assert (answer.status, answer.body["code"]) == (400, "invalid_signature")


@pytest.mark.parametrize(
    "body", ["", "{", "[]", '{"id": 1, "type": "x"}', '{"id": "%s", "type": "x"}' % ("e" * 256)]
)
def test_a_signed_body_that_is_no_event_is_refused(send: Any, body: str) -> None:
    assert notify(send, body).body["code"] == "invalid_body"


def test_a_signature_in_time_of_a_rotation_fits_with_either_secret(send: Any) -> None:
    body, at = event(), epoch(now())
    old, new = sign(body.encode(), "old", at), sign(body.encode(), WEBHOOK_SECRET, at)
    headers = {"Simulator-Signature": f"{old},{new.partition(',')[2]}"}
    assert send("POST", ROUTE, body, path={"provider": "simulator"}, headers=headers).status == 200


@pytest.mark.parametrize("provider", ["stripe", "none", "x"])
def test_a_provider_that_is_not_in_use_is_not_found(send: Any, provider: str) -> None:
    assert notify(send, event(), provider=provider).status == 404


def test_a_body_above_the_limit_is_too_large(send: Any) -> None:
    assert notify(send, event(padding="x" * 300_000)).status == 413
