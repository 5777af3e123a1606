"""A buyer, as the shop sees one: somebody who sends HTTP requests, with an access token or without."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any, TypeVar

from tools.local.shop import Answer, Shop, bearer, reason
from tools.report import ToolError

T = TypeVar("T")

ADDRESS = {
    "name": "Mira Santos",
    "line1": "Rua das Flores 12",
    "city": "Lisboa",
    "postalCode": "1200-192",
    "country": "PT",
}


def until(what: str, ask: Callable[[], T | None], seconds: float = 60) -> T:
    """Ask until the answer is neither None nor False, and return it; raise ToolError after `seconds`."""
    end = time.monotonic() + seconds
    pause = 0.05
    while (answer := ask()) is None or answer is False:
        if time.monotonic() > end:
            raise ToolError(f"waited {seconds:.0f} s for {what}; try: make status, make dlq, make logs")
        time.sleep(pause)
        pause = min(pause * 1.5, 1)
    return answer


class Session:
    """The access token of somebody, who logs in again long before it ends."""

    def __init__(self, log_in: Callable[[], str]) -> None:
        self._log_in = log_in
        self._renew()

    def _renew(self) -> None:
        self._token, self._since = self._log_in(), time.monotonic()

    def token(self) -> str:
        """Return a token that is good for some minutes at least."""
        if time.monotonic() - self._since > 300:
            self._renew()
        return self._token


class Buyer:
    """Somebody at the front door, logged in or not; `headers` go with every request.

    What must succeed raises ToolError where it does not. A guest keeps what opens their cart and their order.
    """

    def __init__(
        self, shop: Shop, headers: dict[str, str] | None = None, session: Session | None = None
    ) -> None:
        self._shop = shop
        self.url = shop.url
        self.headers = dict(headers or {})
        self.session = session

    def send(
        self, method: str, path: str, body: Any = None, *, media: str = "application/json", **headers: str
    ) -> Answer:
        """Send a request and return its answer, whatever it is; `x_cart_token` becomes X-Cart-Token."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        who = bearer(self.session.token()) if self.session else {}
        content = body.encode() if isinstance(body, str) else body
        return self._shop.call(
            method, path, content, headers={**who, **self.headers, **named}, content_type=media
        )

    def must(self, expected: int, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Send a request that has to succeed and return the body of its answer."""
        answer = self.send(method, path, body, **headers)
        return self._shop.expected(expected, method, path, answer).body

    def get(self, path: str, **headers: str) -> Any:
        """Return the body of what must be there."""
        return self.must(200, "GET", path, **headers)

    # --- buying ---------------------------------------------------------------------------------------------------

    def ask_cart(self) -> Answer:
        """Ask for a new cart, or for the customer's own."""
        opened = self.send("POST", "/carts", {})
        if opened.status == 201 and opened.body["token"]:
            self.headers["X-Cart-Token"] = opened.body["token"]
        return opened

    def put_line(self, cart: str, sku: str, quantity: int = 1) -> Answer:
        """Put so many units of a SKU into a cart."""
        return self.send("PUT", f"/carts/{cart}/lines/{sku}", {"quantity": quantity})

    def fill_cart(self, units: dict[str, int]) -> str:
        """Have just so many units of each SKU in the cart and return its id."""
        cart = str(self._shop.expected(201, "POST", "/carts", self.ask_cart()).body["cartId"])
        if self.session:  # a customer's cart is the one they had
            for line in self.get(f"/carts/{cart}")["lines"]:
                self.send("DELETE", f"/carts/{cart}/lines/{line['sku']}")
        for sku, quantity in units.items():
            until(f"the cart to know {sku}", functools.partial(self._takes, cart, sku, quantity))
        return cart

    def _takes(self, cart: str, sku: str, quantity: int) -> bool:
        answer = self.put_line(cart, sku, quantity)
        if answer.status in (200, 404, 409, 422):
            return answer.status == 200  # else its product may still be on its way to the cart
        raise ToolError(f"the cart refused the line: {reason(answer)}")

    def ask_quote(self, cart: str, **wish: Any) -> Answer:
        """Ask for a quote for a cart; `again`: the order beside which its lines are bought on purpose."""
        usual = {"email": "mira@example.com", "shippingAddress": ADDRESS}
        return self.send("POST", f"/carts/{cart}/quote", {**usual, **wish})

    def quote(self, cart: str, **wish: Any) -> dict[str, Any]:
        """Return a quote for a cart."""
        path, answer = f"/carts/{cart}/quote", self.ask_quote(cart, **wish)
        quoted: dict[str, Any] = self._shop.expected(200, "POST", path, answer).body
        return quoted

    def place(self, quote: str, token: str = "tok_visa", **headers: str) -> Answer:  # noqa: S107
        """Place the order of a quote; tok_visa is the simulator's good card."""
        return self.send("POST", "/orders", {"quote": quote, "payment": {"token": token}}, **headers)

    def buy(self, units: dict[str, int], token: str = "tok_visa", **wish: Any) -> dict[str, Any]:  # noqa: S107
        """Fill a cart, have it quoted and place the order; return it as it was placed."""
        quote = self.quote(self.fill_cart(units), **wish)
        answer = self.place(quote["quote"], token, Idempotency_Key=quote["quoteId"])
        placed: dict[str, Any] = self._shop.expected(202, "POST", "/orders", answer).body
        if placed["orderToken"]:
            self.headers["X-Order-Token"] = placed["orderToken"]
        return placed

    def order(self, order_id: str) -> dict[str, Any]:
        """Return an order."""
        found: dict[str, Any] = self.get(f"/orders/{order_id}")
        return found

    def decided(self, order_id: str, seconds: float = 150) -> dict[str, Any]:
        """Wait until an order is decided and return it."""

        def decision() -> dict[str, Any] | None:
            found = self.order(order_id)
            return found if found["status"] != "placed" else None

        return until(f"{order_id} to be decided", decision, seconds)

    def timeline(self, order_id: str) -> list[dict[str, Any]]:
        """Return what happened to an order so far."""
        found: list[dict[str, Any]] = self.get(f"/orders/{order_id}/timeline")["items"]
        return found

    def steps(self, order_id: str) -> list[str]:
        """Return the types of what happened to an order so far."""
        return [step["type"] for step in self.timeline(order_id)]

    def saw(self, order_id: str, *types: str) -> bool:
        """Wait until all of these have happened to an order."""
        return until(f"{', '.join(types)} of {order_id}", lambda: set(types) <= set(self.steps(order_id)))
