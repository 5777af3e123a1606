"""What people do in the shop during a run: many buyers, few goods, and a staff that refunds, reprices and recounts."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from typing import Any

from functions.payments.domain import Payment
from functions.payments.providers.signature import sign
from functions.payments.table import IntentDispute, SimulatorTable
from functions.shared.clock import rfc3339
from functions.shared.dynamo import decode_item
from functions.shared.ids import derived_id
from tests.simulation.check_carts import Carts, Prices, is_shipped
from tests.simulation.check_imports import Imports
from tests.simulation.check_orders import Orders
from tests.simulation.check_stock import Stock
from tests.simulation.checker import require
from tests.simulation.people import Answer, Pending, People
from tests.simulation.world import World

ADDRESS = {
    "name": "Amira Haddad",
    "line1": "Lindenstrasse 12",
    "city": "Berlin",
    "postalCode": "10969",
    "country": "DE",
}
TOKENS = ["tok_visa"] * 6 + ["tok_chargeDeclined", "tok_slow", "tok_flaky", "tok_lost"]
GIVES_BACK = ["tok_pendingRefund", "tok_pendingRefundFails", "tok_refundFails"]
"""Tokens whose refunds go ways of their own; disputes are the bank's (Shop.bank)."""
DOOMED = ["tok_lapses", "tok_captureRefused"]
"""Tokens of which the money is held and can never be taken."""
ASKS = ["tok_3ds", "tok_3ds", "tok_3dsDeclined", "tok_3dsAbandoned", "tok_3dsLate"]
"""Tokens of which the bank asks the buyer first."""
ADMIN = {"subject": "cus_admin", "roles": "admin"}
TRIES = 6
MOST_SKUS = 4
"""Of a product."""


class Shop:
    """The people of one run, and what they remember."""

    def __init__(
        self,
        world: World,
        people: People,
        random: Random,
        orders: Orders,
        carts: Carts,
        prices: Prices,
        stock: Stock,
        imports: Imports,
    ) -> None:
        self.world, self.people, self.random = world, people, random
        self.orders, self.carts, self.prices = orders, carts, prices
        self.stock, self.imported = stock, imports
        names = ["pot", "mug", "map"][: random.randint(1, 3)]
        self.goods = {
            name: [f"{name.upper()}-{size}" for size in "SL"[: random.randint(1, 2)]] for name in names
        }
        self.skus = [sku for skus in self.goods.values() for sku in skus]
        self.policies = {sku: self.policy() for sku in self.skus}
        self.placed: list[str] = []
        self.poison: set[str] = set()
        self._keys = itertools.count(1)

    # --- requests ---

    def key(self, quote: dict[str, Any] | None = None) -> dict[str, str]:
        """Return headers with a fresh Idempotency-Key; every other time with the id of the quote that is ordered by."""
        number, fresh = next(self._keys), self.random.getrandbits(64)
        text = quote["quoteId"] if quote and number % 2 else f"key-{number:06d}-{fresh:016x}"
        return {"Idempotency-Key": text}

    def surely(self, method: str, resource: str, body: Any = None, **options: Any) -> Answer:
        """Send a request until its fate is known, as a client with retries does; give up after some tries.

        Answers that were given twice under one key must be the same.
        """
        answer = self.people.send(method, resource, body, **options)
        for _ in range(TRIES - 1):
            if answer.is_sure and not _is_busy(answer):
                break
            self.people.sleep(1 + self.random.choice([5, 5, 40]) * self.random.random())
            answer = self.people.send(method, resource, body, **options)
        return answer

    # --- opening ---

    def open(self) -> None:
        """Put goods on sale and on the shelf; without faults, before the run proper."""
        for slug, skus in self.goods.items():
            self.surely("POST", "/catalog/products", self.product(slug), headers=self.key(), **ADMIN)
            for sku in skus:
                self.receive(sku, self.random.choice([2, 6, 12, 30]))
                if self.random.random() < 0.4:
                    self.split(sku)

    def product(self, slug: str) -> dict[str, Any]:
        """Return a product's content with prices of today; now and then the shop sells a SKU in another way."""
        for sku in self.goods[slug]:
            if self.random.random() < 0.1:
                self.policies[sku] = self.policy()
        variants = [
            {
                "sku": sku,
                "options": [sku],
                "price": self.price(),
                "stockPolicy": self.policies[sku],
                "requiresShipping": is_shipped(sku),
            }
            for sku in self.goods[slug]
        ]
        return {
            "title": slug.title(),
            "slug": slug,
            "status": "published",
            "options": ["Size"],
            "variants": variants,
        }

    def policy(self) -> str:
        """Return how a SKU is sold: most have only what there is."""
        return self.random.choices(["tracked", "backorder", "untracked"], [8, 2, 1])[0]

    def price(self) -> dict[str, Any]:
        return {"amount": self.random.randint(1, 5000), "currency": "EUR"}

    def receive(self, sku: str, delta: int) -> None:
        """Adjust a SKU's stock, once, however often the request has to be sent."""
        reason = f"received {next(self._keys)}"
        answer = self.surely(
            "POST",
            "/inventory/stock/{sku}/adjustments",
            {"delta": delta, "reason": reason},
            path={"sku": sku},
            headers=self.key(),
            **ADMIN,
        )
        if answer.status == 201:
            self.stock.acknowledged.add(reason)

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
        logs_in = subject is not None and self.random.random() < 0.25
        headers = {**self.key(), "X-Cart-Secret": f"{next(self._keys):032d}"}
        opened = self.surely("POST", "/carts", subject=None if logs_in else subject, headers=headers)
        if opened.status != 201:
            return
        cart: dict[str, Any] = {
            "subject": None if logs_in else subject,
            "path": {"cartId": opened.body["cartId"]},
        }
        if opened.body["token"]:
            cart["headers"] = {"X-Cart-Token": opened.body["token"]}
        wanted = self.fill(cart)
        tabs: list[dict[str, Any]] = []
        if logs_in:
            before = self.quote(cart)
            tabs += [before.body] if before.status == 200 else []
            cart = self.log_in(str(subject), cart)
        quote = self.quote(cart)
        if quote.status == 409 and quote.body["code"] == "lines_on_order" and self.random.random() < 0.5:
            quote = self.quote(cart, again=quote.body["parameters"]["orderId"])
        if quote.status == 200:
            if subject is None and wanted:
                quoted = {line["sku"]: line["quantity"] for line in quote.body["lines"]}
                require(quoted == wanted, "a quote holds what is in the cart", f"{quoted} of {wanted}")
            self.decide(subject, quote.body, cart, tabs)

    def quote(self, cart: dict[str, Any], again: str | None = None, name: str = ADDRESS["name"]) -> Answer:
        """Ask for a quote; `again`: on purpose, besides an order."""
        request = {"email": "amira@example.com", "shippingAddress": {**ADDRESS, "name": name}}
        since = self.world.now
        asked = {**request, "again": again} if again else request
        answer = self.surely("POST", "/carts/{cartId}/quote", asked, **cart)
        if answer.status == 200:
            self.orders.quoted(answer.body)
            self.carts.quoted(answer.body, again=again is not None)
            self.prices.quoted(answer.body, since)
        return answer

    def fill(self, cart: dict[str, Any]) -> dict[str, int] | None:
        """Put some goods into a cart; return which and how many, None where some answer left that open.

        A refusal leaves it open too: an earlier try, whose answer was lost, may have put the goods in.
        """
        wanted: dict[str, int] = {}
        sure = True
        for sku in self.random.sample(self.skus, self.random.randint(1, min(2, len(self.skus)))):
            quantity, path = self.random.randint(1, 3), {**cart["path"], "sku": sku}
            request = {"quantity": quantity}
            answer = self.surely("PUT", "/carts/{cartId}/lines/{sku}", request, **{**cart, "path": path})
            sure = sure and answer.status == 200
            wanted[sku] = quantity
        return wanted if sure else None

    def log_in(self, subject: str, cart: dict[str, Any]) -> dict[str, Any]:
        """Bring a guest's cart along, from two windows at once; return the customer's own."""
        windows = [
            self.people.post("POST", "/carts/{cartId}/merge", {}, **{**cart, "subject": subject})
            for _ in range(2)
        ]
        for window in windows:
            self.people.join(window)
        merged = self.surely("POST", "/carts/{cartId}/merge", {}, **{**cart, "subject": subject})
        if merged.status != 200:
            return cart
        return {"subject": subject, "path": {"cartId": merged.body["cartId"]}}

    def decide(
        self, subject: str | None, quote: dict[str, Any], cart: dict[str, Any], tabs: list[dict[str, Any]]
    ) -> None:
        """Order by a quote, in one of the ways people do, good and bad."""
        way = self.random.choices(
            [self.order, self.double_click, self.forge, self.steal, self.dawdle, None, self.retry],
            [10, 3, 1, 1, 1, 5, 3],
        )[0]
        if way is None or (tabs and self.random.random() < 0.5):
            self.two_tabs(subject, quote, cart, tabs)
        elif way == self.retry:
            self.retry(subject, quote, cart)
        else:
            way(subject, quote)

    def two_tabs(
        self, subject: str | None, quote: dict[str, Any], cart: dict[str, Any], tabs: list[dict[str, Any]]
    ) -> None:
        """Have quotes in several tabs and pay in each, at once or one after the other: the cart is bought once."""
        quotes = [*tabs, quote]
        for name in ("Amira H.", "A. Haddad")[: self.random.randint(1, 2)]:
            other = self.quote(cart, name=name)
            quotes += [other.body] if other.status == 200 else []
        self.random.shuffle(quotes)
        at_once, clicks = self.random.random() < 0.5, []
        for one in quotes:
            click = self.people.post(
                "POST", "/orders", self.payment(one), subject=subject, headers=self.key(one)
            )
            clicks.append((click, one))
            if not at_once:
                self.people.join(click)
                self.people.sleep(self.random.choice([0.1, 1, 30]) * self.random.random())
        for click, one in clicks:
            self.acknowledge(self.people.join(click), one)

    def retry(self, subject: str | None, quote: dict[str, Any], cart: dict[str, Any]) -> None:
        """Order with a card that is declined, and again with another as soon as the order is off."""
        body = {"quote": quote["quote"], "payment": {"token": "tok_chargeDeclined"}}
        answer = self.surely("POST", "/orders", body, subject=subject, headers=self.key(quote))
        self.acknowledge(answer, quote)
        if answer.status != 202:
            return
        headers = {"X-Order-Token": answer.body["orderToken"]} if answer.body["orderToken"] else {}
        path = {"orderId": answer.body["orderId"]}
        for _ in range(20):
            seen = self.people.send("GET", "/orders/{orderId}", path=path, subject=subject, headers=headers)
            if seen.status == 200 and seen.body["status"] != "placed":
                break
            self.people.sleep(0.5)
        else:
            return
        if seen.body["status"] == "cancelled":
            other = self.quote(cart, again=answer.body["orderId"])
            if other.status == 200:
                self.order(subject, other.body)

    def order(self, subject: str | None, quote: dict[str, Any]) -> None:
        """Order once, keep at it until it is known to have worked, and perhaps think again."""
        answer = self.surely("POST", "/orders", self.payment(quote), subject=subject, headers=self.key(quote))
        self.acknowledge(answer, quote)
        if answer.status == 202 and self.random.random() < 0.3:
            self.look(subject, answer.body)
        if answer.status == 202 and self.random.random() < 0.8:
            self.authenticate(subject, answer.body)
        if answer.status == 202 and self.random.random() < 0.35:
            self.people.sleep(self.random.choice([0.05, 2, 60, 300]) * self.random.random())
            self.cancel(subject, answer.body)
        elif answer.status == 202 and self.random.random() < 0.8:
            self.pay_again(subject, answer.body)

    def authenticate(self, subject: str | None, order: dict[str, Any]) -> None:
        """Answer the bank where it asks: at once, late, twice, in two tabs; and tell the shop of it, or not."""
        headers = {"X-Order-Token": order["orderToken"]} if order.get("orderToken") else {}
        given: dict[str, Any] = {
            "path": {"orderId": order["orderId"]},
            "subject": subject,
            "headers": headers,
        }
        for _ in range(self.random.randint(1, 8)):
            seen = self.people.send("GET", "/orders/{orderId}", **given)
            if seen.status == 200 and seen.body["status"] != "placed":
                return
            if seen.status == 200 and seen.body["paymentStatus"] == "action_required":
                break
            self.people.sleep(self.random.choice([0.3, 5]))
        else:
            return
        self.people.sleep(self.random.choice([1, 60, 600, 1000]) * self.random.random())
        asked = self.people.send("GET", "/payments/{orderId}/action", **given)
        require(asked.status in (0, 200, 404, 409, 500, 502, 503), "a bank asks its buyer", str(asked))
        stranger = self.people.send(
            "GET", "/payments/{orderId}/action", path=given["path"], subject="cus_thief"
        )
        require(stranger.status in (0, 404, 500, 502, 503), "a bank asks its buyer alone", str(stranger))
        self._answer_bank(given)

    def _answer_bank(self, given: dict[str, Any]) -> None:
        answer = {"approve": self.random.random() < 0.8}
        path = "/payments/simulator/{orderId}/answer"
        pending = [self.people.post("POST", path, answer, **given) for _ in range(self.random.choice([1, 2]))]
        back = "/payments/{orderId}/action"
        pending += [
            self.people.post("POST", back, None, **given) for _ in range(self.random.choice([0, 1, 2]))
        ]
        for one in pending:
            self.people.join(one)
        if self.random.random() < 0.6:
            self.surely("POST", back, None, **given)

    def pay_again(self, subject: str | None, order: dict[str, Any]) -> None:
        """Give other means of payment, often twice at once, for as long as the order asks for one; or call it off."""
        headers = {"X-Order-Token": order["orderToken"]} if order.get("orderToken") else {}
        given: dict[str, Any] = {"path": {"orderId": order["orderId"]}, "subject": subject}
        for _ in range(self.random.randint(1, 4)):
            self.people.sleep(self.random.choice([5, 60, 300]) * self.random.random())
            seen = self.surely("GET", "/orders/{orderId}", headers=headers, **given)
            if seen.status != 200 or not seen.body["unpaid"]:
                continue
            if self.random.random() < 0.2:
                self.cancel(subject, order)
                return
            tokens = [
                self.random.choice([*TOKENS, *GIVES_BACK, *DOOMED, *ASKS])
                for _ in range(self.random.choice([1, 1, 2]))
            ]
            pending = [
                self.people.post(
                    "POST",
                    "/orders/{orderId}/payment",
                    {"payment": {"token": token}},
                    headers={**headers, **self.key()},
                    **given,
                )
                for token in tokens
            ]
            answers = [self.people.join(one) for one in pending]
            taken = sum(answer.status == 202 for answer in answers)
            require(taken <= 1, "an order takes one means of payment at a time", str(answers))
            if self.random.random() < 0.7 and not set(tokens).isdisjoint(ASKS):
                self.people.sleep(self.random.choice([2, 60, 1000]) * self.random.random())
                self._answer_bank({**given, "headers": headers})

    def look(self, subject: str | None, order: dict[str, Any]) -> None:
        """Look at an order and at what happened to it: it is there as soon as it was acknowledged."""
        headers = {"X-Order-Token": order["orderToken"]} if order.get("orderToken") else {}
        given: dict[str, Any] = {
            "path": {"orderId": order["orderId"]},
            "subject": subject,
            "headers": headers,
        }
        seen = self.surely("GET", "/orders/{orderId}", **given)
        told = self.surely("GET", "/orders/{orderId}/timeline", **given)
        if seen.is_sure and told.is_sure:
            same = seen.status == told.status == 200 and seen.body["totals"] == order["totals"]
            require(same, "an order that was acknowledged exists", f"{order['orderId']}: {seen} {told}")
        stranger = self.people.send("GET", "/orders/{orderId}", path=given["path"], subject="cus_thief")
        require(stranger.status in (0, 404, 500, 502, 503), "a foreign order is none", str(stranger))

    def double_click(self, subject: str | None, quote: dict[str, Any]) -> None:
        """Click on "pay" twice: one key, one order."""
        body, headers = self.payment(quote), self.key(quote)
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
            "POST", "/orders", self.payment(quote), subject="cus_thief", headers=self.key(quote)
        )
        if subject is None:
            self.acknowledge(answer, quote)  # whoever has a guest's quote may order by it
        else:
            require(answer.status in (0, 404, 500, 502, 503), "a foreign quote buys nothing", str(answer))

    def dawdle(self, subject: str | None, quote: dict[str, Any]) -> None:
        """Order too late."""
        self.people.sleep(16 * 60)
        answer = self.people.send(
            "POST", "/orders", self.payment(quote), subject=subject, headers=self.key(quote)
        )
        # In another tab, or by a thief; then it is told by which order, or that very order is answered again.
        bought = answer.status == 409 and answer.body["code"] == "already_ordered"
        again = answer.status == 202 and answer.body["placedAt"] < quote["expiresAt"]
        refused = answer.status in (0, 410, 500, 502, 503)
        require(bought or again or refused, "an expired quote buys nothing", str(answer))

    def payment(self, quote: dict[str, Any]) -> dict[str, Any]:
        return {
            "quote": quote["quote"],
            "payment": {"token": self.random.choice([*TOKENS, *GIVES_BACK, *DOOMED, *ASKS])},
        }

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
        answer = self.surely("POST", "/orders/{orderId}/cancel", path=path, subject=subject, headers=headers)
        if answer.status == 409 and answer.body["code"] == "cancellation_window_over":
            late = answer.body["parameters"]["until"] <= rfc3339(
                datetime.fromtimestamp(self.world.now + 5, UTC)
            )
            require(late, "an order can be called off until its window ends", str(answer))

    def staff(self) -> None:
        """Refund orders in part, often two at once."""
        for _ in range(self.random.randint(2, 6)):
            self.people.sleep(self.random.choice([1, 30, 120]) * self.random.random())
            if self.placed:
                self.refund(self.random.choice(self.placed))

    def refund(self, order_id: str) -> None:
        quote = self.orders.promised[order_id][0]
        total = quote["totals"]["total"]
        pending: list[Pending] = []
        for _ in range(self.random.randint(1, 3)):
            amount = {"amount": self.random.choice([total, max(1, total // 2), 1]), "currency": "EUR"}
            body, headers = {"amount": amount, "reason": "goodwill"}, self.key()
            pending += [
                self.people.post(
                    "POST",
                    "/payments/{orderId}/refunds",
                    body,
                    path={"orderId": order_id},
                    subject="cus_staff",
                    roles="staff",
                    headers=headers,
                )
                for _ in range(self.random.choice([1, 1, 2]))
            ]
        for one in pending:
            self.people.join(one)

    def bank(self) -> None:
        """Be the provider: give back unasked, have buyers dispute, and tell of it late, twice, in any order."""
        webhooks: list[str] = []
        for _ in range(self.random.randint(2, 8)):
            self.people.sleep(self.random.choice([5, 30, 120]) * self.random.random())
            intents = [
                decode_item(image)
                for key, image in self.world.aws.dynamodb.tables["souk-local-payments"].items.items()
                if key[1] == "INTENT" and image["status"]["S"] in ("captured", "authorized", "refused")
            ]
            if intents:
                webhooks.append(self.moved_there(self.random.choice(intents)))
        self.random.shuffle(webhooks)
        for ref in [*webhooks, *webhooks[:2]]:
            self.tell_shop(ref)

    def moved_there(self, intent: dict[str, Any]) -> str:
        """Have some of a payment go back at the provider, or a dispute go on; return the provider's id of it."""
        far, key = SimulatorTable("souk-local-payments"), intent["pk"].removeprefix("SIM#")
        order_id, _, attempt = key.partition("-")
        of = Payment(
            order_id, "captured", intent["amount"], "EUR", "simulator", 1, "", attempt=int(attempt or 1)
        )
        match self.random.choice(["refund", "dispute", "dispute", "nothing"]):
            case _ if intent["status"] != "captured":
                pass  # a bank's question that was answered
            case "refund":
                left = intent["amount"] - intent["refunded"]
                amount = self.random.choice([left, max(1, left // 2), 1])
                far.give_back(
                    of, f"re_{next(self._keys)}", amount, self.random.choice(["succeeded", "pending"])
                )
            case "dispute":
                name, known = next(iter(intent["disputes"].items()), ("dp_1", None))
                taken = intent["amount"]
                status, withdrawn = self.random.choice(
                    [("open", 0), ("open", taken), ("won", 0), ("lost", taken), ("closed", 0)]
                )
                known = known or {"amount": taken, "reason": "fraudulent"}
                dispute = IntentDispute(known["amount"], withdrawn, status, known["reason"])
                far.dispute(key, name.replace("-", "_"), dispute)
        return derived_id("sim", key)

    def tell_shop(self, ref: str) -> None:
        """Tell the shop of money that moved, until it has taken that; sometimes twice at once."""
        event = json.dumps({"id": f"evt_{next(self._keys)}", "type": "refund.updated", "paymentRef": ref})
        secret = self.world.aws.secrets["souk-local-payments-webhook"]
        for _ in range(100):
            pending = [
                self.people.post(
                    "POST",
                    "/payments/webhooks/{provider}",
                    event,
                    path={"provider": "simulator"},
                    headers={"Simulator-Signature": sign(event.encode(), secret, int(self.world.now))},
                )
                for _ in range(self.random.choice([1, 1, 2]))
            ]
            answers = [self.people.join(one) for one in pending]
            if any(answer.status == 200 for answer in answers):
                return
            self.people.sleep(30 + 30 * self.random.random())

    def warehouse(self) -> None:
        """Receive, lose, find and count units; spread them over shards and bring them together."""
        for _ in range(self.random.randint(1, 5)):
            self.people.sleep(self.random.choice([1, 30, 120]) * self.random.random())
            sku = self.random.choice(self.skus)
            match self.random.choice(["split", "split", "receive", "receive", "count"]):
                case "split":
                    self.split(sku)
                case "receive":
                    self.receive(sku, self.random.choice([-2, -1, 1, 2, 5]))
                case _:
                    self.imports(next(slug for slug, skus in self.goods.items() if sku in skus))

    def split(self, sku: str) -> None:
        """Spread a SKU's stock over another number of shards, or bring it together."""
        path = {"sku": sku}
        seen = self.surely("GET", "/inventory/stock/{sku}/shards", path=path, **ADMIN)
        if seen.status != 200:
            return
        shards, headers = self.random.choice([1, 2, 3, 5]), {"If-Match": seen.headers["etag"]}
        answer = self.surely(
            "PUT", "/inventory/stock/{sku}/shards", {"shards": shards}, path=path, headers=headers, **ADMIN
        )
        require(
            not answer.is_sure or answer.status in (200, 409, 412),
            "stock can be split and merged",
            str(answer),
        )

    def vandal(self) -> None:
        """Put what nobody can read into a queue; it must end where people find it, and hold up nothing."""
        for _ in range(self.random.choice([0, 0, 1, 2])):
            self.people.sleep(60 * self.random.random())
            name = self.random.choice(sorted(self.world.deployed.queues))
            number = next(self._keys)
            body = self.random.choice(
                [
                    f"no JSON {number}",
                    json.dumps({"source": "souk.orders", "detail": {"id": number}}),
                    json.dumps({"source": "souk.moon", "detail": self.moonrise(number)}),
                ]
            )
            self.poison.add(body)
            self.world.send(name, body)

    def moonrise(self, number: int) -> dict[str, Any]:
        """Return an event of a type that nobody knows."""
        return {
            "id": f"moon.{number}.MoonRose",
            "type": "MoonRose",
            "version": 1,
            "time": "2026-11-22T14:00:00.000Z",
            "correlationId": "moon",
            "aggregate": {"id": "moon", "version": number},
            "data": {},
        }

    def merchant(self) -> None:
        """Change prices, take products off sale and put them on again, import them with a count of the stock."""
        for _ in range(self.random.randint(1, 5)):
            self.people.sleep(self.random.choice([1, 30, 120]) * self.random.random())
            slug = self.random.choice(list(self.goods))
            self.random.choices([self.reprice, self.withdraw, self.imports], [4, 1, 2])[0](slug)

    def reprice(self, slug: str) -> None:
        if version := self.version(slug):
            path, headers = {"id": version[0]}, {"If-Match": version[1]}
            self.people.send(
                "PUT", "/catalog/products/{id}", self.product(slug), path=path, headers=headers, **ADMIN
            )

    def withdraw(self, slug: str) -> None:
        if version := self.version(slug):
            path, headers = {"id": version[0]}, {"If-Match": version[1]}
            self.people.send("DELETE", "/catalog/products/{id}", path=path, headers=headers, **ADMIN)
            self.people.sleep(30 * self.random.random())
            self.reprice(slug)

    def version(self, slug: str) -> tuple[str, str] | None:
        """Return a product's id and ETag."""
        found = self.surely("GET", "/catalog/admin/products/{id}", path={"id": slug}, **ADMIN)
        return (found.body["id"], found.headers["etag"]) if found.status == 200 else None

    def imports(self, slug: str) -> None:
        """Hand in a file of a product, now and then with a SKU more, that sets the stock or keeps it."""
        if self.random.random() < 0.3 and len(self.goods[slug]) < MOST_SKUS:
            self.extend(slug)
        product = self.product(slug)
        for variant in product["variants"]:
            if self.random.random() < 0.5:
                variant["quantity"] = self.random.randint(0, 8)
        file = json.dumps(product)
        stock = self.random.choice(["set", "keep"])
        if stock == "keep":
            self.imported.keeping.add(file)
        headers = {"Content-Type": "application/x-ndjson", **self.key()}
        self.surely("POST", "/catalog/imports", file, headers=headers, query={"stock": stock}, **ADMIN)

    def extend(self, slug: str) -> None:
        """Have a product sold in one more size from now on."""
        sku = f"{slug.upper()}-X{len(self.goods[slug])}"
        self.policies[sku] = self.policy()
        self.goods[slug].append(sku)
        self.skus.append(sku)


def _is_busy(answer: Answer) -> bool:
    return answer.status == 409 and answer.body["code"] in (
        "request_in_flight",
        "cart_busy",
        "stock_busy",
        "order_busy",
    )
