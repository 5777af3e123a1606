"""What cart's HTTP calls take and give; the JSON Schemas of the OpenAPI page come from these."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from functions.cart.domain import PricedLine, Shown
from functions.cart.quotes import Address, PostalCode, Quote, QuoteLine, Totals
from functions.shared.clock import rfc3339
from functions.shared.types import Body, CartId, Country, Currency, Email, Line, Minor, Quantity, View

TextLine = Annotated[
    Line, Meta(pattern=r"^\S(?:[^\x00-\x1f\x7f-\x9f\u2028\u2029]*\S)?$(?!\n)", examples=["Sonnenallee 12"])
]
"""One line of an address: no line breaks or control characters, no blanks around it."""


class OpenCart(Body, frozen=True):
    """Nothing: a cart starts empty."""


class SetLine(Body, frozen=True):
    """How many units there are to be, whatever there were."""

    quantity: Quantity


class MergeCart(Body, frozen=True):
    """Where to: the customer's own cart, which is also the default."""

    into: CartId | None = None


class AddressBody(Body, frozen=True, kw_only=True):
    """Where the goods go; `country` as ISO 3166-1 alpha-2."""

    name: TextLine
    line1: TextLine
    line2: TextLine | None = None
    city: TextLine
    region: TextLine | None = None
    postal_code: PostalCode
    country: Country


class AskQuote(Body, frozen=True):
    """What a quote needs beside the cart."""

    email: Email
    shipping_address: AddressBody


class OpenedView(View, frozen=True):
    """A cart to use: a guest's only with the token in X-Cart-Token; a customer's has none."""

    cart_id: CartId
    token: str | None


class CountriesView(View, frozen=True):
    """The countries we deliver to, as ISO 3166-1 alpha-2, sorted."""

    items: list[Country]
    next_cursor: str | None = None


class LineView(View, frozen=True):
    """A line, amounts in minor units of the cart's currency: `previous_unit_price` was shown before, where it differs.

    ``notices``: ``price_changed``, ``withdrawn`` (not for sale any more; it has to go before a quote).
    """

    sku: str
    product_id: str
    title: str
    image_url: str | None
    quantity: int
    unit_price: Minor
    previous_unit_price: Minor | None
    total: Minor
    notices: tuple[str, ...]


class CartView(View, frozen=True):
    """A cart; `subtotal` is of the lines that are for sale, without tax and shipping, `units` of all lines."""

    cart_id: CartId
    currency: Currency
    lines: list[LineView]
    units: int
    subtotal: Minor
    expires_at: str


class QuoteView(View, frozen=True):
    """A promise for 15 minutes; `quote` is what POST /orders takes, the rest is what it says."""

    quote_id: str
    quote: str
    cart_id: CartId
    lines: tuple[QuoteLine, ...]
    totals: Totals
    shipping_address: Address
    issued_at: str
    expires_at: str


def line_view(line: PricedLine) -> LineView:
    """Shape a line."""
    previous = line.shown_price.amount if "price_changed" in line.notices else None
    return LineView(
        line.sku, line.product_id, line.title, line.image_url, line.quantity, line.unit_price.amount, previous,
        line.total.amount, line.notices,
    )  # fmt: skip


def cart_view(shown: Shown) -> CartView:
    """Shape a cart."""
    lines = [line_view(line) for line in shown.lines]
    expires_at = rfc3339(shown.cart.expires)
    return CartView(shown.cart.id, shown.currency, lines, shown.units, shown.subtotal.amount, expires_at)


def quote_view(quote: Quote, text: str) -> QuoteView:
    """Shape a quote and its signed text."""
    return QuoteView(
        quote.id, text, quote.cart_id, quote.lines, quote.totals, quote.shipping_address, quote.issued_at,
        quote.expires_at,
    )  # fmt: skip
