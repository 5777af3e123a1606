"""How staff find orders: by number, e-mail, name or SKU. Built from the facts of decisions, off an order's way.

All of it is safe to repeat, in any order: what a customer's erasure has taken out no late fact brings back.
"""

from __future__ import annotations

from typing import NamedTuple

from functions.orders.domain import Order, Term, name_words, personal_terms, terms, without_person
from functions.orders.events import CustomerErased, OrderCancelled, OrderConfirmed
from functions.orders.search.table import FindsTable
from functions.orders.table import MAILS_KEPT, OrdersTable
from functions.shared import log
from functions.shared.clock import parse
from functions.shared.errors import InvalidError
from functions.shared.ids import read_order_number
from functions.shared.inbox import Fact
from functions.shared.optimistic import optimistic

_PAGES = 20
"""Pages of an index that one search looks through for the other words of a name."""


class Page(NamedTuple):
    """Orders that were found, newest first, and the cursor of the next page."""

    orders: list[Order]
    following: str | None


def on_decided(table: OrdersTable, finds: FindsTable, event: Fact[OrderConfirmed | OrderCancelled]) -> None:
    """Have staff find an order that was decided."""
    order = table.order(event.data.order_id)
    if order is None:  # the table was restored to a time before the order: there is nothing to find
        log.note(unknownOrder=event.data.order_id)
        return
    _note(finds, order)
    if order.customer_id and finds.is_customer_erased(order.customer_id):
        finds.erase(order.order_id, order.placed_at)
        _forget_person(table, order.order_id)


def _note(finds: FindsTable, order: Order) -> None:
    personal = personal_terms(order)
    if not finds.note_number(order.order_id, personal):
        finds.note(order, terms(order) - personal)
        return
    finds.note(order, terms(order))
    if finds.is_erased(order.order_id):
        finds.forget(order, personal)


def on_erased(table: OrdersTable, finds: FindsTable, event: Fact[CustomerErased]) -> None:
    """Forget whom a customer's orders were for, also those that are decided, or placed, after this."""
    finds.note_erased(event.data.customer_id, parse(event.time) + MAILS_KEPT)
    for order_id, placed_at in finds.orders_of(event.data.customer_id):
        finds.erase(order_id, placed_at)
        _forget_person(table, order_id)


@optimistic("order_busy")
def _forget_person(table: OrdersTable, order_id: str) -> bool:
    order = table.order(order_id)
    after = without_person(order) if order else None
    return order is None or after is None or after is order or table.erase(order, after)


def find(table: OrdersTable, finds: FindsTable, kind: str, text: str, limit: int, after: str | None) -> Page:
    """Return a page of the orders that a number, an e-mail address, a name or a SKU finds.

    Raises
    ------
    InvalidError
        It is no number, or has no word to look for.
    """
    if kind == "number":
        number = read_order_number(text)
        if number is None:
            raise InvalidError("invalid_number", "An order's number is like K7-4R92.")
        return Page(_newest_first(table, finds.by_number(number)), None)
    words = [Term(kind, word) for word in (name_words(text) if kind == "name" else [text.strip().casefold()])]
    if not all(term.word for term in words) or not words:
        raise InvalidError("empty_search", "Say what to look for.")
    first = max(words, key=lambda term: len(term.word))  # the rarest, most likely
    found: list[Order] = []
    for _ in range(_PAGES):
        page = finds.by_term(first, limit - len(found), after)
        after = page.following
        found += [one for one in _newest_first(table, page.order_ids) if set(words) <= terms(one)]
        if len(found) == limit or after is None:
            break
    return Page(found, after)


def _newest_first(table: OrdersTable, order_ids: list[str]) -> list[Order]:
    found = table.orders(order_ids)
    return sorted(found, key=lambda order: (order.placed_at, order.order_id), reverse=True)
