"""Catalog's use cases: read, apply one rule, store the result together with its facts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec.structs import replace

from functions.catalog import domain, text
from functions.catalog.domain import Availability, Price, Product, Stored
from functions.catalog.events import (
    ProductChanged,
    ProductDeleted,
    ProductPublished,
    ProductSaved,
    ProductWithdrawn,
    StockAvailabilityChanged,
    VariantState,
)
from functions.catalog.lists.domain import ListEntry, Page
from functions.catalog.prices import PriceHistory, prior_price
from functions.catalog.table import CatalogTable, Lost, page_of, stored_size
from functions.shared.clock import parse, rfc3339
from functions.shared.errors import ConflictError, InvalidError, NotFoundError, PreconditionFailedError
from functions.shared.ids import is_id, new_id
from functions.shared.inbox import Fact
from functions.shared.optimistic import optimistic
from functions.shared.outbox import fact, pack
from functions.shared.types import Data, Money

_ORPHANED = timedelta(minutes=1)
"""After this long a SKU claimed for a product that was then not written is free again."""
MAX_FACT_BYTES = 240_000
"""Of what is told of one product: EventBridge takes 256 KB an entry, with its envelope."""
MAX_ITEM_BYTES = 380_000
"""Of one product with all that its item holds: DynamoDB takes 400 KB an item."""
_MANY_WORDS = 8  # words with a prefix up to which their lists are merged; above, a list in order is filtered


# --- writing ------------------------------------------------------------------------------------------------------


@optimistic("product_busy")
def create(
    table: CatalogTable, product: Product, product_id: str, *, currency: str, at: datetime, origin: str = ""
) -> Stored | None:
    """Store a new product and return it; safe to repeat with the same `origin`.

    Raises
    ------
    InvalidError
        Its parts do not fit each other.
    ConflictError
        The slug or a SKU belongs to another product.
    """
    clean = domain.with_columns_of(domain.normalised(product, currency), None)
    lost = _store(table, None, clean, product_id, origin, at)
    if not isinstance(lost, Lost):
        return lost
    made = table.by_slug(clean.slug)
    if made and origin in made.origins:
        table.finish(made)
        return made
    _explain(table, lost, clean, at)
    return None


@optimistic("product_busy")
def change(
    table: CatalogTable, product_id: str, product: Product, *, version: int, currency: str, at: datetime
) -> Stored | None:
    """Replace a product's content and return it; one that is the same already is returned as it is.

    Raises
    ------
    NotFoundError
        There is no such product.
    PreconditionFailedError
        It is not at `version` any more.
    InvalidError, ConflictError
        As for `create`.
    """
    before = _at_version(table, product_id, version)
    return _rewrite(table, before, product, currency=currency, at=at)


def overwrite(
    table: CatalogTable,
    before: Stored,
    remake: Callable[[Stored], tuple[Product, str]],
    *,
    currency: str,
    at: datetime,
) -> Stored:
    """Have a product remade from whatever it is by now; return it, as it was when nothing differs.

    ``remake`` gives the new content and the origin of the version; what has that origin already is not stored again.
    """
    known = [before]

    @optimistic("product_busy")
    def run() -> Stored | None:
        found = known.pop() if known else table.product(before.id)
        if found is None:
            raise _no_product()
        product, origin = remake(found)
        return _rewrite(table, found, product, currency=currency, at=at, origin=origin)

    return run()


def foreseen(before: Stored | None, product: Product, *, currency: str, at: datetime) -> Stored:
    """Return what a product would become, with nothing stored; `before` itself where nothing differs.

    Raises
    ------
    InvalidError
        As for `create`.
    """
    clean = domain.normalised(product, currency, before.product.slug if before else "")
    clean = domain.with_columns_of(clean, before.product if before else None)
    if before and clean == before.product:
        return before
    return _next(before, clean, before.id if before else new_id("prd", at), "", at)[0]


def _rewrite(
    table: CatalogTable, before: Stored, product: Product, *, currency: str, at: datetime, origin: str = ""
) -> Stored | None:
    """Replace the content of a product as it was read; None when it has changed since.

    Returns `before` itself when nothing differs: no write, no fact.
    """
    clean = domain.normalised(product, currency, before.product.slug)
    clean = domain.with_columns_of(clean, before.product)
    table.finish(before)
    if clean == before.product:
        return before
    after = _store(table, before, clean, before.id, origin, at)
    if not isinstance(after, Lost):
        return after
    _explain(table, after, clean, at)
    return None


@optimistic("product_busy")
def withdraw(table: CatalogTable, product_id: str, *, version: int, at: datetime) -> bool:
    """Take a product off sale, or delete it where it is a draft; one withdrawn already stays so.

    Raises
    ------
    NotFoundError, PreconditionFailedError
        There is no such product, or not at `version` any more.
    """
    before = _at_version(table, product_id, version)
    table.finish(before)
    if before.product.status == "withdrawn":
        return True
    if before.product.status == "draft":
        told = ProductDeleted(before.id, before.product.slug)
        return table.remove(before, pack(fact(told, before.id, before.version + 1, at)), at)
    gone = replace(before.product, status="withdrawn")
    return not isinstance(_store(table, before, gone, before.id, "", at), Lost)


def finish_listing(table: CatalogTable, product_id: str) -> None:
    """Do what is left of writing a product that took more than one transaction. Safe to repeat."""
    if stored := table.product(product_id):
        table.finish(stored)


def _at_version(table: CatalogTable, product_id: str, version: int) -> Stored:
    found = table.product(product_id)
    if found is None:
        raise _no_product()
    if found.version != version:
        raise PreconditionFailedError(
            "version_changed",
            f"The product is at version {found.version}; read it again and repeat the change.",
        )
    return found


def _store(
    table: CatalogTable, before: Stored | None, clean: Product, product_id: str, origin: str, at: datetime
) -> Stored | Lost:
    after, outbox = _next(before, clean, product_id, origin, at)
    if clean.status == "published":
        table.learn(domain.listed_words(clean))
    table.learn_columns(sorted({name for one in clean.variants for name in one.other_columns or ()}))
    priced = _priced(table, before, after, at)
    return priced if isinstance(priced, Lost) else table.store(before, priced, outbox) or priced


def _priced(table: CatalogTable, before: Stored | None, after: Stored, at: datetime) -> Stored | Lost:
    """Return the next version of a product with what its prices are reduced from; keep those that end with it.

    What is on sale at which price, and since when, is in the product itself. Where that changes, what applied until now
    goes to the history first: true whether the change then comes about or not. A product that code has written which
    did not tell since when has its prices since then: its history begins there.
    """
    was, now = domain.applied(before), domain.applied(after)
    begun = _since(before) if before else ""
    if before is None or (was == now and not begun):
        return replace(after, since=after.updated_at if now else "")
    if was == now:
        return replace(after, since=begun, ended=before.ended, prior=before.prior)
    history = _history(before, table.price_history(before.id) if before.ended else None)
    ended = before.version if begun else 0
    if ended and not table.keep_prices(before.id, replace(history.pruned(at), version=ended)):
        return Lost("version")
    next_ = replace(after, since=_after(begun, at), ended=ended)
    whole = _history(next_, history).variants
    prior = {sku: prior_price(whole[sku]) for sku in now}
    return replace(next_, prior={sku: amount for sku, amount in prior.items() if amount is not None})


def _history(stored: Stored, ended: PriceHistory | None) -> PriceHistory:
    """Return the prices of a product up to those that it has; those that ended count in the same currency."""
    currency = stored.product.variants[0].price.currency
    known = ended if ended and ended.currency == currency else PriceHistory(currency)
    amounts = {sku: price.amount for sku, price in domain.applied(stored).items()}
    since = _since(stored)
    return known.followed_by(since, amounts) if since else known


def _since(stored: Stored) -> str:
    """Return when the prices that apply began to, or when they ended; empty where none ever did, or nobody told."""
    return stored.since or (stored.updated_at if stored.published else "")


def _after(begun: str, at: datetime) -> str:
    """Return the time, but later than another, which a clock that goes ahead of ours may have told."""
    return rfc3339(max(at, parse(begun) + timedelta(milliseconds=1)) if begun else at)


def _next(
    before: Stored | None, clean: Product, product_id: str, origin: str, at: datetime
) -> tuple[Stored, str]:
    """Return the next version of a product and the facts of it; raise InvalidError where they are too large."""
    moment = rfc3339(at)
    after = Stored(
        id=product_id,
        version=before.version + 1 if before else 1,
        product=clean,
        text=text.plain(clean.body_html),
        created_at=before.created_at if before else moment,
        updated_at=moment,
        origins=domain.with_origin(before.origins if before else (), origin),
        listed=domain.lists(clean),
    )
    outbox = pack(fact(_raised(before, after), after.id, after.version, at))
    _check_size(after, outbox)
    return after, outbox


def _check_size(after: Stored, outbox: str) -> None:
    """Raise InvalidError where the product's item or its fact are more than DynamoDB and EventBridge take."""
    told, stored = len(outbox.encode()), stored_size(after) + len(outbox.encode())
    if told > MAX_FACT_BYTES or stored > MAX_ITEM_BYTES:
        many = len(after.product.variants)
        products = max(math.ceil(told / MAX_FACT_BYTES), math.ceil(stored / MAX_ITEM_BYTES))
        detail = (
            f"The product is too large: {many} variants take {max(told, stored) // 1000} KB with titles and options."
            f" A product and its variants have room for {MAX_FACT_BYTES // 1000} KB; make it {products} products."
        )
        raise InvalidError("product_too_large", detail, field=("variants",))


def _explain(table: CatalogTable, lost: Lost, product: Product, at: datetime) -> None:
    """Raise what the caller can do about it; return None where trying again helps."""
    if lost.what == "slug":
        raise ConflictError("slug_taken", f"Another product has the slug {product.slug}.", field=("slug",))
    claim = table.claim(lost.sku) if lost.what == "sku" else None
    if claim is None:
        return
    owner = table.product(claim.product_id)
    orphaned = owner is None or lost.sku not in domain.skus(owner.product)
    if orphaned and parse(claim.claimed_at) < at - _ORPHANED:
        table.unclaim(lost.sku, claim)
        return
    index = domain.skus(product).index(lost.sku)
    raise ConflictError(
        "sku_taken",
        f"{lost.sku} is a SKU of product {claim.product_id}.",
        field=("variants", index, "sku"),
    )


def _no_product() -> NotFoundError:
    return NotFoundError("unknown_product", "There is no such product.")


# --- facts --------------------------------------------------------------------------------------------------------


def _raised(before: Stored | None, after: Stored) -> Data:
    """Return the fact a change raises."""
    was = before is not None and before.published
    if after.published:
        return _state(ProductChanged if was else ProductPublished, after)
    if was and before:
        return ProductWithdrawn(after.id, domain.skus(before.product))
    product = after.product
    return ProductSaved(after.id, product.slug, product.title, product.status)


def _state(kind: type[ProductPublished], stored: Stored) -> ProductPublished:
    product = stored.product
    variants = tuple(
        VariantState(
            variant.sku,
            domain.full_title(product, variant),
            _money(variant.price),
            variant.tax_class,
            variant.grams,
            variant.requires_shipping,
            variant.stock_policy,
            variant.merchant_sku,
        )
        for variant in product.variants
    )
    image = product.images[0].src if product.images else None
    return kind(
        stored.id,
        product.slug,
        product.title,
        product.vendor,
        "published",
        image,
        variants,
        product.status == "unlisted",
    )


def _money(price: Price) -> Money:
    return Money(price.amount, price.currency)


# --- reading ------------------------------------------------------------------------------------------------------


def public_product(table: CatalogTable, id_or_slug: str) -> tuple[Stored, dict[str, Availability]]:
    """Return a product on sale by its id or slug, and what is known of its stock by SKU; NotFoundError else."""
    product_id: str | None = id_or_slug
    if not is_id("prd", id_or_slug):
        # No slug is longer, and DynamoDB refuses keys of more than 2048 bytes.
        product_id = table.id_of(text.fold_slug(id_or_slug)) if len(id_or_slug) <= 255 else None
    found = table.with_stock(product_id) if product_id else None
    if found is None or not found[0].published:
        raise _no_product()
    return found


def on_stock(table: CatalogTable, facts: Sequence[Fact[StockAvailabilityChanged]]) -> None:
    """Keep what inventory tells of SKUs; what is no product's (yet) is passed over, and pages ask inventory for it."""
    owners = table.claims(each.data.sku for each in facts)
    for each in facts:
        told = each.data
        if owner := owners.get(told.sku):
            newer = f"{told.level_version:012}", f"{told.changes:012}"
            known = Availability(*newer, told.availability, told.available, told.back_orderable)
            table.note_stock(owner, told.sku, known)


def product(table: CatalogTable, id_or_slug: str) -> Stored:
    """Return a product of any status by its id or slug; NotFoundError where there is none."""
    found = _find(table, id_or_slug)
    if found is None:
        raise _no_product()
    return found


def prices(
    table: CatalogTable, id_or_slug: str, limit: int, after: str | None
) -> tuple[Stored, PriceHistory, Page[str]]:
    """Return a product of any status, the prices that it had and has, and a page of their SKUs; NotFoundError else."""
    stored = product(table, id_or_slug)
    history = _history(stored, table.price_history(stored.id) if stored.ended else None)
    return stored, history, page_of(sorted(history.variants), limit, after)


def _find(table: CatalogTable, id_or_slug: str) -> Stored | None:
    if is_id("prd", id_or_slug):
        return table.product(id_or_slug)
    return table.by_slug(text.fold_slug(id_or_slug)) if len(id_or_slug) <= 255 else None


@dataclass(frozen=True)
class Wanted:
    """What a list is asked for: facets (``category:men``) and words, which must all fit; the last may be a prefix."""

    facets: tuple[str, ...] = ()
    words: tuple[str, ...] = ()

    def fits(self, entry: ListEntry) -> bool:
        """Tell whether an entry is wanted."""
        return (
            all(facet in entry.facets for facet in self.facets)
            and all(f" {word} " in entry.terms for word in self.words[:-1])
            and all(f" {word}" in entry.terms for word in self.words[-1:])
        )


def find(
    table: CatalogTable,
    wanted: Wanted,
    sort: str,
    limit: int,
    after: str | None,
    statuses: tuple[str, ...] = (),
) -> Page[ListEntry]:
    """Return a page of entries in order, of products on sale, or in `statuses` where given.

    The shortest list at hand is read: that of a whole word, else those of the words with the prefix, else that of a
    tag, vendor or category, else all; what else is asked for is checked on each entry.
    """
    if "" in wanted.words:  # asked for, but no word: nothing has it
        return Page([], None)
    lists = list(statuses) or _lists(table, wanted)
    return table.page(lists, sort, limit, after, wanted.fits) if lists else Page([], None)


def _lists(table: CatalogTable, wanted: Wanted) -> list[str]:
    whole = [word for word in wanted.words[:-1] if domain.has_list(word)]
    if whole:
        return [f"word:{max(whole, key=len)}"]
    if wanted.words and domain.has_list(wanted.words[-1]):
        known = table.words(wanted.words[-1], _MANY_WORDS + 1)
        if len(known) <= _MANY_WORDS:
            return [f"word:{word}" for word in known]
    by_length = ("tag:", "vendor:", "category:")
    return [facet for kind in by_length for facet in wanted.facets if facet.startswith(kind)][:1] or [
        "published"
    ]
