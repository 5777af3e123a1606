"""Cart's Lambda edge: carts and quotes over HTTP, facts from the inbox."""

from __future__ import annotations

import functools
import os
import re
import secrets

import msgspec
from chalice.app import Response, SQSEvent

from functions.cart import service
from functions.cart.domain import Shown, Visitor
from functions.cart.events import (
    CustomerErased,
    OrderCancelled,
    OrderConfirmed,
    OrderPlaced,
    ProductChanged,
    ProductPublished,
    ProductWithdrawn,
)
from functions.cart.quotes import Terms
from functions.cart.table import CartTable
from functions.cart.tax import TaxRules
from functions.cart.views import (
    AskQuote,
    CartView,
    CountriesView,
    MergeCart,
    OpenCart,
    OpenedView,
    QuoteView,
    SetLine,
    cart_view,
    countries_view,
    quote_view,
)
from functions.shared import inbox, log
from functions.shared.addresses import checked
from functions.shared.clock import now
from functions.shared.email_address import deliverable
from functions.shared.errors import InvalidError
from functions.shared.http import IDEMPOTENCY_KEY, Header, Service, caller, json_response
from functions.shared.idempotency import answered_once
from functions.shared.ids import fingerprint, new_id
from functions.shared.money import charge_step
from functions.shared.types import Currency, Minor, Sku

app = Service("cart")

CART_TOKEN = Header("X-Cart-Token", "cart_token", "What a guest's cart is opened by")
CART_SECRET = Header("X-Cart-Secret", "cart_secret", "What a guest proves by who repeats a request")

_SECRET = re.compile(r"[\x21-\x7e]{32,128}")


@functools.cache
def carts() -> CartTable:
    """Return the service's table."""
    return CartTable(os.environ["TABLE_NAME"])


@functools.cache
def terms() -> Terms:
    """Return what the shop charges, from the template's parameters."""
    return Terms(
        msgspec.convert(os.environ["CURRENCY"], Currency),
        msgspec.json.decode(os.environ["SHIPPING_RATES"], type=dict[str, Minor]),
        msgspec.json.decode(os.environ["TAX"], type=TaxRules),
        charge_step(os.environ["PROVIDER_NAME"], os.environ["CURRENCY"]),
    )


@app.endpoint("GET", "/carts/health", auth="none")
def health() -> Response:
    """Tell that the service answers: 200."""
    return json_response({"status": "ok", "service": "cart"})


@app.endpoint("GET", "/carts/countries", auth="none", returns=CountriesView)
def get_countries() -> Response:
    """List the countries that can be bought from, where goods go, and how addresses are written there: 200."""
    cached = {"Cache-Control": "public, max-age=300"}
    return json_response(countries_view(terms()), headers=cached)


@app.endpoint(
    "POST",
    "/carts",
    auth="optional",
    body=OpenCart | None,
    headers=(IDEMPOTENCY_KEY, CART_SECRET),
    returns=OpenedView,
    status=201,
)
def open_cart(body: OpenCart | None, key: str | None, cart_secret: str | None) -> Response:
    """Open a cart: 201 a guest's new one with its token, or the customer's own, the same each time | 400 | 409.

    Idempotency keys are no secrets, and a guest's cart is opened by its token alone: a guest's key counts together with
    a secret that he sends along in X-Cart-Secret (32 to 128 random characters). Without one each call opens a cart.
    """
    subject, at = caller().subject, now()
    if subject:
        return answered_once(
            app,
            carts(),
            f"open#{subject}",
            at,
            lambda: opened(service.open_customer_cart(carts(), subject, at).id),
            key=key,
        )
    secret = guest_secret(cart_secret)

    def run() -> Response:
        return opened(service.open_guest_cart(carts(), new_id("crt", at), token, at).id)

    if key and secret:
        token = fingerprint("cart-token", secret, key)
        answer = answered_once(app, carts(), f"open#{fingerprint('guest', secret)}", at, run, key=key)
    else:
        token = secrets.token_urlsafe(32)
        answer = run()
    # Only now: the stored answer must not hold the token.
    answer.body = msgspec.json.encode({**msgspec.json.decode(answer.body), "token": token}).decode()
    return answer


@app.endpoint("GET", "/carts/{cartId}", auth="optional", headers=(CART_TOKEN,), returns=CartView)
def get_cart(cart_id: str, cart_token: str | None) -> Response:
    """Get a cart at current prices: 200 | 404 none, expired, or not the caller's."""
    return shown(service.show(carts(), cart_id, visitor(cart_token), terms(), now()))


@app.endpoint(
    "PUT",
    "/carts/{cartId}/lines/{sku}",
    auth="optional",
    body=SetLine,
    headers=(CART_TOKEN,),
    returns=CartView,
)
def set_line(cart_id: str, sku: str, body: SetLine, cart_token: str | None) -> Response:
    """Have so many units in the cart: 200 | 400 | 404 | 409 too many lines | 422 unknown SKU, withdrawn product."""
    who = visitor(cart_token)
    return shown(service.set_line(carts(), cart_id, who, checked_sku(sku), body.quantity, terms(), now()))


@app.endpoint(
    "DELETE", "/carts/{cartId}/lines/{sku}", auth="optional", headers=(CART_TOKEN,), returns=CartView
)
def remove_line(cart_id: str, sku: str, cart_token: str | None) -> Response:
    """Take a SKU out of the cart: 200, also where it was not in it | 400 | 404."""
    who = visitor(cart_token)
    return shown(service.remove_line(carts(), cart_id, who, checked_sku(sku), terms(), now()))


@app.endpoint("POST", "/carts/{cartId}/merge", body=MergeCart | None, headers=(CART_TOKEN,), returns=CartView)
def merge(cart_id: str, body: MergeCart | None, cart_token: str | None) -> Response:
    """Add the guest's cart, X-Cart-Token at hand, to the customer's: 200 that | 400 | 401 | 404 | 409 full."""
    into, customer_id = body.into if body else None, caller().required_subject()
    return shown(service.merge(carts(), cart_id, customer_id, cart_token, into, terms(), now()))


@app.endpoint(
    "POST",
    "/carts/{cartId}/quote",
    auth="optional",
    body=AskQuote,
    headers=(CART_TOKEN,),
    returns=QuoteView,
)
def quote(cart_id: str, body: AskQuote, cart_token: str | None) -> Response:
    """Quote a cart: 200 | 400 | 404 | 409 empty, lines withdrawn, or being bought | 422 country not served.

    Asked again it gives another quote for the same purchase, and changes nothing else.
    """
    email, address = deliverable(body.email), checked(body.shipping_address, ("shippingAddress",))
    promised, text = service.quote(
        carts(), cart_id, visitor(cart_token), email, address, terms(), now(), again=body.again
    )
    log.note(quoteId=promised.id)
    return json_response(quote_view(promised, text))


@app.on_sqs_message(queue="cart-inbox")
def on_inbox(batch: SQSEvent) -> inbox.BatchResponse:
    """Facts from other services; only the records that failed are given back."""
    table = carts()
    return inbox.deliver(
        batch,
        {
            ProductPublished: lambda fact: service.on_product(table, fact),
            ProductChanged: lambda fact: service.on_product(table, fact),
            ProductWithdrawn: lambda fact: service.on_product_withdrawn(table, fact),
            OrderPlaced: lambda fact: service.on_order_placed(table, fact, now()),
            OrderConfirmed: lambda fact: service.on_order_confirmed(table, fact, now()),
            OrderCancelled: lambda fact: service.on_order_cancelled(table, fact, now()),
            CustomerErased: lambda fact: service.on_customer_erased(table, fact),
        },
    )


def visitor(cart_token: str | None) -> Visitor:
    """Return who asks."""
    return Visitor(caller().subject, cart_token)


def guest_secret(secret: str | None) -> str | None:
    """Return the secret that a guest proves by who repeats a request, None without one; raise InvalidError."""
    if secret is not None and not _SECRET.fullmatch(secret):
        raise InvalidError("invalid_cart_secret", "X-Cart-Secret takes 32 to 128 visible ASCII characters.")
    return secret


def checked_sku(text: str) -> str:
    """Return the SKU; raise InvalidError for what cannot be one."""
    try:
        return msgspec.convert(text, Sku)
    except msgspec.ValidationError:
        raise InvalidError(
            "invalid_sku", "A SKU has 1 to 64 letters, digits, dots, dashes or underscores.", field=("sku",)
        ) from None


def opened(cart_id: str) -> Response:
    """Shape a cart just opened."""
    return json_response(OpenedView(cart_id, None), 201)


def shown(cart: Shown) -> Response:
    """Shape a cart."""
    return json_response(cart_view(cart, terms()))
