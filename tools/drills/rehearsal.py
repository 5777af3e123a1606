"""What the drills do to a running shop: guests who buy, and staff who stock and give back."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from tools.local.buyer import Buyer
from tools.local.seed import Accounts, access_token
from tools.local.shop import Answer, Shop, bearer

T = TypeVar("T")
R = TypeVar("R")

THREADS = 24


def at_once(work: Callable[[T], R], given: Iterable[T], threads: int = THREADS) -> list[R]:
    """Return what `work` gives for each, done by many threads at once."""
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, given))


def staff(shop: Shop) -> dict[str, str]:
    """Return the admin's headers."""
    return bearer(access_token(shop, Accounts().admin))


def customer(shop: Shop) -> dict[str, str]:
    """Return the demo customer's headers, from a log-in of their own."""
    return bearer(access_token(shop, Accounts().customer))


def product(shop: Shop, admin: dict[str, str], name: str, units: int, price: int = 1500) -> str:
    """Put a new product on sale with so many units of its one SKU; return the SKU once the cart knows it."""
    sku = f"{name}-{uuid.uuid4().hex[:8]}".upper()
    money = {"amount": price, "currency": "EUR"}
    wish = {
        "title": name.title(),
        "slug": sku.lower(),
        "status": "published",
        "variants": [{"sku": sku, "price": money}],
    }
    shop.must(201, "POST", "/catalog/products", wish, headers=admin)
    adjust(shop, admin, sku, units)
    Buyer(shop).fill_cart({sku: 1})
    return sku


def adjust(shop: Shop, admin: dict[str, str], sku: str, delta: int) -> Answer:
    """Change the stock of a SKU."""
    body = {"delta": delta, "reason": "rehearsal"}
    headers = {**admin, "Idempotency-Key": str(uuid.uuid4())}
    return shop.call("POST", f"/inventory/stock/{sku}/adjustments", body, headers=headers)


def level(shop: Shop, staff: dict[str, str], sku: str) -> dict[str, Any]:
    """Return the stock of a SKU, as staff see it."""
    found: dict[str, Any] = shop.must(200, "GET", f"/inventory/admin/stock/{sku}", headers=staff)
    return found


def quoted(shop: Shop, sku: str, quantity: int = 1) -> str:
    """Return a new guest's signed quote for units of a SKU."""
    guest = Buyer(shop)
    return str(guest.quote(guest.fill_cart({sku: quantity}))["quote"])


def place(shop: Shop, signed: str, key: str | None = None) -> Answer:
    """Place the order of a quote, as a patient buyer: where the shop is too busy to answer, with the same key again."""
    key = key or str(uuid.uuid4())
    for pause in (0.2, 0.5, 1, 2, 4, 8, 8):
        answer = Buyer(shop).place(signed, Idempotency_Key=key)
        if answer.status < 500 and answer.status != 429:
            return answer
        time.sleep(pause)
    return answer


def order(shop: Shop, placed: dict[str, Any]) -> dict[str, Any]:
    """Return a guest's order as it is now."""
    return _guest_of(shop, placed).order(placed["orderId"])


def decided(shop: Shop, placed: Sequence[dict[str, Any]], seconds: float = 180) -> list[dict[str, Any]]:
    """Return the orders once each is decided."""
    return at_once(lambda one: _guest_of(shop, one).decided(one["orderId"], seconds), placed, 8)


def _guest_of(shop: Shop, placed: dict[str, Any]) -> Buyer:
    return Buyer(shop, {"X-Order-Token": placed["orderToken"]})
