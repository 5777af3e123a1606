"""One suite for every provider: the simulator, the fake the other tests use, and Stripe on localstripe."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from functions.payments.domain import Payment, Refund
from functions.payments.providers.domain import (
    ActionRequired,
    AlreadyCapturedError,
    AlreadyVoidedError,
    Approved,
    Declined,
    Provider,
    ProviderError,
    ProviderRefusedError,
)
from functions.payments.providers.simulator import Simulator
from functions.payments.providers.stripe import Stripe
from functions.payments.table import PaymentsTable, SimulatorTable
from tests.unit.payments.conftest import a_payment, ask_stripe
from tests.unit.payments.fake_provider import FakeProvider


class Side(NamedTuple):
    """A provider, its tokens, and what is captured and given back on its side of an authorised payment."""

    provider: Provider
    good: str
    declined: str
    unknown: str
    money: Callable[[Payment], tuple[int, int]]
    asks: str
    answer: Callable[[Payment, bool], None]


def simulator(table: PaymentsTable, _: Callable[[], str]) -> Side:
    far = SimulatorTable(table.name)

    def money(payment: Payment) -> tuple[int, int]:
        intent = far.intent(payment.order_id)
        return intent.amount if intent.status == "captured" else 0, intent.refunded

    made = Simulator(far, lambda: "s", 0, shop_url="https://shop.example")
    return Side(
        made,
        "tok_visa",
        "tok_chargeDeclined",
        "tok_nobody",
        money,
        "tok_3ds",
        lambda payment, approve: made.answer(payment, approve=approve),
    )


def fake(_: PaymentsTable, __: Callable[[], str]) -> Side:
    made = FakeProvider()

    def money(payment: Payment) -> tuple[int, int]:
        return made.captured.get(payment.order_id, 0), sum(made.given(payment.order_id).values())

    return Side(
        made,
        "good",
        "declined",
        "nobody",
        money,
        "asks",
        lambda payment, approve: made.answer(approve=approve, key=payment.key),
    )


def stripe(_: PaymentsTable, url_of: Callable[[], str]) -> Side:
    url = url_of()

    def money(payment: Payment) -> tuple[int, int]:
        intent = ask_stripe(url, f"payment_intents/{payment.ref}")
        refunds = ask_stripe(url, f"refunds?payment_intent={payment.ref}")["data"]
        taken = intent["amount"] if intent["status"] == "succeeded" else 0
        return taken, sum(refund["amount"] for refund in refunds)

    def answer(payment: Payment, approve: bool) -> None:
        intent = ask_stripe(url, f"payment_intents/{payment.ref}")
        sent = {"client_secret": intent["client_secret"], "success": str(approve).lower()}
        ask_stripe(url, f"payment_intents/{payment.ref}/_authenticate", sent)

    adapter = Stripe(url, lambda: "sk_test_souk", lambda: "s", "https://shop.example")
    return Side(
        adapter,
        "pm_card_visa",
        "pm_card_chargeCustomerFail",
        "pm_nobody",
        money,
        "pm_card_authenticationRequired",
        answer,
    )


@pytest.fixture(params=[simulator, fake, stripe], ids=["simulator", "fake", "stripe"])
def side(request: Any, table: PaymentsTable) -> Side:
    made: Side = request.param(table, lambda: request.getfixturevalue("stripe_url"))
    return made


@pytest.fixture
def draft(side: Side) -> Payment:
    return a_payment(f"ord_{uuid.uuid4().hex[:26]}", provider=side.provider.name)


@pytest.fixture
def held(side: Side, draft: Payment) -> Payment:
    outcome = side.provider.authorise(draft, side.good)
    assert isinstance(outcome, Approved)
    return replace(draft, ref=outcome.ref)


@pytest.fixture
def asked(side: Side, draft: Payment) -> Payment:
    """A payment of which the bank asks the buyer."""
    outcome = side.provider.authorise(draft, side.asks)
    assert isinstance(outcome, ActionRequired)
    return replace(draft, ref=outcome.ref, asked_until="2099-01-01T00:00:00.000Z")


def a_refund(payment: Payment, refund_id: str, amount: int) -> Refund:
    return Refund(payment.order_id, refund_id, amount, "EUR", "broken", "pending", payment.created_at)


def test_a_good_token_is_approved_and_moves_no_money(side: Side, held: Payment) -> None:
    assert side.money(held) == (0, 0)


def test_authorising_again_finds_the_first_hold(side: Side, held: Payment) -> None:
    assert side.provider.authorise(replace(held, ref=""), side.good) == Approved(held.ref)


def test_a_declined_card_is_declined_each_time(side: Side, draft: Payment) -> None:
    outcomes = [side.provider.authorise(draft, side.declined) for _ in range(2)]
    assert outcomes == [Declined("card_declined")] * 2


def test_an_unknown_token_is_declined(side: Side, draft: Payment) -> None:
    assert side.provider.authorise(draft, side.unknown) == Declined("invalid_token")


def test_a_bank_that_asks_holds_nothing_until_it_is_answered(side: Side, asked: Payment) -> None:
    assert side.provider.outcome(asked) == ActionRequired(asked.ref)
    assert side.provider.authorise(replace(asked, ref=""), side.asks) == ActionRequired(asked.ref)
    action = side.provider.action(asked)
    assert action.kind == "redirect"
    assert action.url
    assert action.url.startswith("https://")
    with pytest.raises(ProviderError):
        side.provider.capture(asked)


def test_a_buyer_who_says_yes_to_the_bank_has_the_money_held(side: Side, asked: Payment) -> None:
    side.answer(asked, True)
    assert side.provider.outcome(asked) == Approved(asked.ref)
    with pytest.raises(ProviderRefusedError):
        side.provider.action(asked)
    side.provider.capture(asked)
    assert side.money(asked) == (5000, 0)


def test_a_buyer_who_says_no_to_the_bank_is_declined(side: Side, asked: Payment) -> None:
    side.answer(asked, False)
    assert side.provider.outcome(asked) == Declined("authentication_failed")
    side.provider.void(asked)
    with pytest.raises(AlreadyVoidedError):
        side.provider.outcome(asked)


def test_a_question_that_is_called_off_is_answered_by_nobody(side: Side, asked: Payment) -> None:
    side.provider.void(asked)
    with pytest.raises(AlreadyVoidedError):
        side.provider.outcome(asked)
    with pytest.raises(ProviderError):
        side.provider.action(asked)
    with pytest.raises(ProviderError):
        side.provider.capture(asked)


def test_capturing_twice_takes_the_money_once(side: Side, held: Payment) -> None:
    side.provider.capture(held)
    side.provider.capture(held)
    assert side.money(held) == (5000, 0)


def test_what_was_voided_cannot_be_captured(side: Side, held: Payment) -> None:
    side.provider.void(held)
    with pytest.raises(AlreadyVoidedError):
        side.provider.capture(held)


def test_voiding_twice_is_voiding_once(side: Side, held: Payment) -> None:
    side.provider.void(held)
    side.provider.void(held)
    with pytest.raises(AlreadyVoidedError):
        side.provider.authorise(held, side.good)


def test_what_was_captured_cannot_be_voided(side: Side, held: Payment) -> None:
    side.provider.capture(held)
    with pytest.raises(AlreadyCapturedError):
        side.provider.void(held)
    assert side.money(held) == (5000, 0)


def test_a_hold_whose_answer_never_came_can_be_voided_without_its_ref(side: Side, held: Payment) -> None:
    side.provider.void(replace(held, ref=""))
    with pytest.raises(AlreadyVoidedError):
        side.provider.capture(held)


def test_an_order_voided_before_its_hold_is_barred(side: Side, draft: Payment) -> None:
    side.provider.void(draft)
    with pytest.raises(AlreadyVoidedError):
        side.provider.authorise(draft, side.good)


def test_a_declined_order_can_be_voided(side: Side, draft: Payment) -> None:
    side.provider.authorise(draft, side.declined)
    side.provider.void(draft)
    side.provider.void(draft)


def test_a_refund_is_paid_once_for_each_id(side: Side, held: Payment) -> None:
    side.provider.capture(held)
    for _ in range(2):
        side.provider.refund(held, a_refund(held, f"rfd_a{held.order_id[4:20]}", 2000))
    assert side.money(held) == (5000, 2000)


def test_refunds_of_other_ids_add_up(side: Side, held: Payment) -> None:
    side.provider.capture(held)
    for letter, amount in (("a", 2000), ("b", 3000)):
        side.provider.refund(held, a_refund(held, f"rfd_{letter}{held.order_id[4:20]}", amount))
    assert side.money(held) == (5000, 5000)


# Not on localstripe, which pays any amount.
@pytest.mark.parametrize("side", [simulator, fake], indirect=True)
def test_more_than_was_captured_is_refused(side: Side, held: Payment) -> None:
    side.provider.capture(held)
    with pytest.raises(ProviderRefusedError):
        side.provider.refund(held, a_refund(held, "rfd_big", 5001))
    assert side.money(held) == (5000, 0)


def test_a_refund_is_told_as_it_stands_and_is_listed_by_our_id(side: Side, held: Payment) -> None:
    side.provider.capture(held)
    refund = a_refund(held, f"rfd_c{held.order_id[4:20]}", 2000)
    made = side.provider.refund(held, refund)
    assert (made.amount, made.currency, made.status, made.refund_id) == (
        2000,
        "EUR",
        "succeeded",
        refund.refund_id,
    )
    assert side.provider.money_back(held) == ([made], [])


def test_a_refund_that_was_taken_on_is_found_by_its_ref_and_not_made_again(side: Side, held: Payment) -> None:
    side.provider.capture(held)
    refund = a_refund(held, f"rfd_d{held.order_id[4:20]}", 2000)
    made = side.provider.refund(held, refund)
    assert side.provider.refund(held, replace(refund, ref=made.ref)) == made
    assert side.money(held) == (5000, 2000)


def test_what_nobody_gave_back_or_disputes_is_an_empty_list(side: Side, held: Payment) -> None:
    side.provider.capture(held)
    assert side.provider.money_back(held) == ([], [])


def test_a_payments_own_id_leads_to_its_order(side: Side, held: Payment) -> None:
    assert side.provider.order_of(held.ref) == held.order_id
    assert side.provider.order_of("pi_nobody") is None
