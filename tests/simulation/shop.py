"""What people do in the shop during a run: many buyers, few goods, and a staff that refunds, reprices and recounts."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Callable
from random import Random
from typing import Any

from tests.simulation.checker import require
from tests.simulation.check_orders import Orders
from tests.simulation.people import Answer, Pending, People
from tests.simulation.world import World

ADDRESS = {
    "name": "Amira Haddad", "line1": "Lindenstrasse 12", "city": "Berlin", "postalCode": "10969", "country": "DE",
}  # fmt: skip
TOKENS = ["tok_visa"] * 6 + ["tok_chargeDeclined", "tok_slow", "tok_flaky", "tok_lost"]
TRIES = 4


class Shop:
    """The people of one run, and what they remember."""

    def __init__(self, world: World, people: People, random: Random, orders: Orders) -> None:
        self.world, self.people, self.random, self.orders = world, people, random, orders
        self.skus = [f"SKU-{letter}" for letter in "ABCD"[: random.randint(1, 4)]]
        self.placed: list[str] = []
        self._keys = itertools.count(1)

    # --- requests ---

    def key(self) -> dict[str, str]:
        """Return headers with a fresh Idempotency-Key."""
        return {"Idempotency-Key": f"key-{next(self._keys):06d}-{self.random.getrandbits(64):016x}"}

    def surely(self, method: str, resource: str, body: Any = None, **options: Any) -> Answer:
        """Send a request until its fate is known, as a client with retries does; give up after some tries.

        Answers that were given twice under one key must be the same.
        """
        answer = self.people.send(method, resource, body, **options)
        for _ in range(TRIES - 1):
            if answer.is_sure and not _is_busy(answer):
                break
            self.people.sleep(1 + 5 * self.random.random())
            answer = self.people.send(method, resource, body, **options)
        return answer

    # --- opening ---

    def open(self) -> None:
        """Put goods on sale and on the shelf; without faults, before the run proper."""
        for sku in self.skus:
            self.receive(sku, self.random.randint(1, 8))
            self.publish(sku, 1)

    def publish(self, sku: str, version: int) -> None:
        price = {"amount": self.random.randint(1, 5000), "currency": "EUR"}
        data = {
            "productId": f"prd_{sku}",
            "slug": sku.lower(),
            "title": sku,
            "vendor": "v",
            "status": "published",
            "imageUrl": None,
            "variants": [{"sku": sku, "title": sku, "price": price, "taxClass": "standard", "grams": 1}],
        }
        detail = {
            "id": f"prd_{sku}.{version}.P",
            "type": "ProductPublished",
            "version": 1,
            "time": "2026-11-22T13:00:00.000Z",
            "correlationId": "x",
            "aggregate": {"id": f"prd_{sku}", "version": version},
            "data": data,
        }
        self.world.send("souk-local-cart-inbox", json.dumps({"source": "souk.catalog", "detail": detail}))

    def receive(self, sku: str, delta: int) -> None:
        """Adjust a SKU's stock."""
        self.surely(
            "POST", "/inventory/stock/{sku}/adjustments", {"delta": delta, "reason": "received"}, path={"sku": sku},
            subject="cus_admin", roles="admin", headers=self.key(),
        )  # fmt: skip

    # --- lives ---

    def buyer(self, number: int) -> Callable[[], None]:
        """Return the life of a buyer; every third is a guest."""
        subject = None if number % 3 == 0 else f"cus_{number:026d}"

        def life() -> None:
            for _ in range(self.random.randint(1, 3)):
                self.visit(subject)
                self.people.sleep(self.random.choice([0.1, 5, 60]) * self.random.random())

        return life

    def visit(self, subject: str | None) -> None:
        """Fill a cart, take a quote, and do something with it."""
        opened = self.surely("POST", "/carts", subject=subject, headers=self.key())
        if opened.status != 201:
            return
        cart = {"subject": subject, "path": {"cartId": opened.body["cartId"]}}
        if opened.body["token"]:
            cart["headers"] = {"X-Cart-Token": opened.body["token"]}
        for sku in self.random.sample(self.skus, self.random.randint(1, min(2, len(self.skus)))):
            path = {**cart["path"], "sku": sku}
            self.surely(
                "PUT",
                "/carts/{cartId}/lines/{sku}",
                {"quantity": self.random.randint(1, 3)},
                **{**cart, "path": path},
            )
        request = {"email": "amira@example.com", "shippingAddress": ADDRESS}
        quote = self.surely("POST", "/carts/{cartId}/quote", request, **cart)
        if quote.status == 200:
            self.orders.quoted(quote.body)
            self.decide(subject, quote.body)

    def decide(self, subject: str | None, quote: dict[str, Any]) -> None:
        """Order by a quote, in one of the ways people do, good and bad."""
        way = self.random.choices(
            [self.order, self.double_click, self.forge, self.steal, self.dawdle], [10, 3, 1, 1, 1]
        )[0]
        way(subject, quote)

    def order(self, subject: str | None, quote: dict[str, Any]) -> None:
        """Order once, keep at it until it is known to have worked, and perhaps think again."""
        answer = self.surely("POST", "/orders", self.payment(quote), subject=subject, headers=self.key())
        self.acknowledge(answer, quote)
        if answer.status == 202 and self.random.random() < 0.35:
            self.people.sleep(self.random.choice([0.05, 2, 60, 300]) * self.random.random())
            self.cancel(subject, answer.body)

    def double_click(self, subject: str | None, quote: dict[str, Any]) -> None:
        """Click on "pay" twice: one key, one order."""
        body, headers = self.payment(quote), self.key()
        clicks = [
            self.people.post("POST", "/orders", body, subject=subject, headers=headers) for _ in range(2)
        ]
        answers = [self.people.join(click) for click in clicks]
        for answer in answers:
            self.acknowledge(answer, quote)
        orders = {answer.body["orderId"] for answer in answers if answer.status == 202}
        require(len(orders) <= 1, "one click, one order", str(orders))

    def forge(self, subject: str | None, quote: dict[str, Any]) -> None:
        """Try to pay less than was quoted."""
        payload, _, signature = quote["quote"].partition(".")
        promised = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        promised["totals"] |= {"subtotal": 1, "shipping": 0, "tax": 0, "total": 1}
        forged = base64.urlsafe_b64encode(json.dumps(promised).encode()).decode().rstrip("=")
        body = {"quote": f"{forged}.{signature}", "payment": {"token": "tok_visa"}}
        answer = self.people.send("POST", "/orders", body, subject=subject, headers=self.key())
        require(answer.status in (0, 400, 500, 502, 503), "a forged quote buys nothing", str(answer))

    def steal(self, subject: str | None, quote: dict[str, Any]) -> None:
        """Try to order by another customer's quote."""
        answer = self.people.send(
            "POST", "/orders", self.payment(quote), subject="cus_thief", headers=self.key()
        )
        if subject is None:
            self.acknowledge(answer, quote)  # whoever has a guest's quote may order by it
        else:
            require(answer.status in (0, 404, 500, 502, 503), "a foreign quote buys nothing", str(answer))

    def dawdle(self, subject: str | None, quote: dict[str, Any]) -> None:
        """Order too late."""
        self.people.sleep(16 * 60)
        answer = self.people.send("POST", "/orders", self.payment(quote), subject=subject, headers=self.key())
        require(answer.status in (0, 410, 500, 502, 503), "an expired quote buys nothing", str(answer))

    def payment(self, quote: dict[str, Any]) -> dict[str, Any]:
        return {"quote": quote["quote"], "payment": {"token": self.random.choice(TOKENS)}}

    def acknowledge(self, answer: Answer, quote: dict[str, Any]) -> None:
        """Remember an order that was acknowledged; check that it is the quote's."""
        if answer.status != 202:
            return
        order_id = answer.body["orderId"]
        require(order_id == "ord_" + quote["quoteId"].partition("_")[2], "one quote, one order", order_id)
        require(
            answer.body["status"] == "placed", "an order is acknowledged as it was placed", str(answer.body)
        )
        self.orders.acknowledged.add(order_id)
        self.placed.append(order_id)

    def cancel(self, subject: str | None, order: dict[str, Any]) -> None:
        """Call an order off; a stranger tries first, now and then."""
        path, headers = {"orderId": order["orderId"]}, {}
        if order.get("orderToken"):
            headers["X-Order-Token"] = order["orderToken"]
        if self.random.random() < 0.2:
            answer = self.people.send("POST", "/orders/{orderId}/cancel", path=path, subject="cus_thief")
            require(
                answer.status in (0, 404, 500, 502, 503), "a foreign order cannot be called off", str(answer)
            )
        self.surely("POST", "/orders/{orderId}/cancel", path=path, subject=subject, headers=headers)

    def staff(self) -> None:
        """Refund orders in part, often two at once."""
        for _ in range(self.random.randint(2, 6)):
            self.people.sleep(self.random.choice([1, 30, 120]) * self.random.random())
            if self.placed:
                self.refund(self.random.choice(self.placed))

    def refund(self, order_id: str) -> None:
        quote = self.orders.promised[order_id]
        total = quote["totals"]["total"]
        pending: list[Pending] = []
        for _ in range(self.random.randint(1, 3)):
            amount = {"amount": self.random.choice([total, max(1, total // 2), 1]), "currency": "EUR"}
            body, headers = {"amount": amount, "reason": "goodwill"}, self.key()
            for _ in range(self.random.choice([1, 1, 2])):
                pending.append(
                    self.people.post(
                        "POST", "/payments/{orderId}/refunds", body, path={"orderId": order_id}, subject="cus_staff",
                        roles="staff", headers=headers,
                    )
                )  # fmt: skip
        for one in pending:
            self.people.join(one)

    def warehouse(self) -> None:
        """Receive, lose and find units."""
        for _ in range(self.random.randint(1, 5)):
            self.people.sleep(self.random.choice([1, 30, 120]) * self.random.random())
            self.receive(self.random.choice(self.skus), self.random.choice([-2, -1, 1, 2, 5]))


def _is_busy(answer: Answer) -> bool:
    return answer.status == 409 and answer.body["code"] in (
        "request_in_flight",
        "cart_busy",
        "stock_busy",
        "order_busy",
    )
