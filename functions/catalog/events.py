"""The facts catalog publishes, and what it reads of others'."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from functions.shared.types import Data, Money, ProductId, Sku, Timestamp

Slug = Annotated[str, Meta(examples=["clay-plant-pot"])]
Title = Annotated[str, Meta(examples=["Clay Plant Pot"])]


class VariantState(Data, frozen=True):
    """One SKU on sale. ``title`` is what a line of a cart or an order is called; ``grams`` its weight.

    ``merchant_sku`` is what its seller calls it, where that is not the SKU.
    """

    sku: Sku
    title: Annotated[str, Meta(examples=["Clay Plant Pot, Large"])]
    price: Money
    tax_class: Annotated[str, Meta(examples=["standard"])]
    grams: Annotated[int, Meta(ge=0, examples=[1200])]
    requires_shipping: bool = True
    stock_policy: Literal["tracked", "backorder", "untracked"] = "tracked"
    merchant_sku: Annotated[str | None, Meta(examples=["POT 24/25 (L)"])] = None


class ProductPublished(Data, frozen=True):
    """A product is on sale, for the first time or again: all that others need of it, under its version.

    One that is ``unlisted`` is sold to who has its address, and stands in no list.
    """

    product_id: ProductId
    slug: Slug
    title: Title
    vendor: Annotated[str, Meta(examples=["Company 123"])]
    status: Literal["published"]
    image_url: Annotated[str | None, Meta(examples=["https://cdn.example.com/clay-pot.jpg"])]
    variants: tuple[VariantState, ...]
    unlisted: bool = False


class ProductChanged(ProductPublished, frozen=True):
    """A product on sale has changed: its whole state again; a SKU that is not there any more is not sold any more."""


class ProductWithdrawn(Data, frozen=True):
    """A product is not on sale any more; ``skus`` are those it was last sold under."""

    product_id: ProductId
    skus: tuple[Sku, ...]


class CountedLine(Data, frozen=True):
    """How many units of a SKU there are, all told."""

    sku: Sku
    on_hand: Annotated[int, Meta(ge=0, le=1_000_000_000, examples=[12])]


class StockCounted(Data, frozen=True):
    """An import said how many units there are of up to 100 SKUs; `counted_at` is when the import arrived."""

    source: Literal["import"]
    counted_at: Timestamp
    lines: tuple[CountedLine, ...]


class ProductSaved(Data, frozen=True):
    """A product that is not on sale was created or changed: for who follows the acts of staff."""

    product_id: ProductId
    slug: Slug
    title: Title
    status: Annotated[str, Meta(examples=["draft"])]


class ProductDeleted(Data, frozen=True):
    """A draft was deleted; it never was on sale."""

    product_id: ProductId
    slug: Slug


class ImportAccepted(Data, frozen=True):
    """A file of products was handed in, and is worked off from here on; nobody stands behind what that changes."""

    import_id: Annotated[str, Meta(examples=["imp_01kaqz5r7b8v0w3m2x4y6t9n1h"])]
    format: Annotated[str, Meta(examples=["csv"])]
    products: Annotated[int, Meta(ge=0, examples=[40])]


PUBLISHED = (
    ProductPublished,
    ProductChanged,
    ProductWithdrawn,
    ProductSaved,
    ProductDeleted,
    StockCounted,
    ImportAccepted,
)

# --- read --------------------------------------------------------------------------------------------------------


class StockAvailabilityChanged(Data, frozen=True):
    """inventory: what can be had of a SKU now; a kind of tomorrow is shown as it comes."""

    sku: Sku
    availability: str
    available: int | None
    back_orderable: bool
    level_version: int
    changes: int
