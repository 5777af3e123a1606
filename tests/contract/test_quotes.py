"""The one contract that is no event: the quote that carts sign and orders takes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.contracts import Contract, read
from tests.support.lambda_events import Context, api_event, sqs_event
from tests.support.moto_stack import MotoStack, forget
from tests.support.services import app_of

ADDRESS = {
    "name": "Amira Haddad",
    "line1": "Sonnenallee 12",
    "city": "Berlin",
    "postalCode": "12047",
    "country": "DE",
}
FULL = {**ADDRESS, "line2": "Hinterhaus", "region": "Berlin"}
AMIRA = "cus_01kaqz5r7b8v0w3m2x4y6t9n1d"


@pytest.fixture
def send(cloud: None, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return a function that sends a request to cart or orders, each with the environment of its template."""
    stacks = {name: MotoStack(name) for name in ("cart", "orders")}

    def act(service: str, function: str) -> None:
        for name, value in stacks[service].environment(function).items():
            monkeypatch.setenv(name, value)
        forget(app_of(service))

    def run(service: str, method: str, resource: str, body: Any = None, **options: Any) -> Any:
        act(service, "HttpFunction")
        answer = app_of(service).app(api_event(method, resource, body, **options), Context())
        assert answer["statusCode"] < 300, answer["body"]
        return json.loads(answer["body"])

    act("cart", "InboxFunction")
    published = read("samples", Contract("catalog", "ProductPublished"))
    assert app_of("cart").on_inbox(sqs_event(published), Context()) == {"batchItemFailures": []}
    return run


def sku() -> str:
    """Return the SKU that the samples sell."""
    data = read("samples", Contract("catalog", "ProductPublished"))["detail"]["data"]
    return str(data["variants"][0]["sku"])


@pytest.mark.parametrize("address", [ADDRESS, FULL], ids=["least", "full"])
@pytest.mark.parametrize("subject", [AMIRA, None], ids=["customer", "guest"])
def test_what_a_cart_promises_is_what_is_ordered(
    send: Callable[..., Any], subject: str | None, address: dict[str, str]
) -> None:
    opened = send("cart", "POST", "/carts", {}, subject=subject)
    cart = {"cartId": opened["cartId"]}
    given = {"headers": {"X-Cart-Token": opened["token"]} if opened["token"] else {}, "subject": subject}
    send("cart", "PUT", "/carts/{cartId}/lines/{sku}", {"quantity": 3}, path={**cart, "sku": sku()}, **given)
    wish = {"email": "amira@example.com", "shippingAddress": address}
    quote = send("cart", "POST", "/carts/{cartId}/quote", wish, path=cart, **given)
    body = {"quote": quote["quote"], "payment": {"token": "tok_visa"}}
    order = send("orders", "POST", "/orders", body, subject=subject)
    assert order["totals"] == quote["totals"]
    assert order["lines"] == quote["lines"]
    assert order["customerId"] == subject
    assert order["email"] == "amira@example.com"
    assert {name: value for name, value in order["shippingAddress"].items() if value} == address
    assert order["totals"]["total"] == sum(order["totals"][part] for part in ("subtotal", "shipping", "tax"))
