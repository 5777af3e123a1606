"""Money in whole minor units: text in, text out, never a float between."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from functions.shared.money import (
    EXPONENTS,
    MAX_AMOUNT,
    AmountError,
    charge_step,
    chargeable,
    exponent,
    format_amount,
    parse_amount,
    provider_amount,
    units,
)


@pytest.mark.parametrize(
    ("text", "currency", "amount"),
    [
        ("19.99", "EUR", 1999),
        ("19.9", "EUR", 1990),
        ("19", "EUR", 1900),
        ("0", "EUR", 0),
        ("0.01", "EUR", 1),
        ("0.29", "EUR", 29),
        ("1.10", "EUR", 110),
        ("4.35", "EUR", 435),
        ("19.990", "EUR", 1999),
        (" 7 ", "EUR", 700),
        ("1500", "JPY", 1500),
        ("1500.00", "JPY", 1500),
        ("1.234", "KWD", 1234),
        ("1.2", "KWD", 1200),
        ("1.2345", "CLF", 12345),
        ("007.50", "EUR", 750),
        ("999999999.99", "EUR", MAX_AMOUNT),
    ],
)
def test_an_amount_is_read_in_minor_units_of_its_currency(text: str, currency: str, amount: int) -> None:
    assert parse_amount(text, currency) == amount


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("", "EUR"),
        ("-1", "EUR"),
        ("+1", "EUR"),
        ("1,99", "EUR"),
        ("1.999", "EUR"),
        ("1.5", "JPY"),
        ("€1", "EUR"),
        ("1e3", "EUR"),
        (".5", "EUR"),
        ("5.", "EUR"),
        ("1.2.3", "EUR"),
        ("NaN", "EUR"),
        ("١", "EUR"),
        ("1 000", "EUR"),
        ("1000000000", "EUR"),
        ("99999999999999999999", "EUR"),
        ("1", "eur"),
        ("1", "EURO"),
        ("1", "XXX"),
        ("1", ""),
    ],
)
def test_what_is_no_amount_of_the_currency_is_refused(text: str, currency: str) -> None:
    with pytest.raises(AmountError):
        parse_amount(text, currency)


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (1999, "EUR", "19.99"),
        (5, "EUR", "0.05"),
        (0, "EUR", "0.00"),
        (1500, "JPY", "1500"),
        (1, "KWD", "0.001"),
    ],
)
def test_an_amount_is_written_with_the_decimals_of_its_currency(
    amount: int, currency: str, text: str
) -> None:
    assert format_amount(amount, currency) == text


@given(some.integers(0, MAX_AMOUNT), some.sampled_from(["EUR", "JPY", "KWD", "CLF", "USD"]))
def test_an_amount_is_read_back_as_it_was_written(amount: int, currency: str) -> None:
    assert parse_amount(format_amount(amount, currency), currency) == amount


@pytest.mark.parametrize(
    ("currency", "decimals"), [("EUR", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4), ("ISK", 0)]
)
def test_a_currency_has_the_decimals_iso_4217_gives_it(currency: str, decimals: int) -> None:
    assert exponent(currency) == decimals


@pytest.mark.parametrize("currency", sorted(EXPONENTS))
def test_any_amount_of_any_currency_is_read_back_as_it_was_written(currency: str) -> None:
    for amount in (0, 1, 199900, MAX_AMOUNT):
        assert parse_amount(format_amount(amount, currency), currency) == amount


def test_an_amount_that_is_taken_off_has_its_sign_in_front() -> None:
    assert (format_amount(-4, "KWD"), format_amount(-4, "JPY")) == ("-0.004", "-4")


@pytest.mark.parametrize(
    ("amount", "currency", "sent"),
    [
        (199900, "HUF", 199900),
        (199901, "HUF", 199901),
        (1999, "TWD", 1999),
        (1999, "EUR", 1999),
        (1999, "JPY", 1999),
        (5, "ISK", 500),
        (5, "UGX", 500),
        (500, "MGA", 5),
        (5120, "KWD", 5120),
    ],
)
def test_stripe_is_told_amounts_in_its_own_units(amount: int, currency: str, sent: int) -> None:
    assert provider_amount("stripe", amount, currency) == sent
    assert provider_amount("simulator", amount, currency) == amount


@pytest.mark.parametrize(("amount", "currency"), [(5124, "KWD"), (5121, "BHD"), (199999, "MGA"), (50, "MGA")])
def test_what_stripe_cannot_charge_exactly_is_refused(amount: int, currency: str) -> None:
    with pytest.raises(AmountError):
        provider_amount("stripe", amount, currency)


@pytest.mark.parametrize(
    ("amount", "step", "rounded"),
    [
        (5124, 10, 5120),
        (5125, 10, 5130),
        (5129, 10, 5130),
        (4, 10, 10),
        (0, 10, 0),
        (149, 100, 100),
        (7, 1, 7),
    ],
)
def test_a_total_is_rounded_to_the_nearest_step_and_never_to_nothing(
    amount: int, step: int, rounded: int
) -> None:
    assert chargeable(amount, step) == rounded


@pytest.mark.parametrize("currency", sorted(EXPONENTS))
@pytest.mark.parametrize("provider", ["stripe", "simulator"])
def test_every_rounded_amount_can_be_charged(provider: str, currency: str) -> None:
    step = charge_step(provider, currency)
    for amount in range(1, 250):
        provider_amount(provider, chargeable(amount, step), currency)


def test_tax_is_borne_by_units_that_something_is_left_to_pay_for() -> None:
    shared = units(1, 10, 5, 1)
    assert [sum(part) for part in zip(*shared, strict=True)] == [5, 5, 1]
    assert [unit.tax for unit in shared if not unit.amount] == [0] * 5
