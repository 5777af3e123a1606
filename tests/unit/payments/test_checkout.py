"""A payment's way through an order: held, taken or freed, whatever order the facts come in."""

from __future__ import annotations

from datetime import timedelta

import pytest

from functions.payments.domain import TOO_LATE
from functions.payments.service import NotYetError
from tests.unit.payments.conftest import ORDER, Shop


def test_an_order_placed_has_its_total_held(shop: Shop) -> None:
    shop.place()
    assert (shop.payment.status, shop.payment.amount, shop.payment.currency) == ("authorized", 5000, "EUR")


def test_the_hold_is_told_with_its_amount(shop: Shop) -> None:
    shop.place()
    told = {"orderId": ORDER, "amount": {"amount": 5000, "currency": "EUR"}, "provider": "fake"}
    assert shop.told() == [("PaymentAuthorized", told)]


def test_a_hold_moves_no_money(shop: Shop) -> None:
    shop.place()
    assert shop.ledger() == []


def test_a_decline_is_told_with_its_code(shop: Shop) -> None:
    shop.place("declined")
    told = {"orderId": ORDER, "code": "card_declined", "amount": {"amount": 5000, "currency": "EUR"}}
    assert (shop.payment.status, shop.told()) == ("declined", [("PaymentDeclined", told)])


def test_a_repeated_order_is_not_brought_to_the_provider_again(shop: Shop) -> None:
    shop.place()
    before = shop.payment
    shop.place()
    assert (shop.payment, shop.provider.calls) == (before, ["authorise"])


@pytest.mark.parametrize(("token", "goes_on"), [("good", True), ("declined", False)])
def test_an_answered_order_goes_on_its_way_each_time_it_comes(shop: Shop, token: str, goes_on: bool) -> None:
    shop.place(token)
    first = shop.answers
    shop.place(token)
    assert (shop.answers, [one.goes_on for one in first]) == (first, [goes_on])


def test_an_order_that_was_off_before_goes_nowhere(shop: Shop) -> None:
    shop.cancel()
    shop.place()
    assert shop.answers == []


@pytest.mark.parametrize("token", ["4242424242424242", "4242 4242-4242.4242", "tok_4242424242424242"])
def test_what_looks_like_a_card_number_never_reaches_the_provider(shop: Shop, token: str) -> None:
    shop.place(token)
    assert (shop.payment.code, shop.provider.calls) == ("card_number_refused", [])


def test_an_order_long_past_its_deadline_is_declined_and_nothing_is_held(shop: Shop) -> None:
    shop.at += timedelta(minutes=3) + TOO_LATE
    shop.place()
    assert (shop.payment.code, shop.provider.status[ORDER]) == ("too_late", "voided")


def test_an_order_that_costs_nothing_needs_no_provider(shop: Shop) -> None:
    shop.place(total=0)
    shop.confirm()
    assert (shop.payment.status, shop.provider.calls, shop.ledger()) == ("captured", [], [])


def test_a_confirmed_order_has_its_money_taken(shop: Shop) -> None:
    shop.place()
    shop.confirm()
    assert (shop.payment.status, shop.provider.captured[ORDER]) == ("captured", 5000)
    assert shop.told() == [
        ("PaymentCaptured", {"orderId": ORDER, "amount": {"amount": 5000, "currency": "EUR"}})
    ]


def test_a_capture_is_one_line_of_the_ledger(shop: Shop) -> None:
    shop.place()
    shop.confirm()
    assert shop.ledger() == [("capture", "provider_receivable", "customer_sales", 5000)]


def test_a_repeated_confirmation_takes_nothing_more(shop: Shop) -> None:
    shop.place()
    shop.confirm()
    before = shop.payment
    shop.confirm()
    assert (shop.payment, len(shop.ledger())) == (before, 1)


def test_a_confirmation_that_overtakes_its_order_is_kept_for_later(shop: Shop) -> None:
    with pytest.raises(NotYetError):
        shop.confirm()


def test_a_cancelled_order_has_its_hold_freed(shop: Shop) -> None:
    shop.place()
    shop.cancel()
    assert (shop.payment.status, shop.provider.status[ORDER], shop.ledger()) == ("voided", "voided", [])
    assert shop.told() == [
        ("PaymentVoided", {"orderId": ORDER, "amount": {"amount": 5000, "currency": "EUR"}})
    ]


def test_a_repeated_cancellation_changes_nothing(shop: Shop) -> None:
    shop.place()
    shop.cancel()
    before = shop.payment
    shop.cancel()
    assert shop.payment == before


def test_a_declined_order_that_is_cancelled_stays_declined(shop: Shop) -> None:
    shop.place("declined")
    shop.cancel()
    assert (shop.payment.status, shop.provider.calls) == ("declined", ["authorise"])


def test_a_confirmation_after_the_cancellation_takes_nothing(shop: Shop) -> None:
    shop.place()
    shop.cancel()
    shop.confirm()
    assert (shop.payment.status, shop.provider.captured) == ("voided", {})


def test_a_cancellation_that_comes_first_bars_the_order(shop: Shop) -> None:
    shop.cancel()
    shop.place()
    assert (shop.payment.status, shop.told()) == ("refused", [])
    assert shop.provider.status[ORDER] == "voided"


def test_a_cancellation_during_the_hold_frees_it(shop: Shop) -> None:
    shop.provider.meanwhile("authorise", shop.cancel)
    shop.place()
    assert (shop.payment.status, shop.provider.status[ORDER], shop.told()) == ("refused", "voided", [])


def test_a_captured_order_that_is_cancelled_is_refunded_in_full(shop: Shop) -> None:
    shop.place()
    shop.confirm()
    shop.cancel()
    assert (shop.payment.standing, shop.payment.refunded) == ("refunded", 5000)
    assert sum(shop.provider.given(ORDER).values()) == 5000
    money = {"amount": 5000, "currency": "EUR"}
    ((kind, data),) = shop.told()
    assert (kind, data["amount"], data["refundedTotal"], data["reason"]) == (
        "PaymentRefunded",
        money,
        money,
        "order_cancelled",
    )


def test_a_refund_is_one_more_line_of_the_ledger(shop: Shop) -> None:
    shop.place()
    shop.confirm()
    shop.cancel()
    assert shop.ledger() == [
        ("capture", "provider_receivable", "customer_sales", 5000),
        ("refund", "customer_refunds", "provider_receivable", 5000),
    ]


def test_a_repeated_cancellation_refunds_nothing_more(shop: Shop) -> None:
    shop.place()
    shop.confirm()
    shop.cancel()
    before = shop.payment
    shop.cancel()
    assert (shop.payment, len(shop.ledger())) == (before, 2)


def test_a_cancellation_during_the_capture_ends_in_a_full_refund(shop: Shop) -> None:
    shop.place()
    shop.provider.meanwhile("capture", shop.cancel)
    shop.confirm()
    assert (shop.payment.standing, shop.provider.captured[ORDER]) == ("refunded", 5000)
    assert [amount for *_, amount in shop.ledger()] == [5000, 5000]


def test_a_confirmation_during_the_void_takes_nothing(shop: Shop) -> None:
    shop.place()

    shop.provider.meanwhile("void", shop.confirm)
    shop.cancel()
    assert (shop.payment.status, shop.provider.captured) == ("voided", {})


def test_an_outbox_is_told_once(shop: Shop) -> None:
    shop.place()
    shop.provider.down("capture")
    shop.confirm()
    assert (shop.payment.status, shop.told()) == ("capturing", [])
