"""Promotions: what each takes off, why a code does not, which go together, and no minor unit lost or made."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from functions.cart import tax
from functions.cart.promotions import (
    MAX_TRIED,
    Buyer,
    Conditions,
    Delivery,
    Goods,
    Promotion,
    Reason,
    Reduced,
    reduced,
)
from functions.cart.tax import Place, TaxRate, TaxRules
from functions.shared.money import charge_step, chargeable, units

AT = datetime(2026, 11, 30, 12, tzinfo=UTC)
BUYER = Buyer(AT, "DE")
POT, CUP = Goods(2, 1000, "pot", "Ait Manos", frozenset({"Home"}), frozenset({"Sale"})), Goods(3, 400, "cup")
TEN = 100_000


def flat(price: int) -> Delivery:
    return lambda left: price


FLAT = flat(490)


def a_promotion(
    kind: Any = "percent", on: Any = "order", promotion_id: str = "a", **fields: Any
) -> Promotion:
    return Promotion(promotion_id=promotion_id, title=promotion_id.upper(), kind=kind, on=on, **fields)


def automatic(
    *promotions: Promotion,
    goods: Sequence[Goods] = (POT, CUP),
    buyer: Buyer = BUYER,
    delivery: Delivery | None = FLAT,
) -> Reduced:
    return reduced(goods, promotions, {}, buyer, delivery)


def names(outcome: Reduced) -> list[str]:
    return [discount.promotion.promotion_id for discount in outcome.discounts]


# --- what it takes off -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("promotion", "lines", "shipping"),
    [
        (a_promotion(percent=TEN), (200, 120), 0),
        (a_promotion(on="lines", percent=TEN, conditions=Conditions(products=("pot",))), (200, 0), 0),
        (a_promotion("fixed", amount=500), (313, 187), 0),
        (a_promotion("fixed", amount=99_999), (2000, 1200), 0),
        (a_promotion("fixed", "lines", amount=50), (31, 19), 0),
        (a_promotion("fixed", "lines", amount=1500, conditions=Conditions(products=("cup",))), (0, 1200), 0),
        (a_promotion("free_shipping", "shipping"), (0, 0), 490),
        (a_promotion(on="shipping", percent=500_000), (0, 0), 245),
        (a_promotion("fixed", "shipping", amount=200), (0, 0), 200),
        (a_promotion("fixed", "shipping", amount=2000), (0, 0), 490),
        (a_promotion("buy_x_get_y", "lines", buy=1, get=1), (0, 800), 0),
        (a_promotion("buy_x_get_y", "lines", buy=3, get=2), (0, 800), 0),
        (a_promotion("buy_x_get_y", "lines", buy=5, get=1), (0, 0), 0),
        (
            a_promotion("buy_x_get_y", "lines", buy=1, get=1, conditions=Conditions(products=("pot",))),
            (1000, 0),
            0,
        ),
        (a_promotion("set_price", "lines", buy=3, amount=2000), (333, 67), 0),
        (a_promotion("set_price", "lines", buy=2, amount=500), (1500, 300), 0),
        (
            a_promotion("set_price", "lines", amount=1000, conditions=Conditions(products=("pot", "cup"))),
            (571, 229),
            0,
        ),
        (
            a_promotion("set_price", "lines", amount=1000, conditions=Conditions(products=("pot", "jar"))),
            (0, 0),
            0,
        ),
        (a_promotion("set_price", "lines", buy=5, amount=9999), (0, 0), 0),
    ],
)
def test_each_kind_takes_off_what_it_says(
    promotion: Promotion, lines: tuple[int, ...], shipping: int
) -> None:
    outcome = automatic(promotion)
    assert (outcome.lines, outcome.shipping) == (lines, shipping)
    assert sum(one.amount for one in outcome.discounts) == sum(lines) + shipping


def test_of_one_of_each_the_dearest_variants_are_in_the_set() -> None:
    dear, cheap = Goods(1, 900, "pot"), Goods(5, 500, "pot")
    both = Conditions(products=("pot", "cup"))
    outcome = automatic(
        a_promotion("set_price", "lines", amount=600, conditions=both), goods=(cheap, dear, CUP)
    )
    assert sum(outcome.lines) == (900 + 400 - 600) + 2 * (500 + 400 - 600)


def test_those_together_take_off_what_is_left_lines_first_then_the_order_then_delivery() -> None:
    outcome = automatic(
        a_promotion("free_shipping", "shipping", "s", priority=9),
        a_promotion("percent", "order", "o", percent=500_000, priority=5),
        a_promotion("fixed", "lines", "l", amount=500),
        delivery=lambda left: 490 if sum(left) < 3000 else 0,
    )
    assert [(one.promotion.promotion_id, one.amount) for one in outcome.discounts] == [
        ("l", 500),
        ("o", 1350),
        ("s", 490),
    ]


def test_delivery_that_is_not_known_yet_does_not_hide_what_will_be_off_it() -> None:
    outcome = automatic(a_promotion("free_shipping", "shipping"), delivery=None)
    assert (names(outcome), outcome.shipping) == (["a"], 0)


# --- why not -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "asked", "reason"),
    [
        ({}, {}, None),
        ({"active": False}, {}, "unknown"),
        ({"used_up": True}, {}, "used_up"),
        ({}, {"from_": "2026-11-30T12:00:00.000Z"}, None),
        ({}, {"from_": "2026-11-30T12:00:00.001Z"}, "not_yet"),
        ({}, {"until": "2026-11-30T12:00:00.000Z"}, "expired"),
        ({}, {"until": "2026-11-30T12:00:00.001Z"}, None),
        ({}, {"minimum_value": 3200, "minimum_quantity": 5}, None),
        ({}, {"minimum_value": 3201}, "minimum"),
        ({}, {"minimum_quantity": 6}, "minimum"),
        ({}, {"products": ("cup",), "minimum_value": 1201}, "minimum"),
        ({}, {"products": ("jar",)}, "not_these_goods"),
        ({}, {"vendors": ("AIT  manos",)}, None),
        ({}, {"vendors": ("Ait Manos",), "products": ("cup",)}, "not_these_goods"),
        ({}, {"categories": ("home", "garden"), "tags": ("ｓａｌｅ",)}, None),
        ({}, {"tags": ("new",)}, "not_these_goods"),
        ({}, {"first_order": True}, "not_this_customer"),
        ({}, {"countries": ("AT", "CH")}, "not_this_customer"),
        ({}, {"countries": ("DE",)}, None),
        ({"percent": 0}, {}, "not_these_goods"),
    ],
)
def test_a_code_is_told_why_it_is_not_used(
    fields: dict[str, Any], asked: dict[str, Any], reason: Reason | None
) -> None:
    promotion = a_promotion(**{"percent": TEN, **fields}, conditions=Conditions(**asked))
    outcome = reduced((POT, CUP), (), {"SAVE": promotion}, BUYER, flat(490))
    assert outcome.refused == ({"SAVE": reason} if reason else {})
    assert [one.code for one in outcome.discounts] == ([] if reason else ["SAVE"])


def test_a_first_order_is_one_of_a_customer_without_any() -> None:
    first = a_promotion(percent=TEN, conditions=Conditions(first_order=True))
    assert names(automatic(first, buyer=Buyer(AT, "DE", new=True))) == ["a"]


def test_nothing_is_off_the_delivery_of_what_is_not_delivered() -> None:
    book = Goods(1, 900, ships=False)
    free = a_promotion("free_shipping", "shipping")
    assert reduced([book], (), {"FREE": free}, BUYER, None).refused == {"FREE": "not_these_goods"}


def test_an_unknown_code_and_a_second_one_of_a_promotion_are_not_used() -> None:
    promotion = a_promotion(percent=TEN)
    outcome = reduced((POT,), (), {"X": None, "ONE": promotion, "TWO": promotion}, BUYER, None)
    assert outcome.refused == {"X": "unknown", "TWO": "not_combinable"}
    assert [(one.code, one.amount) for one in outcome.discounts] == [("ONE", 200)]


def test_a_promotion_that_everybody_gets_takes_its_code_along() -> None:
    promotion = a_promotion(percent=TEN)
    outcome = reduced((POT,), [promotion], {"ONE": promotion}, BUYER, None)
    assert [(one.code, one.amount) for one in outcome.discounts] == [("ONE", 200)]


# --- which of them -----------------------------------------------------------------------------------------------


def test_an_exclusive_one_applies_alone_where_that_is_better_for_the_buyer() -> None:
    twenty = a_promotion("percent", "order", "x", percent=2 * TEN, stacking="exclusive")
    five, four = (
        a_promotion("fixed", "order", "y", amount=300),
        a_promotion("fixed", "order", "z", amount=200),
    )
    assert names(automatic(twenty, five)) == ["x"]
    assert names(automatic(twenty, five, four, a_promotion("fixed", "order", "w", amount=200))) == [
        "w",
        "y",
        "z",
    ]


def test_two_apply_together_where_each_lets_the_other() -> None:
    one = a_promotion("fixed", promotion_id="a", amount=100, stacking="with", with_=("b",))
    other = a_promotion("fixed", promotion_id="b", amount=100)
    third = a_promotion("fixed", promotion_id="c", amount=150)
    assert names(automatic(one, other)) == ["a", "b"]
    assert names(automatic(one, third)) == ["c"]


def test_a_code_that_something_better_keeps_out_says_so() -> None:
    code = a_promotion("fixed", promotion_id="a", amount=100)
    better = a_promotion("fixed", promotion_id="b", amount=200, stacking="exclusive")
    outcome = reduced((POT,), [better], {"SAVE": code}, BUYER, None)
    assert (names(outcome), outcome.refused) == (["b"], {"SAVE": "not_combinable"})


def test_a_discount_that_makes_delivery_dearer_than_it_saves_is_not_taken() -> None:
    small = a_promotion("fixed", amount=10)
    outcome = automatic(small, goods=(POT,), delivery=lambda left: 490 if sum(left) < 2000 else 0)
    assert (names(outcome), outcome.lines) == ([], (0,))


def test_nobody_uses_up_a_limited_one_for_nothing() -> None:
    one, other = a_promotion("fixed", promotion_id="b", amount=100), a_promotion("fixed", amount=100)
    alike = [
        a_promotion("fixed", promotion_id=name, amount=9_999, limited=name != "b", priority=ord(name))
        for name in "abc"
    ]
    assert names(automatic(*alike)) == ["b"]
    assert names(automatic(one, other)) == ["a", "b"]


def test_of_more_than_can_be_tried_those_of_higher_priority_are_taken() -> None:
    small = [
        a_promotion("fixed", promotion_id=f"s{number}", amount=1, priority=2)
        for number in range(MAX_TRIED + 1)
    ]
    large = a_promotion("fixed", promotion_id="x", amount=500, stacking="exclusive")
    assert names(automatic(large, *small[:-2])) == ["x"]
    assert names(automatic(large, *small)) == [one.promotion_id for one in small]


kinds = st.one_of(
    st.builds(
        a_promotion, st.just("percent"), st.sampled_from(["order", "lines", "shipping"]),
        percent=st.integers(0, 1_000_000),
    ),
    st.builds(
        a_promotion, st.just("fixed"), st.sampled_from(["order", "lines", "shipping"]),
        amount=st.integers(0, 1_000_000),
    ),
    st.builds(a_promotion, st.just("free_shipping"), st.just("shipping")),
    st.builds(a_promotion, st.just("buy_x_get_y"), st.just("lines"), buy=st.integers(1, 5), get=st.integers(1, 5)),
    st.builds(
        a_promotion, st.just("set_price"), st.just("lines"), amount=st.integers(0, 100_000), buy=st.integers(1, 7)
    ),
    st.builds(
        a_promotion, st.just("set_price"), st.just("lines"), amount=st.integers(0, 100_000),
        conditions=st.just(Conditions(products=("p0", "p1"))),
    ),
)  # fmt: skip
stacked = st.builds(
    lambda one, name, stacking, others, limits: replace(
        one, promotion_id=name, stacking=stacking, with_=tuple(others), priority=limits
    ),
    kinds,
    st.sampled_from("abcdefghij"),
    st.sampled_from(["any", "any", "exclusive", "with"]),
    st.lists(st.sampled_from("abcdefghij"), max_size=6),
    st.integers(0, 3),
)
lines = st.lists(
    st.builds(Goods, st.integers(1, 999), st.integers(0, 1_000_000), st.sampled_from(["p0", "p1", "p2"])),
    min_size=1,
    max_size=50,
)
promotions = st.lists(stacked, max_size=4, unique_by=lambda one: one.promotion_id)
RATES = tuple(TaxRate("DE", name, rate) for name, rate in (("standard", 190_000), ("odd", 68_750)))
CLASSES = ("standard", "odd", "zero", "exempt")


@settings(max_examples=60, deadline=None)
@given(
    goods=lines,
    offered=promotions,
    prices=st.sampled_from(["include_tax", "exclude_tax"]),
    currency=st.sampled_from(["JPY", "EUR", "KWD"]),
    shipping=st.integers(0, 10_000),
    seed=st.integers(0, 2**16),
)
def test_all_units_and_shipping_are_the_total_and_any_subset_given_back_leaves_no_cent(
    goods: list[Goods],
    offered: list[Promotion],
    prices: Literal["include_tax", "exclude_tax"],
    currency: str,
    shipping: int,
    seed: int,
) -> None:
    outcome = automatic(*offered, goods=goods, delivery=flat(shipping))
    left = [line.amount - off for line, off in zip(goods, outcome.lines, strict=True)]
    assert min(*left, shipping - outcome.shipping, *outcome.lines, outcome.shipping) >= 0
    assert sum(one.goods for one in outcome.discounts) == sum(outcome.lines)
    rules, place = TaxRules(prices, "DE", RATES), Place("DE", "2026-11-30")
    taxed = [tax.Goods(amount, CLASSES[number % 4]) for number, amount in enumerate(left)]
    due = tax.reckon(rules, taxed, shipping - outcome.shipping, place)
    every = [
        unit
        for line, off, owed in zip(goods, outcome.lines, due.lines, strict=True)
        for unit in units(line.price, line.quantity, off, owed.tax)
    ]
    assert min(min(unit) for unit in every) >= 0
    on_top = 0 if rules.included else 1
    exact = sum(left) + shipping - outcome.shipping + on_top * due.tax
    total = chargeable(exact, charge_step("stripe", currency))
    random.Random(seed).shuffle(every)
    cut = seed % (len(every) + 1)
    given_back, kept = (
        [sum(unit.amount + on_top * unit.tax for unit in part), sum(unit.tax for unit in part)]
        for part in (every[:cut], every[cut:])
    )
    delivered = sum(part.amount + on_top * part.tax for part in due.shipping)
    assert given_back[0] + kept[0] + delivered + (total - exact) == total
    assert given_back[1] + kept[1] + sum(part.tax for part in due.shipping) == due.tax
    if rules.included:
        assert all(unit.tax <= unit.amount for unit in every)


@settings(max_examples=40, deadline=None)
@given(goods=lines, offered=promotions, shipping=st.integers(0, 10_000), data=st.data())
def test_the_same_input_has_the_same_outcome_and_none_allowed_would_be_better(
    goods: list[Goods], offered: list[Promotion], shipping: int, data: st.DataObject
) -> None:
    def delivery(left: Sequence[int]) -> int:
        return shipping if sum(left) < 50_000 else 0

    def paid(outcome: Reduced) -> int:
        left = [line.amount - off for line, off in zip(goods, outcome.lines, strict=True)]
        return sum(left) + delivery(left) - outcome.shipping

    outcome = automatic(*offered, goods=goods, delivery=delivery)
    assert automatic(*data.draw(st.permutations(offered)), goods=goods, delivery=delivery) == outcome
    for one in offered:
        assert paid(outcome) <= paid(automatic(one, goods=goods, delivery=delivery))
    chosen = [discount.promotion for discount in outcome.discounts]
    assert all(one.goes_with(other) for one in chosen for other in chosen if one is not other)
