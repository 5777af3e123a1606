"""What wishlist does: read, apply a rule, store with the fact of it."""

from __future__ import annotations

from datetime import datetime

from functions.shared import outbox
from functions.shared.clock import parse
from functions.shared.inbox import Fact
from functions.shared.optimistic import optimistic
from functions.wishlist import domain
from functions.wishlist.domain import Wishlist
from functions.wishlist.events import CustomerErased, WishlistChanged
from functions.wishlist.table import WishlistTable


@optimistic("busy")
def set_item(table: WishlistTable, customer_id: str, sku: str, quantity: int, at: datetime) -> Wishlist | None:
    """Keep so many units of a product for a customer; what is kept so already changes nothing and tells nothing."""
    before = table.wishlist(customer_id)
    after = domain.with_item(before, sku, quantity)
    if after is before:
        return before
    changed = WishlistChanged(customer_id, sku, quantity)
    fact = outbox.fact(changed, f"{customer_id}.wishlist", after.version, at)
    return after if table.store(before, after, outbox.pack(fact)) else None


def on_customer_erased(table: WishlistTable, event: Fact[CustomerErased]) -> None:
    """Forget what the customer keeps, for good. Safe to repeat."""
    table.erase(event.data.customer_id, parse(event.time) + domain.ERASED_KEPT)
