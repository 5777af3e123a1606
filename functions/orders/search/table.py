"""What staff find orders by, in the orders table.

| item   | pk                   | sk                    | attributes                                   |
| number | FIND#number#<number> | <order>               | terms: the order's personal ones; or erased  |
| find   | FIND#<kind>#<word>   | <placed at>#<order>   |                                              |
| erased | ERASED#<customer>    | ERASED                | none: what is decided later is forgotten too |

``kind`` is ``email``, ``name`` (one item a word) or ``sku``. A number follows from its order's id, so its item is where
to read what else is to go when the customer is erased; ``erased`` keeps a late fact from bringing that back.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from functions.orders.domain import Order, Term
from functions.shared.clock import epoch
from functions.shared.dynamo import Table, cursor, from_cursor
from functions.shared.ids import order_number


class Found(NamedTuple):
    """A page of the ids of orders that a term finds, newest first, and the cursor of the next."""

    order_ids: list[str]
    following: str | None


class FindsTable(Table):
    """The index by which staff find orders; nobody else reads it."""

    def note_number(self, order_id: str, personal: Iterable[Term]) -> bool:
        """Store an order's number; False where its customer is erased. Safe to repeat."""
        item = {**_number_key(order_id), "terms": ["#".join(term) for term in sorted(personal)]}
        return self.put(item, "attribute_not_exists(erased)")

    def note(self, order: Order, terms: Iterable[Term]) -> None:
        """Store what else finds an order. Safe to repeat."""
        for term in sorted(terms):
            self.put(_term_key(term, order.placed_at, order.order_id))

    def is_erased(self, order_id: str) -> bool:
        """Tell whether the customer of an order is erased."""
        return "erased" in (self.get(_number_key(order_id)) or {})

    def erase(self, order_id: str, placed_at: str) -> None:
        """Forget whom an order was for, for good: it is found by its number and its SKUs alone. Safe to repeat."""
        key = _number_key(order_id)
        item = self.get(key) or {}
        self.update(key, "SET erased = :yes", {":yes": True})
        again = self.get(key) or {}
        for text in {*item.get("terms", ()), *again.get("terms", ())}:
            kind, _, word = text.partition("#")
            self.delete(_term_key(Term(kind, word), placed_at, order_id))
        self.update(key, "REMOVE terms")

    def note_erased(self, customer_id: str, until: datetime) -> None:
        """Remember that a customer was erased, longer than facts of theirs may come."""
        self.put({**_erased_key(customer_id), "expires": epoch(until)})

    def is_customer_erased(self, customer_id: str) -> bool:
        """Tell whether a customer was erased."""
        return self.get(_erased_key(customer_id)) is not None

    def forget(self, order: Order, terms: Iterable[Term]) -> None:
        """Take back what was stored while the customer was being erased."""
        for term in sorted(terms):
            self.delete(_term_key(term, order.placed_at, order.order_id))

    def orders_of(self, customer_id: str) -> Iterable[tuple[str, str]]:
        """Yield the ids of a customer's orders, and when they were placed."""
        for key in self.query_all("customer = :customer", {":customer": customer_id}, index="mine"):
            yield key["pk"].partition("#")[2], key["placed_at"]

    def by_number(self, number: str) -> list[str]:
        """Return the ids of the orders of a number: one, or once in a blue moon two."""
        return [item["sk"] for item in self.query_all("pk = :pk", {":pk": f"FIND#number#{number}"})]

    def by_term(self, term: Term, limit: int, after: str | None) -> Found:
        """Return a page of the orders that a term finds."""
        pk = _partition(term)
        start = {"pk": pk, **from_cursor(after, "sk")} if after else None
        items, last = self.query("pk = :pk", {":pk": pk}, limit=limit, start=start, backwards=True)
        return Found([item["sk"].partition("#")[2] for item in items], cursor(last, "sk"))


def _number_key(order_id: str) -> dict[str, str]:
    return {"pk": f"FIND#number#{order_number(order_id)}", "sk": order_id}


def _erased_key(customer_id: str) -> dict[str, str]:
    return {"pk": f"ERASED#{customer_id}", "sk": "ERASED"}


def _partition(term: Term) -> str:
    return f"FIND#{term.kind}#{term.word}"


def _term_key(term: Term, placed_at: str, order_id: str) -> dict[str, str]:
    return {"pk": _partition(term), "sk": f"{placed_at}#{order_id}"}
