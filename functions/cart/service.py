"""Cart's use cases: read, apply one rule, store the result. All are safe to repeat."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec
from msgspec.structs import replace

from functions.cart import domain, quotes
from functions.cart.domain import Cart, Offer, Shown, Visitor
from functions.cart.events import (
    CustomerErased,
    OrderCancelled,
    OrderConfirmed,
    OrderPlaced,
    ProductPublished,
    ProductWithdrawn,
    VariantState,
)
from functions.cart.quotes import Quote, Terms
from functions.cart.table import CartTable, Known
from functions.shared import signing
from functions.shared.addresses import PostalAddress
from functions.shared.clock import parse
from functions.shared.errors import NotFoundError
from functions.shared.ids import derived_id, new_id
from functions.shared.inbox import Fact
from functions.shared.optimistic import BusyError, optimistic

MANY_SKUS = 100
"""From so many on it is worth a look, a read for each hundred, which of a product's SKUs an earlier delivery stored."""


def open_guest_cart(table: CartTable, cart_id: str, token: str, at: datetime) -> Cart:
    """Store and return a guest's new cart."""
    cart = domain.guests_cart(cart_id, token, new_id("quo", at), at)
    if not table.create(cart):
        raise BusyError("cart_busy")
    return cart


@optimistic("cart_busy")
def open_customer_cart(table: CartTable, customer_id: str, at: datetime) -> Cart | None:
    """Return the customer's cart, a new one where there is none or it has expired.

    A customer has one cart: its id follows from theirs, so however many requests open it at once, it is the same.
    """
    cart_id = derived_id("crt", customer_id)
    found = table.cart(cart_id)
    if found and domain.is_alive(found, at):
        return domain.opened(found, Visitor(customer_id), at)
    if found:
        new = domain.emptied(found, at)
        return new if table.replace(found, new) else None
    new = domain.customers_cart(cart_id, customer_id, new_id("quo", at), at)
    if table.create(new):
        return new
    if table.is_erased(cart_id):
        raise NotFoundError("account_erased", "This account was erased; shop on without it.")
    return None


def show(table: CartTable, cart_id: str, visitor: Visitor, terms: Terms, at: datetime) -> Shown:
    """Return a cart at current prices."""
    return _shown(table, domain.opened(table.cart(cart_id), visitor, at), terms)


def set_line(
    table: CartTable, cart_id: str, visitor: Visitor, sku: str, quantity: int, terms: Terms, at: datetime
) -> Shown:
    """Have exactly `quantity` units of a SKU in the cart."""
    return _change(
        table,
        cart_id,
        visitor,
        sku,
        terms,
        at,
        lambda cart: domain.with_line(cart, sku, quantity, table.offer(sku), terms.currency, at),
    )


def remove_line(
    table: CartTable, cart_id: str, visitor: Visitor, sku: str, terms: Terms, at: datetime
) -> Shown:
    """Take a SKU out of the cart."""
    return _change(table, cart_id, visitor, sku, terms, at, lambda cart: domain.without_line(cart, sku, at))


@optimistic("cart_busy")
def _change(
    table: CartTable,
    cart_id: str,
    visitor: Visitor,
    sku: str,
    terms: Terms,
    at: datetime,
    rule: Callable[[Cart], Cart],
) -> Shown | None:
    before = domain.opened(table.cart(cart_id), visitor, at)
    after = rule(before)
    stored = before if after is before else table.store_line(before, after, sku)
    return _shown(table, stored, terms) if stored else None


@optimistic("cart_busy")
def merge(
    table: CartTable,
    guest_id: str,
    customer_id: str,
    token: str | None,
    into: str | None,
    terms: Terms,
    at: datetime,
) -> Shown | None:
    """Add a guest's cart to that of the customer who brings it, once, however often and by how many it is asked.

    Raises
    ------
    NotFoundError
        The guest's cart, or `into`, is not theirs to merge.
    ConflictError
        Together they have too many lines; both stay as they are.
    """
    own_id, visitor = derived_id("crt", customer_id), Visitor(customer_id, token)
    if into not in (None, own_id):
        raise NotFoundError("cart_not_found", "This is not your cart.", field=("into",))
    guest = domain.given_up(table.cart(guest_id), visitor, own_id, at)
    own = open_customer_cart(table, customer_id, at)
    if guest.merged_into:
        return _shown(table, own, terms)
    after = domain.merged(own, guest, new_id("quo", at), at)
    return _shown(table, after[0], terms) if table.merge((own, guest), after) else None


@optimistic("cart_busy")
def quote(
    table: CartTable,
    cart_id: str,
    visitor: Visitor,
    email: str,
    address: PostalAddress,
    terms: Terms,
    at: datetime,
    *,
    again: str | None = None,
) -> tuple[Quote, str] | None:
    """Return a quote and its signed text; the cart takes note that the buyer has been shown its prices.

    Until one of them is ordered, all quotes of a cart are for one purchase. Raises what `quotes.quoted` and
    `domain.to_quote` raise.
    """
    before = domain.opened(table.cart(cart_id), visitor, at)
    cart = domain.to_quote(before, again, new_id("quo", at))
    lines = _shown(table, cart, terms).lines
    seen = domain.acknowledged(cart, lines, at)
    if seen is not before:
        seen = replace(seen, version=before.version + 1)
    promised = quotes.quoted(seen, lines, email, address, terms, at)
    if seen is not before and not table.replace(before, seen):
        return None
    return promised, signing.sign("quote", msgspec.json.encode(promised))


def on_product(table: CartTable, event: Fact[ProductPublished]) -> None:
    """Take over a product as the catalog tells it; the SKUs it no longer has go off sale."""
    told = event.data
    offers = {variant.sku: _offer(told, variant) for variant in told.variants}
    _take_product(table, told.product_id, event, offers, frozenset())


def _offer(product: ProductPublished, variant: VariantState) -> Offer:
    return Offer(
        variant.sku,
        product.product_id,
        variant.title[: domain.MAX_TITLE] or variant.sku,
        variant.price,
        product.image_url,
        tax_class=variant.tax_class,
        ships=variant.requires_shipping,
    )


def on_product_withdrawn(table: CartTable, event: Fact[ProductWithdrawn]) -> None:
    """Take a product's SKUs off sale."""
    _take_product(table, event.data.product_id, event, {}, frozenset(event.data.skus))


def _take_product(
    table: CartTable,
    product_id: str,
    event: Fact[ProductPublished] | Fact[ProductWithdrawn],
    offers: Mapping[str, Offer],
    dropped: frozenset[str],
) -> None:
    """Store what is told unless later news is in: first the version and all SKUs there ever were, then each offer.

    Whatever two deliveries do to each other, every SKU ends at the latest version: an offer only gives way to a
    later one, and the later one knows the SKUs of the earlier. A delivery that dies half-way is done again; of a
    product of many SKUs it goes on where it died, else one that takes longer than a worker may would never end.
    """
    version, told_at = event.aggregate.version, event.time
    skus = _skus_since(table, product_id, version, dropped.union(offers))
    done = table.skus_told(product_id, version, skus) if len(skus) > MANY_SKUS else frozenset()
    for sku in sorted(skus - done):
        if sku in offers:
            table.take_offer(offers[sku], version, told_at)
        else:
            table.drop_offer(sku, product_id, version, told_at)


@optimistic("cart_busy")
def _skus_since(
    table: CartTable, product_id: str, version: int, skus: frozenset[str]
) -> frozenset[str] | None:
    """Note a product's version; return every SKU it ever had, none where a later version is known."""
    before = table.product(product_id)
    if before.version > version:
        return frozenset()
    after = Known(version, before.skus | skus)
    return after.skus if after == before or table.note_product(product_id, before, after) else None


def on_order_placed(table: CartTable, event: Fact[OrderPlaced], at: datetime) -> None:
    """Take note of what an order is buying, so that it is not quoted a second time by accident."""
    lines = {line.sku: line.quantity for line in event.data.lines}
    _follow(
        table, event.data, lambda cart: domain.ordered(cart, event.data.order_id, lines, new_id("quo", at))
    )


def on_order_confirmed(table: CartTable, event: Fact[OrderConfirmed], at: datetime) -> None:
    """Take exactly what was ordered out of the cart."""
    _follow(table, event.data, lambda cart: domain.after_order(cart, event.data.order_id, new_id("quo", at)))


def on_order_cancelled(table: CartTable, event: Fact[OrderCancelled], at: datetime) -> None:
    """Leave the lines of an order that is off in the cart, to be bought again."""
    _follow(table, event.data, lambda cart: domain.released(cart, event.data.order_id, new_id("quo", at)))


@optimistic("cart_busy")
def _follow(
    table: CartTable, order: OrderPlaced | OrderConfirmed | OrderCancelled, rule: Callable[[Cart], Cart]
) -> bool:
    """Have the cart an order was quoted from, or the one that was merged into since, follow what became of it."""
    cart = _successor(table, order.cart_id)
    after = rule(cart) if cart else None
    return cart is None or after is None or after is cart or table.replace(cart, after)


def on_customer_erased(table: CartTable, event: Fact[CustomerErased]) -> None:
    """Delete the customer's cart, for good: what still has a token for it opens no other. Safe to repeat."""
    table.erase(derived_id("crt", event.data.customer_id), parse(event.time) + domain.ERASED_KEPT)


def _successor(table: CartTable, cart_id: str) -> Cart | None:
    cart = table.cart(cart_id)
    return table.cart(cart.merged_into) if cart and cart.merged_into else cart


def _shown(table: CartTable, cart: Cart, terms: Terms) -> Shown:
    return domain.shown(cart, table.offers(cart.quantities), terms.currency)
