"""Wishlist's table.

| item     | pk           | sk       | what it is                                                       |
|----------|--------------|----------|------------------------------------------------------------------|
| wishlist | CUST#<id>    | WISHLIST | what a customer keeps, and the facts that wait to be published   |
| erased   | CUST#<id>    | WISHLIST | erased, in place of the wishlist of a customer who is no more    |
"""

from __future__ import annotations

from datetime import datetime

from functions.shared.clock import epoch
from functions.shared.dynamo import Table, from_item
from functions.wishlist.domain import Wishlist


class WishlistTable(Table):
    """The wishlists of all customers."""

    def wishlist(self, customer_id: str) -> Wishlist:
        """Return a customer's wishlist; an empty one where there is none."""
        item = self.get(_key(customer_id)) or {}
        return from_item({**item, "customer_id": customer_id}, Wishlist)

    def store(self, before: Wishlist, after: Wishlist, outbox: str) -> bool:
        """Replace a wishlist, with the fact of it; False when it has changed or the customer is gone."""
        item = {**_key(after.customer_id), "items": after.items, "version": after.version, "outbox": outbox}
        if before.version == 0:
            return self.put(item, "attribute_not_exists(pk)")
        return self.put(item, "version = :read", {":read": before.version})

    def erase(self, customer_id: str, until: datetime) -> None:
        """Put the mark of an erased customer in the wishlist's place."""
        self.put({**_key(customer_id), "erased": True, "expires": epoch(until)})


def _key(customer_id: str) -> dict[str, str]:
    return {"pk": f"CUST#{customer_id}", "sk": "WISHLIST"}
