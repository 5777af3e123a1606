"""Totals: whole minor units that add up, for any lines, shipping and rate."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.cart.domain import PricedLine
from functions.cart.quotes import Terms, totals
from functions.shared.errors import ConflictError, UnprocessableError
from functions.shared.types import Money


def a_line(amount: int, quantity: int = 1, *, taxable: bool = True) -> PricedLine:
    price = Money(amount, "EUR")
    return PricedLine("A", quantity, "prd_1", "A", None, price, price, withdrawn=False, taxable=taxable)


amounts = st.integers(0, 1_000_000)
lines = st.lists(
    st.builds(lambda a, q, t: a_line(a, q, taxable=t), amounts, st.integers(1, 999), st.booleans()),
    min_size=1,
    max_size=50,
)
rates = st.integers(0, 10_000)


@given(lines, amounts, rates)
def test_subtotal_shipping_and_tax_are_the_total(lines: list[PricedLine], shipping: int, rate: int) -> None:
    found = totals(lines, shipping, rate, "EUR")
    assert found.subtotal + found.shipping + found.tax == found.total


@given(lines, amounts, rates)
def test_the_subtotal_is_the_sum_of_the_lines(lines: list[PricedLine], shipping: int, rate: int) -> None:
    found = totals(lines, shipping, rate, "EUR")
    assert found.subtotal == sum(line.unit_price.amount * line.quantity for line in lines)


@given(lines, amounts, rates)
def test_tax_is_exact_to_half_a_minor_unit(lines: list[PricedLine], shipping: int, rate: int) -> None:
    taxed = [line.total.amount for line in lines if line.taxable]
    exact = Fraction((sum(taxed) + shipping) * rate, 10_000) if taxed else Fraction(0)
    assert Fraction(-1, 2) < totals(lines, shipping, rate, "EUR").tax - exact <= Fraction(1, 2)


@pytest.mark.parametrize(
    ("amount", "rate", "tax"),
    [
        (50, 100, 1),
        (49, 100, 0),
        (150, 100, 2),
        (249, 2000, 50),
        (1, 5000, 1),
        (1, 4999, 0),
        (3998, 2550, 1019),
    ],
)
def test_half_a_minor_unit_is_rounded_up(amount: int, rate: int, tax: int) -> None:
    assert totals([a_line(amount)], 0, rate, "EUR").tax == tax


def test_tax_is_rounded_once_not_line_by_line() -> None:
    assert totals([a_line(3), a_line(3)], 0, 1_000, "EUR").tax == 1


def test_shipping_is_taxed() -> None:
    assert totals([a_line(1000)], 500, 2_000, "EUR").tax == 300


def test_exempt_goods_bear_no_tax() -> None:
    assert totals([a_line(1000, taxable=False), a_line(1000)], 0, 2_000, "EUR").tax == 200


def test_shipping_of_nothing_but_exempt_goods_bears_none_either() -> None:
    assert totals([a_line(1000, taxable=False)], 500, 2_000, "EUR").tax == 0


def test_the_largest_total_passes() -> None:
    assert totals([a_line(99_999_999_999)], 0, 0, "EUR").total == 99_999_999_999


def test_a_total_beyond_what_an_order_takes_is_refused() -> None:
    with pytest.raises(ConflictError, match="total_too_large"):
        totals([a_line(99_999_999_999)], 1, 0, "EUR")


TERMS = Terms("EUR", {"DE": 490, "default": 990}, {"DE": 1900, "FR": 2000})


def test_a_country_has_its_own_shipping_rate_or_the_default() -> None:
    assert (TERMS.of("DE"), TERMS.of("FR")) == ((490, 1900), (990, 2000))


def test_a_country_without_a_tax_rate_is_not_served() -> None:
    with pytest.raises(UnprocessableError, match="DE, FR"):
        TERMS.of("US")


def test_without_a_default_only_countries_with_a_shipping_rate_are_served() -> None:
    with pytest.raises(UnprocessableError, match="We deliver to DE; not to FR"):
        Terms("EUR", {"DE": 490}, {"DE": 1900, "FR": 2000}).of("FR")


def test_what_needs_no_shipping_is_sold_wherever_the_tax_is_known() -> None:
    terms = Terms("EUR", {"DE": 490}, {"FR": 2000, "DE": 1900})
    assert (terms.countries(), terms.countries(ships=True)) == (["DE", "FR"], ["DE"])
    assert terms.of("FR", ships=False) == (0, 2000)
    with pytest.raises(UnprocessableError, match="We sell to DE, FR; not to US"):
        terms.of("US", ships=False)


def test_with_a_default_goods_go_wherever_the_tax_is_known() -> None:
    assert TERMS.countries(ships=True) == TERMS.countries() == ["DE", "FR"]


def test_default_is_no_country() -> None:
    with pytest.raises(UnprocessableError, match="country_not_served"):
        Terms("EUR", {"default": 490}, {"DE": 1900}).of("default")


@given(lines, amounts, rates, st.sampled_from([1, 10, 100]))
def test_a_total_is_what_the_provider_can_charge_and_the_rounding_says_by_how_much(
    lines: list[PricedLine], shipping: int, rate: int, step: int
) -> None:
    exact, found = totals(lines, shipping, rate, "KWD"), totals(lines, shipping, rate, "KWD", step)
    assert (found.subtotal, found.shipping, found.tax) == (exact.subtotal, exact.shipping, exact.tax)
    assert found.total % step == 0
    assert found.subtotal + found.shipping + found.tax + found.rounding == found.total
    assert abs(found.rounding) < step
