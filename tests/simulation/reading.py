"""Orders and carts as the checks read them: through the services' own reading of their items."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from functions.cart.table import _cart
from functions.orders.table import order_of
from functions.shared.dynamo import decode_item
from tests.simulation.expressions import Image


def content_of(image: Image) -> dict[str, Any]:
    """Return what was ordered, as its facts tell it (cartId, lines, totals, shippingAddress…), by an order's item."""
    content = order_of(decode_item(image)).content
    told: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(content))
    return told


def quantities_of(image: Image | None) -> dict[str, int]:
    """Return the units by SKU in a cart, by its item; nothing where there is none."""
    return dict(_cart(decode_item(image)).quantities) if image else {}


def on_order_of(image: Image | None) -> Mapping[str, Any]:
    """Return what a cart knows to be on order, by order."""
    return _cart(decode_item(image)).on_order if image else {}


def is_void(image: Image | None) -> bool:
    """Tell whether an item stands in the place of an order that can never be (functions/orders/table.py)."""
    return image is not None and "bought_by" in image
