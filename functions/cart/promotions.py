"""Promotions, as pure functions: what each takes off an order, which go together, and why a code does nothing.

A promotion takes off goods or delivery; what it takes off goods is allocated to lines, and within a line to its units,
by largest remainder (functions/shared/money.py). Those that apply together do so one after the other, each on what
those before left: first on lines, then on the order, then on delivery, so that nothing ever costs less than nothing.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Literal, assert_never

from msgspec import Meta

from functions.shared.clock import parse
from functions.shared.money import allocate, half_up
from functions.shared.types import Country, Data, Line, Millionths, Minor, ProductId, Quantity, Timestamp

WHOLE = 1_000_000
MAX_TRIED = 8
"""Promotions of which every combination is tried; of more, they are taken by priority."""

PromotionId = Annotated[str, Meta(max_length=40, examples=["prm_01kaqz5r7b8v0w3m2x4y6t9n1p"])]
Kind = Literal["percent", "fixed", "free_shipping", "buy_x_get_y", "set_price"]
Target = Literal["order", "lines", "shipping"]
Reason = Literal[
    "unknown",
    "not_yet",
    "expired",
    "minimum",
    "not_these_goods",
    "not_this_customer",
    "used_up",
    "not_combinable",
]
"""Why a code takes nothing off."""


class Conditions(Data, frozen=True):
    """When a promotion applies: what is empty or missing asks for nothing.

    ``from`` is the first moment and ``until`` the first no more. Goods are meant that are on every list which has
    something on it; the minimum is of these, before any discount, in minor units as the shop's prices go.
    ``first_order``: of a customer with an account; ``countries``: where the order goes.
    """

    from_: Timestamp | None = None
    until: Timestamp | None = None
    minimum_value: Minor | None = None
    minimum_quantity: Quantity | None = None
    products: tuple[ProductId, ...] = ()
    categories: tuple[str, ...] = ()
    vendors: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    first_order: bool = False
    countries: tuple[Country, ...] = ()


class Promotion(Data, frozen=True, kw_only=True):
    """What cart knows of a promotion.

    ``percent`` (millionths) and ``amount`` (minor units, once) are off what is left of all goods of the order, of the
    lines that the conditions mean, or of delivery. ``buy_x_get_y``: of each ``buy + get`` units meant, as many as
    ``get`` are free, the cheapest of all. ``set_price``: any ``buy`` units meant, or one of each of the products on the
    list where that is missing, cost ``amount`` together.

    ``stacking``: whether it goes with others: any, none, or those of ``with`` alone. Two go together where
    each of them goes with the other. Of more than can be tried, those of higher ``priority`` are taken.
    ``limited``: it can be used up; only the promotions service knows of uses.
    """

    promotion_id: PromotionId
    title: Line
    kind: Kind
    on: Target
    percent: Millionths | None = None
    amount: Minor | None = None
    buy: Quantity | None = None
    get: Quantity | None = None
    conditions: Conditions = Conditions()
    active: bool = True
    used_up: bool = False
    automatic: bool = False
    limited: bool = False
    priority: int = 0
    stacking: Literal["any", "exclusive", "with"] = "any"
    with_: tuple[PromotionId, ...] = ()

    def goes_with(self, other: Promotion) -> bool:
        """Tell whether it lets another apply beside it."""
        return self.stacking == "any" or (self.stacking == "with" and other.promotion_id in self.with_)


@dataclass(frozen=True)
class Goods:
    """A line before discounts: the price of a unit where the order goes, in minor units as the shop's prices go."""

    quantity: Quantity
    price: Minor
    product_id: str = ""
    vendor: str = ""
    categories: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    ships: bool = True

    @property
    def amount(self) -> int:
        """Return the price of all units."""
        return self.price * self.quantity


@dataclass(frozen=True)
class Buyer:
    """Who buys, when, and where the order goes; `new`: a customer with an account and without an order yet."""

    at: datetime
    country: str
    new: bool = False


Delivery = Callable[[Sequence[int]], int]
"""Returns what delivery costs, given what is left to pay for each line."""


@dataclass(frozen=True)
class Discount:
    """What a promotion takes off goods and delivery, in minor units; `code`: how it was asked for, None by itself."""

    promotion: Promotion
    goods: int
    shipping: int
    code: str | None = None

    @property
    def amount(self) -> int:
        """Return all that it takes off."""
        return self.goods + self.shipping


@dataclass(frozen=True)
class Reduced:
    """The outcome: what is off each line and off delivery, by which promotions, and why each other code is not used."""

    lines: tuple[int, ...]
    shipping: int = 0
    discounts: tuple[Discount, ...] = ()
    refused: Mapping[str, Reason] = field(default_factory=dict)


def reduced(
    goods: Sequence[Goods],
    automatic: Iterable[Promotion],
    codes: Mapping[str, Promotion | None],
    buyer: Buyer,
    delivery: Delivery | None,
) -> Reduced:
    """Return the discounts that leave the buyer the least to pay, before tax that comes on top.

    Where two combinations leave the same, the one with fewer limited promotions is taken, then the shorter one, then
    the one of higher priority: nobody uses up a code for nothing, and the same input always has the same outcome.

    Parameters
    ----------
    codes
        By code as the buyer gave it, the promotion it is for.
    delivery
        None where the price of delivery is not known yet: what takes something off it applies then, at 0.
    """
    refused: dict[str, Reason] = {}
    named: dict[str, str] = {}
    possible = {one.promotion_id: one for one in automatic if not why_not(one, goods, buyer)}
    for code, promotion in codes.items():
        reason = why_not(promotion, goods, buyer) if promotion else "unknown"
        if promotion and promotion.promotion_id in named:
            reason = reason or "not_combinable"
        if reason:
            refused[code] = reason
        elif promotion:
            named[promotion.promotion_id] = code
            possible[promotion.promotion_id] = promotion
    nothing = _Outcome([line.amount for line in goods], delivery)
    alone = {key: nothing.after(one, goods) for key, one in possible.items()}
    # Delivery may come to cost something only where others take something off goods.
    useful = [one for key, one in possible.items() if alone[key] or one.on == "shipping"]
    best = _best(sorted(useful, key=lambda one: (-one.priority, one.promotion_id)), goods, nothing)
    for key, code in named.items():
        if key not in best.off:
            refused[code] = "not_combinable" if alone[key] else "not_these_goods"
    return Reduced(
        lines=tuple(line.amount - left for line, left in zip(goods, best.left, strict=True)),
        shipping=sum(shipping for _, shipping in best.off.values()),
        discounts=tuple(
            Discount(possible[promotion_id], *amounts, named.get(promotion_id))
            for promotion_id, amounts in best.off.items()
        ),
        refused={code: refused[code] for code in codes if code in refused},
    )


# --- whether it applies ------------------------------------------------------------------------------------------


def why_not(promotion: Promotion, goods: Sequence[Goods], buyer: Buyer) -> Reason | None:
    """Return why a promotion does not apply to these goods, whatever else does; None where it does."""
    asked = promotion.conditions
    if not promotion.active:
        return "unknown"
    if promotion.used_up:
        return "used_up"
    if asked.from_ and buyer.at < parse(asked.from_):
        return "not_yet"
    if asked.until and buyer.at >= parse(asked.until):
        return "expired"
    if (asked.first_order and not buyer.new) or (asked.countries and buyer.country not in asked.countries):
        return "not_this_customer"
    return _goods_lack(promotion, goods)


def _goods_lack(promotion: Promotion, goods: Sequence[Goods]) -> Reason | None:
    asked = promotion.conditions
    meant = [goods[place] for place in _meant(promotion, goods)]
    if not meant or (promotion.on == "shipping" and not any(line.ships for line in goods)):
        return "not_these_goods"
    value, quantity = sum(line.amount for line in meant), sum(line.quantity for line in meant)
    enough = value >= (asked.minimum_value or 0) and quantity >= (asked.minimum_quantity or 0)
    return None if enough else "minimum"


def _meant(promotion: Promotion, goods: Sequence[Goods]) -> list[int]:
    """Return the places of the lines that a promotion's conditions mean."""
    asked = promotion.conditions
    products, vendors = set(asked.products), folded(asked.vendors)
    categories, tags = folded(asked.categories), folded(asked.tags)
    return [
        place
        for place, line in enumerate(goods)
        if (not products or line.product_id in products)
        and (not vendors or vendors & folded([line.vendor]))
        and (not categories or categories & folded(line.categories))
        and (not tags or tags & folded(line.tags))
    ]


def folded(names: Iterable[str]) -> set[str]:
    """Return names without what two spellings of one may differ in: case, width, blanks."""
    return {" ".join(unicodedata.normalize("NFKC", name).casefold().split()) for name in names}


# --- which of them -----------------------------------------------------------------------------------------------


class _Outcome:
    """What is left to pay for each line and for delivery, and what each promotion took off goods and delivery."""

    def __init__(
        self, left: Sequence[int], delivery: Delivery | None, off: Mapping[str, tuple[int, int]] | None = None
    ) -> None:
        self.left, self.delivery, self.off = left, delivery, off or {}
        self.price = (delivery(left) if delivery else 0) - sum(shipping for _, shipping in self.off.values())

    def after(self, promotion: Promotion, goods: Sequence[Goods]) -> _Outcome | None:
        """Return the outcome with one more promotion; None where it takes nothing off."""
        left, taken = self.left, (0, 0)
        if promotion.on == "shipping":
            taken = (0, _off_delivery(promotion, self.price))
        else:
            off = _off_goods(promotion, goods, left)
            left = [amount - less for amount, less in zip(left, off, strict=True)]
            taken = (sum(off), 0)
        is_unknown = promotion.on == "shipping" and self.delivery is None
        if not any(taken) and not is_unknown:
            return None
        return _Outcome(left, self.delivery, {**self.off, promotion.promotion_id: taken})


def _best(ranked: Sequence[Promotion], goods: Sequence[Goods], nothing: _Outcome) -> _Outcome:
    """Return the best outcome of what is allowed together, given the promotions by priority."""
    if len(ranked) > MAX_TRIED:
        ranked = _by_priority(ranked)
        return functools.reduce(
            lambda so_far, one: so_far.after(one, goods) or so_far, _in_turn(ranked), nothing
        )
    ranks = {one.promotion_id: rank for rank, one in enumerate(ranked)}
    limited = {one.promotion_id for one in ranked if one.limited}

    def worth(outcome: _Outcome) -> tuple[int, int, int, int, list[int]]:
        unknown = 0 if outcome.delivery else sum(not any(taken) for taken in outcome.off.values())
        payable, ranking = sum(outcome.left) + outcome.price, sorted(ranks[key] for key in outcome.off)
        return payable, -unknown, len(limited & outcome.off.keys()), len(ranking), ranking

    return min(_outcomes(_in_turn(ranked), (), goods, nothing), key=worth)


def _outcomes(
    following: Sequence[Promotion], taken: tuple[Promotion, ...], goods: Sequence[Goods], so_far: _Outcome
) -> Iterator[_Outcome]:
    """Yield the outcome so far, and those of it with every allowed combination of the promotions that follow."""
    yield so_far
    for place, one in enumerate(following):
        if all(one.goes_with(other) and other.goes_with(one) for other in taken) and (
            outcome := so_far.after(one, goods)
        ):
            yield from _outcomes(following[place + 1 :], (*taken, one), goods, outcome)


def _by_priority(ranked: Sequence[Promotion]) -> list[Promotion]:
    taken: list[Promotion] = []
    for one in ranked:
        if all(one.goes_with(other) and other.goes_with(one) for other in taken):
            taken.append(one)
    return taken


def _in_turn(ranked: Sequence[Promotion]) -> list[Promotion]:
    """Return promotions in the order in which they apply."""
    return [one for on in ("lines", "order", "shipping") for one in ranked if one.on == on]


# --- what it takes off -------------------------------------------------------------------------------------------


def _off_delivery(promotion: Promotion, price: int) -> int:
    return price if promotion.kind == "free_shipping" else _off_amount(promotion, price)


def _off_amount(promotion: Promotion, amount: int) -> int:
    if promotion.percent:
        return half_up(amount * promotion.percent, WHOLE)
    return min(promotion.amount or 0, amount)


def _off_goods(promotion: Promotion, goods: Sequence[Goods], left: Sequence[int]) -> list[int]:
    """Return what a promotion takes off each line, of what others left."""
    meant = _meant(promotion, goods)
    match promotion.kind:
        case "percent" | "fixed":
            places = range(len(left)) if promotion.on == "order" else meant
            amounts = [left[place] for place in places]
            shares = allocate(_off_amount(promotion, sum(amounts)), amounts)
            off = dict(zip(places, shares, strict=True))
        case "buy_x_get_y":
            off = _cheapest(promotion, goods, left, meant)
        case "set_price":
            off = _off_sets(promotion, goods, left, meant)
        case "free_shipping":
            off = {}
        case _:
            assert_never(promotion.kind)
    return [off.get(place, 0) for place in range(len(left))]


def _by_price(places: Iterable[int], goods: Sequence[Goods], left: Sequence[int]) -> list[int]:
    """Return lines by what is left of the price of a unit, the cheapest first."""
    return sorted(places, key=lambda place: (left[place] * WHOLE // goods[place].quantity, place))


def _cheapest(
    promotion: Promotion, goods: Sequence[Goods], left: Sequence[int], meant: Sequence[int]
) -> dict[int, int]:
    """Return the price of the units that are free: the cheapest ones, `get` for each full group there is."""
    get, every = promotion.get or 0, (promotion.buy or 0) + (promotion.get or 0)
    free = sum(goods[place].quantity for place in meant) // max(1, every) * get
    off = {}
    for place in _by_price(meant, goods, left):
        units = min(free, goods[place].quantity)
        off[place] = left[place] * units // goods[place].quantity
        free -= units
    return off


Sets = tuple[int, Mapping[int, int]]
"""How many sets alike there are, and the units of each line in one of them."""


def _off_sets(
    promotion: Promotion, goods: Sequence[Goods], left: Sequence[int], meant: Sequence[int]
) -> dict[int, int]:
    """Return what sets cost less than their units; a set that costs more is none."""
    dearest = _by_price(meant, goods, left)[::-1]
    sets = _of_any(promotion.buy, goods, dearest) if promotion.buy else _of_each(promotion, goods, dearest)
    off = dict.fromkeys(meant, 0)
    for times, units in sets:
        values = [left[place] * times * taken // goods[place].quantity for place, taken in units.items()]
        shares = allocate(max(0, sum(values) - (promotion.amount or 0) * times), values)
        for place, share in zip(units, shares, strict=True):
            off[place] += share
    return off


def _of_any(size: int, goods: Sequence[Goods], dearest: Sequence[int]) -> Iterator[Sets]:
    """Yield the sets of as many units, the dearest together, as that is what they cost the least."""
    begun: dict[int, int] = {}
    for place in dearest:
        units = goods[place].quantity
        if begun:
            begun[place] = min(size - sum(begun.values()), units)
            units -= begun[place]
            if sum(begun.values()) < size:
                continue
            yield 1, begun
        yield units // size, {place: size}
        begun = {place: units % size} if units % size else {}


def _of_each(promotion: Promotion, goods: Sequence[Goods], dearest: Sequence[int]) -> Iterator[Sets]:
    """Yield the sets of one unit of each product, of its dearest variants first."""
    lines = [
        [[place, goods[place].quantity] for place in dearest if goods[place].product_id == product_id]
        for product_id in dict.fromkeys(promotion.conditions.products)
    ]
    while lines and all(lines):
        times = min(variants[0][1] for variants in lines)
        yield times, {variants[0][0]: 1 for variants in lines}
        for variants in lines:
            variants[0][1] -= times
            if not variants[0][1]:
                variants.pop(0)
