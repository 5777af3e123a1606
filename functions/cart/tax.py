"""Tax, as pure functions: which rate goods bear where they go, and what of each amount is tax.

One rule of rounding: tax is reckoned for an order and rate together and rounded half up to the minor unit, then
allocated to lines and shipping, and within a line to its units, by largest remainder (functions/shared/money.py). So
each unit has a net, a tax and a gross that are fixed once the order is quoted, and any of them given back later leaves
no cent over.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta, Struct

from functions.shared.addresses import PostalAddress
from functions.shared.money import allocate, half_up
from functions.shared.types import Country, Data, Millionths, Minor

WHOLE = 1_000_000
"""100 %: rates are in millionths, so that 6.875 % is a whole number."""
UNTAXED = ("exempt", "zero")
"""The tax classes of goods that bear no tax anywhere."""
STANDARD = "standard"
"""The tax class whose rate is borne by goods of a class that a country has no rate of its own for."""

TaxClass = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$(?!\n)", examples=["reduced"])]
Day = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$(?!\n)", examples=["2026-07-01"])]


class TaxRate(Struct, frozen=True, omit_defaults=True):
    """What goods of a class bear in a country, in a region of it, or where postal codes begin alike.

    ``start`` is the first day and ``end`` the first day no more, in UTC; None for always.
    """

    country: Country
    tax_class: TaxClass
    rate: Millionths
    region: str | None = None
    postal_prefix: str | None = None
    start: Day | None = None
    end: Day | None = None

    @property
    def place(self) -> tuple[str, str, str]:
        """Return where it is borne."""
        return self.country, self.region or "", self.postal_prefix or ""

    def holds(self, day: str) -> bool:
        """Tell whether it is in force on a day."""
        return (self.start or "") <= day and (self.end is None or day < self.end)

    def meets(self, other: TaxRate) -> bool:
        """Tell whether both are for the same goods in the same place on some day."""
        same = (self.place, self.tax_class) == (other.place, other.tax_class)
        before = self.end is not None and self.end <= (other.start or "")
        after = other.end is not None and other.end <= (self.start or "")
        return same and not before and not after


class ShippingRule(Struct, frozen=True, omit_defaults=True):
    """What delivery bears in a country or region where it does not bear what the goods do."""

    country: Country
    bears: Literal["standard", "nothing"]
    region: str | None = None


class TaxRules(Struct, frozen=True, omit_defaults=True):
    """How a shop's prices and tax go together.

    ``prices``: whether they include tax. ``home``: the country whose tax they include. ``abroad``: what a buyer from
    elsewhere pays where they do: the same price, whatever tax is in it, or the same net and the tax of the place.
    """

    prices: Literal["include_tax", "exclude_tax"]
    home: Country
    rates: tuple[TaxRate, ...]
    abroad: Literal["same_gross", "same_net"] = "same_gross"
    shipping: tuple[ShippingRule, ...] = ()

    @property
    def included(self) -> bool:
        """Tell whether prices include tax."""
        return self.prices == "include_tax"

    def countries(self) -> list[str]:
        """Return the countries that have a rate, sorted: nothing is sold to others, as their tax is not known."""
        return sorted({rate.country for rate in self.rates})


@dataclass(frozen=True)
class Place:
    """Where goods go, as far as tax asks; ``day`` is the day of the quote, in UTC."""

    country: str
    day: str
    region: str = ""
    postal_code: str = ""

    @classmethod
    def of(cls, address: PostalAddress, day: str) -> Place:
        """Return the place of an address."""
        return cls(address.country, day, address.region or "", (address.postal_code or "").replace(" ", ""))


@dataclass(frozen=True)
class Goods:
    """A line before tax: `amount` is its price for all units, after discounts, as the shop's prices go."""

    amount: int
    tax_class: str = STANDARD


@dataclass(frozen=True)
class Taxed:
    """An amount and the tax on it, or in it where prices include tax; `rate` in millionths."""

    amount: int
    rate: int
    tax: int


class TaxPart(Data, frozen=True):
    """What an order bears at one rate, shipping's share included; `rate` in millionths, amounts in minor units."""

    rate: Millionths
    net: Minor
    tax: Minor


@dataclass(frozen=True)
class Reckoned:
    """What lines and shipping bear: shipping has a part for each of the rates it is shared out to."""

    lines: tuple[Taxed, ...]
    shipping: tuple[Taxed, ...]

    @property
    def tax(self) -> int:
        """Return all tax."""
        return sum(part.tax for part in (*self.lines, *self.shipping))

    def parts(self, *, included: bool) -> tuple[TaxPart, ...]:
        """Return what is borne at each rate, the highest first."""
        every = (*self.lines, *self.shipping)
        found = []
        for rate in sorted({part.rate for part in every}, reverse=True):
            amount, tax = (
                sum(getattr(p, name) for p in every if p.rate == rate) for name in ("amount", "tax")
            )
            found.append(TaxPart(rate, amount - tax if included else amount, tax))
        return tuple(found)


class UnknownTaxError(LookupError):
    """There is no rate for goods of a class in a place; nothing is sold at a tax that is not known."""


def rate_of(rules: TaxRules, tax_class: str, place: Place) -> int:
    """Return the rate that goods of a class bear in a place, in millionths.

    The nearest place decides: the longest beginning of the postal code, then the region, then the country. What has no
    rate of its own there bears the standard one. Raises UnknownTaxError where there is none.
    """
    if tax_class in UNTAXED:
        return 0
    near = [rate for rate in rules.rates if rate.holds(place.day) and _covers(rate, place)]
    for wanted in (tax_class, STANDARD):
        found = [rate for rate in near if rate.tax_class == wanted]
        if found:
            return max(found, key=lambda rate: (len(rate.postal_prefix or ""), bool(rate.region))).rate
    raise UnknownTaxError(place.country)


def _covers(rate: TaxRate, place: Place) -> bool:
    return (
        rate.country == place.country
        and rate.region in (None, place.region)
        and place.postal_code.startswith(rate.postal_prefix or "")
    )


def unit_price(rules: TaxRules, price: int, tax_class: str, place: Place) -> int:
    """Return what a unit costs a buyer in a place, as prices go: another price than at home only with `same_net`."""
    if not rules.included or rules.abroad == "same_gross" or place.country == rules.home:
        return price
    home = rate_of(rules, tax_class, Place(rules.home, place.day))
    return half_up(price * (WHOLE + rate_of(rules, tax_class, place)), WHOLE + home)


def shipping_price(rules: TaxRules, price: int, goods: Sequence[Goods], place: Place) -> int:
    """Return what shipping costs a buyer in a place: like `unit_price`, with the classes of the goods in proportion."""
    shares = allocate(price, [line.amount for line in goods])
    return sum(
        unit_price(rules, share, line.tax_class, place) for share, line in zip(shares, goods, strict=True)
    )


def reckon(rules: TaxRules, goods: Sequence[Goods], shipping: int, place: Place) -> Reckoned:
    """Return the tax of lines and of shipping, which is an amount as prices go, already that of the place.

    Shipping bears what the goods do, in proportion to their amounts, unless the place has a rule of its own.
    Raises UnknownTaxError.
    """
    rates = [rate_of(rules, line.tax_class, place) for line in goods]
    shares = _shared_out(rules, goods, rates, shipping, place)
    amounts = [(line.amount, rate) for line, rate in zip(goods, rates, strict=True)] + shares
    taxes = _taxes(amounts, included=rules.included)
    taxed = tuple(Taxed(amount, rate, tax) for (amount, rate), tax in zip(amounts, taxes, strict=True))
    return Reckoned(taxed[: len(goods)], taxed[len(goods) :])


def _shared_out(
    rules: TaxRules, goods: Sequence[Goods], rates: Sequence[int], shipping: int, place: Place
) -> list[tuple[int, int]]:
    """Return shipping by the rates that it bears; nothing where it is free."""
    if not shipping:
        return []
    own = [
        rule
        for rule in rules.shipping
        if rule.country == place.country and rule.region in (None, place.region)
    ]
    if own:
        bears = max(own, key=lambda rule: bool(rule.region)).bears
        return [(shipping, rate_of(rules, STANDARD, place) if bears == "standard" else 0)]
    borne = sorted(set(rates), reverse=True)
    weights = [
        sum(line.amount for line, one in zip(goods, rates, strict=True) if one == rate) for rate in borne
    ]
    return [(amount, rate) for amount, rate in zip(allocate(shipping, weights), borne, strict=True) if amount]


def _taxes(amounts: Sequence[tuple[int, int]], *, included: bool) -> list[int]:
    """Return the tax of each amount: rounded once for all of a rate, then allocated."""
    taxes = [0] * len(amounts)
    for rate in {rate for _, rate in amounts if rate}:
        places = [place for place, (_, one) in enumerate(amounts) if one == rate]
        weights = [amounts[place][0] for place in places]
        due = half_up(sum(weights) * rate, WHOLE + rate if included else WHOLE)
        for place, tax in zip(places, allocate(due, weights), strict=True):
            taxes[place] = tax
    return taxes


def overlapping(rates: Iterable[TaxRate]) -> list[tuple[int, int]]:
    """Return the places in the list of rates that are for the same goods, place and day: one of them has to go."""
    listed = list(rates)
    return [(i, j) for j, later in enumerate(listed) for i in range(j) if listed[i].meets(later)]
