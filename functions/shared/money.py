"""Amounts of money as whole minor units: 19.99 EUR is 1999, 1500 JPY is 1500, 1.234 KWD is 1234.

The number of decimals is the currency's own (ISO 4217, list one of SIX, its maintenance agency). Text is read and
written digit by digit: no float, no rounding, ever.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

_DECIMALS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF"
    " CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD"
    " HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT"
    " MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR"
    " SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU"
    " UZS VED VES WST XCD XCG YER ZAR ZMW ZWG",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
EXPONENTS = {code: decimals for decimals, codes in _DECIMALS.items() for code in codes.split()}
"""The number of decimals by currency: the one table, for the pages too (``GET /catalog/currencies``)."""

# What Stripe's API takes where it differs from ISO 4217 (docs.stripe.com/currencies: zero-decimal currencies,
# three-decimal currencies, special cases). HUF and TWD are charged in hundredths, and whole only when paid out.
_STRIPE_EXPONENTS = {"ISK": 2, "MGA": 0, "UGX": 2}
_STRIPE_STEPS = dict.fromkeys(("BHD", "JOD", "KWD", "OMR", "TND"), 10)
_AMOUNT = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,12}))?", re.ASCII)

MAX_AMOUNT = 99_999_999_999
"""The largest amount, as in functions/shared/types.py."""


class AmountError(ValueError):
    """The text is no amount of that currency; the message says why."""


def exponent(currency: str) -> int:
    """Return the number of decimals of a currency; raise AmountError for a code ISO 4217 does not list."""
    if currency not in EXPONENTS:
        raise AmountError(f"{currency} is no currency of ISO 4217.")
    return EXPONENTS[currency]


def parse_amount(text: str, currency: str) -> int:
    """Return a decimal text as minor units.

    Raises
    ------
    AmountError
        Not digits with at most one decimal point, finer than the currency's minor unit, or too large.
    """
    match = _AMOUNT.fullmatch(text.strip())
    if match is None:
        raise AmountError(
            f"{text[:20]!r} is no amount: write it like 19.99, without sign, symbol or separators."
        )
    decimals = exponent(currency)
    fraction = (match[2] or "").rstrip("0")
    if len(fraction) > decimals:
        raise AmountError(f"{text[:20]} is finer than {currency} allows: it has {decimals} decimals.")
    amount = int(match[1] + fraction.ljust(decimals, "0"))
    if amount > MAX_AMOUNT:
        raise AmountError(f"{text[:20]} {currency} is more than can be sold for.")
    return amount


def format_amount(amount: int, currency: str) -> str:
    """Return minor units as decimal text with the currency's own number of decimals: ``19.99``, ``1500``."""
    decimals = exponent(currency)
    sign, digits = "-" if amount < 0 else "", str(abs(amount)).rjust(decimals + 1, "0")
    return sign + (f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits)


def charge_step(provider: str, currency: str) -> int:
    """Return the minor units that every amount a provider charges in a currency is a multiple of: mostly 1."""
    if provider != "stripe" or currency not in EXPONENTS:
        return 1
    theirs = _STRIPE_EXPONENTS.get(currency, EXPONENTS[currency])
    coarser: int = 10 ** max(EXPONENTS[currency] - theirs, 0)
    return _STRIPE_STEPS.get(currency, coarser)


def chargeable(amount: int, step: int) -> int:
    """Return the multiple of the step nearest to an amount, half up; what costs something never becomes free."""
    return max(step, (2 * amount + step) // (2 * step) * step) if amount else 0


def provider_amount(provider: str, amount: int, currency: str) -> int:
    """Return an amount as a provider counts it; raise AmountError where it cannot charge exactly that."""
    step, decimals = charge_step(provider, currency), exponent(currency)
    if amount % step:
        raise AmountError(f"{provider} charges {currency} in steps of {step} minor units.")
    theirs = _STRIPE_EXPONENTS.get(currency, decimals) if provider == "stripe" else decimals
    units: int = amount * 10**theirs // 10**decimals
    return units


def shop_amount(provider: str, units: int, currency: str) -> int:
    """Return an amount that a provider counts in its own units as minor units: provider_amount, backwards."""
    decimals = exponent(currency)
    theirs = _STRIPE_EXPONENTS.get(currency, decimals) if provider == "stripe" else decimals
    amount: int = units * 10**decimals // 10**theirs
    return amount


def half_up(numerator: int, denominator: int) -> int:
    """Return a fraction that is not negative as a whole number, rounded half up."""
    return (2 * numerator + denominator) // (2 * denominator)


def allocate(amount: int, weights: Sequence[int]) -> list[int]:
    """Return an amount in parts that are as their weights are, and together the amount, to the minor unit.

    What rounding down leaves goes to the largest remainders, of equal ones to the earlier. Neither amount nor weights
    are negative; where no weight is above zero they count as equal, and there is at least one.
    """
    given = weights if any(weights) else [1] * len(weights)
    whole = sum(given)
    parts = [amount * weight // whole for weight in given]
    by_remainder = sorted(range(len(given)), key=lambda place: -(amount * given[place] % whole))
    for place in by_remainder[: amount - sum(parts)]:
        parts[place] += 1
    return parts


class Unit(NamedTuple):
    """One unit of a line of an order, in minor units: what is off its price, what is left of that, the tax of it."""

    discount: int
    amount: int
    tax: int


def units(price: int, quantity: int, discount: int, tax: int) -> list[Unit]:
    """Return the units of a line, given what is off all of it and its tax: together they are the line, exactly.

    They share the discount evenly, and the tax by what is left to pay for each. So each has a share that is fixed once
    the line is, and any of them given back later leave no cent over.
    """
    off = allocate(discount, [price] * quantity)
    left = [price - less for less in off]
    return [Unit(*parts) for parts in zip(off, left, allocate(tax, left), strict=True)]
