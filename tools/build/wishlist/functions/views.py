"""What wishlist takes and gives over HTTP."""

from __future__ import annotations

from functions.shared.types import Body, Quantity, Sku, View
from functions.wishlist.domain import Wishlist


class SetItem(Body, frozen=True):
    """How many units of a product to keep."""

    quantity: Quantity = 1


class ItemView(View, frozen=True):
    """A product that is kept."""

    sku: Sku
    quantity: Quantity


class WishlistView(View, frozen=True):
    """What a customer keeps, in the order of their SKUs."""

    items: list[ItemView]


def wishlist_view(wishlist: Wishlist) -> WishlistView:
    """Return what a customer sees."""
    return WishlistView([ItemView(sku, quantity) for sku, quantity in sorted(wishlist.items.items())])
