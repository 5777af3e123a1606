"""What each of the simulator's tokens does, and that its side of things is kept."""

from __future__ import annotations

import time

import pytest

from functions.payments.providers.domain import Approved, Declined, ProviderUnavailableError, persistently
from functions.payments.providers.simulator import Simulator
from functions.payments.table import PaymentsTable, SimulatorTable
from tests.unit.payments.conftest import a_payment

HELD = Approved("sim_01kaqz5r7b8v0w3m2x4y6t9n1c")


@pytest.fixture
def simulator(table: PaymentsTable) -> Simulator:
    return Simulator(SimulatorTable(table.name), lambda: "secret", slow_seconds=0.05)


def test_visa_is_approved(simulator: Simulator) -> None:
    assert simulator.authorise(a_payment(), "tok_visa") == HELD


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("tok_chargeDeclined", "card_declined"),
        ("tok_insufficientFunds", "insufficient_funds"),
        ("tok_unheard_of", "invalid_token"),
        ("", "invalid_token"),
    ],
)
def test_a_token_that_declines_says_why(simulator: Simulator, token: str, code: str) -> None:
    assert simulator.authorise(a_payment(), token) == Declined(code)


def test_slow_takes_its_time(simulator: Simulator) -> None:
    started = time.monotonic()
    assert simulator.authorise(a_payment(), "tok_slow") == HELD
    assert time.monotonic() - started >= 0.05


def test_flaky_fails_twice(simulator: Simulator) -> None:
    for _ in range(2):
        with pytest.raises(ProviderUnavailableError):
            simulator.authorise(a_payment(), "tok_flaky")
    assert simulator.authorise(a_payment(), "tok_flaky") == HELD


def test_flaky_is_approved_within_one_message(simulator: Simulator) -> None:
    assert persistently(lambda: simulator.authorise(a_payment(), "tok_flaky")) == HELD


def test_lost_holds_the_money_before_the_answer_is_lost(simulator: Simulator, table: PaymentsTable) -> None:
    with pytest.raises(ProviderUnavailableError):
        simulator.authorise(a_payment(), "tok_lost")
    assert SimulatorTable(table.name).intent(a_payment().order_id).status == "authorized"


def test_lost_is_found_by_the_retry(simulator: Simulator) -> None:
    assert persistently(lambda: simulator.authorise(a_payment(), "tok_lost")) == HELD


def test_what_is_held_outlives_the_adapter(simulator: Simulator, table: PaymentsTable) -> None:
    simulator.authorise(a_payment(), "tok_visa")
    another = Simulator(SimulatorTable(table.name), lambda: "secret")
    another.capture(a_payment())
    another.capture(a_payment())


def test_flaky_that_was_voided_between_its_tries_holds_nothing(simulator: Simulator) -> None:
    with pytest.raises(ProviderUnavailableError):
        simulator.authorise(a_payment(), "tok_flaky")
    simulator.void(a_payment())
    with pytest.raises(RuntimeError, match="ord_"):
        simulator.authorise(a_payment(), "tok_flaky")


# --- trouble as a whole -------------------------------------------------------------------------------------------


@pytest.fixture
def troubled(table: PaymentsTable) -> Simulator:
    far_side = SimulatorTable(table.name)
    return Simulator(far_side, lambda: "secret", slow_seconds=0.05, trouble=far_side.trouble)


def test_without_trouble_a_call_is_what_its_token_says(troubled: Simulator) -> None:
    assert troubled.authorise(a_payment(), "tok_visa") == HELD


def test_a_slow_provider_answers_everyone_late(troubled: Simulator, table: PaymentsTable) -> None:
    SimulatorTable(table.name).set_trouble("slow")
    started = time.monotonic()
    assert troubled.authorise(a_payment(), "tok_visa") == HELD
    assert time.monotonic() - started >= 0.05


def test_a_failing_provider_does_nothing_until_it_is_well_again(
    troubled: Simulator, table: PaymentsTable
) -> None:
    SimulatorTable(table.name).set_trouble("failing")
    with pytest.raises(ProviderUnavailableError):
        troubled.authorise(a_payment(), "tok_visa")
    assert SimulatorTable(table.name).intent(a_payment().order_id).status == "none"
    SimulatorTable(table.name).set_trouble("none")
    assert troubled.authorise(a_payment(), "tok_visa") == HELD


def test_a_silent_provider_does_it_and_does_not_say_so(troubled: Simulator, table: PaymentsTable) -> None:
    troubled.authorise(a_payment(), "tok_visa")
    SimulatorTable(table.name).set_trouble("silent")
    with pytest.raises(ProviderUnavailableError):
        troubled.capture(a_payment())
    assert SimulatorTable(table.name).intent(a_payment().order_id).status == "captured"
