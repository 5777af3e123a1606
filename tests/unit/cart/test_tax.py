"""Tax: whose rate, what is contained and what comes on top, and no minor unit lost or made, in any part."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.cart.tax import (
    WHOLE,
    Goods,
    Place,
    ShippingRule,
    TaxRate,
    TaxRules,
    UnknownTaxError,
    overlapping,
    rate_of,
    reckon,
    shipping_price,
    unit_price,
)
from functions.shared.money import allocate

DAY = "2026-11-29"
BERLIN = Place("DE", DAY, postal_code="10969")
PARIS = Place("FR", DAY, postal_code="75001")
OREGON, MINNESOTA = Place("US", DAY, "OR", "97201"), Place("US", DAY, "MN", "55401")
RATES = (
    TaxRate("DE", "standard", 190_000),
    TaxRate("DE", "reduced", 70_000),
    TaxRate("FR", "standard", 200_000),
    TaxRate("FR", "reduced", 55_000),
    TaxRate("ES", "standard", 210_000),
    TaxRate("ES", "standard", 0, postal_prefix="35"),
    TaxRate("US", "standard", 0),
    TaxRate("US", "standard", 68_750, region="MN"),
)
GROSS = TaxRules("include_tax", "DE", RATES)
NET = TaxRules("exclude_tax", "DE", RATES)
SAME_NET = TaxRules("include_tax", "DE", RATES, abroad="same_net")

goods = st.lists(
    st.builds(Goods, st.integers(0, 10_000_000), st.sampled_from(["standard", "reduced", "exempt", "books"])),
    min_size=1,
    max_size=50,
)
any_rules, places = (
    st.sampled_from([GROSS, NET, SAME_NET]),
    st.sampled_from([BERLIN, PARIS, OREGON, MINNESOTA]),
)


# --- whose rate --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tax_class", "place", "rate"),
    [
        ("standard", BERLIN, 190_000),
        ("reduced", PARIS, 55_000),
        ("books", BERLIN, 190_000),
        ("exempt", BERLIN, 0),
        ("zero", Place("XX", DAY), 0),
        ("standard", OREGON, 0),
        ("standard", MINNESOTA, 68_750),
        ("standard", Place("ES", DAY, postal_code="35001"), 0),
        ("standard", Place("ES", DAY, postal_code="28001"), 210_000),
    ],
)
def test_the_nearest_place_decides_and_a_class_without_a_rate_bears_the_standard_one(
    tax_class: str, place: Place, rate: int
) -> None:
    assert rate_of(GROSS, tax_class, place) == rate


def test_a_tax_that_is_not_known_is_never_zero() -> None:
    with pytest.raises(UnknownTaxError):
        rate_of(GROSS, "standard", Place("IT", DAY))


def test_a_rate_holds_from_its_first_day_until_the_day_it_ends() -> None:
    rules = TaxRules(
        "include_tax",
        "DE",
        (
            TaxRate("DE", "standard", 190_000, end="2027-01-01"),
            TaxRate("DE", "standard", 200_000, start="2027-01-01"),
        ),
    )
    days = ("2026-12-31", "2027-01-01")
    assert [rate_of(rules, "standard", Place("DE", day)) for day in days] == [190_000, 200_000]


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        (TaxRate("DE", "standard", 1), TaxRate("DE", "standard", 2), True),
        (TaxRate("DE", "standard", 1), TaxRate("DE", "reduced", 2), False),
        (TaxRate("DE", "standard", 1), TaxRate("DE", "standard", 2, region="BY"), False),
        (TaxRate("DE", "a", 1, end="2026-01-01"), TaxRate("DE", "a", 2, start="2026-01-01"), False),
        (TaxRate("DE", "a", 1, end="2026-01-02"), TaxRate("DE", "a", 2, start="2026-01-01"), True),
        (TaxRate("DE", "a", 1, start="2026-01-01"), TaxRate("DE", "a", 2, end="2026-01-01"), False),
    ],
)
def test_two_rates_for_the_same_day_are_found(one: TaxRate, other: TaxRate, meet: bool) -> None:
    assert overlapping([one, other]) == ([(0, 1)] if meet else [])


# --- what it is --------------------------------------------------------------------------------------------------


def test_tax_is_contained_or_comes_on_top() -> None:
    assert [reckon(rules, [Goods(11_900)], 0, BERLIN).tax for rules in (GROSS, NET)] == [1_900, 2_261]


def test_it_is_rounded_once_for_all_of_a_rate_and_half_up() -> None:
    assert reckon(NET, [Goods(5), Goods(5), Goods(5)], 0, MINNESOTA).tax == 1
    assert (
        reckon(
            TaxRules("exclude_tax", "DE", (TaxRate("DE", "standard", 500_000),)), [Goods(1)], 0, BERLIN
        ).tax
        == 1
    )


def test_shipping_bears_what_the_goods_do_in_proportion() -> None:
    due = reckon(GROSS, [Goods(3_000), Goods(1_000, "reduced")], 490, BERLIN)
    assert [(part.amount, part.rate) for part in due.shipping] == [(368, 190_000), (122, 70_000)]
    assert [(part.rate, part.net + part.tax) for part in due.parts(included=True)] == [
        (190_000, 3_368),
        (70_000, 1_122),
    ]


@pytest.mark.parametrize(("bears", "tax"), [("nothing", 69), ("standard", 102)])
def test_a_place_may_have_a_rule_of_its_own_for_shipping(bears: str, tax: int) -> None:
    rules = TaxRules("exclude_tax", "US", RATES, shipping=(ShippingRule("US", bears, region="MN"),))  # type: ignore[arg-type]
    assert reckon(rules, [Goods(1_000)], 490, MINNESOTA).tax == tax


def test_a_regions_rule_for_shipping_goes_before_its_countrys() -> None:
    rules = TaxRules(
        "exclude_tax",
        "US",
        RATES,
        shipping=(ShippingRule("US", "standard"), ShippingRule("US", "nothing", region="MN")),
    )
    assert reckon(rules, [Goods(1_000)], 490, MINNESOTA).tax == 69


def test_abroad_a_price_stays_or_its_net_does() -> None:
    assert [unit_price(rules, 11_900, "standard", PARIS) for rules in (GROSS, SAME_NET)] == [11_900, 12_000]
    assert unit_price(SAME_NET, 11_900, "standard", BERLIN) == 11_900
    assert unit_price(SAME_NET, 11_900, "standard", OREGON) == 10_000
    assert shipping_price(SAME_NET, 595, [Goods(11_900)], PARIS) == 600


# --- no minor unit lost ------------------------------------------------------------------------------------------


@given(any_rules, goods, st.integers(0, 100_000), places)
def test_the_parts_are_the_whole(rules: TaxRules, lines: list[Goods], shipping: int, place: Place) -> None:
    due = reckon(rules, lines, shipping, place)
    assert [line.amount for line in due.lines] == [line.amount for line in lines]
    assert sum(part.amount for part in due.shipping) == shipping
    parts = due.parts(included=rules.included)
    assert sum(part.tax for part in parts) == due.tax
    paid = sum(line.amount for line in lines) + shipping + (0 if rules.included else due.tax)
    assert sum(part.net + part.tax for part in parts) == paid


@given(any_rules, goods, st.integers(0, 100_000), places)
def test_the_tax_of_a_rate_is_exact_to_half_a_minor_unit_and_that_of_a_line_to_one(
    rules: TaxRules, lines: list[Goods], shipping: int, place: Place
) -> None:
    due = reckon(rules, lines, shipping, place)
    whole = WHOLE if not rules.included else 0
    for part in due.parts(included=rules.included):
        base = part.net + (part.tax if rules.included else 0)
        exact = Fraction(base * part.rate, whole or WHOLE + part.rate)
        assert Fraction(-1, 2) < part.tax - exact <= Fraction(1, 2)
    for line in (*due.lines, *due.shipping):
        exact = Fraction(line.amount * line.rate, whole or WHOLE + line.rate)
        assert abs(line.tax - exact) < 2
        assert 0 <= line.tax <= line.amount or not rules.included


@given(st.integers(0, 10**11), st.lists(st.integers(0, 10**9), min_size=1, max_size=999))
def test_what_is_allocated_is_all_there_is_and_nobody_gets_a_unit_more_than_due(
    amount: int, weights: list[int]
) -> None:
    parts = allocate(amount, weights)
    whole = sum(weights)
    assert sum(parts) == amount
    if whole:
        assert all(
            abs(Fraction(amount * weight, whole) - part) < 1
            for part, weight in zip(parts, weights, strict=True)
        )


def test_of_equal_remainders_the_earlier_gets_the_unit() -> None:
    assert allocate(5, [1, 1, 1]) == [2, 2, 1]
    assert allocate(2, [0, 0, 0]) == [1, 1, 0]
