"""A quote: what the buyer was promised, as pure functions. The signed text binds it (functions/shared/signing.py).

Prices exclude tax. Tax is added on lines and shipping together, at the rate of the country the goods go to, and
rounded once, half up, to a minor unit. Where the payment provider charges in coarser steps, the total is rounded to
one: ``subtotal + shipping + tax + rounding = total``, always (docs/adr/0020).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from msgspec import Meta

from functions.cart.domain import Cart, PricedLine, check_room, requires_shipping
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
    Minor,
    ProductId,
    Quantity,
    Rounding,
    Sku,
    Timestamp,
)

VALID = timedelta(minutes=15)
_MAX_TOTAL = 99_999_999_999  # what ``Minor`` takes, and so every service after this one

BasisPoints = Annotated[int, Meta(ge=0, le=10_000)]


class QuoteLine(Data, frozen=True):
    """A line as promised; amounts in minor units of the totals' currency."""

    sku: Sku
    product_id: ProductId
    title: Line
    quantity: Quantity
    unit_price: Minor
    total: Minor


class Totals(Data, frozen=True):
    """Amounts in minor units; ``subtotal`` is the sum of the lines, ``total`` that of the rest.

    ``rounding``: what is added, or taken off where negative, so that the provider can charge the total exactly.
    """

    currency: Currency
    subtotal: Minor
    shipping: Minor
    tax: Minor
    total: Minor
    rounding: Rounding = 0


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
    """What the shop charges: its currency, shipping in minor units by country (or ``default``), tax by country.

    Every total is a multiple of ``step`` minor units: what the payment provider charges in that currency.
    Nothing is sold to countries without a tax rate, and no goods are delivered to those without a shipping rate where
    there is no default; what needs no shipping is sold there too.
    """

    currency: str
    shipping: Mapping[str, int]
    tax: Mapping[str, int]
    step: int = 1

    def countries(self, *, ships: bool = False) -> list[str]:
        """Return the countries that can be bought from, sorted; where it `ships`, those that goods are delivered to."""
        anywhere = not ships or "default" in self.shipping
        return sorted(code for code in self.tax if anywhere or code in self.shipping)

    def of(self, country: str, *, ships: bool = True) -> tuple[int, int]:
        """Return shipping (minor units) and tax rate (basis points); raise UnprocessableError where not served.

        Where nothing of an order `ships`, there is no shipping, and a country needs none.
        """
        served = self.countries(ships=ships)
        if country not in served:
            does = "deliver" if ships else "sell"
            raise UnprocessableError(
                "country_not_served",
                f"We {does} to {', '.join(served)}; not to {country}.",
                field=("shippingAddress", "country"),
                parameters={"country": country},
            )
        rate = self.shipping.get(country, self.shipping.get("default", 0))
        return rate if ships else 0, self.tax[country]


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
    shipping, rate = terms.of(address.country, ships=requires_shipping(lines))
    if not lines:
        raise ConflictError("cart_empty", "There is nothing in the cart to quote.")
    check_room(lines)
    if gone := [line for line in lines if line.withdrawn]:
        skus, titles = ", ".join(line.sku for line in gone), ", ".join(line.title for line in gone)
        detail = f"Not for sale any more, remove from the cart: {skus}."
        raise ConflictError("lines_withdrawn", detail, parameters={"skus": skus, "titles": titles})
    return Quote(
        id=cart.purchase,
        cart_id=cart.id,
        customer_id=cart.customer_id,
        email=email,
        lines=tuple(map(_promised, lines)),
        totals=totals(lines, shipping, rate, terms.currency, terms.step),
        shipping_address=address,
        issued_at=rfc3339(at),
        expires_at=rfc3339(at + VALID),
        cart_version=cart.version,
        replaces=cart.replaces,
    )


def totals(lines: Iterable[PricedLine], shipping: int, rate: int, currency: str, step: int = 1) -> Totals:
    """Return the totals of lines of one currency; `shipping` in minor units, `rate` in basis points.

    The total is rounded to a multiple of `step` minor units.

    Shipping is taxed as the goods are: at the rate, unless none of them is taxable.
    """
    amounts = [(line.total.amount, line.taxable) for line in lines]
    subtotal = sum(amount for amount, _ in amounts)
    taxed = [amount for amount, taxable in amounts if taxable]
    tax = _half_up((sum(taxed) + shipping) * rate, 10_000) if taxed else 0
    exact = subtotal + shipping + tax
    total = chargeable(exact, step)
    if total > _MAX_TOTAL:
        raise ConflictError(
            "total_too_large", f"An order may cost at most {_MAX_TOTAL} in minor units of {currency}."
        )
    return Totals(currency, subtotal, shipping, tax, total, total - exact)


def _half_up(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)


def _promised(line: PricedLine) -> QuoteLine:
    amount, total = line.unit_price.amount, line.total.amount
    return QuoteLine(line.sku, line.product_id, line.title, line.quantity, amount, total)
