"""A buyer, as the shop sees one: somebody who sends HTTP requests, with a token or without."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

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


class Answer(NamedTuple):
    """An HTTP answer: its status, its body (parsed where it is JSON), its headers in lower case."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def code(self) -> str | None:
        """Return the code of a problem."""
        return self.body.get("code") if isinstance(self.body, dict) else None


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
        self.url = url
        self.headers = dict(headers or {})
        self.session = session

    def send(
        self, method: str, path: str, body: Any = None, *, media: str = "application/json", **headers: str
    ) -> Answer:
        """Send a request and return its answer, whatever it is; `x_cart_token` becomes X-Cart-Token."""
        data = body.encode() if isinstance(body, str) else body if isinstance(body, bytes) else None
        if data is None and body is not None:
            data = json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        who = {"Authorization": f"Bearer {self.session.token()}"} if self.session else {}
        what = {"Content-Type": media} if data is not None else {}
        sent = {**who, **self.headers, **what, **named}
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=sent)
        try:
            with urllib.request.urlopen(request, timeout=35) as answer:
                return _answer(answer.status, answer.read(), answer.headers)
        except urllib.error.HTTPError as error:
            return _answer(error.code, error.read(), error.headers)

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


def _answer(status: int, raw: bytes, headers: Any) -> Answer:
    named = {name.lower(): value for name, value in headers.items()}
    try:
        return Answer(status, json.loads(raw) if raw else None, named)
    except ValueError:
        return Answer(status, raw.decode(errors="replace"), named)
