"""What `make race` and `make chaos` do to a running shop: guests who buy, and staff who stock and give back."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from tools.local.seed import ADDRESS, Account, Accounts, log_in
from tools.local.shop import Answer, Shop, bearer
from tools.report import ToolError

T = TypeVar("T")
R = TypeVar("R")

THREADS = 24


@dataclass(frozen=True)
class Guest:
    """A guest with a cart: its id, and the headers that open it."""

    cart: str
    who: dict[str, str]


def at_once(work: Callable[[T], R], given: Iterable[T], threads: int = THREADS) -> list[R]:
    """Return what `work` gives for each, done by many threads at once."""
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, given))


def until(what: str, probe: Callable[[], T | None], seconds: float = 60) -> T:
    """Return what the probe finds, asking again until then; raise ToolError after `seconds`."""
    end = time.monotonic() + seconds
    while (found := probe()) is None:
        if time.monotonic() > end:
            raise ToolError(f"waited {seconds:.0f} s for {what}; make status and make dlq say more")
        time.sleep(0.2)
    return found


def staff(shop: Shop) -> dict[str, str]:
    """Return the admin's headers."""
    return _logged_in(shop, Accounts().admin)


def customer(shop: Shop) -> dict[str, str]:
    """Return the demo customer's headers, from a log-in of their own."""
    return _logged_in(shop, Accounts().customer)


def _logged_in(shop: Shop, account: Account) -> dict[str, str]:
    token = log_in(shop, account)
    if token is None:
        raise ToolError(f"{account.email} cannot log in; start afresh: make reset && make run")
    return bearer(token)


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
    until(f"the cart to know {sku}", lambda: guest(shop, sku))
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


def guest(shop: Shop, sku: str, quantity: int = 1) -> Guest | None:
    """Return a guest with units of a SKU in their cart, None while the cart does not sell it."""
    opened = shop.must(201, "POST", "/carts", {})
    who = {"X-Cart-Token": opened["token"]}
    line = shop.call("PUT", f"/carts/{opened['cartId']}/lines/{sku}", {"quantity": quantity}, headers=who)
    return Guest(opened["cartId"], who) if line.status == 200 else None


def quote(shop: Shop, buyer: Guest) -> str:
    """Return a signed quote for what is in the cart."""
    wish = {"email": "guest@example.com", "shippingAddress": ADDRESS}
    return str(shop.must(200, "POST", f"/carts/{buyer.cart}/quote", wish, headers=buyer.who)["quote"])


def quoted(shop: Shop, sku: str, quantity: int = 1) -> str:
    """Return a new guest's quote for units of a SKU."""
    buyer = guest(shop, sku, quantity)
    if buyer is None:
        raise ToolError(f"the cart does not sell {sku}")
    return quote(shop, buyer)


def place(shop: Shop, signed: str, key: str | None = None, token: str = "tok_visa") -> Answer:  # noqa: S107
    """Place the order of a quote, as a patient buyer: where the shop is too busy to answer, with the same key again."""
    headers = {"Idempotency-Key": key or str(uuid.uuid4())}
    body = {"quote": signed, "payment": {"token": token}}
    for pause in (0.2, 0.5, 1, 2, 4, 8, 8):
        answer = shop.call("POST", "/orders", body, headers=headers)
        if answer.status < 500 and answer.status != 429:
            return answer
        time.sleep(pause)
    return answer


def order(shop: Shop, placed: dict[str, Any]) -> dict[str, Any]:
    """Return a guest's order as it is now."""
    headers = {"X-Order-Token": placed["orderToken"]}
    found: dict[str, Any] = shop.must(200, "GET", f"/orders/{placed['orderId']}", headers=headers)
    return found


def decided(shop: Shop, placed: Sequence[dict[str, Any]], seconds: float = 180) -> list[dict[str, Any]]:
    """Return the orders once each is decided."""
    return at_once(
        lambda one: until(f"{one['orderId']} to be decided", lambda: _decision(shop, one), seconds), placed, 8
    )


def _decision(shop: Shop, placed: dict[str, Any]) -> dict[str, Any] | None:
    found = order(shop, placed)
    return found if found["status"] != "placed" else None
