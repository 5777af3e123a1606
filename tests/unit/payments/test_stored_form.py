"""The form in which money is stored: two versions of the code read and write it during a deploy."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from functions.payments.domain import Dispute, LedgerEntry, Payment, Refund
from functions.payments.table import PaymentsTable, SimulatorTable
from functions.shared.ids import derived_id

AT = datetime(2026, 11, 22, 17, 5, 9, 123000, tzinfo=UTC)
TIME = "2026-11-22T17:05:09.123Z"
LATER = "2026-11-22T17:12:09.123Z"
KEY = {"pk": "PAYMENT#ord_1", "sk": "PAYMENT"}
PLAIN = {
    **KEY,
    "order_id": "ord_1",
    "status": "declined",
    "amount": 5000,
    "currency": "EUR",
    "provider": "stripe",
    "version": 1,
    "ref": "",
    "captured": 0,
    "refunded": 0,
    "refunding": 0,
    "created_at": TIME,
    "changed_at": TIME,
}
FULL = Payment(
    order_id="ord_1",
    status="captured",
    amount=5000,
    currency="EUR",
    provider="stripe",
    version=7,
    created_at=TIME,
    customer_id="cus_1",
    ref="pi_1",
    code="lapsed",
    captured=5000,
    refunded=300,
    refunding=200,
    open_at=LATER,
    attempt=2,
    refund_failed=100,
    disputed=50,
    open_disputes=1,
    cancelled=True,
    noticed=True,
    captured_in=4,
    captured_at=TIME,
    changed_at=TIME,
)
REFUND = Refund("ord_1", "rfd_1", 200, "EUR", "broken", "pending", TIME, "usr_1", LATER, "re_1", "lost_card")
REFUND_ITEM = {
    "pk": "PAYMENT#ord_1",
    "sk": "REFUND#rfd_1",
    "order_id": "ord_1",
    "refund_id": "rfd_1",
    "amount": 200,
    "currency": "EUR",
    "reason": "broken",
    "status": "pending",
    "created_at": TIME,
}
BEFORE = Payment("ord_1", "captured", 5000, "EUR", "stripe", 1, TIME, captured=5000)


@pytest.fixture
def simulator(table: PaymentsTable) -> SimulatorTable:
    return SimulatorTable(table.name)


def test_a_payment_is_stored_in_the_form_that_all_versions_read(table: PaymentsTable, stored: Any) -> None:
    assert table.add(FULL, AT)
    assert stored(table) == [
        {
            **PLAIN,
            "status": "captured",
            "version": 7,
            "customer_id": "cus_1",
            "ref": "pi_1",
            "code": "lapsed",
            "captured": 5000,
            "refunded": 300,
            "refunding": 200,
            "open_shard": "OPEN#3",
            "open_at": LATER,
            "attempt": 2,
            "refund_failed": 100,
            "disputed": 50,
            "open_disputes": 1,
            "cancelled": True,
            "noticed": True,
            "captured_in": 4,
            "captured_at": TIME,
        }
    ]
    assert table.payment("ord_1") == FULL


def test_what_a_payment_has_not_takes_no_room(table: PaymentsTable, stored: Any) -> None:
    plain = Payment("ord_1", "declined", 5000, "EUR", "stripe", 1, TIME)
    assert table.add(plain, AT)
    assert stored(table) == [PLAIN]
    assert table.payment("ord_1") == replace(plain, changed_at=TIME)
    read = table.payment("ord_1")
    assert read
    assert (read.attempt, read.refund_failed, read.disputed, read.open_disputes) == (1, 0, 0, 0)
    assert (read.cancelled, read.noticed, read.open_at) == (False, False, "")


def test_a_refund_is_stored_in_the_form_that_all_versions_read(table: PaymentsTable, stored: Any) -> None:
    assert table.add(BEFORE, AT)
    assert table.move(BEFORE, BEFORE, None, AT, refund=REFUND)
    assert stored(table)[1] == {
        **REFUND_ITEM,
        "by": "usr_1",
        "ref": "re_1",
        "code": "lost_card",
        "open_shard": "OPEN#3",
        "open_at": LATER,
    }
    assert table.refund("ord_1", "rfd_1") == REFUND


def test_what_a_refund_has_not_takes_no_room(table: PaymentsTable, stored: Any) -> None:
    refund = Refund("ord_1", "rfd_1", 200, "EUR", "broken", "pending", TIME)
    assert table.add(BEFORE, AT)
    assert table.move(BEFORE, BEFORE, None, AT, refund=refund)
    assert stored(table)[1] == REFUND_ITEM
    assert table.refunds("ord_1") == [refund]


def test_a_dispute_and_its_entry_are_stored_in_the_form_that_all_versions_read(
    table: PaymentsTable, stored: Any
) -> None:
    dispute = Dispute("ord_1", "dp_1", 200, "EUR", "fraudulent", "won", TIME)
    entry = LedgerEntry("ord_1", 2, TIME, "dispute", "debit", "credit", 200, "EUR", dispute_id="dp_1")
    assert table.add(BEFORE, AT)
    assert table.move(BEFORE, BEFORE, None, AT, dispute=dispute, entry=entry)
    told = {"order_id": "ord_1", "amount": 200, "currency": "EUR"}
    assert stored(table)[:2] == [
        {
            **told,
            "pk": "PAYMENT#ord_1",
            "sk": "DISPUTE#dp_1",
            "dispute_id": "dp_1",
            "reason": "fraudulent",
            "status": "won",
            "created_at": TIME,
            "withdrawn": 0,
        },
        {
            **told,
            "pk": "PAYMENT#ord_1",
            "sk": "ENTRY#00000002",
            "number": 2,
            "time": TIME,
            "kind": "dispute",
            "debit": "debit",
            "credit": "credit",
            "dispute_id": "dp_1",
        },
    ]
    assert table.disputes("ord_1") == [dispute]
    assert table.entries("ord_1", 10, None) == ([entry], None)


def test_an_intent_of_the_simulator_is_stored_in_the_form_that_all_versions_read(
    simulator: SimulatorTable, stored: Any
) -> None:
    payment = Payment("ord_1", "authorized", 5000, "EUR", "simulator", 1, TIME, captured=5000)
    assert simulator.authorise(payment, way="tok_pendingRefund", disputed=True)
    plain = {
        "pk": "SIM#ord_1",
        "sk": "INTENT",
        "status": "authorized",
        "amount": 5000,
        "currency": "EUR",
        "refunded": 0,
        "refunds": {},
    }
    complaint = {"amount": 5000, "withdrawn": 5000, "status": "open", "reason": "fraudulent"}
    disputes = {derived_id("dp", "ord_1"): complaint}
    assert stored(simulator) == [{**plain, "refund_way": "tok_pendingRefund", "disputes": disputes}]
    assert simulator.turn("ord_1", "captured")
    assert simulator.give_back(payment, "rfd_1", 200, "pending")
    read = simulator.intent("ord_1")
    assert (read.status, read.refunded, read.refund_way) == ("captured", 200, "tok_pendingRefund")
    assert stored(simulator)[0]["refunds"] == {"rfd_1": {"amount": 200, "status": "pending"}}
    assert read.refunds["rfd_1"].status == "pending"


def test_an_intent_that_is_tried_or_barred_has_its_status_alone(simulator: SimulatorTable) -> None:
    assert simulator.intent("ord_1").status == "none"
    simulator.tried("ord_1")
    assert simulator.intent("ord_1").status == "trying"
    assert simulator.turn("ord_1", "voided")
    assert simulator.intent("ord_1").status == "voided"
