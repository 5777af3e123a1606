"""Cart rules as pure functions: whose cart it is, what may be in it, what its lines cost now."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sized
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from functions.cart.tax import STANDARD
from functions.shared.clock import rfc3339
from functions.shared.errors import ConflictError, NotFoundError, UnprocessableError
from functions.shared.ids import derived_id
from functions.shared.types import Money

MAX_LINES = 50
"""Different SKUs in an order. A cart takes no more either, but merging two does not fail for it."""
MAX_MERGED_LINES = 200
MAX_QUANTITY = 999
MAX_TITLE = 120
GUEST_KEPT = timedelta(days=30)
CUSTOMER_KEPT = timedelta(days=90)
"""How long a cart lives after its last change by people; checked whenever it is read."""
ERASED_KEPT = timedelta(days=1)
"""How long no cart can be opened for a customer who was erased: longer than any access token lives (15 minutes)."""
MAX_ON_ORDER = 10
"""Undecided orders that a cart remembers: only asking again for what is on order makes more than one."""
MAX_REPLACED = 8
"""Purchases from before merging that a cart remembers; their quotes end after 15 minutes anyway."""


@dataclass(frozen=True)
class Visitor:
    """Who asks: a customer id, None for a guest, and the capability token that came along, if any."""

    subject: str | None
    token: str | None = None


class Line(Struct, frozen=True):
    """Units of one SKU, and the price the buyer has been shown: the one when added, or in the latest quote."""

    sku: str
    quantity: int
    price: Money
    added_at: str


class Cart(Struct, frozen=True):
    """A customer's cart, or a guest's, which belongs to whoever has the token of which it keeps the digest.

    A cart that was merged only tells where to.

    ``purchase`` is the id of the quotes that are given until what they offer is bought: orders derives the order's id
    from it, so however many were given, one is ordered. ``on_order``: by order, what it will take out of the cart once
    it is confirmed (quantity by SKU); empty where only the buyer has told us of it, None where it is confirmed and its
    OrderPlaced is still to come. ``replaces``: purchases of two carts that were merged, of which quotes may still be
    about; an order of the merged cart makes them void. An order that is in none of the three has ended.
    """

    id: str
    expires: datetime
    customer_id: str | None = None
    token_digest: str | None = None
    lines: tuple[Line, ...] = ()
    version: int = 1
    merged_into: str | None = None
    purchase: str = ""
    replaces: tuple[str, ...] = ()
    on_order: Mapping[str, Mapping[str, int] | None] = {}

    def line(self, sku: str) -> Line | None:
        """Return the line of a SKU."""
        return next((line for line in self.lines if line.sku == sku), None)

    @property
    def offered(self) -> str:
        """Return the id of the order that the quotes given now will become."""
        return derived_id("ord", self.purchase)

    def knows(self, order_id: str) -> bool:
        """Tell whether an order is of this cart, and may still have something to take out of it."""
        return derived_id("quo", order_id) in (self.purchase, *self.replaces) or order_id in self.on_order

    @property
    def quantities(self) -> dict[str, int]:
        """Return the quantity by SKU."""
        return {line.sku: line.quantity for line in self.lines}


class Offer(Struct, frozen=True):
    """What the catalog said of a SKU last."""

    sku: str
    product_id: str
    title: str
    price: Money
    image_url: str | None = None
    for_sale: bool = True
    tax_class: str = STANDARD
    ships: bool = True


@dataclass(frozen=True)
class PricedLine:
    """A line at the catalog's current price; at the price last shown where it is not for sale any more."""

    sku: str
    quantity: int
    product_id: str
    title: str
    image_url: str | None
    unit_price: Money
    shown_price: Money
    withdrawn: bool
    tax_class: str = STANDARD
    ships: bool = True

    @property
    def total(self) -> Money:
        """Return the price of all units."""
        return Money(self.unit_price.amount * self.quantity, self.unit_price.currency)

    @property
    def notices(self) -> tuple[str, ...]:
        """Return what the buyer should know before buying."""
        if self.withdrawn:
            return ("withdrawn",)
        return ("price_changed",) if self.unit_price != self.shown_price else ()


@dataclass(frozen=True)
class Shown:
    """A cart with its lines at current prices."""

    cart: Cart
    lines: tuple[PricedLine, ...]
    currency: str

    @property
    def units(self) -> int:
        """Return the units of all lines."""
        return sum(line.quantity for line in self.lines)

    @property
    def subtotal(self) -> Money:
        """Return the price of the lines that are for sale."""
        return Money(sum(line.total.amount for line in self.lines if not line.withdrawn), self.currency)


def requires_shipping(lines: Iterable[PricedLine]) -> bool:
    """Tell whether something of these lines is delivered."""
    return any(line.ships for line in lines)


def token_digest(token: str) -> str:
    """Return what is stored of a guest's token: it has 256 random bits, so a plain digest tells nothing."""
    return hashlib.sha256(token.encode()).hexdigest()


def customers_cart(cart_id: str, customer_id: str, purchase: str, at: datetime) -> Cart:
    """Return a customer's new cart."""
    return Cart(cart_id, at + CUSTOMER_KEPT, customer_id, purchase=purchase)


def emptied(cart: Cart, at: datetime) -> Cart:
    """Return an expired cart to start afresh with: the same one, so that what was taken out of it stays known."""
    return _changed(cart, (), at)


def guests_cart(cart_id: str, token: str, purchase: str, at: datetime) -> Cart:
    """Return a new cart for whoever has the token."""
    return Cart(cart_id, at + GUEST_KEPT, token_digest=token_digest(token), purchase=purchase)


def opened(cart: Cart | None, visitor: Visitor, at: datetime) -> Cart:
    """Return the cart if it is the visitor's and still there; raise NotFoundError otherwise, whatever the reason."""
    if cart is None or not is_alive(cart, at) or cart.merged_into or not _belongs(cart, visitor):
        raise not_found()
    return cart


def given_up(cart: Cart | None, visitor: Visitor, into_id: str, at: datetime) -> Cart:
    """Return a guest's cart, which the visitor brings along to merge it into theirs, or has done so before.

    Raises
    ------
    NotFoundError
        There is none, the token is not its own, or it went into somebody else's cart.
    ConflictError
        It is a customer's cart.
    """
    if cart is None or not is_alive(cart, at) or not _belongs(cart, visitor):
        raise not_found()
    if cart.customer_id:
        raise ConflictError(
            "not_a_guest_cart", "This is a customer's cart; name the guest's, and bring its token."
        )
    if cart.merged_into not in (None, into_id):
        raise not_found()
    return cart


def not_found() -> NotFoundError:
    """Return the one answer to a cart that is missing, expired, merged or foreign."""
    return NotFoundError(
        "cart_not_found",
        "There is no such cart, or it is not yours: a guest's is opened by its token.",
    )


def is_alive(cart: Cart, at: datetime) -> bool:
    """Tell whether the cart has not expired."""
    return cart.expires > at


def _belongs(cart: Cart, visitor: Visitor) -> bool:
    if cart.customer_id:
        return cart.customer_id == visitor.subject
    given = token_digest(visitor.token or "")
    return hmac.compare_digest(given, cart.token_digest or "")


def with_line(cart: Cart, sku: str, quantity: int, offer: Offer | None, currency: str, at: datetime) -> Cart:
    """Return the cart with exactly `quantity` units of the SKU; a line that was there keeps the price it remembers.

    Raises
    ------
    UnprocessableError
        The catalog does not sell the SKU, or not in the shop's currency, so that no cart ever mixes two.
    ConflictError
        The cart has as many lines as it takes.
    """
    if offer is None:
        detail = f"There is no {sku} in the catalog."
        raise UnprocessableError("unknown_sku", detail, field=("sku",), parameters={"sku": sku})
    if not offer.for_sale:
        detail = f"{sku} is not for sale any more."
        raise UnprocessableError("product_withdrawn", detail, field=("sku",), parameters={"sku": sku})
    if offer.price.currency != currency:
        detail = f"{sku} is priced in {offer.price.currency}, this shop sells in {currency}."
        raise UnprocessableError("currency_not_sold", detail, field=("sku",), parameters={"sku": sku})
    if cart.line(sku):
        lines = tuple(replace(line, quantity=quantity) if line.sku == sku else line for line in cart.lines)
    else:
        lines = (*cart.lines, Line(sku, quantity, offer.price, rfc3339(at)))
        check_room(lines)
    return _changed(cart, lines, at)


def without_line(cart: Cart, sku: str, at: datetime) -> Cart:
    """Return the cart without the SKU; the cart itself where it is not in it."""
    lines = tuple(line for line in cart.lines if line.sku != sku)
    return cart if len(lines) == len(cart.lines) else _changed(cart, lines, at)


def merged(own: Cart, guest: Cart, purchase: str, at: datetime) -> tuple[Cart, Cart]:
    """Return the customer's cart with the guest's lines added, and what is left of the guest's.

    Quantities of a SKU in both are added up to at most 999; its line is as old, and remembers the price, of the
    older of the two. Where both had some, they are bought by a new purchase that makes those of both void, so that a
    tab which still shows either buys nothing twice.

    Raises
    ------
    ConflictError
        The customer's cart would grow beyond all use by it; both stay as they are.
    """
    lines = {line.sku: line for line in own.lines}
    for line in guest.lines:
        lines[line.sku] = _both(lines[line.sku], line) if line.sku in lines else line
    check_room(lines, MAX_MERGED_LINES)
    offering = guest if guest.lines else own
    into = replace(
        _changed(own, tuple(lines.values()), at),
        purchase=offering.purchase,
        replaces=offering.replaces,
        on_order=_latest({**own.on_order, **guest.on_order}),
    )
    if own.lines and guest.lines:
        replaced = (own.purchase, *own.replaces, guest.purchase, *guest.replaces)
        into = replace(into, purchase=purchase, replaces=replaced[-MAX_REPLACED:])
    left = replace(_changed(guest, (), at), merged_into=own.id, on_order={}, replaces=())
    return into, left


def _both(one: Line, other: Line) -> Line:
    older = min(one, other, key=lambda line: line.added_at)
    return replace(older, quantity=min(one.quantity + other.quantity, MAX_QUANTITY))


def to_quote(cart: Cart, again: str | None, purchase: str) -> Cart:
    """Return the cart as it is to be quoted: for a new purchase where what it offered is on order.

    Parameters
    ----------
    again
        The id of the order that the buyer knows of, and wants these lines besides.
    purchase
        The id of a new purchase, for where one is begun.

    Raises
    ------
    ConflictError
        Some of the lines are being bought by an order that is not decided, and the buyer does not say to know of it.
    """
    shared = [
        order_id
        for order_id, lines in cart.on_order.items()
        if lines is None or not lines.keys().isdisjoint(cart.quantities)
    ]
    if shared and shared[-1] != again:
        raise ConflictError(
            "lines_on_order",
            f"The order {shared[-1]} is buying these already; to buy them again as well, name that order.",
            field=("again",),
            parameters={"orderId": shared[-1], "link": f"/orders/{shared[-1]}"},
        )
    begun = {*cart.on_order, again} if again and cart.knows(again) else set(cart.on_order)
    is_begun = not cart.purchase or cart.offered in begun
    left = () if is_begun else tuple(one for one in cart.replaces if derived_id("ord", one) not in begun)
    if not is_begun and left == cart.replaces:
        return cart
    return replace(
        cart,
        purchase=purchase if is_begun else cart.purchase,
        replaces=left,
        on_order=_latest(
            {order_id: cart.on_order.get(order_id, {}) for order_id in (*cart.on_order, *begun)}
        ),
        version=cart.version + 1,
    )


def ordered(cart: Cart, order_id: str, lines: Mapping[str, int], purchase: str) -> Cart:
    """Return the cart knowing what an order will take out of it; one that is known, or has ended, changes nothing."""
    if not cart.knows(order_id) or cart.on_order.get(order_id):
        return cart
    if cart.on_order.get(order_id, {}) is None:
        return _taken(cart, order_id, lines, purchase)
    return replace(cart, on_order=_latest({**cart.on_order, order_id: lines}), version=cart.version + 1)


def after_order(cart: Cart, order_id: str, purchase: str) -> Cart:
    """Return the cart without the units that a confirmed order took; what was added since the quote stays."""
    if not cart.knows(order_id) or cart.on_order.get(order_id, {}) is None:
        return cart
    lines = cart.on_order.get(order_id)
    if lines:
        return _taken(cart, order_id, lines, purchase)
    return replace(cart, on_order=_latest({**cart.on_order, order_id: None}), version=cart.version + 1)


def released(cart: Cart, order_id: str, purchase: str) -> Cart:
    """Return the cart free to be bought again after an order of it was cancelled: all of its lines stay."""
    return _taken(cart, order_id, {}, purchase) if cart.knows(order_id) else cart


def _taken(cart: Cart, order_id: str, taken: Mapping[str, int], purchase: str) -> Cart:
    """Return the cart after an order has ended: without what it took, and offering a new purchase."""
    is_offered, ended = order_id == cart.offered, derived_id("quo", order_id)
    left = (replace(line, quantity=line.quantity - taken.get(line.sku, 0)) for line in cart.lines)
    return replace(
        cart,
        lines=tuple(line for line in left if line.quantity > 0),
        purchase=purchase if is_offered else cart.purchase,
        replaces=() if is_offered else tuple(one for one in cart.replaces if one != ended),
        on_order={known: lines for known, lines in cart.on_order.items() if known != order_id},
        version=cart.version + 1,
    )


def _latest(on_order: Mapping[str, Mapping[str, int] | None]) -> dict[str, Mapping[str, int] | None]:
    return dict(list(on_order.items())[-MAX_ON_ORDER:])


def check_room(lines: Sized, limit: int = MAX_LINES) -> None:
    """Raise ConflictError where there are more lines than the limit."""
    if len(lines) > limit:
        detail = f"At most {limit} different SKUs; these would be {len(lines)}."
        raise ConflictError("too_many_lines", detail, parameters={"maximum": limit})


def shown(cart: Cart, offers: Mapping[str, Offer], currency: str) -> Shown:
    """Return the cart at current prices, given the offers by SKU."""
    return Shown(cart, tuple(_priced(line, offers.get(line.sku), currency) for line in cart.lines), currency)


def _priced(line: Line, offer: Offer | None, currency: str) -> PricedLine:
    if offer is None:  # never seen while carts and offers are of one table
        return PricedLine(line.sku, line.quantity, "", line.sku, None, line.price, line.price, True)
    sold = offer.for_sale and offer.price.currency == currency
    return PricedLine(
        line.sku,
        line.quantity,
        offer.product_id,
        offer.title,
        offer.image_url,
        offer.price if sold else line.price,
        line.price,
        withdrawn=not sold,
        tax_class=offer.tax_class,
        ships=offer.ships,
    )


def acknowledged(cart: Cart, lines: tuple[PricedLine, ...], at: datetime) -> Cart:
    """Return the cart remembering the current prices as shown; the cart itself where they are what it remembers."""
    if all(line.unit_price == line.shown_price for line in lines):
        return cart
    now = {line.sku: line.unit_price for line in lines}
    return _changed(cart, tuple(replace(line, price=now[line.sku]) for line in cart.lines), at)


def _changed(cart: Cart, lines: tuple[Line, ...], at: datetime) -> Cart:
    kept = CUSTOMER_KEPT if cart.customer_id else GUEST_KEPT
    return replace(cart, lines=lines, version=cart.version + 1, expires=at + kept)
