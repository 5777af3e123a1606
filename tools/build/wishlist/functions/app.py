"""Wishlist's Lambda edge: what customers keep over HTTP, facts from the inbox, facts to the bus."""

from __future__ import annotations

import functools
import os
from typing import Any

import msgspec
from chalice.app import Response, SQSEvent

from functions.shared import inbox, outbox
from functions.shared.clock import now
from functions.shared.errors import InvalidError
from functions.shared.http import Service, caller, json_response
from functions.shared.types import Sku
from functions.wishlist import service
from functions.wishlist.events import CustomerErased
from functions.wishlist.table import WishlistTable
from functions.wishlist.views import SetItem, WishlistView, wishlist_view

app = Service("wishlist")


@functools.cache
def wishlists() -> WishlistTable:
    """Return the service's table."""
    return WishlistTable(os.environ["TABLE_NAME"])


@app.endpoint("GET", "/wishlist/health", auth="none")
def health() -> Response:
    """Tell that the service answers: 200."""
    return json_response({"status": "ok", "service": "wishlist"})


@app.endpoint("PUT", "/wishlist/items/{sku}", body=SetItem, returns=WishlistView)
def set_item(sku: str, body: SetItem) -> Response:
    """Keep units of a product: 200 all that is kept | 400 | 404 erased | 409 full, or busy."""
    customer_id = caller().required_subject()
    after = service.set_item(wishlists(), customer_id, checked_sku(sku), body.quantity, now())
    return json_response(wishlist_view(after))


@app.on_sqs_message(queue="wishlist-inbox")
def on_inbox(batch: SQSEvent) -> inbox.BatchResponse:
    """Facts from other services; only the records that failed are given back."""
    return inbox.deliver(batch, {CustomerErased: lambda fact: service.on_customer_erased(wishlists(), fact)})


@app.lambda_function()
def publish(event: dict[str, Any], context: object) -> None:
    """Put the table's new facts on the bus; raises so that the batch is tried again."""
    outbox.publish(event)


def checked_sku(text: str) -> str:
    """Return the path's SKU; raise InvalidError for what cannot be one."""
    try:
        return msgspec.convert(text, Sku)
    except msgspec.ValidationError:
        raise InvalidError("invalid_sku", "This cannot be a SKU.") from None
