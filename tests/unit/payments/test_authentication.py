"""The bank's question: nobody but the provider says that it is answered, and whatever meets it, no money is lost."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from functions.payments import authentication
from functions.payments.domain import ASKED_FOR, Payment
from functions.payments.providers.domain import Action, Notice, ProviderUnavailableError
from functions.payments.reconciling import on_notice
from functions.shared.clock import rfc3339
from functions.shared.errors import ConflictError
from tests.unit.payments.conftest import NOW, Shop
from tests.unit.payments.fake_provider import ORDER, Crash

UNTIL = rfc3339(NOW + ASKED_FOR)
ASKED = ("PaymentActionRequired", {"orderId": ORDER, "until": UNTIL})
HELD = (
    "PaymentAuthorized",
    {"orderId": ORDER, "amount": {"amount": 5000, "currency": "EUR"}, "provider": "fake"},
)


@pytest.fixture
def asked(shop: Shop) -> Shop:
    shop.place("asks")
    return shop


def settle(shop: Shop, **later: float) -> Payment:
    shop.answers = []
    shop.at += timedelta(**later)
    return authentication.settle(shop.table, shop.providers, shop.payment, shop.at)


def declined(code: str) -> tuple[str, dict[str, Any]]:
    return "PaymentDeclined", {"orderId": ORDER, "code": code, "amount": {"amount": 5000, "currency": "EUR"}}


def test_an_order_whose_bank_asks_goes_home_without_a_vote(asked: Shop) -> None:
    (answer,) = asked.answers
    assert answer.goes_on is False
    assert asked.told() == [ASKED]
    assert (asked.payment.status, asked.payment.voted_in) == ("authenticating", 0)
    assert "secret" not in str(asked.told())


def test_an_order_that_comes_again_is_told_the_same_until_there_is_a_vote(asked: Shop) -> None:
    (first,) = asked.answers
    asked.place("asks")
    assert asked.answers == [first]
    assert asked.provider.calls.count("authorise") == 1
    asked.provider.answer(approve=True)
    settle(asked, seconds=30)
    asked.place("asks")
    (vote,) = asked.answers
    assert (vote.detail.type, vote.detail.aggregate.version, vote.goes_on) == ("PaymentAuthorized", 2, True)
    asked.sweep()
    asked.place("asks")
    assert asked.answers == [vote], "whatever became of it since"


def test_the_buyers_yes_is_the_vote_and_is_told_once(asked: Shop) -> None:
    asked.provider.answer(approve=True)
    assert settle(asked, seconds=30).status == "authorized"
    assert asked.told() == [HELD]
    version = asked.payment.version
    assert settle(asked).status == "authorized"
    assert asked.payment.version == version
    asked.confirm()
    assert asked.payment.status == "captured"


def test_the_buyers_no_is_a_decline_after_which_nothing_can_be_paid(asked: Shop) -> None:
    asked.provider.answer(approve=False)
    assert settle(asked, seconds=30).status == "declined"
    assert asked.told() == [declined("authentication_failed")]
    assert asked.provider.status[ORDER] == "voided"


def test_who_says_that_it_is_answered_is_not_believed(asked: Shop) -> None:
    before = asked.payment
    assert settle(asked, seconds=30).status == "authenticating"
    assert asked.payment == before, "and writes nothing"


def test_a_webhook_has_the_provider_asked_at_once(asked: Shop) -> None:
    asked.provider.answer(approve=True)
    notice = Notice("evt_1", "payment_intent.amount_capturable_updated", ORDER, f"fake_{ORDER}")
    on_notice(asked.table, asked.providers, "fake", notice, asked.at)
    assert asked.payment.status == "authorized"
    assert asked.told() == [HELD]


def test_a_webhook_that_meets_a_provider_that_is_away_comes_again(asked: Shop) -> None:
    asked.provider.answer(approve=True)
    asked.provider.down("outcome")
    notice = Notice("evt_1", "payment_intent.amount_capturable_updated", ORDER, f"fake_{ORDER}")
    with pytest.raises(ProviderUnavailableError):
        on_notice(asked.table, asked.providers, "fake", notice, asked.at)
    asked.provider.up()
    on_notice(asked.table, asked.providers, "fake", notice, asked.at)
    assert asked.payment.status == "authorized"


def test_an_answer_of_which_nobody_told_is_found_when_the_order_is_told_again(asked: Shop) -> None:
    asked.provider.answer(approve=True)
    assert asked.sweep(minutes=14) == 0, "payments has no clock for it"
    asked.place("asks")
    assert asked.payment.status == "authorized"
    assert asked.told() == [HELD]


def test_an_order_that_is_told_again_while_nobody_answers_changes_nothing(asked: Shop) -> None:
    before = asked.payment
    asked.place("asks")
    assert asked.payment == before
    asked.cancel()
    assert asked.payment.status == "voided"
    assert [kind for kind, _ in asked.told()] == ["PaymentVoided"]
    assert asked.provider.status[ORDER] == "voided"


def test_a_yes_after_the_order_was_called_off_holds_nothing(asked: Shop) -> None:
    asked.cancel()
    asked.provider.answer(approve=True)
    assert settle(asked, minutes=1).status == "voided"
    assert asked.provider.status[ORDER] == "voided"
    asked.place("asks")
    (answer,) = asked.answers
    assert answer.detail.type == "PaymentActionRequired", "what was answered to the order stays that"


def test_a_yes_that_meets_the_calling_off_holds_nothing(asked: Shop) -> None:
    asked.provider.answer(approve=True)
    asked.provider.meanwhile("outcome", asked.cancel)
    assert settle(asked, minutes=1).status == "voided"
    assert asked.provider.status[ORDER] == "voided"


def test_calling_off_a_payment_that_just_got_its_yes_frees_it(asked: Shop) -> None:
    asked.provider.answer(approve=True)
    settle(asked, minutes=1)
    asked.cancel()
    assert (asked.payment.status, asked.provider.status[ORDER]) == ("voided", "voided")


def test_two_who_settle_at_once_vote_once(asked: Shop) -> None:
    asked.provider.answer(approve=True)
    asked.provider.meanwhile("outcome", lambda: settle(asked) and None)
    settle(asked, minutes=1)
    assert (asked.payment.status, asked.payment.version) == ("authorized", 2)


def test_a_worker_that_dies_once_the_bank_asks_leaves_the_question_to_the_next(shop: Shop) -> None:
    shop.provider.crash_after("authorise")
    with pytest.raises(Crash):
        shop.place("asks")
    shop.place("asks")
    assert shop.told() == [ASKED]


def test_where_the_bank_asks_is_the_providers_to_say_each_time(asked: Shop) -> None:
    where = Action("redirect", "https://bank.example/ask")
    assert [authentication.action(asked.payment, asked.providers) for _ in range(2)] == [where, where]
    asked.provider.answer(approve=True)
    with pytest.raises(ConflictError):
        authentication.action(asked.payment, asked.providers)


def test_no_bank_asks_of_a_payment_that_has_its_vote(shop: Shop) -> None:
    shop.place()
    with pytest.raises(ConflictError):
        authentication.action(shop.payment, shop.providers)
    assert "action" not in shop.provider.calls


def test_a_worker_that_dies_once_a_no_is_called_off_leaves_the_vote_to_the_next(asked: Shop) -> None:
    asked.provider.answer(approve=False)
    asked.provider.crash_after("void")
    with pytest.raises(Crash):
        settle(asked, seconds=30)
    assert settle(asked, seconds=30).status == "declined"
    assert asked.told() == [declined("authentication_failed")]


SECOND = f"{ORDER}-2"


@pytest.fixture
def asked_again(shop: Shop) -> Shop:
    """An order that could not be charged, and then was given a card whose bank asks."""
    shop.place()
    shop.provider.lapse(ORDER)
    shop.confirm()
    shop.pay_again(token="asks")
    shop.pay_again(token="asks")
    assert (shop.payment.status, shop.payment.attempt) == ("authenticating", 2)
    return shop


def failed(code: str) -> tuple[str, dict[str, Any]]:
    amount = {"amount": 5000, "currency": "EUR"}
    told = {"orderId": ORDER, "amount": amount, "provider": "fake", "code": code, "attempt": 2}
    return "PaymentCaptureFailed", told


def test_a_bank_that_asks_about_another_means_of_payment_has_it_taken_on_a_yes(asked_again: Shop) -> None:
    asked_again.provider.answer(approve=True, key=SECOND)
    assert settle(asked_again, seconds=30).status == "captured"
    assert [kind for kind, _ in asked_again.told()] == ["PaymentCaptured"]
    assert asked_again.provider.captured == {SECOND: 5000}
    assert asked_again.sweep(minutes=20) == 0


def test_a_no_to_another_means_of_payment_is_told_and_asks_for_one_more(asked_again: Shop) -> None:
    asked_again.provider.answer(approve=False, key=SECOND)
    settle(asked_again, seconds=30)
    assert asked_again.told() == [failed("authentication_failed")]
    assert asked_again.provider.status[SECOND] == "voided"
    asked_again.pay_again(attempt=3)
    assert asked_again.payment.status == "captured"


def test_who_never_answers_about_another_means_of_payment_is_asked_for_one_more(asked_again: Shop) -> None:
    assert asked_again.sweep(minutes=14) == 0
    assert asked_again.sweep(minutes=1) == 1
    assert asked_again.told() == [failed("authentication_failed")]
    assert asked_again.provider.status[SECOND] == "voided"
    asked_again.provider.answer(approve=True, key=SECOND)
    assert settle(asked_again, minutes=1).status == "capture_failed"


def test_an_order_that_is_off_while_the_bank_asks_about_another_means_holds_nothing(
    asked_again: Shop,
) -> None:
    asked_again.cancel()
    asked_again.provider.answer(approve=True, key=SECOND)
    assert settle(asked_again, minutes=1).status == "voided"
    assert asked_again.provider.status[SECOND] == "voided"


def test_its_vote_stays_what_it_was_while_the_bank_asks_about_another_means(asked_again: Shop) -> None:
    asked_again.place()
    (answer,) = asked_again.answers
    assert answer.detail.type == "PaymentAuthorized"
