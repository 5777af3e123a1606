"""Refunds and disputes that are made at the provider reach the ledger: once, in full or in part, in any order."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from functions.payments import domain, reconciling, refunds
from functions.payments.providers.domain import MadeDispute, Notice, ProviderUnavailableError
from functions.payments.providers.simulator import Simulator
from functions.payments.table import PaymentsTable, SimulatorTable
from functions.shared.errors import ConflictError
from tests.unit.payments.conftest import ORDER, Shop
from tests.unit.payments.fake_provider import Crash

PAID = ("capture", "provider_receivable", "customer_sales", 5000)
OPEN = MadeDispute("dp_1", 5000, "EUR", "open", 5000, "fraudulent")


@pytest.fixture
def paid(shop: Shop) -> Shop:
    shop.place()
    shop.confirm()
    return shop


def told_of(shop: Shop, event_id: str = "evt_1", **fields: Any) -> None:
    """Have a webhook tell of money that went back."""
    given = {"kind": "charge.refunded", "order_id": ORDER, "is_money_back": True, **fields}
    reconciling.on_notice(shop.table, shop.providers, "fake", Notice(event_id, **given), shop.at)


def look(shop: Shop, event_id: str = "evt_1", **fields: Any) -> None:
    told_of(shop, event_id, **fields)
    shop.sweep(seconds=30)


# --- refunds ------------------------------------------------------------------------------------------------------


def test_a_refund_made_at_the_provider_reaches_the_ledger(paid: Shop, facts: Any) -> None:
    paid.provider.made_there("re_9", 1500)
    look(paid)
    assert paid.ledger() == [PAID, ("refund", "customer_refunds", "provider_receivable", 1500)]
    assert (paid.payment.refunded, paid.payment.standing) == (1500, "partially_refunded")
    ((kind, data),) = facts()
    assert (kind, data["amount"], data["reason"]) == (
        "PaymentRefunded",
        {"amount": 1500, "currency": "EUR"},
        "made_at_provider",
    )
    assert data["back"] == {"currency": "EUR", "refunded": 1500}


def test_it_is_booked_once_however_often_it_is_told(paid: Shop) -> None:
    paid.provider.made_there("re_9", 5000)
    for event_id in ("evt_1", "evt_1", "evt_2", "evt_3"):
        look(paid, event_id)
    assert (paid.payment.refunded, len(paid.ledger()), len(paid.table.refunds(ORDER))) == (5000, 2, 1)


@pytest.mark.parametrize("status", ["authorized", "capturing"])
def test_it_is_booked_too_where_it_is_told_before_we_know_of_the_capture(status: Any, shop: Shop) -> None:
    """The capture's answer was lost, or its worker died: the provider had the money, and gave it back."""
    shop.place()
    shop.provider.capture(shop.payment)
    if status == "capturing":
        shop.table.move(shop.payment, domain.postponed(shop.payment, "capturing", shop.at), None, shop.at)
    shop.provider.made_there("re_9", 1500)
    told_of(shop)
    shop.confirm()
    shop.sweep(minutes=2)
    shop.sweep(minutes=2)
    assert (shop.payment.status, shop.payment.refunded) == ("captured", 1500)


def test_one_that_is_told_while_the_provider_is_away_is_not_forgotten(paid: Shop) -> None:
    paid.provider.made_there("re_9", 1500)
    paid.provider.down("money_back")
    look(paid)
    paid.provider.up()
    paid.sweep(minutes=2)
    assert (paid.payment.refunded, paid.payment.noticed) == (1500, False)


def test_several_of_them_and_our_own_add_up(paid: Shop) -> None:
    refunds.refund_payment(
        paid.table, paid.providers, ORDER, (1000, "EUR"), "broken", refund_id="rfd_1", by="cus_s", at=paid.at
    )
    paid.provider.made_there("re_8", 500)
    paid.provider.made_there("re_9", 3500)
    look(paid)
    assert (paid.payment.refunded, paid.payment.standing, paid.payment.refundable) == (5000, "refunded", 0)
    assert len(paid.ledger()) == 4


def test_one_that_is_pending_holds_its_amount_and_is_asked_for(paid: Shop) -> None:
    paid.provider.made_there("re_9", 1500, "pending")
    look(paid)
    assert (paid.payment.refunding, paid.payment.refundable, paid.ledger()) == (1500, 3500, [PAID])
    paid.provider.made_there("re_9", 1500, "succeeded")
    paid.sweep(minutes=31)
    assert (paid.payment.refunding, paid.payment.refunded) == (0, 1500)
    assert set(paid.provider.refunds[ORDER]) == {"re_9"}


def test_one_that_failed_and_one_in_its_place_never_exceed_what_was_taken(paid: Shop, facts: Any) -> None:
    paid.provider.made_there("re_8", 5000)
    look(paid)
    paid.provider.made_there("re_9", 5000)
    paid.provider.made_there("re_8", 5000, "failed")
    look(paid, "evt_2")
    assert (paid.payment.refunded, paid.payment.refund_failed) == (5000, 0)
    assert [data["back"].get("refunded", 0) for _, data in facts()] == [5000, 0, 5000]


def test_a_refund_of_ours_that_is_not_answered_yet_gives_way_to_what_was_given_back(paid: Shop) -> None:
    paid.provider.down("refund")
    refunds.refund_payment(
        paid.table, paid.providers, ORDER, (4000, "EUR"), "broken", refund_id="rfd_1", by="cus_s", at=paid.at
    )
    paid.provider.made_there("re_9", 5000)
    look(paid)
    assert (paid.payment.refunded, paid.payment.refunding, paid.payment.refundable) == (5000, 4000, 0)
    paid.provider.up()
    paid.sweep(minutes=2)
    assert (paid.payment.refunded, paid.payment.refunding, paid.payment.refund_failed) == (5000, 0, 4000)


def test_another_currency_is_not_booked(paid: Shop) -> None:
    paid.provider.made_there("re_9", 1500, currency="USD")
    look(paid)
    assert (paid.payment.refunded, paid.ledger(), paid.payment.open_at) == (0, [PAID], "")


def test_an_order_cancelled_after_it_gives_back_the_rest(paid: Shop) -> None:
    paid.provider.made_there("re_9", 1500)
    look(paid)
    paid.cancel()
    assert (paid.payment.refunded, paid.payment.standing) == (5000, "refunded")


# --- disputes -----------------------------------------------------------------------------------------------------


def test_a_dispute_takes_its_money_in_the_ledger(paid: Shop, facts: Any) -> None:
    paid.provider.dispute(OPEN)
    look(paid)
    assert paid.ledger() == [PAID, ("dispute", "customer_disputes", "provider_receivable", 5000)]
    assert (paid.payment.disputed, paid.payment.open_disputes, paid.payment.refundable) == (5000, 1, 0)
    assert paid.payment.standing == "captured"
    ((kind, data),) = facts()
    assert (kind, data) == (
        "PaymentDisputed",
        {
            "orderId": ORDER,
            "disputeId": "dp_1",
            "amount": {"amount": 5000, "currency": "EUR"},
            "withdrawn": {"amount": 5000, "currency": "EUR"},
            "reason": "fraudulent",
            "back": {"currency": "EUR", "disputed": 5000, "openDisputes": 1},
        },
    )


@pytest.mark.parametrize(
    ("status", "withdrawn", "ledger"),
    [("won", 0, ["dispute", "dispute_reinstated"]), ("lost", 5000, ["dispute"])],
)
def test_a_dispute_ends_won_or_lost(
    paid: Shop, facts: Any, status: Any, withdrawn: int, ledger: list[str]
) -> None:
    paid.provider.dispute(OPEN)
    look(paid)
    paid.provider.dispute(replace(OPEN, status=status, withdrawn=withdrawn))
    look(paid, "evt_2")
    assert [kind for kind, *_ in paid.ledger()] == ["capture", *ledger]
    assert (paid.payment.disputed, paid.payment.open_disputes) == (withdrawn, 0)
    kind, data = facts()[-1]
    assert (kind, data["outcome"]) == ("PaymentDisputeClosed", status)
    (dispute,) = paid.table.disputes(ORDER)
    assert (dispute.status, dispute.withdrawn) == (status, withdrawn)


def test_steps_that_are_told_in_the_wrong_order_end_the_same(paid: Shop, facts: Any) -> None:
    paid.provider.dispute(replace(OPEN, status="won", withdrawn=0))
    for event_id in ("evt_closed", "evt_reinstated", "evt_withdrawn", "evt_created"):
        look(paid, event_id)
    assert (paid.payment.disputed, paid.payment.open_disputes, paid.ledger()) == (0, 0, [PAID])
    assert [kind for kind, _ in facts()] == ["PaymentDisputeClosed"]


def test_an_inquiry_takes_nothing_until_it_is_a_dispute(paid: Shop, facts: Any) -> None:
    paid.provider.dispute(replace(OPEN, withdrawn=0))
    look(paid)
    assert (paid.payment.disputed, paid.payment.open_disputes, paid.ledger()) == (0, 1, [PAID])
    paid.provider.dispute(OPEN)
    look(paid, "evt_2")
    assert (paid.payment.disputed, paid.payment.open_disputes) == (5000, 1)
    assert [kind for kind, _ in facts()] == ["PaymentDisputed", "PaymentDisputed"]


def test_an_inquiry_that_comes_to_nothing_is_closed(paid: Shop, facts: Any) -> None:
    paid.provider.dispute(replace(OPEN, withdrawn=0))
    look(paid)
    paid.provider.dispute(replace(OPEN, status="closed", withdrawn=0))
    look(paid, "evt_2")
    assert (paid.payment.open_disputes, facts()[-1][1]["outcome"]) == (0, "closed")


def test_a_part_that_is_disputed_leaves_the_rest_to_refund(paid: Shop) -> None:
    paid.provider.dispute(replace(OPEN, amount=2000, withdrawn=2000))
    look(paid)
    assert paid.payment.refundable == 3000
    with pytest.raises(ConflictError, match="refund_too_large"):
        refunds.refund_payment(
            paid.table, paid.providers, ORDER, (3001, "EUR"), "x", refund_id="rfd_1", by="cus_s", at=paid.at
        )


def test_what_was_refunded_and_is_disputed_as_well_is_gone_twice_and_the_ledger_says_so(paid: Shop) -> None:
    paid.cancel()
    paid.provider.dispute(OPEN)
    look(paid)
    assert (paid.payment.refunded, paid.payment.disputed, paid.payment.refundable) == (5000, 5000, 0)
    entries, _ = paid.table.entries(ORDER, 100, None)
    balances = domain.balances(entries)
    assert balances == {
        "provider_receivable": -5000,
        "customer_sales": -5000,
        "customer_refunds": 5000,
        "customer_disputes": 5000,
    }
    assert domain.totals(entries) == (5000, 5000, 5000)


def test_what_is_won_of_a_cancelled_order_goes_back_to_its_buyer(paid: Shop) -> None:
    paid.provider.dispute(OPEN)
    look(paid)
    paid.cancel()
    assert (paid.payment.refunded, paid.payment.refunding) == (0, 0)
    paid.provider.dispute(replace(OPEN, status="won", withdrawn=0))
    look(paid, "evt_2")
    paid.sweep(minutes=2)
    assert (paid.payment.refunded, paid.payment.disputed, paid.payment.standing) == (5000, 0, "refunded")
    look(paid, "evt_3")
    assert (paid.payment.refunded, len(paid.ledger())) == (5000, 4)


def test_what_is_won_of_an_order_that_stands_stays(paid: Shop) -> None:
    paid.provider.dispute(OPEN)
    look(paid)
    paid.provider.dispute(replace(OPEN, status="won", withdrawn=0))
    look(paid, "evt_2")
    assert (paid.sweep(days=1), paid.payment.refunded, paid.payment.refundable) == (0, 0, 5000)


def test_an_order_cancelled_in_a_dispute_of_a_part_gives_back_the_rest_first(paid: Shop) -> None:
    paid.provider.dispute(replace(OPEN, amount=2000, withdrawn=2000))
    look(paid)
    paid.cancel()
    assert paid.payment.refunded == 3000
    paid.provider.dispute(replace(OPEN, amount=2000, status="won", withdrawn=0))
    look(paid, "evt_2")
    paid.sweep(minutes=2)
    assert (paid.payment.refunded, paid.payment.standing) == (5000, "refunded")


def test_an_older_answer_never_replaces_a_newer_one(paid: Shop) -> None:
    paid.provider.dispute(OPEN)
    told_of(paid)

    def overtaken() -> None:
        paid.provider.dispute(replace(OPEN, status="won", withdrawn=0))
        told_of(paid, "evt_2")
        reconciling.reconcile(paid.table, paid.providers, ORDER, paid.at)

    paid.provider.meanwhile("money_back", overtaken)
    paid.sweep(seconds=30)
    (dispute,) = paid.table.disputes(ORDER)
    assert (dispute.status, paid.payment.disputed, paid.payment.open_disputes) == ("won", 0, 0)


def test_an_older_answer_that_is_stored_meanwhile_hides_no_newer_one(paid: Shop) -> None:
    paid.provider.made_there("re_9", 1500, "failed")
    told_of(paid)

    def overtaken() -> None:
        paid.provider.made_there("re_9", 1500, "succeeded")  # what another worker was told a moment before
        reconciling.reconcile(paid.table, paid.providers, ORDER, paid.at)
        paid.provider.made_there("re_9", 1500, "failed")

    paid.provider.meanwhile("money_back", overtaken)
    paid.sweep(seconds=30)
    (refund,) = paid.table.refunds(ORDER)
    assert (refund.status, paid.payment.refunded, paid.payment.open_at) == ("failed", 0, "")


# --- webhooks -----------------------------------------------------------------------------------------------------


def test_one_that_names_no_order_is_found_by_the_providers_own_id(paid: Shop) -> None:
    paid.provider.made_there("re_9", 1500)
    look(paid, order_id=None, ref=f"fake_{ORDER}")
    assert paid.payment.refunded == 1500


@pytest.mark.parametrize(
    "fields", [{"order_id": "ord_x"}, {"order_id": None, "ref": "fake_x"}, {"order_id": None}]
)
def test_one_about_no_payment_of_ours_is_taken_and_changes_nothing(
    paid: Shop, fields: dict[str, Any]
) -> None:
    before = paid.payment
    told_of(paid, **fields)
    assert (paid.payment, paid.table.noted("fake", "evt_1")) == (before, True)


def test_one_whose_order_cannot_be_asked_for_comes_again(paid: Shop) -> None:
    paid.provider.down("order_of")
    with pytest.raises(ProviderUnavailableError):
        told_of(paid, order_id=None, ref=f"fake_{ORDER}")
    paid.provider.up()
    paid.provider.made_there("re_9", 1500)
    look(paid, order_id=None, ref=f"fake_{ORDER}")
    assert paid.payment.refunded == 1500


def test_one_whose_worker_dies_comes_again_and_is_looked_at(paid: Shop) -> None:
    paid.provider.made_there("re_9", 1500)

    class Dies(PaymentsTable):
        def hasten(self, *_: Any) -> bool:
            raise Crash("hasten")

    with pytest.raises(Crash):
        reconciling.on_notice(
            Dies(paid.table.name),
            paid.providers,
            "fake",
            Notice("evt_1", "refund.created", ORDER, None, True),
            paid.at,
        )
    look(paid)
    assert paid.payment.refunded == 1500


def test_one_of_a_capture_does_not_have_the_refunds_asked_for(paid: Shop) -> None:
    told_of(paid, kind="payment_intent.succeeded", is_money_back=False)
    assert paid.sweep(minutes=5) == 0


def test_the_simulator_has_payments_that_are_disputed(table: PaymentsTable, shop: Shop) -> None:
    far: Any = Simulator(SimulatorTable(table.name), lambda: "s", 0)
    far.name = "fake"
    shop.providers._made["fake"] = far
    shop.place("tok_createDispute")
    shop.confirm()
    look(shop)
    assert (shop.payment.disputed, shop.payment.open_disputes) == (5000, 1)
