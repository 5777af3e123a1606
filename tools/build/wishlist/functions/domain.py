"""Wishlist's rules as pure functions: what may be kept, and for how long it is known that somebody was erased."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from msgspec import Struct
from msgspec.structs import replace

from functions.shared.errors import ConflictError, NotFoundError

MAX_ITEMS = 200
ERASED_KEPT = timedelta(days=1)
"""Longer than any token of somebody who was erased is good for."""


class Wishlist(Struct, frozen=True):
    """What one customer keeps: the units of each SKU. Version 0 is one that nobody has stored yet."""

    customer_id: str
    items: Mapping[str, int] = {}
    version: int = 0
    erased: bool = False


def with_item(wishlist: Wishlist, sku: str, quantity: int) -> Wishlist:
    """Return the wishlist with so many units of a SKU, the same one where it has them.

    Raises
    ------
    NotFoundError
        The customer was erased.
    ConflictError
        It holds as many SKUs as it can.
    """
    if wishlist.erased:
        raise NotFoundError("account_erased", "This account was erased.")
    items = {**wishlist.items, sku: quantity}
    if len(items) > MAX_ITEMS:
        detail = f"At most {MAX_ITEMS} products can be kept."
        raise ConflictError("too_many", detail, parameters={"maximum": MAX_ITEMS})
    if items == wishlist.items:
        return wishlist
    return replace(wishlist, items=items, version=wishlist.version + 1)
