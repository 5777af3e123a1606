"""What people ask of orders: place one, see it, call it off. All of it is safe to repeat."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal, NamedTuple, assert_never

import msgspec

from functions.orders import saga
from functions.orders.domain import LINK_KEPT, Content, Order, as_placed, called_off, cancelled, paid_again
from functions.orders.events import Quote
from functions.orders.table import OrdersTable
from functions.shared import context, log, order_links, signing
from functions.shared.clock import parse, rfc3339
from functions.shared.context import Caller
from functions.shared.errors import ConflictError, GoneError, InvalidError, NotFoundError
from functions.shared.ids import derived_id, is_id
from functions.shared.optimistic import optimistic

VOID_KEPT = timedelta(hours=1)
"""How long a purchase that another has made void is remembered; its quotes end after 15 minutes."""


class Key(NamedTuple):
    """An Idempotency-Key; with its scope, and what tells its request from others, as digests."""

    text: str
    digest: str
    fingerprint: str


def read_quote(text: str, who: Caller) -> Quote:
    """Return the quote that a cart signed, where it is the caller's to order by.

    Raises
    ------
    InvalidError
        Nobody signed it, or it was changed since.
    NotFoundError
        It is another customer's.
    """
    try:
        quote = msgspec.json.decode(signing.verify("quote", text), type=Quote)
        sound = is_id("quo", quote.id) and bool(parse(quote.expires_at))
    except (signing.BadSignatureError, msgspec.MsgspecError, ValueError):
        sound = False
    if not sound:
        raise InvalidError(
            "quote_invalid", "Send the quote as POST /carts/{id}/quote gave it, unchanged.", field=("quote",)
        )
    if quote.customer_id not in (None, who.subject):
        raise NotFoundError("quote_not_found", "There is no such quote of yours.", field=("quote",))
    return quote


def place(
    table: OrdersTable,
    quote: Quote,
    payment_token: str,
    key: Key | None,
    *,
    who: Caller,
    wait: timedelta,
    at: datetime,
) -> tuple[Order, bool]:
    """Place the order of a quote, to be decided within `wait`; return it, and whether it had been placed before.

    All quotes of a purchase give one order, whose id follows from theirs: the first to come. Placed again it is
    returned as it was the first time. So a key that is the quote's id says nothing more and is not stored; it is of no
    other quote, whether that was ordered or not. It is placed once it is stored: what the
    bus does not hear of that now, the sweep tells (`saga.expire`).

    Raises
    ------
    GoneError
        The quote has expired.
    ConflictError
        Another quote of the purchase was ordered, or this one with another token or by another customer; or the key
        belongs to another request.
    """
    order = _ordered(quote, payment_token, who, at, at + wait)
    log.note(orderId=order.order_id)
    if quote.expires_at <= order.placed_at:
        before = table.order(order.order_id)
        if before is None:
            raise GoneError("quote_expired", "The quote has expired; ask for a new one.", field=("quote",))
        return _same(before, order), True
    key = None if key and key.text == quote.id else key
    _claim(table, key, at)
    replaced = [derived_id("ord", purchase) for purchase in quote.replaces]
    if table.place(order, replaced, at + VOID_KEPT):
        saga.tell_placed(order)
        return order, False
    try:
        if found := table.order(order.order_id):
            placed = _same(found, order)
            saga.tell_placed(found)
            return placed, True
        raise _already(table.bought_by([order.order_id, *replaced]) or order.order_id)
    except ConflictError:
        if key:
            table.free_key(key.digest, key.fingerprint)
        raise


def _claim(table: OrdersTable, key: Key | None, at: datetime) -> None:
    if key and (is_id("quo", key.text) or not table.claim_key(key.digest, key.fingerprint, at)):
        raise ConflictError(
            "idempotency_key_reused", "This Idempotency-Key was used with another request; take a new one."
        )


def _ordered(quote: Quote, payment_token: str, who: Caller, at: datetime, decide_by: datetime) -> Order:
    content = Content(
        cart_id=quote.cart_id,
        email=quote.email,
        lines=quote.lines,
        totals=quote.totals,
        shipping_address=quote.shipping_address,
        payment_token=payment_token,
        decide_by=rfc3339(decide_by),
        cart_version=quote.cart_version,
    )
    order_id, correlation_id = derived_id("ord", quote.id), context.current.correlation_id
    return Order(order_id, who.subject, rfc3339(at), content, correlation_id=correlation_id)


def _same(before: Order, asked: Order) -> Order:
    """Return the order of a purchase, as it was placed; raise ConflictError where another is asked for."""
    content = msgspec.structs.replace(
        asked.content, decide_by=before.content.decide_by, cart_version=before.content.cart_version
    )
    if before.content != content or before.customer_id not in (None, asked.customer_id):
        raise _already(before.order_id)
    return as_placed(before)


def _already(order_id: str) -> ConflictError:
    return ConflictError(
        "already_ordered",
        f"The order {order_id} has bought this already; to buy it again, ask for a quote that says so.",
        field=("quote",),
        parameters={"orderId": order_id, "link": f"/orders/{order_id}"},
    )


def order_of(table: OrdersTable, order_id: str) -> Order:
    """Return an order; raise NotFoundError where there is none."""
    found = table.order(order_id) if is_id("ord", order_id) else None
    if found is None:
        raise _not_found()
    return found


def order_for(table: OrdersTable, order_id: str, who: Caller, token: str | None, at: datetime) -> Order:
    """Return an order to its customer, to who holds its order token, or to staff; raise NotFoundError to others."""
    order = order_of(table, order_id)
    if not (_owns(order, who, token, at) or _is_staff(who)):
        raise _not_found()
    return order


@optimistic("order_busy")
def cancel(
    table: OrdersTable, order_id: str, who: Caller, token: str | None, window: timedelta, at: datetime
) -> Order | None:
    """Call an order off, placed or confirmed; one that is off already stays as it is.

    Its customer may do so until the window after its confirmation is over, staff always.

    Raises
    ------
    ConflictError
        The window is over, or it changes so fast that we never got hold of it.
    """
    by = who.subject or "guest"
    order = order_for(table, order_id, who, token, at)
    if _owns(order, who, token, at) and not _is_staff(who):
        after = called_off(order, rfc3339(at), by, window)
    else:
        after = cancelled(order, _reason(order, who), rfc3339(at), by)
    return after if after is order or table.change(order, after, saga.decision(order, after)) else None


@optimistic("order_busy")
def decide(table: OrdersTable, order_id: str, words: str, *, by: str, at: datetime) -> Order | None:
    """Cancel an order that waits for its votes, on an operator's word; one that is off already stays as it is.

    That is all that can be forced: it is what the deadline does too, so stock and payments know how to follow.

    Raises
    ------
    ConflictError
        It is confirmed already, or changes so fast that we never got hold of it.
    """
    order = order_of(table, order_id)
    match order.status:
        case "confirmed":
            raise ConflictError("order_decided", "The order is confirmed; to call it off, cancel it.")
        case "placed" | "cancelled":
            after = cancelled(order, "operator", rfc3339(at), by, words=words)
        case _:
            assert_never(order.status)
    return after if after is order or table.change(order, after, saga.decision(order, after)) else None


@optimistic("order_busy")
def pay_again(
    table: OrdersTable, order_id: str, payment_token: str, who: Caller, token: str | None, at: datetime
) -> Order | None:
    """Take another means of payment for a confirmed order that could not be charged, and have it charged.

    Raises
    ------
    ConflictError
        It waits for no payment (any more), or changes so fast that we never got hold of it.
    """
    order = order_for(table, order_id, who, token, at)
    after = paid_again(order, rfc3339(at), who.subject or "guest")
    return after if table.change(order, after, saga.payment_given(after, payment_token, at)) else None


def order_token(order: Order) -> str | None:
    """Return what opens a guest's order, None for a customer's; the same for the same order, always."""
    if order.customer_id is not None:
        return None
    return order_links.make(order.order_id, parse(order.placed_at) + LINK_KEPT)


def _is_staff(who: Caller) -> bool:
    return not who.roles.isdisjoint({"staff", "admin"})


def _reason(order: Order, who: Caller) -> Literal["customer", "operator"]:
    """Return why staff call an order off: their own for themselves, others' for the shop."""
    return "customer" if who.subject == order.customer_id else "operator"


def _owns(order: Order, who: Caller, token: str | None, at: datetime) -> bool:
    if who.subject is not None and who.subject == order.customer_id:
        return True
    return token is not None and order_links.opens(token, order.order_id, at)


def _not_found() -> NotFoundError:
    return NotFoundError("order_not_found", "There is no such order of yours.")
