"""Totals: whole minor units that add up, for any lines, shipping and rate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.cart.domain import PricedLine
from functions.cart.quotes import Terms, Totals, charged
from functions.cart.tax import Place, TaxRate, TaxRules
from functions.shared.errors import ConflictError, UnprocessableError
from functions.shared.types import Money

Prices = Literal["include_tax", "exclude_tax"]


def a_line(amount: int, quantity: int = 1, tax_class: str = "standard") -> PricedLine:
    price = Money(amount, "EUR")
    return PricedLine("A", quantity, "prd_1", "A", None, price, price, withdrawn=False, tax_class=tax_class)


def taxed(rates: dict[str, int], prices: Prices = "exclude_tax") -> TaxRules:
    return TaxRules(prices, "DE", tuple(TaxRate(code, "standard", rate) for code, rate in rates.items()))


def totals(
    lines: Sequence[PricedLine],
    shipping: int,
    rate: int,
    currency: str = "EUR",
    step: int = 1,
    prices: Prices = "exclude_tax",
) -> Totals:
    terms = Terms(currency, {}, taxed({"DE": rate}, prices), step)
    return charged(lines, shipping, terms, Place("DE", "2026-11-29"))[1]


amounts = st.integers(0, 1_000_000)
lines = st.lists(
    st.builds(a_line, amounts, st.integers(1, 999), st.sampled_from(["standard", "exempt"])),
    min_size=1,
    max_size=50,
)
rates = st.integers(0, 1_000_000)
ways: st.SearchStrategy[Prices] = st.sampled_from(["include_tax", "exclude_tax"])


@given(lines, amounts, rates, ways)
def test_subtotal_shipping_and_tax_are_the_total(
    lines: list[PricedLine], shipping: int, rate: int, prices: Prices
) -> None:
    found = totals(lines, shipping, rate, prices=prices)
    on_top = 0 if found.tax_included else found.tax
    assert found.subtotal + found.shipping + on_top == found.total
    assert found.subtotal == sum(line.unit_price.amount * line.quantity for line in lines)
    assert sum(part.net + part.tax for part in found.taxes) == found.total
    assert sum(part.tax for part in found.taxes) == found.tax


def test_lines_carry_their_part_of_the_tax() -> None:
    terms = Terms("EUR", {}, taxed({"DE": 190_000}, "include_tax"))
    promised, found = charged([a_line(1000, 3), a_line(1)], 490, terms, Place("DE", "2026-11-29"))
    assert [(line.total, line.tax_rate, line.tax) for line in promised] == [
        (3000, 190_000, 479),
        (1, 190_000, 0),
    ]
    assert (found.tax, found.total) == (557, 3491)


def test_where_prices_include_tax_the_total_is_what_the_buyer_has_seen() -> None:
    assert totals([a_line(1000)], 490, 190_000, prices="include_tax").total == 1490
    assert totals([a_line(1000)], 490, 190_000).total == 1773


def test_abroad_the_same_net_makes_another_price_of_each_unit() -> None:
    rules = TaxRules("include_tax", "DE", taxed({"DE": 190_000, "FR": 200_000}).rates, abroad="same_net")
    promised, found = charged([a_line(1190, 3)], 595, Terms("EUR", {}, rules), Place("FR", "2026-11-29"))
    assert (promised[0].unit_price, promised[0].total, found.shipping, found.total) == (1200, 3600, 600, 4200)


def test_shipping_of_nothing_but_exempt_goods_bears_no_tax_either() -> None:
    assert totals([a_line(1000, tax_class="exempt")], 500, 200_000).tax == 0


def test_a_region_whose_tax_is_not_known_is_not_served() -> None:
    rules = TaxRules("exclude_tax", "US", (TaxRate("US", "standard", 68_750, region="MN"),))
    with pytest.raises(UnprocessableError, match="not to OR US"):
        charged([a_line(1)], 0, Terms("USD", {}, rules), Place("US", "2026-11-29", "OR"))


def test_the_largest_total_passes() -> None:
    assert totals([a_line(99_999_999_999)], 0, 0).total == 99_999_999_999


def test_a_total_beyond_what_an_order_takes_is_refused() -> None:
    with pytest.raises(ConflictError, match="total_too_large"):
        totals([a_line(99_999_999_999)], 1, 0)


TERMS = Terms("EUR", {"DE": 490, "default": 990}, taxed({"DE": 1900, "FR": 2000}))


def test_a_country_has_its_own_shipping_rate_or_the_default() -> None:
    assert (TERMS.shipping_to("DE"), TERMS.shipping_to("FR")) == (490, 990)


def test_a_country_without_a_tax_rate_is_not_served() -> None:
    with pytest.raises(UnprocessableError, match="DE, FR"):
        TERMS.shipping_to("US")


def test_without_a_default_only_countries_with_a_shipping_rate_are_served() -> None:
    with pytest.raises(UnprocessableError, match="We deliver to DE; not to FR"):
        Terms("EUR", {"DE": 490}, taxed({"DE": 1900, "FR": 2000})).shipping_to("FR")


def test_what_needs_no_shipping_is_sold_wherever_the_tax_is_known() -> None:
    terms = Terms("EUR", {"DE": 490}, taxed({"FR": 2000, "DE": 1900}))
    assert (terms.countries(), terms.countries(ships=True)) == (["DE", "FR"], ["DE"])
    assert terms.shipping_to("FR", ships=False) == 0
    with pytest.raises(UnprocessableError, match="We sell to DE, FR; not to US"):
        terms.shipping_to("US", ships=False)


def test_with_a_default_goods_go_wherever_the_tax_is_known() -> None:
    assert TERMS.countries(ships=True) == TERMS.countries() == ["DE", "FR"]


def test_default_is_no_country() -> None:
    with pytest.raises(UnprocessableError, match="country_not_served"):
        Terms("EUR", {"default": 490}, taxed({"DE": 1900})).shipping_to("default")


@given(lines, amounts, rates, st.sampled_from([1, 10, 100]))
def test_a_total_is_what_the_provider_can_charge_and_the_rounding_says_by_how_much(
    lines: list[PricedLine], shipping: int, rate: int, step: int
) -> None:
    exact, found = totals(lines, shipping, rate, "KWD"), totals(lines, shipping, rate, "KWD", step)
    assert (found.subtotal, found.shipping, found.tax) == (exact.subtotal, exact.shipping, exact.tax)
    assert found.total % step == 0
    assert found.subtotal + found.shipping + found.tax + found.rounding == found.total
    assert abs(found.rounding) < step
