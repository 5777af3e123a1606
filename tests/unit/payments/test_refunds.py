"""Refunds: never more than was captured, each paid once, and none forgotten."""

from __future__ import annotations

from functools import partial

import pytest
from msgspec.structs import replace

from functions.payments import domain, refunds
from functions.payments.domain import Refund
from functions.shared.errors import ConflictError, NotFoundError, UnprocessableError, json_pointer
from tests.unit.payments.conftest import ORDER, Shop, a_payment
from tests.unit.payments.fake_provider import Crash


@pytest.fixture
def paid(shop: Shop) -> Shop:
    shop.place()
    shop.confirm()
    return shop


def give_back(shop: Shop, amount: int, refund_id: str = "rfd_1", currency: str = "EUR") -> Refund:
    return refunds.refund_payment(
        shop.table,
        shop.providers,
        ORDER,
        (amount, currency),
        "broken",
        refund_id=refund_id,
        by="cus_s",
        at=shop.at,
    )


def test_a_part_is_refunded_and_told(paid: Shop) -> None:
    assert give_back(paid, 2000).status == "succeeded"
    ((kind, data),) = paid.told()
    assert (kind, data) == (
        "PaymentRefunded",
        {
            "orderId": ORDER,
            "refundId": "rfd_1",
            "amount": {"amount": 2000, "currency": "EUR"},
            "reason": "broken",
            "refundedTotal": {"amount": 2000, "currency": "EUR"},
            "back": {"currency": "EUR", "refunded": 2000},
        },
    )


def test_the_total_told_is_of_all_refunds(paid: Shop) -> None:
    give_back(paid, 2000)
    give_back(paid, 3000, "rfd_2")
    ((_, data),) = paid.told()
    assert (data["refundedTotal"]["amount"], paid.payment.standing) == (5000, "refunded")


def test_a_part_leaves_the_rest(paid: Shop) -> None:
    give_back(paid, 2000)
    assert (paid.payment.standing, paid.payment.refundable) == ("partially_refunded", 3000)


def test_the_same_refund_again_pays_nothing_more(paid: Shop) -> None:
    first = give_back(paid, 2000)
    assert give_back(paid, 2000) == first
    assert (paid.payment.refunded, paid.provider.given(ORDER)) == (2000, {"rfd_1": 2000})


def test_more_than_is_left_is_refused(paid: Shop) -> None:
    give_back(paid, 2000)
    with pytest.raises(ConflictError, match="refund_too_large"):
        give_back(paid, 3001, "rfd_2")
    assert (paid.payment.refunded, len(paid.ledger())) == (2000, 2)


def test_a_refund_in_between_does_not_let_the_sum_pass_what_was_captured(paid: Shop) -> None:
    paid.provider.meanwhile("refund", lambda: _refused(partial(give_back, paid, 3000, "rfd_2")))
    give_back(paid, 3000)
    assert sum(paid.provider.given(ORDER).values()) == paid.payment.refunded == 3000


def _refused(call: partial[Refund]) -> None:
    with pytest.raises(ConflictError, match="refund_too_large"):
        call()


def test_two_refunds_at_once_that_fit_are_both_paid(paid: Shop) -> None:
    paid.provider.meanwhile("refund", lambda: _paid(partial(give_back, paid, 2000, "rfd_2")))
    give_back(paid, 3000)
    assert (paid.payment.refunded, paid.payment.refunding, len(paid.ledger())) == (5000, 0, 3)


def _paid(call: partial[Refund]) -> None:
    assert call().status == "succeeded"


def test_another_currency_is_refused(paid: Shop) -> None:
    with pytest.raises(UnprocessableError) as refused:
        give_back(paid, 2000, currency="USD")
    assert (refused.value.code, json_pointer(refused.value.field)) == ("wrong_currency", "/amount/currency")


@pytest.mark.parametrize("steps", [("place",), ("place", "cancel"), ("cancel",)], ids="-".join)
def test_what_was_not_captured_is_not_refunded(shop: Shop, steps: tuple[str, ...]) -> None:
    for step in steps:
        getattr(shop, step)()
    with pytest.raises(ConflictError, match="not_captured"):
        give_back(shop, 1)
    assert "refund" not in shop.provider.calls


def test_an_order_without_payment_has_nothing_to_refund(shop: Shop) -> None:
    with pytest.raises(NotFoundError):
        give_back(shop, 1)


def test_a_refund_the_provider_refuses_takes_nothing_from_what_can_be_refunded(paid: Shop) -> None:
    paid.provider.refuse("refund")
    with pytest.raises(UnprocessableError, match="refund_refused"):
        give_back(paid, 2000)
    assert (paid.payment.refundable, paid.payment.refunded, len(paid.ledger())) == (5000, 0, 1)


def test_a_refund_while_the_provider_is_down_is_promised(paid: Shop) -> None:
    paid.provider.down("refund")
    assert give_back(paid, 2000).status == "pending"
    assert (paid.payment.refundable, paid.payment.refunded) == (3000, 0)


def test_a_promised_refund_is_paid_by_the_sweep(paid: Shop) -> None:
    paid.provider.down("refund")
    give_back(paid, 2000)
    paid.provider.up()
    paid.sweep(minutes=2)
    assert (paid.payment.refunded, paid.payment.refunding, paid.told()[0][0]) == (2000, 0, "PaymentRefunded")


def test_a_refund_whose_worker_died_after_the_provider_paid_is_recorded_by_the_sweep(paid: Shop) -> None:
    paid.provider.crash_after("refund")
    with pytest.raises(Crash):
        give_back(paid, 2000)
    paid.sweep(minutes=2)
    assert (paid.payment.refunded, paid.provider.given(ORDER)) == (2000, {"rfd_1": 2000})


def test_a_refund_whose_worker_died_is_ended_by_the_same_request_again(paid: Shop) -> None:
    paid.provider.crash_after("refund")
    with pytest.raises(Crash):
        give_back(paid, 2000)
    assert give_back(paid, 2000).status == "succeeded"
    assert (paid.payment.refunded, len(paid.ledger())) == (2000, 2)


def test_a_refund_that_ended_is_never_looked_at_again(paid: Shop) -> None:
    give_back(paid, 2000)
    assert paid.sweep(days=30) == 0


def test_a_promised_refund_that_still_fails_is_tried_a_minute_later(paid: Shop) -> None:
    paid.provider.down("refund")
    give_back(paid, 2000)
    assert [paid.sweep(minutes=2), paid.sweep(seconds=30), paid.sweep(minutes=1)] == [1, 0, 1]


def test_a_cancellation_refunds_what_is_left(paid: Shop) -> None:
    give_back(paid, 2000)
    paid.cancel()
    assert (paid.payment.refunded, sorted(paid.provider.given(ORDER).values())) == (5000, [2000, 3000])


def test_a_cancellation_of_what_was_refunded_already_gives_nothing_back(paid: Shop) -> None:
    give_back(paid, 5000)
    paid.cancel()
    assert ([one.refund_id for one in paid.table.refunds(ORDER)], len(paid.ledger())) == (["rfd_1"], 2)


def test_a_cancellation_beside_a_promised_refund_gives_back_each_coin_once(paid: Shop) -> None:
    paid.provider.down("refund", times=3)
    give_back(paid, 2000)
    paid.cancel()
    paid.sweep(minutes=2)
    assert (paid.payment.refunded, sum(paid.provider.given(ORDER).values())) == (5000, 5000)


def test_the_totals_can_be_rebuilt_from_the_ledger(paid: Shop) -> None:
    for number, amount in enumerate((1, 1999, 3000)):
        give_back(paid, amount, f"rfd_{number}")
    entries, _ = paid.table.entries(ORDER, 100, None)
    assert domain.totals(entries) == (paid.payment.captured, paid.payment.refunded, 0) == (5000, 5000, 0)


def test_the_ledger_balances(paid: Shop) -> None:
    give_back(paid, 2000)
    entries, _ = paid.table.entries(ORDER, 100, None)
    balances = domain.balances(entries)
    assert balances == {"provider_receivable": 3000, "customer_sales": -5000, "customer_refunds": 2000}
    assert sum(balances.values()) == 0


def test_what_the_provider_owes_is_what_the_provider_has(paid: Shop) -> None:
    give_back(paid, 2000)
    entries, _ = paid.table.entries(ORDER, 100, None)
    has = paid.provider.captured[ORDER] - sum(paid.provider.given(ORDER).values())
    assert domain.balances(entries)["provider_receivable"] == has


def test_a_refund_that_the_provider_cannot_pay_exactly_is_refused_before_it_begins() -> None:
    taken = replace(
        a_payment(currency="KWD"), provider="stripe", status="captured", amount=5120, captured=5120
    )
    domain.check_refund(taken, 120, "KWD")
    with pytest.raises(UnprocessableError) as refused:
        domain.check_refund(taken, 124, "KWD")
    assert (refused.value.code, json_pointer(refused.value.field)) == (
        "amount_not_chargeable",
        "/amount/amount",
    )
    assert "0.010" in refused.value.detail
