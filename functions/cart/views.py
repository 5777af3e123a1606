"""What cart's HTTP calls take and give; the JSON Schemas of the OpenAPI page come from these."""

from __future__ import annotations

import re

from functions.cart.domain import PricedLine, Shown, requires_shipping
from functions.cart.quotes import Quote, QuoteLine, Terms, Totals
from functions.shared.addresses import AddressBody, CountryFormat, PostalAddress, format_of
from functions.shared.clock import rfc3339
from functions.shared.types import (
    Body,
    CartId,
    Country,
    Currency,
    Email,
    Minor,
    OrderId,
    Quantity,
    View,
)


class OpenCart(Body, frozen=True):
    """Nothing: a cart starts empty."""


class SetLine(Body, frozen=True):
    """How many units there are to be, whatever there were."""

    quantity: Quantity


class MergeCart(Body, frozen=True):
    """Where to: the customer's own cart, which is also the default."""

    into: CartId | None = None


class AskQuote(Body, frozen=True):
    """What a quote needs beside the cart.

    ``again``: the order that is buying these lines already, where they are to be bought once more on purpose.
    """

    email: Email
    shipping_address: AddressBody
    again: OrderId | None = None


class OpenedView(View, frozen=True):
    """A cart to use: a guest's only with the token in X-Cart-Token; a customer's has none."""

    cart_id: CartId
    token: str | None


class FormatView(View, frozen=True):
    """How addresses are written in a country: `fields` are those it uses, in the order of its labels.

    ``label`` are the lines of a label: ``{postalCode} {city}`` with what else is printed. ``regions`` are code and name
    of those that are known; where they are ``closed`` there are no others. ``names`` says what the country calls city,
    region and postal code: ``zip``, ``eircode``, ``state``, ``prefecture``…
    """

    fields: list[str]
    required: tuple[str, ...]
    label: tuple[str, ...]
    names: dict[str, str]
    regions: tuple[tuple[str, str], ...]
    closed: bool
    postal_code_pattern: str | None
    postal_code_example: str | None


class CountriesView(View, frozen=True):
    """The countries that can be bought from, as ISO 3166-1 alpha-2, sorted, and how addresses are written there.

    ``delivered``: those of them that goods are delivered to; the others can buy what requires no shipping.
    """

    items: list[Country]
    delivered: list[Country]
    formats: dict[str, FormatView]
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
    """A cart; `subtotal` is of the lines that are for sale, without shipping, `units` of all lines.

    ``tax_included``: whether its amounts include tax, of the shop's own country.
    ``requires_shipping``: whether something in it is delivered; it is then quoted only where goods are delivered to.
    """

    cart_id: CartId
    currency: Currency
    lines: list[LineView]
    units: int
    subtotal: Minor
    tax_included: bool
    requires_shipping: bool
    expires_at: str


class QuoteView(View, frozen=True):
    """A promise for 15 minutes; `quote` is what POST /orders takes, the rest is what it says.

    ``quote_id`` is the same in all quotes of a cart until one of them is ordered: only one of them can be.
    """

    quote_id: str
    quote: str
    cart_id: CartId
    lines: tuple[QuoteLine, ...]
    totals: Totals
    shipping_address: PostalAddress
    issued_at: str
    expires_at: str
    cart_version: int


def countries_view(terms: Terms) -> CountriesView:
    """Shape the countries that are served."""
    countries = terms.countries()
    formats = {code: format_view(format_of(code)) for code in countries}
    return CountriesView(countries, terms.countries(ships=True), formats)


def format_view(form: CountryFormat) -> FormatView:
    """Shape how a country writes addresses."""
    names = {"city": form.city_name, "region": form.region_name, "postalCode": form.postal_code_name}
    return FormatView(
        fields=re.findall(r"{(\w+)}", " ".join(form.label)),
        required=form.required,
        label=form.label,
        names={field: name for field, name in names.items() if name},
        regions=form.regions,
        closed=form.closed,
        postal_code_pattern=form.postal_code_pattern or None,
        postal_code_example=form.postal_code_example or None,
    )


def line_view(line: PricedLine) -> LineView:
    """Shape a line."""
    previous = line.shown_price.amount if "price_changed" in line.notices else None
    return LineView(
        line.sku,
        line.product_id,
        line.title,
        line.image_url,
        line.quantity,
        line.unit_price.amount,
        previous,
        line.total.amount,
        line.notices,
    )


def cart_view(shown: Shown, terms: Terms) -> CartView:
    """Shape a cart."""
    return CartView(
        cart_id=shown.cart.id,
        currency=shown.currency,
        lines=[line_view(line) for line in shown.lines],
        units=shown.units,
        subtotal=shown.subtotal.amount,
        tax_included=terms.tax.included,
        requires_shipping=requires_shipping(shown.lines),
        expires_at=rfc3339(shown.cart.expires),
    )


def quote_view(quote: Quote, text: str) -> QuoteView:
    """Shape a quote and its signed text."""
    return QuoteView(
        quote_id=quote.id,
        quote=text,
        cart_id=quote.cart_id,
        lines=quote.lines,
        totals=quote.totals,
        shipping_address=quote.shipping_address,
        issued_at=quote.issued_at,
        expires_at=quote.expires_at,
        cart_version=quote.cart_version,
    )
