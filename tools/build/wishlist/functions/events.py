"""The facts wishlist publishes, and what it reads of others'."""

from __future__ import annotations

from functions.shared.types import CustomerId, Data, Quantity, Sku

# --- published ---------------------------------------------------------------------------------------------------


class WishlistChanged(Data, frozen=True):
    """A customer keeps so many units of a product."""

    customer_id: CustomerId
    sku: Sku
    quantity: Quantity


PUBLISHED = (WishlistChanged,)

# --- read of others ----------------------------------------------------------------------------------------------


class CustomerErased(Data, frozen=True):
    """identity: a customer wants to be forgotten."""

    customer_id: CustomerId
