"""What catalog answers over HTTP: the responses' types, and how they are made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from functions.catalog import domain
from functions.catalog.domain import (
    Availability,
    Card,
    Image,
    Price,
    PriceRange,
    Seo,
    Sort,
    Status,
    StockPolicy,
    Stored,
    Variant,
)
from functions.catalog.lists.domain import ListEntry, NameCount, Page
from functions.catalog.prices import PriceHistory
from functions.shared.types import PageQuery, View

Filter = Annotated[str, Meta(max_length=255)]


class FindProducts(PageQuery, frozen=True):
    """Which products to list, and in which order; what is blank asks for nothing."""

    category: Filter = ""
    vendor: Filter = ""
    tag: Filter = ""
    q: Annotated[
        str, Meta(max_length=255, description="Words, the last one also as the beginning of one")
    ] = ""
    sort: Literal["", Sort] = "newest"


class FindAnyProducts(FindProducts, frozen=True):
    """Which products to list, also of those that are not on sale."""

    status: Literal["", Status] = ""


class VariantView(View, frozen=True):
    """A variant; ``title`` is what it is called in a cart, ``grams`` its weight."""

    sku: str
    title: str
    options: tuple[str, ...]
    price: Price
    grams: int
    barcode: str
    tax_class: str
    requires_shipping: bool
    image: str | None
    stock_policy: StockPolicy
    merchant_sku: str | None


class AvailabilityView(View, frozen=True):
    """What can be had of a SKU; ``available``: units that can leave at once, 20 at most, null where uncounted.

    ``backOrderable``: more than those can be ordered, and are sent later.
    """

    availability: str
    available: int | None
    back_orderable: bool


class OfferedVariantView(VariantView, frozen=True):
    """A variant with what can be had of it, null where inventory has not told: ask it then.

    ``priorPrice`` is the lowest price of the 30 days before it was reduced, null where no reduction may be claimed.
    """

    prior_price: Price | None
    stock: AvailabilityView | None


class StaffVariantView(VariantView, frozen=True):
    """A variant with the cells of an imported file that no field was found for, which may be costs: for staff only.

    ``compareAt`` is as it was typed or imported; buyers are never shown it.
    """

    compare_at: Price | None
    other_columns: dict[str, str] | None


class ProductView(View, frozen=True):
    """A product.

    ``bodyHtml`` is as its author gave it: ``bodyTrusted`` is false, so it must not reach a page unless cleaned.
    ``description`` is its text, for showing as text.
    """

    id: str
    version: int
    slug: str
    status: Status
    title: str
    description: str
    body_html: str
    body_trusted: bool
    vendor: str
    category: str
    product_category: str
    tags: tuple[str, ...]
    options: tuple[str, ...]
    price: PriceRange
    variants: tuple[VariantView, ...]
    images: list[Image]
    seo: Seo
    created_at: str
    updated_at: str


class OfferedProductView(ProductView, frozen=True):
    """A product with what can be had of it, as inventory told a moment ago; an order finds out what is there."""

    variants: tuple[OfferedVariantView, ...]


class StaffProductView(ProductView, frozen=True):
    """A product with what only staff may see."""

    variants: tuple[StaffVariantView, ...]


class AppliedPriceView(View, frozen=True):
    """A price that applied from ``since`` on; ``until`` is null while it does."""

    since: str
    until: str | None
    price: Price


class VariantPricesView(View, frozen=True):
    """The prices of a variant while it was on sale, the newest first; ``priorPrice`` as buyers are shown it."""

    sku: str
    title: str | None
    prior_price: Price | None
    prices: list[AppliedPriceView]


class PricesView(View, frozen=True):
    """A page of a product's variants by SKU, also of those it has no more (``title`` null), with what they cost.

    What no reduction can rest on any more is left out in time: what ended over 30 days before the one that stands.
    """

    items: list[VariantPricesView]
    next_cursor: str | None


class CardsView(View, frozen=True):
    """A page of products: as many as asked for, while there are more.

    Where 2,000 products were looked at and too few fit, it is shorter, or empty, and ``nextCursor`` goes on from there.
    """

    items: list[Card]
    next_cursor: str | None


class NameView(View, frozen=True):
    """A category, vendor or tag, and how many products on sale it has."""

    name: str
    count: int


class NamesView(View, frozen=True):
    """A page of names."""

    items: list[NameView]
    next_cursor: str | None


class CurrencyView(View, frozen=True):
    """A currency and the number of its decimals (ISO 4217)."""

    currency: str
    exponent: int


class CurrenciesView(View, frozen=True):
    """All currencies of ISO 4217, by code."""

    items: list[CurrencyView]
    next_cursor: str | None = None


def product_view(stored: Stored, known: Mapping[str, Availability]) -> OfferedProductView:
    """Shape a product with what is known of its stock, by SKU."""
    stock = {sku: AvailabilityView(told.kind, told.units, told.back_orderable) for sku, told in known.items()}
    variants = tuple(
        OfferedVariantView(
            **_variant(stored, one),
            prior_price=domain.prior_price(stored, one),
            stock=stock.get(one.sku),
        )
        for one in stored.product.variants
    )
    return OfferedProductView(**_product(stored), variants=variants)


def staff_view(stored: Stored) -> StaffProductView:
    """Shape a product with what only staff may see."""
    variants = tuple(
        StaffVariantView(**_variant(stored, one), compare_at=one.compare_at, other_columns=one.other_columns)
        for one in stored.product.variants
    )
    return StaffProductView(**_product(stored), variants=variants)


def _variant(stored: Stored, one: Variant) -> dict[str, Any]:
    names = (name for name in VariantView.__struct_fields__ if name != "title")
    return {**{name: getattr(one, name) for name in names}, "title": domain.full_title(stored.product, one)}


_OF_PRODUCT = (
    "slug",
    "status",
    "title",
    "body_html",
    "vendor",
    "category",
    "product_category",
    "tags",
    "options",
    "seo",
)


def _product(stored: Stored) -> dict[str, Any]:
    """Return the fields of a product's view, its variants apart."""
    product = stored.product
    return {
        **{name: getattr(product, name) for name in _OF_PRODUCT},
        "id": stored.id,
        "version": stored.version,
        "description": stored.text,
        "body_trusted": False,
        "price": PriceRange(*domain.price_range(product)),
        "images": list(product.images),
        "created_at": stored.created_at,
        "updated_at": stored.updated_at,
    }


def prices_view(stored: Stored, history: PriceHistory, page: Page[str]) -> PricesView:
    """Shape a page of a product's prices, given its SKUs."""
    variants = {one.sku: one for one in stored.product.variants}
    items = [_variants_prices(stored, variants.get(sku), sku, history) for sku in page.items]
    return PricesView(items, page.following)


def _variants_prices(
    stored: Stored, variant: Variant | None, sku: str, history: PriceHistory
) -> VariantPricesView:
    periods = history.variants[sku]
    ends = [*(one.since for one in periods[1:]), None]
    applied = [
        AppliedPriceView(one.since, end, Price(one.amount, history.currency))
        for one, end in zip(periods, ends, strict=True)
        if one.amount is not None
    ]
    title = domain.full_title(stored.product, variant) if variant else None
    prior = domain.prior_price(stored, variant) if variant else None
    return VariantPricesView(sku, title, prior, applied[::-1])


def cards_view(page: Page[ListEntry]) -> dict[str, object]:
    """Shape a page of entries; the cards are stored as they are sent."""
    return {
        "items": [msgspec.Raw(entry.card.encode()) for entry in page.items],
        "nextCursor": page.following,
    }


def names_view(page: Page[NameCount]) -> NamesView:
    """Shape a page of names."""
    return NamesView([NameView(one.name, one.count) for one in page.items], page.following)


def currencies_view(exponents: Mapping[str, int]) -> CurrenciesView:
    """Shape the table of exponents."""
    return CurrenciesView([CurrencyView(code, exponents[code]) for code in sorted(exponents)])
