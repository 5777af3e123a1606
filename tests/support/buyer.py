"""A buyer, as the shop sees one: somebody who sends HTTP requests, with a token or without."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from tools.local.shop import Answer, Shop, bearer

T = TypeVar("T")

ADDRESS = {
    "name": "Amira Haddad",
    "line1": "Sonnenallee 12",
    "city": "Berlin",
    "postalCode": "12047",
    "country": "DE",
}
PATIENCE = 45.0
"""Seconds that anything may take on a busy machine before a test gives up on it."""


def eventually(ask: Callable[[], T], *, seconds: float = PATIENCE) -> T:
    """Ask until the answer is true, and return it; the last answer after `seconds`."""
    until = time.monotonic() + seconds
    while not (answer := ask()) and time.monotonic() < until:
        time.sleep(0.1)
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
    """Somebody at the front door, logged in or not; `headers` go with every request."""

    def __init__(
        self, url: str, headers: dict[str, str] | None = None, session: Session | None = None
    ) -> None:
        self._shop = Shop(url)
        self.url = url
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

    def get(self, path: str, **headers: str) -> Any:
        """Return the body of what must be there."""
        answer = self.send("GET", path, **headers)
        assert answer.status == 200, answer
        return answer.body

    # --- buying ---------------------------------------------------------------------------------------------------

    def fill_cart(self, units: dict[str, int]) -> str:
        """Have just so many units of each SKU in the cart and return its id; a guest keeps its token."""
        opened = self.send("POST", "/carts", {})
        assert opened.status == 201, opened
        if opened.body["token"]:
            self.headers["X-Cart-Token"] = opened.body["token"]
        cart = str(opened.body["cartId"])
        for line in self.get(f"/carts/{cart}")["lines"]:
            self.send("DELETE", f"/carts/{cart}/lines/{line['sku']}")
        for sku, quantity in units.items():
            path = f"/carts/{cart}/lines/{sku}"
            assert eventually(lambda path=path, quantity=quantity: self._known(path, quantity)), (
                f"no cart knows {sku}"
            )  # type: ignore[misc]
        return cart

    def _known(self, path: str, quantity: int) -> bool:
        answer = self.send("PUT", path, {"quantity": quantity})
        assert answer.status in (200, 422), answer  # 422: its product is still on its way to the cart
        return answer.status == 200

    def ask_quote(self, cart: str, **wish: Any) -> Answer:
        """Ask for a quote for a cart; `again`: the order beside which its lines are bought on purpose."""
        usual = {"email": "amira@example.com", "shippingAddress": ADDRESS}
        return self.send("POST", f"/carts/{cart}/quote", {**usual, **wish})

    def quote(self, cart: str, **wish: Any) -> dict[str, Any]:
        """Return a quote for a cart."""
        answer = self.ask_quote(cart, **wish)
        assert answer.status == 200, answer
        body: dict[str, Any] = answer.body
        return body

    def place(self, quote: str, token: str = "tok_visa", **headers: str) -> Answer:
        """Place the order of a quote."""
        return self.send("POST", "/orders", {"quote": quote, "payment": {"token": token}}, **headers)

    def buy(self, units: dict[str, int], token: str = "tok_visa") -> dict[str, Any]:
        """Fill a cart, have it quoted and place the order; return it as it was placed."""
        answer = self.place(self.quote(self.fill_cart(units))["quote"], token)
        assert answer.status == 202, answer
        placed: dict[str, Any] = answer.body
        if placed["orderToken"]:
            self.headers["X-Order-Token"] = placed["orderToken"]
        return placed

    def order(self, order_id: str) -> dict[str, Any]:
        """Return an order."""
        found: dict[str, Any] = self.get(f"/orders/{order_id}")
        return found

    def decided(self, order_id: str) -> dict[str, Any]:
        """Wait until an order is decided and return it."""
        assert eventually(lambda: self.order(order_id)["status"] != "placed"), "nobody decided the order"
        return self.order(order_id)

    def steps(self, order_id: str) -> list[str]:
        """Return what happened to an order so far."""
        return [step["type"] for step in self.get(f"/orders/{order_id}/timeline")["items"]]

    def saw(self, order_id: str, *types: str) -> bool:
        """Wait until all of these have happened to an order; tell whether they have."""
        return eventually(lambda: set(types) <= set(self.steps(order_id)))
