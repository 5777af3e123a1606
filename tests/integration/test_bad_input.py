"""What bad input gets over HTTP: a problem that says what is wrong, never a 500, and nothing changed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tools.local.buyer import ADDRESS, Buyer
from tools.local.shop import Answer, Shop
from tools.local.stack import Stack

Goods = Callable[..., str]


def problem(answer: Answer) -> tuple[int, str | None]:
    """Return status and code of what must be a problem as RFC 9457 has it."""
    assert answer.headers["content-type"] == "application/problem+json", answer
    assert answer.body["status"] == answer.status
    assert answer.body["correlationId"]
    assert 400 <= answer.status < 500, answer
    return answer.status, answer.code


@pytest.fixture(scope="module")
def sku(goods: Goods) -> str:
    """A product that bad requests are about."""
    return goods(20)


# --- carts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "quantity",
    [0, -1, 1000, 10**30, 1.5, 2.0, "2", True, None, [], {"amount": 2}],
    ids=lambda value: str(value)[:12],
)
def test_a_quantity_that_is_none_changes_nothing(guest: Buyer, sku: str, quantity: Any) -> None:
    cart = guest.fill_cart({sku: 1})
    answer = guest.send("PUT", f"/carts/{cart}/lines/{sku}", {"quantity": quantity})
    assert answer.status == 400
    assert answer.body["pointer"] == "/quantity"
    assert [line["quantity"] for line in guest.get(f"/carts/{cart}")["lines"]] == [1]


def test_an_unknown_or_withdrawn_product_is_no_line(guest: Buyer, admin: Buyer, goods: Goods) -> None:
    gone = goods(1)
    cart = guest.fill_cart({gone: 1})
    assert problem(guest.send("PUT", f"/carts/{cart}/lines/NO-SUCH-SKU", {"quantity": 1}))[0] == 422
    assert problem(guest.send("PUT", f"/carts/{cart}/lines/%20", {"quantity": 1}))[0] in (400, 404)
    listed = admin.send("GET", f"/catalog/products?q={gone}").body["items"]
    product = admin.send("GET", f"/catalog/products/{listed[0]['slug']}")
    withdrawn = admin.send(
        "DELETE", f"/catalog/products/{product.body['id']}", If_Match=product.headers["etag"]
    )
    assert withdrawn.status == 204, withdrawn
    for _ in range(100):
        if guest.get(f"/carts/{cart}")["lines"][0]["notices"] == ["withdrawn"]:
            break
        time.sleep(0.1)
    wish = {"email": "a@example.com", "shippingAddress": ADDRESS}
    assert problem(guest.send("POST", f"/carts/{cart}/quote", wish))[0] == 409


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"email": "nobody"}, "/email"),
        ({"email": "a@example.com\n"}, "/email"),
        ({"email": None}, "/email"),
        ({"shippingAddress": None}, "/shippingAddress"),
        ({"shippingAddress": {**ADDRESS, "country": "Germany"}}, "/shippingAddress/country"),
        ({"shippingAddress": {**ADDRESS, "city": ""}}, "/shippingAddress/city"),
        ({"shippingAddress": {**ADDRESS, "planet": "Earth"}}, "/shippingAddress/planet"),
        ({"shippingAddress": {"name": "A"}}, "/shippingAddress/line1"),
        ({"discount": 100}, "/discount"),
    ],
)
def test_a_quote_is_asked_for_with_an_address_and_nothing_else(
    guest: Buyer, sku: str, change: dict[str, Any], pointer: str
) -> None:
    cart = guest.fill_cart({sku: 1})
    wish = {"email": "a@example.com", "shippingAddress": ADDRESS, **change}
    answer = guest.send("POST", f"/carts/{cart}/quote", wish)
    assert (answer.status, answer.body["pointer"]) == (400, pointer)


def test_a_foreign_cart_is_not_there(amira: Buyer, ben: Buyer, guest: Buyer, stack: Stack, sku: str) -> None:
    cart, theirs = amira.fill_cart({sku: 1}), guest.fill_cart({sku: 1})
    stranger = Buyer(Shop(stack.url), {"X-Cart-Token": "guessed"})
    for who, path in (
        (ben, cart),
        (stranger, cart),
        (stranger, theirs),
        (amira, theirs),
        (Buyer(Shop(stack.url)), theirs),
    ):
        assert problem(who.send("GET", f"/carts/{path}"))[0] == 404
        assert problem(who.send("PUT", f"/carts/{path}/lines/{sku}", {"quantity": 5}))[0] == 404
        assert problem(who.send("DELETE", f"/carts/{path}/lines/{sku}"))[0] == 404
        wish = {"email": "a@example.com", "shippingAddress": ADDRESS}
        assert problem(who.send("POST", f"/carts/{path}/quote", wish))[0] == 404
    assert [line["quantity"] for line in guest.get(f"/carts/{theirs}")["lines"]] == [1]


# --- orders --------------------------------------------------------------------------------------------------------


def signed(secret: str, payload: bytes, purpose: str = "quote") -> str:
    """Return a payload signed as functions/shared/signing.py does."""
    mac = hmac.new(secret.encode(), purpose.encode() + b"\n" + payload, hashlib.sha256).digest()
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (payload, mac))


def test_a_quote_that_is_not_ours_as_it_stands_is_no_order(guest: Buyer, stack: Stack, sku: str) -> None:
    quote = guest.quote(guest.fill_cart({sku: 2}))["quote"]
    payload, mac = quote.split(".")
    said = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    cheap = json.dumps({**said, "totals": {**said["totals"], "total": 1}}).encode()
    found = stack.client("secretsmanager").get_secret_value(SecretId="souk-local-signing")
    secret = found["SecretString"]
    late = json.dumps({**said, "expiresAt": "2020-01-01T00:00:00.000Z"}).encode()
    refused = {
        "edited": (base64.urlsafe_b64encode(cheap).decode().rstrip("=") + "." + mac, 400),
        "forged": (signed("guess", cheap), 400),
        "signed for something else": (signed(secret, json.dumps(said).encode(), "order-link"), 400),
        "expired": (signed(secret, late), 410),
        "no quote": ("hunter2", 400),
        "half of one": (payload, 400),
    }
    for kind, (text, status) in refused.items():
        assert problem(guest.place(text))[0] == status, kind
    assert guest.place(quote).status == 202


@pytest.mark.parametrize(
    "payment",
    [
        None,
        "tok_visa",
        {},
        {"token": ""},
        {"token": 7},
        {"token": "4242424242424242"},
        {"token": "tok_visa", "amount": 1},
    ],
    ids=str,
)
def test_a_payment_is_a_token_and_nothing_else(guest: Buyer, sku: str, payment: Any) -> None:
    quote = guest.quote(guest.fill_cart({sku: 1}))["quote"]
    answer = guest.send("POST", "/orders", {"quote": quote, "payment": payment})
    assert answer.status == 400
    assert answer.body["pointer"].startswith("/payment")


def test_a_foreign_order_is_not_there(amira: Buyer, ben: Buyer, guest: Buyer, sku: str) -> None:
    order_id = amira.buy({sku: 1})["orderId"]
    for who in (ben, guest):
        for method, path in (("GET", ""), ("GET", "/timeline"), ("POST", "/cancel")):
            assert problem(who.send(method, f"/orders/{order_id}{path}")) == (404, "order_not_found")
    assert amira.decided(order_id)["status"] == "confirmed"


# --- everywhere ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "media", "status"),
    [
        (None, "application/json", 400),
        ("", "application/json", 400),
        ("not json", "application/json", 400),
        ('{"quote": ', "application/json", 400),
        ("[]", "application/json", 400),
        ("{}", "text/plain", 415),
        (b"\xff\xfe\x00", "application/json", 400),
        (b'{"quote": "\xff"}', "application/json", 400),
        ('{"quote": "\\ud800"}', "application/json", 400),
        ('{"quote": "' + "x" * 70_000 + '"}', "application/json", 413),
        ("[" * 50_000, "application/json", 400),
    ],
    ids=str,
)
def test_a_body_that_cannot_be_read_is_said_to_be_so(
    guest: Buyer, body: Any, media: str, status: int
) -> None:
    assert problem(guest.send("POST", "/orders", body, media=media))[0] == status


def test_a_body_larger_than_the_gateway_takes_is_refused(admin: Buyer) -> None:
    answer = admin.send("POST", "/catalog/imports", b"x" * (7 * 1024 * 1024), media="text/csv")
    assert problem(answer) == (413, "body_too_large")


@pytest.mark.parametrize("cursor", ["x", "e30", "WyJhIl0", "%00", "%C3%A9", "x" * 3000, "WyJhIiwiYiIsImMiXQ"])
@pytest.mark.parametrize("path", ["/orders", "/catalog/products", "/inventory/stock/{sku}/movements"])
def test_a_made_up_cursor_is_refused(admin: Buyer, sku: str, path: str, cursor: str) -> None:
    answer = admin.send("GET", f"{path.format(sku=sku)}?cursor={cursor}")
    assert answer.status == 200 or problem(answer) == (400, "invalid_cursor")
    if cursor in ("x", "e30", "%00"):
        assert answer.status == 400


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=x", "limit=-1", "limit=1&limit=2", "colour=blue", "limit="]
)
def test_a_query_that_makes_no_sense_is_refused(amira: Buyer, query: str) -> None:
    assert problem(amira.send("GET", f"/orders?{query}"))[0] == 400


@pytest.mark.parametrize("method", ["PATCH", "DELETE", "PUT"])
def test_a_method_a_path_does_not_have_is_refused(amira: Buyer, method: str) -> None:
    assert problem(amira.send(method, "/orders"))[0] in (403, 404, 405)


@pytest.mark.parametrize("amount", [0, -1, 19.99, "500", 10**15, None, True])
def test_an_amount_that_is_none_refunds_nothing(admin: Buyer, amira: Buyer, sku: str, amount: Any) -> None:
    order_id = amira.buy({sku: 1})["orderId"]
    amira.decided(order_id)
    body = {"amount": {"amount": amount, "currency": "EUR"}, "reason": "x"}
    answer = admin.send("POST", f"/payments/{order_id}/refunds", body)
    assert (answer.status, answer.body["pointer"]) == (400, "/amount/amount")


def test_another_currency_refunds_nothing(admin: Buyer, amira: Buyer, sku: str) -> None:
    order_id = amira.buy({sku: 1})["orderId"]
    assert amira.saw(order_id, "PaymentCaptured")
    body = {"amount": {"amount": 100, "currency": "USD"}, "reason": "x"}
    assert problem(admin.send("POST", f"/payments/{order_id}/refunds", body))[0] in (400, 409, 422)
    assert admin.get(f"/payments/{order_id}")["refunded"]["amount"] == 0


def test_a_webhook_that_is_not_signed_by_the_provider_is_refused(guest: Buyer, stack: Stack) -> None:
    body = json.dumps(
        {"id": "evt_1", "type": "payment.captured", "orderId": "ord_01kaqz5r7b8v0w3m2x4y6t9n1c"}
    )
    found = stack.client("secretsmanager").get_secret_value(SecretId="souk-local-payments-webhook")

    def stamp(secret: str, at: int) -> str:
        mac = hmac.new(secret.encode(), f"{at}.{body}".encode(), hashlib.sha256).hexdigest()
        return f"t={at},v1={mac}"

    now = int(time.time())
    path = "/payments/webhooks/simulator"
    assert problem(guest.send("POST", path, body))[0] == 400
    for signature in ("t=1,v1=00", stamp("guess", now), stamp(found["SecretString"], now - 3600), "hunter2"):
        assert problem(guest.send("POST", path, body, Simulator_Signature=signature))[0] == 400
    good = guest.send("POST", path, body, Simulator_Signature=stamp(found["SecretString"], now))
    assert good.status == 200, good
    assert problem(guest.send("POST", "/payments/webhooks/nobody", body))[0] == 404


def test_a_correlation_id_names_a_request_through_the_answer(guest: Buyer) -> None:
    answer = guest.send("GET", "/orders/health", X_Correlation_Id="purchase-0001")
    assert answer.headers["x-correlation-id"] == "purchase-0001"
