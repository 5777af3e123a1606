"""What catalog answers over HTTP: the responses' types, and how they are made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from functions.catalog import domain
from functions.catalog.domain import (
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
from functions.catalog.exports.domain import Export
from functions.catalog.formats.rows import Problem
from functions.catalog.imports.domain import MAX_FILE_BYTES, MEDIA_TYPES, Format, Job, ReadAs
from functions.catalog.jobs.domain import ADDRESS_SECONDS
from functions.catalog.lists.domain import ListEntry, NameCount, Page
from functions.shared.types import Cursor, PageQuery, Query, View

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


class ImportProducts(Query, frozen=True):
    """What an import is to do beside creating and changing products, and whether its file comes later."""

    stock: Annotated[
        Literal["keep", "set"], Meta(description="Whether to set the stock of SKUs that are there too")
    ] = "keep"
    dry_run: Annotated[bool, Meta(description="Only tell what would happen")] = False
    mapping: Annotated[
        str,
        Meta(
            description="A JSON object of the file's columns, each with the field that it stands for",
            examples=['{"Artikelname": "title"}'],
        ),
    ] = ""
    upload: Annotated[bool, Meta(description="Send no file, but ask for an address to PUT it to")] = False


class ByCursor(Query, frozen=True):
    """Which part of a file."""

    cursor: Cursor | None = None


class ExportProducts(Query, frozen=True):
    """As what to write all products."""

    format: Format = "csv"


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


class StaffVariantView(VariantView, frozen=True):
    """A variant with the cells of an imported file that no field was found for, which may be costs: for staff only."""

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


class StaffProductView(ProductView, frozen=True):
    """A product with what only staff may see."""

    variants: tuple[StaffVariantView, ...]


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


class UploadView(View, frozen=True):
    """Where a file is to be sent: with this method and these headers, and no others of its own; for one hour."""

    url: str
    method: str
    headers: dict[str, str]
    expires_in: int
    max_bytes: int


class ImportAcceptedView(View, frozen=True):
    """An import that waits to be worked off, or where there is an ``upload``, for its file.

    ``total`` are the file's products and ``rows`` its rows, 0 while it has not been read.
    """

    import_id: str
    status: str
    total: int
    rows: int
    read_as: ReadAs
    upload: UploadView | None = None


class ExportView(View, frozen=True):
    """An export: ``done`` products of it are written; ``url`` is its file for one hour, null before it is completed."""

    export_id: str
    format: str
    status: str
    done: int
    bytes: int
    created_at: str
    finished_at: str | None
    url: str | None


class ProblemView(View, frozen=True):
    """What is wrong with a field: ``row`` and ``field`` as a spreadsheet shows them."""

    row: int
    field: str
    code: str
    detail: str


class ImportView(View, frozen=True):
    """An import: ``total``, ``done`` and the counts are of products; ``nextCursor`` leads to more that is said of rows.

    ``rows`` and ``rowsDone`` are the rows of the file, 0 while it has not been read. ``problem`` is why it failed as a
    whole, if so.

    ``errors`` keep their products out; ``warnings`` say what was read otherwise; ``outcomes`` what a dry run would have
    done. ``stockKept`` are the rows whose quantity changed nothing, because ``stock`` is ``keep``.
    """

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
    warnings: list[ProblemView]
    outcomes: list[ProblemView]
    warning_count: int
    stock: str
    stock_kept: int
    dry_run: bool
    read_as: ReadAs
    next_cursor: str | None
    rows: int
    rows_done: int
    problem: ProblemView | None


def product_view(stored: Stored) -> ProductView:
    """Shape a product."""
    variants = tuple(VariantView(**_variant(stored, one)) for one in stored.product.variants)
    return ProductView(**_product(stored), variants=variants)


def staff_view(stored: Stored) -> StaffProductView:
    """Shape a product with what only staff may see."""
    variants = tuple(
        StaffVariantView(**_variant(stored, one), other_columns=one.other_columns)
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


def import_view(job: Job, problems: Page[Problem]) -> ImportView:
    """Shape an import with a page of its problems."""
    said: dict[str, list[ProblemView]] = {"error": [], "warning": [], "outcome": []}
    for problem in problems.items:
        shown = ProblemView(problem.row, problem.field, problem.code, problem.detail)
        said[problem.level].append(shown)
    return ImportView(
        job.id,
        job.format,
        job.status,
        job.total,
        job.done,
        job.created,
        job.updated,
        job.unchanged,
        job.failed,
        job.created_at,
        job.finished_at or None,
        said["error"],
        said["warning"],
        said["outcome"],
        job.warnings,
        "set" if job.stock else "keep",
        job.stock_kept,
        job.dry_run,
        job.read_as,
        problems.following,
        job.rows,
        job.rows_done,
        ProblemView(0, "", job.reason, job.why) if job.reason else None,
    )


def accepted_view(job: Job) -> ImportAcceptedView:
    """Shape an import whose file is there."""
    return ImportAcceptedView(job.id, job.status, job.total, job.rows, job.read_as)


def upload_view(job: Job, address: str) -> ImportAcceptedView:
    """Shape an import whose file is still to come to an address."""
    headers = {"Content-Type": MEDIA_TYPES[job.format]}
    upload = UploadView(address, "PUT", headers, ADDRESS_SECONDS, MAX_FILE_BYTES)
    return ImportAcceptedView(job.id, job.status, job.total, job.rows, job.read_as, upload)


def export_view(export: Export, address: str | None) -> ExportView:
    """Shape an export."""
    return ExportView(
        export.id,
        export.format,
        export.status,
        export.done,
        export.size,
        export.created_at,
        export.finished_at or None,
        address,
    )
