"""What people do in the shop, each counted by itself: orders of 1, 3 and 10 lines, browsing, logging in, carts."""

from __future__ import annotations

import csv
import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.bench.account import CORE, Account, Tally
from tests.support.templates import ROOT

ADDRESS = {
    "name": "Amira Haddad",
    "line1": "Lindenstrasse 12",
    "city": "Berlin",
    "postalCode": "10969",
    "country": "DE",
}
PERSON = {"email": "amira@example.com", "password": "correct horse battery", "name": "Amira Haddad"}
PRODUCTS = 30
LINES = (1, 3, 10)
FULL = 100
"""Orders placed at the same time, to see batches as full as the templates allow."""
CONFIRMED = frozenset({"OrderConfirmed"})

_numbers = itertools.count(1)

Quote = dict[str, Any]
"""What `POST /carts/{id}/quote` answers."""


@dataclass
class Journey:
    """What one journey took: by service, per single order or visit."""

    name: str
    tally: Tally
    connections: int = 0
    path: str = ""
    kept_seconds: int = 0
    """For how long a shared cache may keep its answer, and at which path."""

    def total(self, what: str, *services: str) -> float:
        """Return a count over some services; the core and identity by default."""
        return sum(self.tally[service, what] for service in services or (*CORE, "identity"))


class Shop:
    """A stocked shop, and its people."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.skus: list[str] = []
        self.slugs: list[str] = []
        account.request("POST", "/identity/register", PERSON, status=201)
        self.stock()
        # Last, because a token ends while a large shop is filled on a busy machine.
        self.token = self.log_in()

    def log_in(self) -> str:
        """Return an access token."""
        given = {"email": PERSON["email"], "password": PERSON["password"]}
        return str(self.account.request("POST", "/identity/login", given).body["accessToken"])

    def stock(self) -> None:
        """Put goods on sale and on the shelf, as their owner would."""
        row = next(csv.DictReader((ROOT / "data/catalog.csv").read_text().splitlines()))
        for number in range(PRODUCTS):
            slug = f"saffron-glazed-tagine-{number}"
            skus = [f"TAG-SAF-{number:03d}-{size}" for size in "SL"]
            product = {
                "title": f"{row['Title']} {number}",
                "slug": slug,
                "status": "published",
                "vendor": row["Vendor"],
                "category": row["Type"],
                "tags": ["cooking", "stoneware", "gift"],
                "bodyHtml": row["Body (HTML)"],
                "options": ["Size"],
                "images": [{"src": "/images/saffron-glazed-tagine.svg", "alt": row["Title"]}],
                "variants": [
                    {
                        "sku": sku,
                        "options": [size],
                        "price": {"amount": 4400, "currency": "EUR"},
                        "grams": 2100,
                    }
                    for sku, size in zip(skus, ("Small, 24 cm", "Large, 30 cm"), strict=True)
                ],
            }
            self.account.as_staff("POST", "/catalog/products", product)
            for sku in skus:
                self.account.as_staff(
                    "POST",
                    "/inventory/stock/{sku}/adjustments",
                    {"delta": 100_000, "reason": "opening"},
                    path={"sku": sku},
                )
            self.skus.append(skus[0])
            self.slugs.append(slug)
        self.account.settle()

    def cart(self, lines: int) -> dict[str, Any]:
        """Return where the customer's cart is, with so many lines in it."""
        opened = self.account.request("POST", "/carts", token=self.token, headers=_key(), status=201)
        cart: dict[str, Any] = {"token": self.token, "path": {"cartId": opened.body["cartId"]}}
        for sku in self.skus[:lines]:
            self.put(cart, sku)
        return cart

    def quotes(self, lines: int, times: int) -> list[Quote]:
        """Return quotes of so many guests' carts, each with so many lines: each is a purchase of its own."""
        return [self.quote(self._guests_cart(lines)) for _ in range(times)]

    def _guests_cart(self, lines: int) -> dict[str, Any]:
        opened = self.account.request("POST", "/carts", status=201).body
        cart: dict[str, Any] = {
            "headers": {"X-Cart-Token": opened["token"]},
            "path": {"cartId": opened["cartId"]},
        }
        for sku in self.skus[:lines]:
            self.put(cart, sku)
        return cart

    def put(self, cart: dict[str, Any], sku: str) -> None:
        """Put two units into a cart."""
        path = {**cart["path"], "sku": sku}
        self.account.request("PUT", "/carts/{cartId}/lines/{sku}", {"quantity": 2}, **{**cart, "path": path})

    def quote(self, cart: dict[str, Any]) -> Quote:
        """Return a quote of a cart, as it is answered."""
        asked = {"email": PERSON["email"], "shippingAddress": ADDRESS}
        quote: Quote = self.account.request("POST", "/carts/{cartId}/quote", asked, **cart).body
        return quote

    def place(self, quote: Quote, *, own_key: bool = False, card: str = "tok_visa") -> str:
        """Order by a quote and return the order's id; its Idempotency-Key is the quote's id, or one of the client's."""
        body = {"quote": quote["quote"], "payment": {"token": card}}
        headers = _key() if own_key else {"Idempotency-Key": quote["quoteId"]}
        answer = self.account.request("POST", "/orders", body, token=self.token, headers=headers, status=202)
        return str(answer.body["orderId"])

    def answer_the_bank(self, order_id: str) -> None:
        """Have the customer led to their bank, say yes there, and come back."""
        payment: dict[str, Any] = {"path": {"orderId": order_id}, "token": self.token}
        self.account.request("GET", "/payments/{orderId}/action", **payment)
        ours = self.account.tally.copy()
        self.account.request("POST", "/payments/simulator/{orderId}/answer", {"approve": True}, **payment)
        self.account.tally = ours  # what a bank does is no function of the shop's
        self.account.request("POST", "/payments/{orderId}/action", {}, **payment)

    def status(self, order_id: str) -> str:
        """Return an order's status as its table has it."""
        item = self.account.aws.dynamodb.tables["souk-local-orders"].items[f"ORDER#{order_id}", "ORDER"]
        return str(item["status"]["S"])


def measure() -> dict[str, Journey]:
    """Run every journey once and return them by name."""
    found: dict[str, Journey] = {}
    account = Account()
    with account.open():
        shop = Shop(account)
        for lines in LINES:
            found |= _orders(shop, lines, 1, 1)
        found |= _orders(shop, 1, FULL, None)
        found |= _orders(shop, 1, 1, 1, own_key=True)
        found |= _asked(shop)
        found |= _visits(shop)
    return found


def _orders(
    shop: Shop, lines: int, orders: int, batch: int | None, *, own_key: bool = False
) -> dict[str, Journey]:
    """Place orders and follow them: until OrderConfirmed is on the bus, and until nothing is left to do."""
    account = shop.account
    quotes = shop.quotes(lines, orders)
    account.settle()
    stored = account.stored()
    before, connected, known = account.tally.copy(), account.connections, len(account.events)
    placed = [shop.place(quote, own_key=own_key) for quote in quotes]
    account.settle(batch, CONFIRMED)
    confirmed, connections = account.tally.copy(), account.connections - connected
    assert [shop.status(order) for order in placed] == ["confirmed"] * orders
    account.settle(batch)
    facts = Counter(event["detail-type"] for event in account.events[known:])
    assert facts["PaymentCaptured"] == facts["StockCommitted"] == orders, facts
    name = f"{lines}-line order" if orders == 1 else f"{lines}-line order, full batches"
    name += ", key of the client's" if own_key else ""
    return {
        f"{name}, to confirmed": Journey(name, _per(confirmed, before, orders), connections),
        f"{name}, to captured": Journey(
            name,
            _per(account.tally + _grown(account, stored), before, orders),
            account.connections - connected,
        ),
    }


def _asked(shop: Shop) -> dict[str, Journey]:
    """Place an order whose bank asks the buyer, and answer: until OrderConfirmed is on the bus."""
    account = shop.account
    (quote,) = shop.quotes(1, 1)
    account.settle()
    before, connected = account.tally.copy(), account.connections
    placed = shop.place(quote, card="tok_3ds")
    account.settle(1, CONFIRMED)
    shop.answer_the_bank(placed)
    account.settle(1, CONFIRMED)
    assert shop.status(placed) == "confirmed"
    tally = _per(account.tally, before, 1)
    account.settle()
    name = "1-line order, its bank asks"
    return {f"{name}, to confirmed": Journey(name, tally, account.connections - connected)}


def _visits(shop: Shop) -> dict[str, Journey]:
    account = shop.account
    cart = shop.cart(2)
    get = account.request
    steps: dict[str, Callable[[], Any]] = {
        "list of 24 products": lambda: get("GET", "/catalog/products", query={"limit": "24"}),
        "product page": lambda: get("GET", "/catalog/products/{id}", path={"id": shop.slugs[7]}),
        "stock of a product": lambda: get(
            "GET", "/inventory/stock", query={"skus": "TAG-SAF-007-S,TAG-SAF-007-L"}
        ),
        "search": lambda: get("GET", "/catalog/products", query={"q": "tagine", "limit": "24"}),
        "log-in": shop.log_in,
        "open a cart": lambda: shop.cart(0),
        "put into the cart": lambda: shop.put(cart, shop.skus[5]),
        "show the cart": lambda: get("GET", "/carts/{cartId}", **cart),
        "quote": lambda: shop.quote(cart),
        "own orders": lambda: get("GET", "/orders", token=shop.token),
    }
    found = {}
    for name, step in steps.items():
        account.settle()
        stored, before, connected = account.stored(), account.tally.copy(), account.connections
        account.public.clear()
        step()
        account.settle(1)
        ((path, kept_seconds),) = account.public
        tally = _per(account.tally + _grown(account, stored), before, 1)
        found[name] = Journey(name, tally, account.connections - connected, path, kept_seconds)
    return found


def _grown(account: Account, before: Tally) -> Tally:
    """Return by how much the tables have grown."""
    after = account.stored()
    return Counter({key: max(after[key] - before[key], 0) for key in after})


def _per(after: Tally, before: Tally, orders: int) -> Tally:
    return Counter(
        {key: round((after[key] - before[key]) / orders, 3) for key in after if after[key] != before[key]}
    )  # type: ignore[misc]


def _key() -> dict[str, str]:
    return {"Idempotency-Key": f"bench-{next(_numbers):08d}"}
