"""What catalog answers over HTTP: the responses' types, and how they are made."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from functions.catalog import domain
from functions.catalog.domain import Card, Image, Price, PriceRange, Seo, Status, StockPolicy, Stored
from functions.catalog.table_imports import Job
from functions.catalog.table_lists import Page
from functions.shared.types import View


class VariantView(View, frozen=True):
    """A variant; ``title`` is what it is called in a cart, ``grams`` its weight."""

    sku: str
    title: str
    options: tuple[str, ...]
    price: Price
    compare_at: Price | None
    grams: int
    barcode: str
    tax_class: str
    requires_shipping: bool
    image: str | None
    stock_policy: StockPolicy
    merchant_sku: str | None


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
    variants: list[VariantView]
    images: list[Image]
    seo: Seo
    created_at: str
    updated_at: str


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


class ImportAcceptedView(View, frozen=True):
    """An import that waits to be worked off."""

    import_id: str
    status: str
    total: int


class ProblemView(View, frozen=True):
    """What is wrong with a field: ``row`` and ``field`` as a spreadsheet shows them."""

    row: int
    field: str
    code: str
    detail: str


class ImportView(View, frozen=True):
    """An import: ``total``, ``done`` and the counts are of products; ``nextCursor`` leads to more errors."""

    import_id: str
    format: str
    status: str
    total: int
    done: int
    created: int
    updated: int
    unchanged: int
    failed: int
    created_at: str
    finished_at: str | None
    errors: list[ProblemView]
    next_cursor: str | None


def product_view(stored: Stored) -> ProductView:
    """Shape a product."""
    product = stored.product
    variants = [
        VariantView(
            one.sku, domain.full_title(product, one), one.options, one.price, one.compare_at, one.grams, one.barcode,
            one.tax_class, one.requires_shipping, one.image, one.stock_policy, one.merchant_sku,
        )
        for one in product.variants
    ]  # fmt: skip
    return ProductView(
        stored.id, stored.version, product.slug, product.status, product.title, stored.text, product.body_html, False,
        product.vendor, product.category, product.product_category, product.tags, product.options,
        PriceRange(*domain.price_range(product)), variants, list(product.images), product.seo,
        stored.created_at, stored.updated_at,
    )  # fmt: skip


def cards_view(page: Page) -> dict[str, object]:
    """Shape a page of entries; the cards are stored as they are sent."""
    return {
        "items": [msgspec.Raw(item["card"].encode()) for item in page.items],
        "nextCursor": page.following,
    }


def names_view(page: Page) -> NamesView:
    """Shape a page of names."""
    return NamesView([NameView(item["name"], item["count"]) for item in page.items], page.following)


def currencies_view(exponents: Mapping[str, int]) -> CurrenciesView:
    """Shape the table of exponents."""
    return CurrenciesView([CurrencyView(code, exponents[code]) for code in sorted(exponents)])


def import_view(job: Job, problems: Page) -> ImportView:
    """Shape an import with a page of its problems."""
    errors = [
        ProblemView(item["row"], item["field"], item["code"], item["detail"]) for item in problems.items
    ]
    return ImportView(
        job.id, job.format, job.status, job.total, job.done, job.created, job.updated, job.unchanged, job.failed,
        job.created_at, job.finished_at or None, errors, problems.following,
    )  # fmt: skip
