"""Money that was held and can never be taken: told once, never tried for ever, and paid by other means or let go."""

from __future__ import annotations

from typing import Any

import pytest

from functions.payments.providers.simulator import Simulator
from functions.payments.table import PaymentsTable, SimulatorTable
from tests.unit.payments.conftest import ORDER, Shop, a_payment
from tests.unit.payments.fake_provider import Crash

SECOND = f"{ORDER}-2"


@pytest.fixture
def lapsed(shop: Shop) -> Shop:
    """A confirmed order whose hold had lapsed at the provider when it was to be taken."""
    shop.place()
    shop.provider.lapse(ORDER)
    shop.confirm()
    return shop


def failed(shop: Shop) -> tuple[str, str | None, int]:
    return shop.payment.status, shop.payment.code, shop.payment.attempt


def test_a_hold_that_lapsed_ends_in_a_state_and_a_fact(lapsed: Shop) -> None:
    assert failed(lapsed) == ("capture_failed", "authorisation_ended", 1)
    ((kind, data),) = lapsed.told()
    assert kind == "PaymentCaptureFailed"
    assert data == {
        "orderId": ORDER,
        "amount": {"amount": 5000, "currency": "EUR"},
        "provider": "fake",
        "code": "authorisation_ended",
    }


def test_a_capture_refused_for_good_ends_the_same(shop: Shop) -> None:
    shop.place()
    shop.provider.refuse("capture")
    shop.confirm()
    assert failed(shop) == ("capture_failed", "no", 1)
    assert shop.told()[0][0] == "PaymentCaptureFailed"


def test_a_capture_that_waited_for_the_provider_and_is_refused_then_ends_too(shop: Shop) -> None:
    shop.place()
    shop.provider.down("capture")
    shop.confirm()
    shop.provider.up()
    shop.provider.lapse(ORDER)
    shop.sweep(minutes=2)
    assert failed(shop) == ("capture_failed", "authorisation_ended", 1)


def test_nothing_is_left_for_the_sweep_and_a_repeat_changes_nothing(lapsed: Shop) -> None:
    before = lapsed.payment
    lapsed.confirm()
    assert lapsed.sweep(days=1) == 0
    assert (lapsed.payment, lapsed.ledger()) == (before, [])


def test_an_order_cancelled_then_has_nothing_to_give_back(lapsed: Shop) -> None:
    lapsed.cancel()
    assert (lapsed.payment.status, lapsed.ledger(), lapsed.told()[0][0]) == ("voided", [], "PaymentVoided")


def test_another_means_of_payment_is_held_and_taken_at_once(lapsed: Shop) -> None:
    lapsed.pay_again()
    assert (lapsed.payment.status, lapsed.payment.captured, lapsed.payment.attempt) == ("captured", 5000, 2)
    assert lapsed.provider.captured == {SECOND: 5000}
    assert lapsed.ledger() == [("capture", "provider_receivable", "customer_sales", 5000)]
    assert [kind for kind, _ in lapsed.told()] == ["PaymentCaptured"]


def test_another_means_of_payment_given_twice_is_taken_once(lapsed: Shop) -> None:
    lapsed.pay_again()
    before = lapsed.payment
    lapsed.pay_again()
    assert (lapsed.payment, lapsed.provider.captured, len(lapsed.ledger())) == (before, {SECOND: 5000}, 1)


def test_another_means_of_payment_that_is_declined_is_told_and_a_third_may_follow(lapsed: Shop) -> None:
    lapsed.pay_again(token="declined")
    assert failed(lapsed) == ("capture_failed", "card_declined", 2)
    assert lapsed.told()[0][1]["attempt"] == 2
    lapsed.pay_again(attempt=2, token="good")  # the same fact again, late: it has been answered
    assert failed(lapsed) == ("capture_failed", "card_declined", 2)
    lapsed.pay_again(attempt=3)
    assert (lapsed.payment.status, lapsed.provider.captured) == ("captured", {f"{ORDER}-3": 5000})


def test_a_card_number_given_as_another_means_reaches_no_provider(lapsed: Shop) -> None:
    lapsed.pay_again(token="pm4242424242424242")
    assert failed(lapsed) == ("capture_failed", "card_number_refused", 2)
    assert lapsed.provider.seen == ["good"]


def test_what_is_still_held_of_the_first_means_is_freed_before_the_second_is(shop: Shop) -> None:
    shop.place()
    shop.provider.refuse("capture")
    shop.confirm()
    shop.provider.up()
    shop.pay_again()
    assert shop.provider.status == {ORDER: "voided", SECOND: "captured"}


def test_what_was_taken_after_all_is_recorded_and_nothing_else_is_taken(lapsed: Shop) -> None:
    lapsed.provider.status[ORDER], lapsed.provider.captured[ORDER] = "captured", 5000
    lapsed.pay_again()
    assert (lapsed.payment.status, lapsed.provider.captured) == ("captured", {ORDER: 5000})


@pytest.mark.parametrize("step", ["void", "authorise", "capture"])
def test_a_worker_that_dies_on_the_way_is_made_up_for(lapsed: Shop, step: str) -> None:
    lapsed.provider.crash_after(step)
    with pytest.raises(Crash):
        lapsed.pay_again()
    lapsed.pay_again()
    assert (lapsed.payment.status, lapsed.provider.captured) == ("captured", {SECOND: 5000})
    assert len(lapsed.ledger()) == 1


def test_a_cancellation_that_comes_first_bars_the_other_means(lapsed: Shop) -> None:
    lapsed.cancel()
    lapsed.pay_again()
    assert (lapsed.payment.status, lapsed.provider.captured) == ("voided", {})
    assert lapsed.provider.status[SECOND] == "voided"


def test_a_cancellation_while_the_other_means_is_held_leaves_nothing_held(lapsed: Shop) -> None:
    lapsed.provider.meanwhile("authorise", lapsed.cancel)
    lapsed.pay_again()
    assert (lapsed.payment.status, lapsed.provider.captured) == ("voided", {})
    assert lapsed.provider.status[SECOND] == "voided"


def test_a_cancellation_while_the_other_means_is_taken_gives_it_back(lapsed: Shop) -> None:
    lapsed.provider.meanwhile("capture", lapsed.cancel)
    lapsed.pay_again()
    assert (lapsed.payment.standing, lapsed.provider.given(SECOND)) != ({}, {})
    assert lapsed.payment.standing == "refunded"
    assert [amount for *_, amount in lapsed.ledger()] == [5000, 5000]


def test_a_refund_of_what_the_other_means_paid_goes_back_there(lapsed: Shop) -> None:
    lapsed.pay_again()
    lapsed.cancel()
    assert (lapsed.payment.standing, list(lapsed.provider.refunds)) == ("refunded", [SECOND])


def test_a_free_order_cancelled_after_it_was_confirmed_is_voided(shop: Shop) -> None:
    shop.place(total=0)
    shop.confirm()
    assert shop.payment.status == "captured"
    shop.cancel(total=0)
    assert (shop.payment.status, shop.told()[0][0], shop.ledger()) == ("voided", "PaymentVoided", [])
    before = shop.payment
    shop.cancel(total=0)
    assert shop.payment == before


@pytest.mark.parametrize(
    ("token", "code"), [("tok_lapses", "authorisation_ended"), ("tok_captureRefused", "capture_refused")]
)
def test_the_simulator_has_holds_that_cannot_be_taken(
    table: PaymentsTable, shop: Shop, token: str, code: str
) -> None:
    far: Any = Simulator(SimulatorTable(table.name), lambda: "s", 0)
    far.name = "fake"
    shop.providers._made["fake"] = far
    shop.place(token)
    shop.confirm()
    assert failed(shop) == ("capture_failed", code, 1)
    shop.pay_again(token="tok_visa")
    assert (shop.payment.status, shop.payment.attempt) == ("captured", 2)
    assert far._table.intent(a_payment(attempt=2).key).status == "captured"
