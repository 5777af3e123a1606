"""The Stripe adapter: a whole order on localstripe, lost answers, and what Stripe's errors mean."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from functions.payments.app import on_inbox, payments, providers
from functions.payments.domain import Refund
from functions.payments.providers.domain import (
    Action,
    ActionRequired,
    Approved,
    Declined,
    MadeDispute,
    ProviderRefusedError,
    ProviderUnavailableError,
)
from functions.payments.providers.signature import sign
from functions.payments.providers.stripe import Stripe
from functions.payments.table import PaymentsTable
from functions.shared.clock import epoch
from functions.shared.errors import InvalidError
from functions.shared.ids import fingerprint
from tests.support.lambda_events import Context, sample, sqs_event
from tests.unit.payments.conftest import NOW, a_payment, ask_stripe

SHOP = "https://shop.example"
OPEN = "2099-01-01T00:00:00.000Z"


class Answers:
    """A Stripe that answers what a test wants, and remembers what it was asked."""

    def __init__(self) -> None:
        self.next: list[tuple[int, dict[str, Any], dict[str, str]]] = []
        self.asked: list[tuple[str, str, dict[str, str], str]] = []

    def give(self, status: int, body: dict[str, Any], **headers: str) -> None:
        self.next.append((status, body, headers))


@pytest.fixture
def answers() -> Iterator[tuple[Answers, Stripe]]:
    told = Answers()

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            told.asked.append((self.command, self.path, dict(self.headers), sent))
            status, body, headers = told.next.pop(0)
            raw = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(raw))}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = answer  # noqa: N815 http.server's names

        def log_message(self, *_: object) -> None:
            """Be quiet."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01))
    thread.start()
    yield told, Stripe(f"http://127.0.0.1:{server.server_port}", lambda: "sk_test", lambda: "whsec", SHOP)
    server.shutdown()
    thread.join()
    server.server_close()


def intent(status: str, **fields: Any) -> dict[str, Any]:
    return {"id": "pi_1", "object": "payment_intent", "status": status, **fields}


def error(**fields: Any) -> dict[str, Any]:
    return {"error": {"type": "invalid_request_error", "message": "No such thing: pm_secret", **fields}}


@pytest.fixture
def on_stripe(
    table: PaymentsTable, secrets: None, stripe_url: str, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    monkeypatch.setenv("PROVIDER_NAME", "stripe")
    monkeypatch.setenv("STRIPE_URL", stripe_url)
    providers.cache_clear()

    def deliver(kind: str, **data: Any) -> Any:
        return on_inbox(sqs_event(sample(f"orders/{kind}.v1", **data)), Context())["batchItemFailures"]

    return deliver


def test_an_order_is_held_and_taken_at_stripe(on_stripe: Any, stripe_url: str) -> None:
    order = "ord_01kaqz5r7b8v0w3m2x4y6t9s01"
    on_stripe("OrderPlaced", orderId=order, decideBy=OPEN, paymentToken="pm_card_visa")
    on_stripe("OrderConfirmed", orderId=order)
    found = payments().payment(order)
    assert found
    assert (found.status, found.provider) == ("captured", "stripe")
    assert ask_stripe(stripe_url, f"payment_intents/{found.ref}")["status"] == "succeeded"


def test_an_order_cancelled_first_leaves_a_barred_intent(on_stripe: Any, stripe_url: str) -> None:
    order = "ord_01kaqz5r7b8v0w3m2x4y6t9s02"
    total = sample("orders/OrderPlaced.v1")["detail"]["data"]["totals"]["total"]
    on_stripe("OrderCancelled", orderId=order, total={"amount": total, "currency": "EUR"})
    on_stripe("OrderPlaced", orderId=order, decideBy=OPEN, paymentToken="pm_card_visa")
    intents = ask_stripe(stripe_url, "payment_intents?limit=100")["data"]
    assert [one["status"] for one in intents if one["metadata"].get("order_id") == order] == ["canceled"]


def test_an_intent_is_made_without_the_buyers_method(answers: tuple[Answers, Stripe]) -> None:
    told, stripe = answers
    told.give(200, intent("requires_payment_method"))
    told.give(200, intent("requires_confirmation"))
    told.give(200, intent("requires_capture"))
    assert stripe.authorise(a_payment(), "pm_1") == Approved("pi_1")
    (_, path, headers, sent), *_ = told.asked
    assert (path, headers["Idempotency-Key"]) == ("/v1/payment_intents", f"{a_payment().order_id}-create")
    assert "pm_1" not in sent


def test_each_step_that_moves_money_has_a_key_of_its_own(answers: tuple[Answers, Stripe]) -> None:
    told, stripe = answers
    held = replace(a_payment(), ref="pi_1")
    told.give(200, intent("requires_confirmation"))
    told.give(200, intent("requires_capture"))
    told.give(200, intent("succeeded"))
    told.give(200, {"data": []})
    told.give(200, made_refund("succeeded"))
    stripe.authorise(held, "pm_1")
    stripe.capture(held)
    stripe.refund(held, a_refund())
    keys = [headers.get("Idempotency-Key") for method, _, headers, _ in told.asked if method == "POST"]
    order = held.order_id
    confirm = f"{order}-confirm-{fingerprint(f'{SHOP}/order.html?id={order}')[:8]}"
    assert keys == [f"{order}-create", confirm, f"{order}-capture", "rfd_1"]


def test_an_answer_of_back_then_is_not_taken_for_how_things_are(answers: tuple[Answers, Stripe]) -> None:
    told, stripe = answers
    told.give(200, intent("requires_payment_method"), Idempotent_Replayed="true")
    told.give(200, intent("requires_capture"))
    assert stripe.authorise(a_payment(), "pm_1") == Approved("pi_1")
    assert [method for method, *_ in told.asked] == ["POST", "GET"]


def test_a_confirmation_that_another_worker_made_is_approved(answers: tuple[Answers, Stripe]) -> None:
    told, stripe = answers
    told.give(200, intent("requires_payment_method"))
    told.give(400, error(code="payment_intent_unexpected_state"))
    told.give(200, intent("requires_capture"))
    assert stripe.authorise(a_payment(), "pm_1") == Approved("pi_1")


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ({"code": "card_declined", "decline_code": "insufficient_funds"}, "insufficient_funds"),
        ({"code": "card_declined", "decline_code": "stolen_card"}, "card_declined"),
        ({"code": "expired_card"}, "expired_card"),
        ({"code": "incorrect_cvc"}, "incorrect_cvc"),
        ({}, "card_declined"),
    ],
)
def test_a_declined_card_tells_only_what_a_buyer_can_act_on(
    answers: tuple[Answers, Stripe], reason: dict[str, str], code: str
) -> None:
    told, stripe = answers
    told.give(200, intent("requires_confirmation"))
    told.give(402, error(**reason))
    assert stripe.authorise(a_payment(), "pm_1") == Declined(code)


def test_a_card_that_asks_for_more_waits_for_its_buyer_at_the_address_that_stripe_gives(
    answers: tuple[Answers, Stripe],
) -> None:
    told, stripe = answers
    there = {"type": "redirect_to_url", "redirect_to_url": {"url": "https://hooks.stripe.com/1"}}
    told.give(200, intent("requires_confirmation"))
    told.give(200, intent("requires_action", next_action=there, client_secret="pi_1_secret"))
    assert stripe.authorise(a_payment(), "pm_1") == ActionRequired("pi_1")
    (*_, (_, path, _, sent)) = told.asked
    assert path.endswith("/confirm")
    assert "return_url=https%3A%2F%2Fshop.example%2Forder.html%3Fid%3Dord_" in sent
    told.give(200, intent("requires_action", next_action=there, client_secret="pi_1_secret"))
    assert stripe.action(a_payment(ref="pi_1")) == Action("redirect", "https://hooks.stripe.com/1")


def test_what_only_stripes_own_code_can_ask_is_given_the_secret(answers: tuple[Answers, Stripe]) -> None:
    told, stripe = answers
    told.give(200, intent("requires_action", next_action={"type": "use_stripe_sdk"}, client_secret="pi_1_s"))
    assert stripe.action(a_payment(ref="pi_1")) == Action("provider", client_secret="pi_1_s")


def test_an_unknown_method_is_an_invalid_token(answers: tuple[Answers, Stripe]) -> None:
    told, stripe = answers
    told.give(200, intent("requires_payment_method"))
    told.give(400, error(code="resource_missing"))
    told.give(200, intent("requires_payment_method"))
    assert stripe.authorise(a_payment(), "pm_1") == Declined("invalid_token")


@pytest.mark.parametrize("token", ["tok_visa", "src_1", "", "../refunds"])
def test_what_is_no_payment_method_is_not_sent(answers: tuple[Answers, Stripe], token: str) -> None:
    told, stripe = answers
    assert (stripe.authorise(a_payment(), token), told.asked) == (Declined("invalid_token"), [])


def test_an_amount_too_small_for_stripe_is_declined(answers: tuple[Answers, Stripe]) -> None:
    told, stripe = answers
    told.give(400, error(code="amount_too_small"))
    assert stripe.authorise(a_payment(), "pm_1") == Declined("amount_too_small")


@pytest.mark.parametrize("status", [401, 403, 409, 429, 500, 503])
def test_an_answer_that_decides_nothing_is_to_be_asked_again(
    answers: tuple[Answers, Stripe], status: int
) -> None:
    told, stripe = answers
    told.give(status, error())
    with pytest.raises(ProviderUnavailableError) as failed:
        stripe.authorise(a_payment(), "pm_secret")
    assert "pm_secret" not in str(failed.value)


def test_no_answer_is_to_be_asked_again() -> None:
    with pytest.raises(ProviderUnavailableError):
        Stripe("http://127.0.0.1:1", lambda: "sk", lambda: "s").authorise(a_payment(), "pm_1")


def test_an_answer_that_is_no_json_is_to_be_asked_again(answers: tuple[Answers, Stripe]) -> None:
    told, stripe = answers
    told.give(200, {"unexpected": True})
    with pytest.raises(ProviderUnavailableError):
        stripe.authorise(a_payment(), "pm_1")


def test_a_tombstone_whose_amount_stripe_never_takes_needs_no_voiding(
    answers: tuple[Answers, Stripe],
) -> None:
    told, stripe = answers
    told.give(400, error(code="amount_too_small"))
    stripe.void(a_payment())


def test_a_tombstone_of_another_amount_is_not_taken_for_voided(answers: tuple[Answers, Stripe]) -> None:
    told, stripe = answers
    told.give(400, {"error": {"type": "idempotency_error"}})
    with pytest.raises(ProviderRefusedError):
        stripe.void(a_payment())


def test_a_refund_whose_key_stripe_has_forgotten_is_found(answers: tuple[Answers, Stripe]) -> None:
    told, stripe = answers
    told.give(200, {"data": [made_refund("succeeded", metadata={"refund_id": "rfd_1"})]})
    made = stripe.refund(replace(a_payment(), ref="pi_1"), a_refund())
    assert (made.ref, made.status, made.refund_id, len(told.asked)) == ("re_1", "succeeded", "rfd_1", 1)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("pending", "pending"),
        ("requires_action", "pending"),
        (None, "pending"),
        ("a_word_of_tomorrow", "pending"),
        ("succeeded", "succeeded"),
        ("failed", "failed"),
        ("canceled", "failed"),
    ],
)
def test_a_refund_is_paid_only_when_stripe_says_so(
    answers: tuple[Answers, Stripe], theirs: str | None, ours: str
) -> None:
    told, stripe = answers
    told.give(200, {"data": []})
    told.give(200, made_refund(theirs))
    assert stripe.refund(replace(a_payment(), ref="pi_1"), a_refund()).status == ours


def test_a_refund_that_stripe_has_taken_on_is_asked_for_and_never_made_again(
    answers: tuple[Answers, Stripe],
) -> None:
    told, stripe = answers
    told.give(200, made_refund("failed", failure_reason="lost_or_stolen_card"))
    made = stripe.refund(replace(a_payment(), ref="pi_1"), replace(a_refund(), ref="re_1"))
    assert (made.status, made.code) == ("failed", "lost_or_stolen_card")
    assert [(method, path) for method, path, *_ in told.asked] == [("GET", "/v1/refunds/re_1")]


def test_all_refunds_and_disputes_are_read_page_by_page(answers: tuple[Answers, Stripe]) -> None:
    told, stripe = answers
    told.give(200, {"data": [made_refund("succeeded", metadata={"refund_id": "rfd_1"})], "has_more": True})
    told.give(200, {"data": [made_refund("pending", id="re_2", metadata={"refund_id": "x"})]})
    told.give(200, {"data": [a_dispute("needs_response", -5000)]})
    refunds, disputes = stripe.money_back(replace(a_payment(), ref="pi_1"))
    assert [(one.ref, one.refund_id, one.status) for one in refunds] == [
        ("re_1", "rfd_1", "succeeded"),
        ("re_2", None, "pending"),
    ]
    assert [path for _, path, *_ in told.asked] == [
        "/v1/refunds?payment_intent=pi_1&limit=100",
        "/v1/refunds?payment_intent=pi_1&limit=100&starting_after=re_1",
        "/v1/disputes?payment_intent=pi_1&limit=100",
    ]
    assert disputes == [MadeDispute("dp_1", 5000, "EUR", "open", 5000, "fraudulent")]


@pytest.mark.parametrize(
    ("status", "moved", "ours", "withdrawn"),
    [
        ("warning_needs_response", [], "open", 0),
        ("warning_under_review", [], "open", 0),
        ("warning_closed", [], "closed", 0),
        ("needs_response", [-5000], "open", 5000),
        ("under_review", [-5000], "open", 5000),
        ("lost", [-5000], "lost", 5000),
        ("won", [-5000, 5000], "won", 0),
        ("under_review", [-5431], "open", 5000),  # paid out in another currency: only the sign counts
    ],
)
def test_what_a_dispute_has_taken_is_read_off_what_it_moved(
    answers: tuple[Answers, Stripe], status: str, moved: list[int], ours: str, withdrawn: int
) -> None:
    told, stripe = answers
    told.give(200, {"data": []})
    told.give(200, {"data": [a_dispute(status, *moved)]})
    _, (dispute,) = stripe.money_back(replace(a_payment(), ref="pi_1"))
    assert (dispute.status, dispute.withdrawn) == (ours, withdrawn)


@pytest.mark.parametrize(
    ("currency", "theirs", "ours"), [("eur", 100, 100), ("isk", 10_000, 100), ("mga", 1, 100)]
)
def test_stripes_units_are_read_as_minor_units(
    answers: tuple[Answers, Stripe], currency: str, theirs: int, ours: int
) -> None:
    told, stripe = answers
    told.give(200, {"data": [made_refund("succeeded", amount=theirs, currency=currency)]})
    told.give(200, {"data": []})
    (made,), _ = stripe.money_back(replace(a_payment(), ref="pi_1"))
    assert (made.amount, made.currency) == (ours, currency.upper())


def test_an_intents_order_is_asked_of_stripe(answers: tuple[Answers, Stripe]) -> None:
    told, stripe = answers
    told.give(200, intent("succeeded", metadata={"order_id": "ord_1"}))
    told.give(404, error(code="resource_missing"))
    assert (stripe.order_of("pi_1"), stripe.order_of("pi_2")) == ("ord_1", None)


def made_refund(status: str | None, **fields: Any) -> dict[str, Any]:
    return {"id": "re_1", "amount": 100, "currency": "eur", "status": status, "metadata": {}, **fields}


def a_dispute(status: str, *moved: int) -> dict[str, Any]:
    balance = [{"id": "txn_1", "amount": amount, "fee": 1500} for amount in moved]
    return {
        "id": "dp_1",
        "amount": 5000,
        "currency": "eur",
        "status": status,
        "reason": "fraudulent",
        "balance_transactions": balance,
    }


def a_refund() -> Refund:
    return Refund(a_payment().order_id, "rfd_1", 100, "EUR", "broken", "pending", a_payment().created_at)


@pytest.mark.parametrize(
    ("currency", "sent"),
    [
        ("EUR", 5000),
        ("JPY", 5000),
        ("KWD", 5000),
        ("HUF", 5000),
        ("TWD", 5000),
        ("ISK", 500000),
        ("UGX", 500000),
        ("MGA", 50),
    ],
)
def test_amounts_are_sent_in_stripes_units(answers: tuple[Answers, Stripe], currency: str, sent: int) -> None:
    told, stripe = answers
    told.give(200, intent("requires_capture"))
    stripe.authorise(a_payment(currency=currency), "pm_1")
    assert f"amount={sent}&currency={currency.lower()}&" in told.asked[0][3]


def test_what_cannot_be_charged_exactly_is_declined_and_stripe_is_not_asked(
    answers: tuple[Answers, Stripe],
) -> None:
    told, stripe = answers
    odd = replace(a_payment(currency="KWD"), amount=5124)
    assert stripe.authorise(odd, "pm_1") == Declined("amount_not_chargeable")
    stripe.void(odd)
    assert told.asked == []


def test_a_signed_event_names_its_order() -> None:
    stripe = Stripe("http://127.0.0.1:1", lambda: "sk", lambda: "whsec")
    data = {"object": {"id": "pi_1", "metadata": {"order_id": "ord_1"}}}
    body = json.dumps({"id": "evt_1", "type": "payment_intent.succeeded", "data": data}).encode()
    notice = stripe.notice({"stripe-signature": sign(body, "whsec", epoch(NOW))}, body, NOW)
    assert (notice.event_id, notice.kind, notice.order_id) == ("evt_1", "payment_intent.succeeded", "ord_1")
    assert (notice.ref, notice.is_money_back) == ("pi_1", False)


@pytest.mark.parametrize(
    "kind",
    [
        "refund.created",
        "refund.updated",
        "refund.failed",
        "charge.refunded",
        "charge.refund.updated",
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.closed",
    ],
)
def test_an_event_of_a_refund_or_a_dispute_made_at_stripe_names_its_intent(kind: str) -> None:
    stripe = Stripe("http://127.0.0.1:1", lambda: "sk", lambda: "whsec")
    about = {"id": "re_1", "payment_intent": "pi_1", "metadata": {}}
    body = json.dumps({"id": "evt_1", "type": kind, "data": {"object": about}}).encode()
    notice = stripe.notice({"stripe-signature": sign(body, "whsec", epoch(NOW))}, body, NOW)
    assert (notice.order_id, notice.ref, notice.is_money_back) == (None, "pi_1", True)


def test_an_event_signed_with_another_secret_is_refused() -> None:
    stripe = Stripe("http://127.0.0.1:1", lambda: "sk", lambda: "whsec")
    with pytest.raises(InvalidError, match="invalid_signature"):
        stripe.notice({"stripe-signature": sign(b"{}", "other", epoch(NOW))}, b"{}", NOW)
