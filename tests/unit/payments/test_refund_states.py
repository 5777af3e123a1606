"""A refund is paid when the provider says so: pending, succeeded or failed, whatever is heard of it and when."""

from __future__ import annotations

from typing import Any

import pytest

from functions.payments import refunds
from functions.payments.domain import Refund, comes_later
from functions.payments.providers.simulator import Simulator
from functions.payments.table import PaymentsTable, SimulatorTable
from tests.unit.payments.conftest import ORDER, Shop

PAID = ("capture", "provider_receivable", "customer_sales", 5000)
GIVEN = ("refund", "customer_refunds", "provider_receivable", 2000)
CAME_BACK = ("refund_failed", "provider_receivable", "customer_refunds", 2000)
WHOLE = ORDER.replace("ord_", "rfd_")


@pytest.fixture
def paid(shop: Shop) -> Shop:
    shop.place()
    shop.confirm()
    return shop


@pytest.fixture
def pending(paid: Shop) -> Shop:
    """A payment with a refund of 2000 that the provider calls pending."""
    paid.provider.first = "pending"
    give_back(paid)
    return paid


def give_back(shop: Shop, amount: int = 2000, refund_id: str = "rfd_1") -> Refund:
    return refunds.refund_payment(
        shop.table,
        shop.providers,
        ORDER,
        (amount, "EUR"),
        "broken",
        refund_id=refund_id,
        by="cus_s",
        at=shop.at,
    )


def refund(shop: Shop, refund_id: str = "rfd_1") -> Refund:
    found = shop.table.refund(ORDER, refund_id)
    assert found
    return found


def money(shop: Shop) -> tuple[int, int, int, int]:
    """Return what is refunded, promised, failed, and can still be refunded."""
    of = shop.payment
    return of.refunded, of.refunding, of.refund_failed, of.refundable


def test_a_refund_is_told_as_it_begins_before_the_provider_is_asked(paid: Shop) -> None:
    paid.provider.down("refund")
    give_back(paid)
    ((kind, data),) = paid.told()
    assert (kind, data) == (
        "PaymentRefundStarted",
        {
            "orderId": ORDER,
            "refundId": "rfd_1",
            "amount": {"amount": 2000, "currency": "EUR"},
            "reason": "broken",
            "back": {"currency": "EUR", "refunding": 2000},
        },
    )


def test_a_refund_that_the_provider_calls_pending_is_not_paid(pending: Shop) -> None:
    assert (refund(pending).status, refund(pending).ref) == ("pending", "re_rfd_1")
    assert money(pending) == (0, 2000, 0, 3000)
    assert (pending.payment.standing, pending.ledger()) == ("captured", [PAID])
    assert [kind for kind, _ in pending.told()] == ["PaymentRefundStarted"]


def test_a_pending_refund_holds_its_amount_against_others(pending: Shop) -> None:
    with pytest.raises(Exception, match="refund_too_large"):
        give_back(pending, 3001, "rfd_2")
    assert give_back(pending, 3000, "rfd_2").status == "pending"
    assert money(pending) == (0, 5000, 0, 0)


def test_a_pending_refund_is_asked_for_every_half_hour_and_paid_once(pending: Shop) -> None:
    assert pending.sweep(minutes=29) == 0
    assert pending.sweep(minutes=2) == 1
    assert refund(pending).status == "pending"
    pending.provider.end("rfd_1", "succeeded")
    assert [pending.sweep(minutes=29), pending.sweep(minutes=2), pending.sweep(days=1)] == [0, 1, 0]
    assert (money(pending), pending.ledger()) == ((2000, 0, 0, 3000), [PAID, GIVEN])
    assert pending.told()[0][0] == "PaymentRefunded"
    assert pending.provider.given(ORDER) == {"rfd_1": 2000}


def test_a_pending_refund_that_fails_can_be_given_back_again(pending: Shop) -> None:
    pending.provider.end("rfd_1", "failed")
    pending.sweep(minutes=31)
    ((kind, data),) = pending.told()
    assert (kind, data["code"], data.get("wasPaid", False)) == (
        "PaymentRefundFailed",
        "account_closed",
        False,
    )
    assert data["back"] == {"currency": "EUR", "refundFailed": 2000}
    assert (money(pending), pending.ledger()) == ((0, 0, 2000, 5000), [PAID])
    pending.provider.first = "succeeded"
    give_back(pending, 2000, "rfd_2")
    assert (money(pending), pending.ledger()) == ((2000, 0, 0, 3000), [PAID, GIVEN])


def test_what_a_failed_refund_still_owes_goes_down_by_what_is_given_back_since(pending: Shop) -> None:
    pending.provider.end("rfd_1", "failed")
    pending.sweep(minutes=31)
    pending.provider.first = "succeeded"
    give_back(pending, 500, "rfd_2")
    assert money(pending) == (500, 0, 1500, 4500)


def test_the_same_request_again_while_it_is_pending_asks_and_makes_nothing_more(pending: Shop) -> None:
    assert give_back(pending).status == "pending"
    pending.provider.end("rfd_1", "succeeded")
    assert give_back(pending).status == "succeeded"
    assert pending.provider.given(ORDER) == {"rfd_1": 2000}


def test_a_cancellation_meets_a_pending_refund_and_gives_back_the_rest(pending: Shop) -> None:
    pending.cancel()
    assert money(pending) == (0, 5000, 0, 0)
    assert (refund(pending).amount, refund(pending, WHOLE).amount) == (2000, 3000)
    for name in ("rfd_1", WHOLE):
        pending.provider.end(name, "succeeded")
    pending.sweep(minutes=31)
    assert (money(pending), pending.payment.standing) == ((5000, 0, 0, 0), "refunded")


def test_a_cancelled_order_whose_pending_refund_fails_still_owes_it(paid: Shop) -> None:
    paid.provider.first = "pending"
    paid.cancel()
    paid.provider.end(WHOLE, "failed")
    paid.sweep(minutes=31)
    assert (money(paid), paid.payment.standing) == ((0, 0, 5000, 5000), "captured")
    paid.cancel()  # told again: it was done, and ended badly; people decide now
    assert (money(paid), paid.told()[0][0]) == ((0, 0, 5000, 5000), "PaymentRefundFailed")


@pytest.mark.parametrize(
    ("than", "later"), [("pending", ["succeeded", "failed"]), ("succeeded", ["failed"]), ("failed", [])]
)
def test_a_refund_goes_its_way_in_one_direction(than: Any, later: list[str]) -> None:
    statuses: list[Any] = ["pending", "succeeded", "failed"]
    assert [one for one in statuses if comes_later(one, than)] == later


# --- told by webhook ----------------------------------------------------------------------------------------------


def notice(shop: Shop) -> None:
    """Have what a webhook does be done: the next sweep looks at the payment."""
    shop.table.hasten(ORDER, shop.at)


def test_a_webhook_settles_a_pending_refund_long_before_it_would_be_asked_for(pending: Shop) -> None:
    pending.provider.end("rfd_1", "succeeded")
    notice(pending)
    pending.sweep(seconds=30)
    assert (money(pending), pending.ledger()) == ((2000, 0, 0, 3000), [PAID, GIVEN])
    assert pending.sweep(days=1) == 0


def test_a_refund_that_was_paid_and_comes_back_is_reversed_in_the_ledger(paid: Shop) -> None:
    give_back(paid)
    paid.provider.end("rfd_1", "failed")
    notice(paid)
    paid.sweep(seconds=30)
    assert (money(paid), paid.payment.standing) == ((0, 0, 2000, 5000), "captured")
    assert paid.ledger() == [PAID, GIVEN, CAME_BACK]
    assert refund(paid).code == "account_closed"
    entries, _ = paid.table.entries(ORDER, 100, None)
    assert [entry.refund_id for entry in entries] == [None, "rfd_1", "rfd_1"]


def test_a_refund_that_comes_back_is_told_so(paid: Shop, facts: Any) -> None:
    give_back(paid)
    paid.provider.end("rfd_1", "failed")
    notice(paid)
    paid.sweep(seconds=30)
    assert [kind for kind, _ in facts()] == ["PaymentRefundStarted", "PaymentRefunded", "PaymentRefundFailed"]
    assert facts()[-1][1] == {
        "orderId": ORDER,
        "refundId": "rfd_1",
        "amount": {"amount": 2000, "currency": "EUR"},
        "reason": "broken",
        "code": "account_closed",
        "wasPaid": True,
        "back": {"currency": "EUR", "refundFailed": 2000},
    }


@pytest.mark.parametrize("end", ["succeeded", "failed"])
def test_webhooks_that_are_late_or_repeated_change_nothing(pending: Shop, end: Any) -> None:
    pending.provider.end("rfd_1", end)
    notice(pending)
    pending.sweep(seconds=30)
    before, ledger = money(pending), pending.ledger()
    for word in ("pending", "succeeded") if end == "failed" else ("pending", end):
        pending.provider.end("rfd_1", word)  # an answer from before, or one that comes once more
        notice(pending)
        pending.sweep(seconds=30)
    assert (money(pending), pending.ledger()) == (before, ledger)


def test_a_webhook_during_the_question_has_the_provider_asked_again(paid: Shop) -> None:
    give_back(paid)
    notice(paid)

    def overtaken() -> None:
        paid.provider.end("rfd_1", "failed")
        notice(paid)

    paid.provider.meanwhile("money_back", overtaken)
    paid.sweep(seconds=30)
    assert (refund(paid).status, paid.payment.open_at) == ("failed", "")


def test_a_refund_that_failed_is_not_hidden_by_an_older_answer_that_is_stored_meanwhile(
    pending: Shop,
) -> None:
    pending.provider.end("rfd_1", "failed")

    def overtaken() -> None:
        pending.provider.end("rfd_1", "succeeded")  # what another worker was told a moment before
        refunds.finish(pending.table, pending.providers, ORDER, "rfd_1", pending.at)
        pending.provider.end("rfd_1", "failed")

    pending.provider.meanwhile("refund", overtaken)
    pending.sweep(minutes=31)
    pending.sweep(seconds=30)
    assert (refund(pending).status, pending.payment.refunded, pending.payment.open_at) == ("failed", 0, "")


def test_a_provider_that_is_down_is_asked_a_minute_later(paid: Shop) -> None:
    give_back(paid)
    paid.provider.end("rfd_1", "failed")
    notice(paid)
    paid.provider.down("money_back")
    assert [paid.sweep(seconds=1), paid.sweep(seconds=58)] == [1, 0]
    paid.provider.up()
    assert paid.sweep(seconds=2) == 1
    assert refund(paid).status == "failed"


def test_a_provider_that_knows_nothing_of_the_payment_is_not_asked_for_ever(paid: Shop) -> None:
    notice(paid)
    paid.provider.refuse("money_back")
    assert [paid.sweep(seconds=1), paid.sweep(days=1)] == [1, 0]


@pytest.mark.parametrize(
    ("token", "first", "last"),
    [
        ("tok_pendingRefund", "pending", "succeeded"),
        ("tok_pendingRefundFails", "pending", "failed"),
        ("tok_refundFails", "succeeded", "failed"),
    ],
)
def test_the_simulator_has_refunds_that_end_later(
    table: PaymentsTable, shop: Shop, token: str, first: str, last: str
) -> None:
    far: Any = Simulator(SimulatorTable(table.name), lambda: "s", 0)
    far.name = "fake"
    shop.providers._made["fake"] = far
    shop.place(token)
    shop.confirm()
    assert give_back(shop).status == first
    notice(shop)
    shop.sweep(minutes=1)
    assert refund(shop).status == last
    intent = far._table.intent(ORDER)
    assert intent.refunded == shop.payment.refunded == (2000 if last == "succeeded" else 0)
