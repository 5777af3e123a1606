"""What a product is and what it may become: pure rules on frozen data.

`Product` is what people write (over HTTP, as a line of JSONL, from a row of CSV) and what is stored; all that is
derived from it (SKUs left out, titles of variants, where it is listed) is derived here.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from functions.catalog import text
from functions.shared.errors import InvalidError
from functions.shared.ids import is_id
from functions.shared.types import Body, Currency, Minor, Sku, View

MAX_VARIANTS = 2_048
MAX_TAGS = 250
MAX_IMAGES = 250
MAX_BYTES = 900_000  # of a product as JSON; service.py checks what its item and its fact take
MAX_SKU = 64
_IS_SKU = re.compile("[A-Za-z0-9][A-Za-z0-9._-]*")
MAX_ORIGINS = 8
MAX_ORIGIN_LENGTH = 16_000  # of all of them in characters; one names up to 2,048 variants
MAX_WORDS = 300  # by which a product is found; each is a list it stands in

Status = Literal["published", "unlisted", "unpublished", "draft", "withdrawn"]
"""On sale and listed; on sale for who has its address; in the range, not on sale here; not yet; not any more."""
STATUSES: tuple[Status, ...] = get_args(Status)
Sort = Literal["newest", "oldest", "price", "-price", "title", "-title"]
"""The order of a list of products."""
StockPolicy = Literal["tracked", "backorder", "untracked"]
"""Units are counted; are counted and sold below zero; are not counted."""
MerchantSku = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=255,
        pattern=r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$(?!\n)",
        extra={"form": "merchant SKU", "detail": "A merchant's SKU is one line of text that is not blank."},
    ),
]
Short = Annotated[str, Meta(max_length=255)]
Name = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"\S")]
Tag = Annotated[
    str, Meta(min_length=1, max_length=100, pattern=r"^[^,\x00-\x1f]*[^\s,\x00-\x1f][^,\x00-\x1f]*$(?!\n)")
]
Slug = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=text.MAX_SLUG,
        pattern=r"^\w[^\s\x00-\x2c./\x3a-\x40\x5b-\x5e`\x7b-\xa9]*$(?!\n)",
        examples=["clay-plant-pot"],
        extra={"form": "slug", "detail": "A slug has letters, digits, dashes and underscores."},
    ),
]
"""Letters of any script with their marks; `text.is_slug` is the whole rule, which no pattern of `re` can say."""
Url = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=2048,
        pattern=r"^(https?://(?![/?#])|/(?!/))[^\s\x00-\x20\x7f-\x9f<>\"\\]+$(?!\n)",
        extra={"form": "url", "detail": "An address begins with https://, http:// or one slash."},
    ),
]
"""Of another origin by its name, or a path of our own. Browsers read a backslash as a slash and skip line breaks and
tabs, so that ``/\\evil.example`` and ``/<tab>/evil.example`` are other origins to them (WHATWG URL Standard, 4.4)."""
OtherColumns = Annotated[
    dict[Annotated[str, Meta(max_length=255)], Annotated[str, Meta(max_length=5000)]], Meta(max_length=200)
]
_BARCODE = r"^([A-Za-z0-9]([A-Za-z0-9 .+/$%-]*[A-Za-z0-9])?)?$(?!\n)"


class Price(Body, frozen=True, omit_defaults=False):
    """What one unit costs, in minor units; nothing is a price too."""

    amount: Minor
    currency: Currency


class Variant(Body, frozen=True, omit_defaults=False):
    """One thing that can be bought: `options` are its values of the product's options, in their order.

    ``grams`` is its weight, ``image`` its picture's address. ``compare_at`` is kept for its merchant: buyers are
    shown what the price was (prices.py), nothing that anybody typed.
    ``other_columns`` are cells of an imported file that no field was found for, None where that is not said.
    ``sku`` is its key with all services, ``merchant_sku`` what its seller calls it, None where that is the same.
    """

    price: Price
    sku: Sku = ""
    options: Annotated[tuple[Name, ...], Meta(max_length=3)] = ()
    compare_at: Price | None = None
    grams: Annotated[int, Meta(ge=0, le=100_000_000)] = 0
    barcode: Annotated[str, Meta(max_length=64, pattern=_BARCODE)] = ""
    tax_class: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$(?!\n)")] = "standard"
    requires_shipping: bool = True
    image: Url | None = None
    stock_policy: StockPolicy = "tracked"
    merchant_sku: MerchantSku | None = None
    other_columns: OtherColumns | None = None


class Image(Body, frozen=True, omit_defaults=False):
    """A picture; its place in the list is its position."""

    src: Url
    alt: Annotated[str, Meta(max_length=512)] = ""


class Seo(Body, frozen=True, omit_defaults=False):
    """What search engines are told; empty means the product's own title and text."""

    title: Short = ""
    description: Annotated[str, Meta(max_length=1000)] = ""


class Product(Body, frozen=True, omit_defaults=False):
    """A product as people write it.

    ``slug`` is the last part of its address and made from the title where left out. ``body_html`` is kept as given and
    never trusted. ``category`` is the shop's own, ``product_category`` a place in a public taxonomy.
    """

    title: Name
    variants: Annotated[tuple[Variant, ...], Meta(min_length=1, max_length=MAX_VARIANTS)]
    slug: Slug = ""
    status: Status = "draft"
    body_html: Annotated[str, Meta(max_length=100_000)] = ""
    vendor: Short = ""
    category: Short = ""
    product_category: Annotated[str, Meta(max_length=500)] = ""
    tags: Annotated[tuple[Tag, ...], Meta(max_length=MAX_TAGS)] = ()
    options: Annotated[tuple[Name, ...], Meta(max_length=3)] = ()
    images: Annotated[tuple[Image, ...], Meta(max_length=MAX_IMAGES)] = ()
    seo: Seo = Seo()


class Stored(Struct, frozen=True):
    """A product as the shop holds it.

    ``origins`` name the request and the import rows that wrote it lately, the newest last, so that each can be told
    when it comes again, whoever has written since. ``listed`` are the lists it stands in. ``pending`` counts the steps
    done of a listing too large for one transaction, None where nothing is left to do; ``replaces`` is what stood there
    before. ``since`` is when the prices that apply began to, or when they ended; empty where none ever did, and where
    code that did not tell has written last. ``ended`` is the version whose prices are the last in the history, 0 where
    there is none. ``prior`` is what prices are reduced from, by SKU, in minor units.
    """

    id: str
    version: int
    product: Product
    text: str
    created_at: str
    updated_at: str
    origins: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()
    pending: int | None = None
    replaces: Footprint | None = None
    since: str = ""
    ended: int = 0
    prior: dict[str, int] = {}

    @property
    def published(self) -> bool:
        """Tell whether it is for sale."""
        return self.product.status in ("published", "unlisted")


class Availability(Struct, frozen=True, array_like=True):
    """What can be had of a SKU, as inventory told it; of two the newer one is greater as JSON.

    ``level`` is the version of the stock's level and ``changes`` what orders changed since, in twelve digits each.
    """

    level: str
    changes: str
    kind: str
    units: int | None
    back_orderable: bool

    @property
    def scarce(self) -> bool:
        """Tell whether it may be gone soon, or is: inventory tells units up to 20."""
        return self.units is not None and self.units < 20 and not self.back_orderable


def with_origin(origins: tuple[str, ...], origin: str) -> tuple[str, ...]:
    """Return origins with a new one, without the oldest where they are too many; what a person does has none."""
    latest = [*origins, origin][-MAX_ORIGINS:] if origin else list(origins)
    while sum(map(len, latest)) > MAX_ORIGIN_LENGTH and len(latest) > 1:
        del latest[0]
    return tuple(latest)


class Footprint(msgspec.Struct, frozen=True):
    """What a version of a product claims beside its own item: lists and SKUs."""

    listed: tuple[str, ...] = ()
    skus: tuple[str, ...] = ()


def footprint(stored: Stored | None) -> Footprint:
    """Return what a stored product claims; nothing where there is none."""
    return Footprint(stored.listed, skus(stored.product)) if stored else Footprint()


# --- writing ------------------------------------------------------------------------------------------------------


def is_url(text: str) -> bool:
    """Tell whether a text can be a picture's address."""
    try:
        msgspec.convert(text, Url)
    except msgspec.ValidationError:
        return False
    return True


def with_columns_of(product: Product, before: Product | None) -> Product:
    """Return the product with the columns only kept of `before` for the SKUs that do not say what theirs are."""
    known = {variant.sku: variant.other_columns for variant in (before.variants if before else ())}
    variants = (
        replace(
            variant,
            other_columns=(
                known.get(variant.sku) if variant.other_columns is None else variant.other_columns or None
            ),
        )
        for variant in product.variants
    )
    return replace(product, variants=tuple(variants))


def normalised(product: Product, currency: str, slug: str = "") -> Product:
    """Return the product in the one form it is stored in, with what was left out filled in.

    Parameters
    ----------
    slug
        The slug to keep where the product gives none.

    Raises
    ------
    InvalidError
        The parts do not fit each other; the error says where.
    """
    slug = text.fold_slug(product.slug or slug or text.slug_of(product.title))
    if not text.is_slug(slug) or is_id("prd", slug):  # lower case can be longer than what was given
        detail = "A slug has 1 to 255 letters, digits, dashes and underscores in lower case, not the form of an id."
        raise InvalidError("invalid_slug", detail, field=("slug",))
    options, variants = _without_default(product)
    tags: dict[str, str] = {}
    for tag in product.tags:
        tags.setdefault(text.fold(tag), tag.strip())
    images: dict[str, Image] = {}
    for image in (*product.images, *(Image(variant.image) for variant in variants if variant.image)):
        images.setdefault(image.src, image)
    clean = replace(
        product,
        title=product.title.strip(),
        slug=slug,
        vendor=product.vendor.strip(),
        category=product.category.strip(),
        tags=tuple(tags.values()),
        images=tuple(images.values()),
        options=tuple(name.strip() for name in options),
        variants=variants,
    )
    check(clean, currency)
    clean = replace(clean, variants=_with_skus(clean))
    _check_skus(clean)
    return clean


def _without_default(product: Product) -> tuple[tuple[str, ...], tuple[Variant, ...]]:
    """Return options and variants; Shopify's ``Title: Default Title`` means that there are none."""
    variants = tuple(
        replace(variant, options=tuple(value.strip() for value in variant.options))
        for variant in product.variants
    )
    if product.options == ("Title",) and [v.options for v in variants] == [("Default Title",)]:
        return (), (replace(variants[0], options=()),)
    return product.options, variants


def check(product: Product, currency: str) -> None:
    """Raise InvalidError where variants and options, or the currency, do not fit."""
    if len({text.fold(name) for name in product.options}) < len(product.options):
        raise InvalidError("option_repeated", "Two options have the same name.", field=("options",))
    _check_options(product)
    for index, variant in enumerate(product.variants):
        for name, price in (("price", variant.price), ("compareAt", variant.compare_at)):
            if price and price.currency != currency:
                field = ("variants", index, name, "currency")
                raise InvalidError("wrong_currency", f"The shop sells in {currency}.", field=field)
    if len(product.images) > MAX_IMAGES:
        raise InvalidError(
            "too_many_images", f"A product has at most {MAX_IMAGES} images.", field=("images",)
        )
    if len(msgspec.json.encode(product)) > MAX_BYTES:
        raise InvalidError("product_too_large", f"A product has at most {MAX_BYTES} bytes as JSON.", field=())


def _check_options(product: Product) -> None:
    seen: set[tuple[str, ...]] = set()
    for index, variant in enumerate(product.variants):
        field = ("variants", index, "options")
        if len(variant.options) != len(product.options):
            given, wanted = len(variant.options), len(product.options)
            detail = f"The product has {wanted} options, this variant gives {given} values."
            raise InvalidError("options_mismatch", detail, field=field)
        if variant.options in seen:
            detail = (
                f"Two variants are {' / '.join(variant.options) or 'alike'}: options must tell them apart."
            )
            raise InvalidError("variant_repeated", detail, field=field)
        seen.add(variant.options)


def _check_skus(product: Product) -> None:
    seen: set[str] = set()
    for index, variant in enumerate(product.variants):
        if variant.sku.endswith("\n"):
            raise InvalidError(
                "invalid_sku", "A SKU ends in no line break.", field=("variants", index, "sku")
            )
        if variant.sku in seen:
            raise InvalidError(
                "sku_repeated", f"Two variants have the SKU {variant.sku}.", field=("variants", index, "sku")
            )
        seen.add(variant.sku)


def _with_skus(product: Product) -> tuple[Variant, ...]:
    """Return the variants, each with a SKU.

    That is the given one, else one that follows from what the merchant calls it, else from slug and option values.
    """
    taken = {variant.sku for variant in product.variants if variant.sku}
    named = []
    for variant in product.variants:
        sku = variant.sku or _free_sku(product.slug, variant, taken)
        taken.add(sku)
        merchant = (variant.merchant_sku or "").strip()
        columns = {name: cell for name, cell in (variant.other_columns or {}).items() if cell}
        merchant_sku = merchant if merchant not in ("", sku) else None
        named.append(
            replace(
                variant,
                sku=sku,
                merchant_sku=merchant_sku,
                other_columns=None if variant.other_columns is None else columns,
            )
        )
    return tuple(named)


def _free_sku(slug: str, variant: Variant, taken: set[str]) -> str:
    wanted = [key_of(variant.merchant_sku)] if variant.merchant_sku else []
    wanted.append(derived_sku(slug, variant.options))
    return next((sku for sku in wanted if sku not in taken), derived_sku(slug, variant.options, exact=True))


def key_of(merchant_sku: str) -> str:
    """Return the key of what a merchant calls a variant: itself where it can be one, else the same every time.

    ``KIT 24/25`` becomes ``KIT-24-25_`` and a digest of what was written.
    """
    given = merchant_sku.strip()
    if len(given) <= MAX_SKU and _IS_SKU.fullmatch(given):
        return given
    shown = "-".join(re.findall(r"[A-Za-z0-9]+", unicodedata.normalize("NFKD", given))) or "X"
    return f"{shown[:55].rstrip('-')}_{_short_digest(given)}"


def _short_digest(meant: str) -> str:
    return hashlib.sha256(meant.encode()).hexdigest()[:8].upper()


def derived_sku(slug: str, options: tuple[str, ...], *, exact: bool = False) -> str:
    """Return the SKU of a variant that was given none: ``CLAY-PLANT-POT.LARGE``, the same every time.

    Slugs are unique and keep to letters, digits and dashes, and values stand after a dot, so SKUs of two products never
    meet. Where letters had to be replaced in the slug, or the whole is too long, or `exact` asks for it, the end is a
    digest of what was meant.
    """
    parts = ["-".join(re.findall(r"[A-Z0-9]+", text.fold(part).upper())) for part in (slug, *options)]
    sku = ".".join(part or "X" for part in parts)
    if exact or len(sku) > MAX_SKU or parts[0] != slug.upper():
        sku = f"{sku[:55].rstrip('.-')}_{_short_digest(chr(10).join((slug, *options)))}"
    return sku


# --- reading ------------------------------------------------------------------------------------------------------


def skus(product: Product) -> tuple[str, ...]:
    """Return the SKUs of a product."""
    return tuple(variant.sku for variant in product.variants)


def shown_sku(variant: Variant) -> str:
    """Return what the seller calls a variant."""
    return variant.merchant_sku or variant.sku


def full_title(product: Product, variant: Variant) -> str:
    """Return what one variant is called on a cart's or an order's line: ``Clay Plant Pot, Large``."""
    return ", ".join((product.title, *variant.options))


def price_range(product: Product) -> tuple[Price, Price]:
    """Return the lowest and the highest price of the variants."""
    prices = sorted((variant.price for variant in product.variants), key=lambda price: price.amount)
    return prices[0], prices[-1]


def applied(stored: Stored | None) -> dict[str, Price]:
    """Return the prices that apply, by SKU: none where the product is not on sale."""
    if stored is None or not stored.published:
        return {}
    return {variant.sku: variant.price for variant in stored.product.variants}


def prior_price(stored: Stored, variant: Variant) -> Price | None:
    """Return what a variant's price is reduced from, None where no reduction may be claimed."""
    amount = stored.prior.get(variant.sku)
    return None if amount is None else Price(amount, variant.price.currency)


def shown_reduction(stored: Stored) -> Price | None:
    """Return what the price of the cheapest variant is reduced from."""
    return prior_price(stored, min(stored.product.variants, key=lambda variant: variant.price.amount))


class PriceRange(View, frozen=True):
    """The lowest and the highest price of a product's variants."""

    min: Price
    max: Price


class Card(View, frozen=True):
    """A product as lists show it.

    ``prior_price`` is the lowest price of the 30 days before the cheapest variant was reduced, null where it is not.
    ``compare_at`` is null in every card that is written: an older version of the code reads none without.
    """

    id: str
    slug: str
    title: str
    vendor: str
    category: str
    tags: tuple[str, ...]
    status: Status
    image: Image | None
    price: PriceRange
    compare_at: Price | None
    variant_count: int
    prior_price: Price | None = None


def card(stored: Stored) -> Card:
    """Return the card of a product."""
    product = stored.product
    return Card(
        stored.id,
        product.slug,
        product.title,
        product.vendor,
        product.category,
        product.tags,
        product.status,
        product.images[0] if product.images else None,
        PriceRange(*price_range(product)),
        None,
        len(product.variants),
        shown_reduction(stored),
    )


def facets(product: Product) -> list[str]:
    """Return the filters a product answers to: ``category:men``, ``vendor:…``, ``tag:…``."""
    return [facet(kind, name) for kind, name in named_facets(product)]


def named_facets(product: Product) -> list[tuple[str, str]]:
    """Return the facets of a product as kind and name, spelled as given."""
    named = [
        ("category", product.category),
        ("vendor", product.vendor),
        *(("tag", tag) for tag in product.tags),
    ]
    return [(kind, name) for kind, name in named if text.fold(name)]


def facet(kind: str, name: str) -> str:
    """Return the name of the list of one category, vendor or tag; case and accents do not count."""
    return f"{kind}:{text.fold(name)[:200]}"


def terms(product: Product) -> list[str]:
    """Return the words a product is found by: of title, vendor, category, tags and SKUs, at most `MAX_WORDS`."""
    shown = (shown_sku(variant) for variant in product.variants)
    return text.words(product.title, product.vendor, product.category, *product.tags, *shown)[:MAX_WORDS]


def has_list(word: str) -> bool:
    """Tell whether the products with a word stand in a list: not for one Latin letter or digit, which too many have."""
    return len(word) > 1 or not word.isascii()


def listed_words(product: Product) -> list[str]:
    """Return those of a product's words that have a list."""
    return [word for word in terms(product) if has_list(word)]


def lists(product: Product) -> tuple[str, ...]:
    """Return the lists a product stands in: that of its status, and when published one for each facet and word."""
    if product.status != "published":
        return (product.status,)
    return ("published", *facets(product), *(f"word:{word}" for word in listed_words(product)))
