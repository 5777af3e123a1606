"""The order's rules: every combination of votes, every order of events, and what never happens whatever comes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from functions.orders import events, saga
from functions.orders.domain import (
    MAX_NOTES,
    PARTICIPANTS,
    Content,
    MoneyBack,
    Order,
    OrderLine,
    Participant,
    Report,
    Status,
    TaxPart,
    TimelineEntry,
    Totals,
    as_placed,
    cancelled,
    decide,
    expired,
    fact_of,
    noted,
    voted,
)
from functions.orders.mails.emails import amounts, of_decision
from functions.orders.table import _packed
from functions.shared.addresses import PostalAddress

SOON, LATE = "2026-11-22T17:06:00.000Z", "2026-11-22T17:07:09.123Z"
CONTENT = Content(
    "crt_1",
    "amira@example.com",
    (OrderLine("POT-CLAY-L", "prd_1", "Clay pot", 2, 1999, 3998),),
    Totals("EUR", 3998, 490, 853, 5341),
    PostalAddress(
        name="Amira Haddad", line1="Lindenstraße 12", city="Berlin", postal_code="10969", country="DE"
    ),
    "tok_visa",
    LATE,
)
PLACED = Order("ord_1", "cus_1", "2026-11-22T17:05:09.123Z", CONTENT)


def report(kind: str, number: int = 1, **word: Any) -> Report:
    return Report(TimelineEntry(SOON, kind, f"ord_1.{number}.{kind}"), **word)


STOCK_YES = report("StockReserved")
STOCK_NO = report("StockRejected")
PAYMENT_YES = report("PaymentAuthorized")
PAYMENT_NO = report("PaymentDeclined")
MOVED = "2026-11-22T17:20:09.123Z"
"""Until when the bank waits for the buyer."""
PAYMENT_ASKS = Report(TimelineEntry(SOON, "PaymentActionRequired", "ord_1.1.PaymentActionRequired", MOVED))
VOTES = (STOCK_YES, STOCK_NO, PAYMENT_YES, PAYMENT_NO, PAYMENT_ASKS)
PROGRESS = (
    report("StockCommitted"),
    report("StockReleased"),
    report("PaymentCaptured"),
    report("PaymentVoided"),
    report("PaymentRefunded", 4, back=MoneyBack(4, 341)),
    report("PaymentRefunded", 5, back=MoneyBack(5, 5341)),
)
CONFIRMED = voted(voted(PLACED, STOCK_YES, SOON), PAYMENT_YES, SOON)


# --- the decision --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stock", "payment", "in_time", "overdue"),
    [
        (None, None, None, ("cancelled", "timeout")),
        ("reserved", None, None, ("cancelled", "timeout")),
        (None, "authorised", None, ("cancelled", "timeout")),
        ("rejected", None, ("cancelled", "out_of_stock"), ("cancelled", "out_of_stock")),
        (None, "declined", ("cancelled", "payment_declined"), ("cancelled", "payment_declined")),
        ("rejected", "authorised", ("cancelled", "out_of_stock"), ("cancelled", "out_of_stock")),
        ("rejected", "declined", ("cancelled", "out_of_stock"), ("cancelled", "out_of_stock")),
        ("reserved", "declined", ("cancelled", "payment_declined"), ("cancelled", "payment_declined")),
        ("reserved", "authorised", ("confirmed", None), ("confirmed", None)),
        ("released", "authorised", None, ("cancelled", "timeout")),
        ("reserved", "voided", None, ("cancelled", "timeout")),
        ("reserved", "action_required", None, ("cancelled", "timeout")),
        ("rejected", "action_required", ("cancelled", "out_of_stock"), ("cancelled", "out_of_stock")),
    ],
)
def test_the_votes_decide(stock: Any, payment: Any, in_time: Any, overdue: Any) -> None:
    said = {"inventory": stock, "payments": payment}
    parts = {name: state for name, state in said.items() if state}
    assert decide(parts) == in_time
    assert decide(parts, overdue=True) == overdue


# --- the table of participants -------------------------------------------------------------------------------------

GIFTS = Participant(
    part="gift",
    yes="GiftWrapped",
    no="GiftRefused",
    undone_by=("GiftUnwrapped",),
    refused="operator",
    states={"GiftWrapped": ("wrapped",), "GiftRefused": ("refused",), "GiftUnwrapped": ("unwrapped",)},
    kept_by=frozenset({"wrapped"}),
)
THREE = {**PARTICIPANTS, "gifts": GIFTS}
YES = (STOCK_YES, PAYMENT_YES, report("GiftWrapped"))


@pytest.mark.parametrize("votes", list(permutations(YES)))
def test_a_third_participant_is_one_entry_of_the_table_and_waited_for(votes: tuple[Report, ...]) -> None:
    order = PLACED
    for vote in votes:
        assert order.status == "placed"
        order = voted(order, vote, SOON, THREE)
    assert (order.status, order.parts) == (
        "confirmed",
        {"inventory": "reserved", "payments": "authorised", "gifts": "wrapped"},
    )


def test_a_third_participants_no_cancels_for_its_own_reason() -> None:
    order = voted(voted(PLACED, STOCK_YES, SOON, THREE), report("GiftRefused"), SOON, THREE)
    assert (order.status, order.reason) == ("cancelled", "operator")


def test_a_third_participants_silence_is_a_no_at_the_deadline() -> None:
    parts = {"inventory": "reserved", "payments": "authorised"}
    assert decide(parts, THREE) is None
    assert decide(parts, THREE, overdue=True) == ("cancelled", "timeout")


@pytest.mark.parametrize("name", PARTICIPANTS)
def test_a_participant_holds_something_from_its_yes_until_that_is_undone(name: str) -> None:
    who = PARTICIPANTS[name]
    assert who.holds_nothing(None)
    assert who.holds_nothing(who.state(who.no))
    assert not who.holds_nothing(who.state(who.yes))
    for undone in who.undone_by:
        assert who.holds_nothing(who.states[undone][-1])
    ended = {who.no, *who.undone_by}
    assert all(not who.holds_nothing(who.state(fact)) for fact in who.states if fact not in ended)


def test_money_given_back_in_part_is_not_undone() -> None:
    assert not PARTICIPANTS["payments"].holds_nothing("partially_refunded")


def test_each_fact_is_one_participants_and_each_part_its_own() -> None:
    facts = [fact for who in PARTICIPANTS.values() for fact in who.states]
    assert len(facts) == len(set(facts))
    assert len({who.part for who in PARTICIPANTS.values()}) == len(PARTICIPANTS)
    assert (
        set(facts)
        == {kind.__name__ for kind in (*events.VOTES, *events.PROGRESS)}
        == {kind.__name__ for kind in events.PARTICIPANT_EVENTS}
    )


# --- a state beyond those there are --------------------------------------------------------------------------------

FULFILLED = replace(PLACED, status=cast(Status, "fulfilled"))
"""A state that another version of the code may have stored: nothing is made of it, least of all a cancellation."""


@pytest.mark.parametrize(
    "ask",
    [
        lambda: saga.decision(FULFILLED, FULFILLED),
        lambda: of_decision(FULFILLED),
        lambda: cancelled(FULFILLED, "customer", SOON, "cus_1"),
        lambda: fact_of(FULFILLED.status),
    ],
    ids=["its fact", "its mail", "calling it off", "the name of its fact"],
)
def test_an_order_in_an_unknown_state_is_not_taken_for_a_cancelled_one(ask: Callable[[], Any]) -> None:
    with pytest.raises(AssertionError):
        ask()


def test_a_fact_of_an_unknown_name_is_not_told_as_a_cancellation() -> None:
    item = {
        "pk": "ORDER#ord_1",
        "placed_at": PLACED.placed_at,
        "status": "cancelled",
        "version": 2,
        "reason": "timeout",
        "content": _packed(CONTENT),
    }
    assert isinstance(saga.build_data("OrderCancelled", item), events.OrderCancelled)
    with pytest.raises(LookupError):
        saga.build_data("OrderFulfilled", item)


# --- votes and the deadline ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("stock", [STOCK_YES, STOCK_NO], ids=["in stock", "out of stock"])
@pytest.mark.parametrize("payment", [PAYMENT_YES, PAYMENT_NO], ids=["paid", "declined"])
def test_two_votes_and_the_deadline_in_any_order_and_twice_over_decide_once(
    stock: Report, payment: Report
) -> None:
    votes = {"stock": stock, "payment": payment}
    against = {"deadline": "timeout"}
    against |= {"stock": "out_of_stock"} if stock == STOCK_NO else {}
    against |= {"payment": "payment_declined"} if payment == PAYMENT_NO else {}
    for steps in set(permutations(["stock", "stock", "payment", "payment", "deadline", "deadline"])):
        order = PLACED
        for step in steps:
            order = expired(order, LATE) if step == "deadline" else voted(order, votes[step], SOON)
        first = next(step for step in steps if step in against)
        both_in_time = {"stock", "payment"} <= set(steps[: steps.index(first)])
        wanted = ("confirmed", None) if both_in_time else ("cancelled", against[first])
        assert (order.status, order.reason) == wanted, steps
        assert len([entry for entry in order.timeline if entry.type.startswith("Order")]) == 1


# --- the bank's question -------------------------------------------------------------------------------------------

ASKED = voted(voted(PLACED, STOCK_YES, SOON), PAYMENT_ASKS, SOON)


def test_a_bank_that_asks_moves_the_deadline_once_and_decides_nothing() -> None:
    assert (ASKED.status, ASKED.deadline, ASKED.content) == ("placed", MOVED, CONTENT)
    assert ASKED.parts == {"inventory": "reserved", "payments": "action_required"}
    later = Report(PAYMENT_ASKS.entry._replace(cause="ord_1.9.PaymentActionRequired", detail="2027-01-01"))
    assert voted(ASKED, later, SOON) is ASKED
    assert expired(ASKED, LATE) is ASKED
    assert (expired(ASKED, MOVED).status, expired(ASKED, MOVED).reason) == ("cancelled", "timeout")


def test_a_bank_that_would_shorten_the_time_does_not() -> None:
    short = Report(PAYMENT_ASKS.entry._replace(detail=SOON))
    assert voted(PLACED, short, SOON).deadline == LATE


@pytest.mark.parametrize(("vote", "status"), [(PAYMENT_YES, "confirmed"), (PAYMENT_NO, "cancelled")])
def test_the_buyers_answer_is_the_vote_however_late_the_question_is_heard(vote: Report, status: str) -> None:
    assert voted(ASKED, vote, SOON).status == status
    answered = voted(voted(PLACED, vote, SOON), PAYMENT_ASKS, SOON)
    assert voted(answered, STOCK_YES, SOON).status == status
    assert answered.parts["payments"] == PARTICIPANTS["payments"].state(vote.entry.type)


@pytest.mark.parametrize("vote", [PAYMENT_YES, PAYMENT_NO])
@pytest.mark.parametrize("first", [True, False], ids=["asked before", "asked after"])
def test_an_order_that_is_off_while_the_bank_asks_is_open_until_nothing_can_be_held(
    vote: Report, *, first: bool
) -> None:
    off = cancelled(voted(PLACED, STOCK_NO, SOON) if not first else ASKED, "customer", SOON, "cus_1")
    off = voted(off, PAYMENT_ASKS, SOON)
    off = noted(off, report("StockReleased"))
    assert (off.status, off.is_open) == ("cancelled", True)
    answered = voted(off, vote, SOON)
    assert answered.is_open is (vote is PAYMENT_YES)
    assert voted(answered, PAYMENT_ASKS, SOON) is answered, "a question that is heard late is not asked again"
    assert not noted(answered, report("PaymentVoided")).is_open
    assert not noted(off, report("PaymentVoided")).is_open


# --- whatever comes ------------------------------------------------------------------------------------------------

ACTIONS = st.one_of(
    st.sampled_from(VOTES).map(lambda vote: ("vote", vote)),
    st.sampled_from(PROGRESS).map(lambda said: ("progress", said)),
    st.sampled_from([("deadline", SOON), ("deadline", LATE), ("deadline", MOVED)]),
    st.sampled_from([("cancel", "customer"), ("cancel", "operator")]),
)


def act(order: Order, action: tuple[str, Any]) -> Order:
    match action:
        case "vote", vote:
            return voted(order, vote, SOON)
        case "progress", said:
            return noted(order, said)
        case "deadline", at:
            return expired(order, at)
        case "cancel", reason:
            return cancelled(order, reason, SOON, "cus_1")
    return order


def causes(order: Order, kind: str) -> list[int]:
    return [number for number, entry in enumerate(order.timeline) if entry.type == kind]


@given(st.lists(ACTIONS, max_size=25))
def test_whatever_comes_an_order_is_decided_once_and_called_off_at_most_once(actions: list[Any]) -> None:
    order = PLACED
    for action in actions:
        before, order = order, act(order, action)
        assert (before.status, order.status) in {
            ("placed", "placed"),
            ("placed", "confirmed"),
            ("placed", "cancelled"),
            ("confirmed", "confirmed"),
            ("confirmed", "cancelled"),
            ("cancelled", "cancelled"),
        }
        if before.status == "confirmed" and order.status == "cancelled":
            assert action[0] == "cancel"
        if before.status == "cancelled":
            assert order.reason == before.reason
        assert len(causes(order, "OrderConfirmed")) <= 1
        assert len(causes(order, "OrderCancelled")) <= 1


@given(st.lists(ACTIONS, max_size=25))
def test_whatever_comes_nothing_is_confirmed_without_stock_and_payment(actions: list[Any]) -> None:
    order = PLACED
    for action in actions:
        order = act(order, action)
    for confirmed in causes(order, "OrderConfirmed"):
        before = {entry.type for entry in order.timeline[:confirmed]}
        assert {"StockReserved", "PaymentAuthorized"} <= before
        assert not {"StockRejected", "PaymentDeclined", "OrderCancelled"} & before


@given(st.lists(ACTIONS, max_size=25))
def test_whatever_comes_a_repeat_changes_nothing(actions: list[Any]) -> None:
    order = PLACED
    for action in actions:
        order = act(order, action)
        assert act(order, action) is order


@given(st.lists(ACTIONS, max_size=25))
def test_whatever_comes_each_change_is_one_version_and_what_was_ordered_stays(actions: list[Any]) -> None:
    order = PLACED
    for action in actions:
        before, order = order, act(order, action)
        assert order.version == before.version + (order is not before)
        assert order.timeline[: len(before.timeline)] == before.timeline
        assert as_placed(order) == PLACED


@given(st.permutations([*PROGRESS[2:3], *PROGRESS[4:], *PROGRESS[:1]]))
def test_in_whatever_order_progress_is_heard_the_end_is_the_same(said: list[Report]) -> None:
    order = CONFIRMED
    for one in said:
        order = noted(order, one)
    assert order.parts == {"inventory": "committed", "payments": "refunded"}
    assert order.back.refunded == 5341
    assert len(order.timeline) == len(CONFIRMED.timeline) + 4


# --- one by one ----------------------------------------------------------------------------------------------------


def test_the_last_vote_and_the_decision_are_one_version() -> None:
    waiting = voted(PLACED, STOCK_YES, SOON)
    assert (waiting.version, CONFIRMED.version) == (2, 3)
    assert [entry.type for entry in CONFIRMED.timeline] == [
        "StockReserved",
        "PaymentAuthorized",
        "OrderConfirmed",
    ]
    assert CONFIRMED.timeline[-1].cause == PAYMENT_YES.entry.cause


def test_a_late_vote_is_written_down_once_and_what_is_held_by_it_is_open_until_it_is_let_go() -> None:
    off = expired(PLACED, LATE)
    late = voted(off, PAYMENT_YES, SOON)
    assert (late.status, late.reason, late.parts) == ("cancelled", "timeout", {"payments": "authorised"})
    assert (late.version, late.timeline[-1], late.is_open) == (off.version + 1, PAYMENT_YES.entry, True)
    assert voted(late, PAYMENT_YES, SOON) is late
    let_go = noted(noted(late, report("PaymentVoided")), report("StockReleased"))
    assert not let_go.is_open
    assert voted(let_go, PAYMENT_YES, SOON) is let_go


def test_two_yes_after_the_deadline_confirm_what_nobody_has_cancelled_yet() -> None:
    assert voted(voted(PLACED, STOCK_YES, LATE), PAYMENT_YES, LATE).status == "confirmed"


def test_an_order_expires_at_its_deadline_and_not_before() -> None:
    assert expired(PLACED, "2026-11-22T17:07:09.122Z") is PLACED
    off = expired(PLACED, LATE)
    assert (off.status, off.reason, off.timeline[-1]) == (
        "cancelled",
        "timeout",
        TimelineEntry(LATE, "OrderCancelled", "deadline", "timeout", off.version),
    )


def test_a_confirmed_order_does_not_expire() -> None:
    assert expired(CONFIRMED, LATE) is CONFIRMED


def test_a_confirmed_order_may_be_called_off() -> None:
    off = cancelled(CONFIRMED, "customer", SOON, "cus_1")
    assert (off.status, off.reason, off.version) == ("cancelled", "customer", CONFIRMED.version + 1)


def test_an_order_that_is_off_keeps_its_reason() -> None:
    off = expired(PLACED, LATE)
    assert cancelled(off, "customer", SOON, "cus_1") is off


def test_a_part_of_the_money_back_is_not_all_of_it() -> None:
    part = noted(CONFIRMED, PROGRESS[4])
    assert (part.parts["payments"], part.back.refunded) == ("partially_refunded", 341)
    assert noted(part, PROGRESS[5]).parts["payments"] == "refunded"


def test_a_refund_that_came_back_is_not_back_any_more_whatever_is_heard_late() -> None:
    failed = report("PaymentRefundFailed", 6, back=MoneyBack(6, 341, 0, 5000))
    order = noted(noted(CONFIRMED, PROGRESS[5]), failed)
    assert (order.parts["payments"], order.back.refund_failed, order.unsettled) == (
        "partially_refunded",
        5000,
        True,
    )
    for late in (
        PROGRESS[5],
        PROGRESS[4],
        PROGRESS[2],
        report("PaymentRefundStarted", 3, back=MoneyBack(3, 0, 5000)),
    ):
        order = noted(order, late)
    assert (order.parts["payments"], order.back) == ("partially_refunded", failed.back)


@given(st.permutations(range(1, 6)))
def test_in_whatever_order_refunds_and_disputes_are_heard_the_newest_word_holds(numbers: list[int]) -> None:
    said = {
        1: report("PaymentRefundStarted", 1, back=MoneyBack(1, 0, 5341)),
        2: report("PaymentRefunded", 2, back=MoneyBack(2, 5341)),
        3: report("PaymentRefundFailed", 3, back=MoneyBack(3, 0, 0, 5341)),
        4: report("PaymentDisputed", 4, back=MoneyBack(4, 0, 0, 5341, 5341, 1)),
        5: report("PaymentDisputeClosed", 5, back=MoneyBack(5, 0, 0, 5341, 0, 0)),
    }
    order = CONFIRMED
    for number in numbers:
        order = noted(order, said[number])
    assert (order.parts["payments"], order.back) == ("captured", said[5].back)


def test_an_open_dispute_is_for_people_to_see_to_until_it_is_closed() -> None:
    disputed = noted(CONFIRMED, report("PaymentDisputed", 4, back=MoneyBack(4, 0, 0, 0, 5341, 1)))
    lost = noted(disputed, report("PaymentDisputeClosed", 5, back=MoneyBack(5, 0, 0, 0, 5341, 0)))
    assert (disputed.unsettled, lost.unsettled, lost.back.disputed) == (True, False, 5341)


def test_the_timeline_is_bounded_and_what_comes_after_still_counts() -> None:
    order = CONFIRMED
    for number in range(2 * MAX_NOTES):
        order = noted(order, report("PaymentRefunded", number, back=MoneyBack(number, number)))
    assert len(order.timeline) == MAX_NOTES
    assert order.back.refunded == 2 * MAX_NOTES - 1
    assert cancelled(order, "operator", SOON, "cus_staff").timeline[-1].type == "OrderCancelled"


def test_each_decision_says_in_which_version_it_was_made() -> None:
    off = cancelled(noted(CONFIRMED, report("StockCommitted", 2)), "customer", SOON, "cus_1")
    assert [(step.type, step.version) for step in off.decisions] == [
        ("OrderConfirmed", CONFIRMED.version),
        ("OrderCancelled", CONFIRMED.version + 2),
    ]


# --- what a mail says of money ---------------------------------------------------------------------------------------


def test_a_mail_names_what_a_total_was_rounded_by() -> None:
    assert amounts(Totals("KWD", 5124, 0, 0, 5120, -4)) == [
        ("Shipping", "0.000 KWD"),
        ("Tax", "0.000 KWD"),
        ("Rounding", "-0.004 KWD"),
        ("Total", "5.120 KWD"),
    ]


@pytest.mark.parametrize(
    ("included", "rows"),
    [
        (False, ["Shipping", "Tax 19 %", "Tax 5.5 %", "Total"]),
        (True, ["Shipping", "Total", "Including tax 19 %", "Including tax 5.5 %"]),
    ],
)
def test_a_mail_names_each_tax_where_it_belongs(included: bool, rows: list[str]) -> None:
    taxes = (TaxPart(190_000, 3726, 708), TaxPart(55_000, 517, 28), TaxPart(0, 100, 0))
    totals = Totals("EUR", 4498, 490, 736, 4988, 0, taxes, tax_included=included)
    assert [name for name, _ in amounts(totals)] == rows
    assert dict(amounts(totals))[rows[-1]].endswith(" EUR")


def test_a_mail_says_nothing_of_rounding_where_there_was_none() -> None:
    assert "Rounding" not in dict(amounts(Totals("EUR", 3998, 490, 853, 5341)))
