"""A quote: what the buyer was promised, as pure functions. The signed text binds it (functions/shared/signing.py).

Prices include tax or do not, as the shop says; what goods and shipping bear is that of the place they go to
(functions/cart/tax.py). Where the payment provider charges in coarser steps, the total is rounded to one:
``subtotal + shipping + rounding = total`` where prices include tax, ``+ tax`` where they do not, always.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from functions.cart import tax
from functions.cart.domain import Cart, PricedLine, check_room, requires_shipping
from functions.cart.tax import Goods, Place, Taxed, TaxPart, TaxRules
from functions.shared.addresses import PostalAddress
from functions.shared.clock import rfc3339
from functions.shared.errors import ConflictError, UnprocessableError
from functions.shared.money import chargeable
from functions.shared.types import (
    CartId,
    Currency,
    CustomerId,
    Data,
    Email,
    Line,
    Millionths,
    Minor,
    ProductId,
    Quantity,
    Rounding,
    Sku,
    Timestamp,
)

VALID = timedelta(minutes=15)
_MAX_TOTAL = 99_999_999_999  # what ``Minor`` takes, and so every service after this one


class QuoteLine(Data, frozen=True):
    """A line as promised; amounts in minor units of the totals' currency.

    ``tax``: of all its units, in ``total`` where prices include tax, on top of it where they do not; ``tax_rate`` is in
    millionths. Of the units the first bear what does not divide evenly.
    """

    sku: Sku
    product_id: ProductId
    title: Line
    quantity: Quantity
    unit_price: Minor
    total: Minor
    tax_rate: Millionths = 0
    tax: Minor = 0


class Totals(Data, frozen=True):
    """Amounts in minor units; ``subtotal`` is the sum of the lines, ``total`` what is paid.

    ``rounding``: what is added, or taken off where negative, so that the provider can charge the total exactly.
    ``taxes``: by rate, what goods and shipping are without tax, and the tax; ``tax`` is their sum. ``tax_included``:
    whether the amounts of lines and shipping contain it.
    """

    currency: Currency
    subtotal: Minor
    shipping: Minor
    tax: Minor
    total: Minor
    rounding: Rounding = 0
    taxes: tuple[TaxPart, ...] = ()
    tax_included: bool = False


class Quote(Data, frozen=True):
    """What is signed; `customer_id` is None in a guest's quote, which then anyone who has it may order by.

    ``id``: of the purchase, the same in all quotes of the cart until one is ordered. ``cart_version``: the cart's.
    ``replaces``: purchases that are void once this one is ordered, and the other way round.
    """

    id: str
    cart_id: CartId
    customer_id: CustomerId | None
    email: Email
    lines: tuple[QuoteLine, ...]
    totals: Totals
    shipping_address: PostalAddress
    issued_at: Timestamp
    expires_at: Timestamp
    cart_version: int
    replaces: tuple[str, ...] = ()


@dataclass(frozen=True)
class Terms:
    """What the shop charges: its currency, shipping in minor units by country (or ``default``), and tax.

    Every total is a multiple of ``step`` minor units: what the payment provider charges in that currency.
    Nothing is sold to countries without a tax rate, and no goods are delivered to those without a shipping rate where
    there is no default; what needs no shipping is sold there too.
    """

    currency: str
    shipping: Mapping[str, int]
    tax: TaxRules
    step: int = 1

    def countries(self, *, ships: bool = False) -> list[str]:
        """Return the countries that can be bought from, sorted; where it `ships`, those that goods are delivered to."""
        anywhere = not ships or "default" in self.shipping
        return [code for code in self.tax.countries() if anywhere or code in self.shipping]

    def shipping_to(self, country: str, *, ships: bool = True) -> int:
        """Return what shipping costs, as prices go; raise UnprocessableError where the country is not served.

        Where nothing of an order `ships`, there is no shipping, and a country needs none.
        """
        served = self.countries(ships=ships)
        if country not in served:
            raise _not_served(country, served, "deliver" if ships else "sell")
        return self.shipping.get(country, self.shipping.get("default", 0)) if ships else 0


def _not_served(place: str, served: Iterable[str], does: str) -> UnprocessableError:
    return UnprocessableError(
        "country_not_served",
        f"We {does} to {', '.join(served)}; not to {place}.",
        field=("shippingAddress", "country"),
        parameters={"country": place},
    )


def quoted(
    cart: Cart,
    lines: tuple[PricedLine, ...],
    email: str,
    address: PostalAddress,
    terms: Terms,
    at: datetime,
) -> Quote:
    """Return the quote of a cart.

    Raises
    ------
    UnprocessableError
        The address is in a country that is not served.
    ConflictError
        The cart is empty, has too many lines, or some not for sale any more, or costs more than any order may.
    """
    shipping = terms.shipping_to(address.country, ships=requires_shipping(lines))
    if not lines:
        raise ConflictError("cart_empty", "There is nothing in the cart to quote.")
    check_room(lines)
    if gone := [line for line in lines if line.withdrawn]:
        skus, titles = ", ".join(line.sku for line in gone), ", ".join(line.title for line in gone)
        detail = f"Not for sale any more, remove from the cart: {skus}."
        raise ConflictError("lines_withdrawn", detail, parameters={"skus": skus, "titles": titles})
    promised, amounts = charged(lines, shipping, terms, Place.of(address, at.date().isoformat()))
    return Quote(
        id=cart.purchase,
        cart_id=cart.id,
        customer_id=cart.customer_id,
        email=email,
        lines=promised,
        totals=amounts,
        shipping_address=address,
        issued_at=rfc3339(at),
        expires_at=rfc3339(at + VALID),
        cart_version=cart.version,
        replaces=cart.replaces,
    )


def charged(
    lines: Sequence[PricedLine], shipping: int, terms: Terms, place: Place
) -> tuple[tuple[QuoteLine, ...], Totals]:
    """Return what lines of one currency and their shipping cost in a place; `shipping` as the shop's prices go.

    The total is rounded to a multiple of the terms' step.

    Raises
    ------
    UnprocessableError
        Tax is not known there.
    ConflictError
        The total is more than any order may cost.
    """
    rules, currency = terms.tax, terms.currency
    try:
        prices = [tax.unit_price(rules, line.unit_price.amount, line.tax_class, place) for line in lines]
        goods = [
            Goods(price * line.quantity, line.tax_class) for price, line in zip(prices, lines, strict=True)
        ]
        shipping = tax.shipping_price(rules, shipping, goods, place)
        due = tax.reckon(rules, goods, shipping, place)
    except tax.UnknownTaxError:
        where = " ".join(filter(None, (place.region, place.country)))
        raise _not_served(where, terms.countries(), "sell") from None
    subtotal = sum(one.amount for one in goods)
    exact = subtotal + shipping + (0 if rules.included else due.tax)
    total = chargeable(exact, terms.step)
    if max(total, *prices) > _MAX_TOTAL:
        raise ConflictError(
            "total_too_large", f"An order may cost at most {_MAX_TOTAL} in minor units of {currency}."
        )
    taxes = due.parts(included=rules.included)
    totals = Totals(currency, subtotal, shipping, due.tax, total, total - exact, taxes, rules.included)
    return tuple(map(_promised, lines, prices, due.lines)), totals


def _promised(line: PricedLine, price: int, taxed: Taxed) -> QuoteLine:
    return QuoteLine(
        line.sku, line.product_id, line.title, line.quantity, price, taxed.amount, taxed.rate, taxed.tax
    )
