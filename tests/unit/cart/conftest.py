"""A cart service to talk to: over HTTP as guests and customers, over its inbox as catalog and orders."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import boto3
import pytest

from functions.cart.app import app, carts, on_inbox, terms
from functions.shared import inbox, signing
from tests.support import templates
from tests.support.lambda_events import Context, sample, sqs_event

ADDRESS = {
    "name": "Amira Haddad",
    "line1": "Sonnenallee 12",
    "city": "Berlin",
    "postalCode": "12047",
    "country": "DE",
}


class Shop:
    """Requests and facts, shortened: every method is one of them."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def send(self, method: str, resource: str, body: Any = None, **options: Any) -> Any:
        return self._call(app, method, resource, body, **options)

    # --- people --------------------------------------------------------------------------------------------------

    def open(self, **options: Any) -> Any:
        """Open a cart and return how to get at it: ``{"path", "headers", "subject"}``."""
        made = self.send("POST", "/carts", **options).body
        headers = {"X-Cart-Token": made["token"]} if made["token"] else {}
        return {
            "path": {"cartId": made["cartId"]},
            "headers": headers,
            "subject": options.get("subject"),
        }

    def get(self, cart: Any) -> Any:
        return self.send("GET", "/carts/{cartId}", **cart)

    def set(self, cart: Any, sku: str, quantity: Any = 1) -> Any:
        return self.send("PUT", "/carts/{cartId}/lines/{sku}", {"quantity": quantity}, **at_line(cart, sku))

    def remove(self, cart: Any, sku: str) -> Any:
        return self.send("DELETE", "/carts/{cartId}/lines/{sku}", **at_line(cart, sku))

    def merge(self, guest: Any, subject: str, body: Any = None) -> Any:
        return self.send("POST", "/carts/{cartId}/merge", body, **{**guest, "subject": subject})

    def quote(self, cart: Any, **changes: Any) -> Any:
        body = {"email": "amira@example.com", "shippingAddress": ADDRESS, **changes}
        return self.send("POST", "/carts/{cartId}/quote", body, **cart)

    def lines(self, cart: Any) -> dict[str, int]:
        """Return the quantity by SKU of a cart."""
        return {line["sku"]: line["quantity"] for line in self.get(cart).body["lines"]}

    # --- other services ------------------------------------------------------------------------------------------

    def told(self, *events: Any) -> list[Any]:
        """Deliver facts in one batch; return the failures."""
        failed: list[Any] = on_inbox(sqs_event(*events), Context())["batchItemFailures"]
        return failed

    def sells(self, sku: str = "MUG-1", amount: int = 1999, **options: Any) -> None:
        """Have the catalog tell of a product of one variant."""
        assert self.told(product([(sku, amount)], **{"product_id": f"prd_{sku}", **options})) == []

    def placed(self, quoted: Any) -> Any:
        """Return orders' fact of the order placed by a quote."""
        return self._ordered("OrderPlaced", quoted, lines=quoted.body["lines"])

    def confirmed(self, quoted: Any) -> Any:
        """Return orders' confirmation of the order placed by a quote."""
        return self._ordered("OrderConfirmed", quoted)

    def cancelled(self, quoted: Any) -> Any:
        """Return orders' cancellation of the order placed by a quote."""
        return self._ordered("OrderCancelled", quoted)

    def _ordered(self, kind: str, quoted: Any, **data: Any) -> Any:
        return sample(f"orders/{kind}.v1", orderId=order_of(quoted), cartId=quoted.body["cartId"], **data)


def order_of(quoted: Any) -> str:
    """Return the id of the order that a quote becomes."""
    return str(quoted.body["quoteId"].replace("quo_", "ord_"))


def at_line(cart: Any, sku: str) -> Any:
    return {**cart, "path": {**cart["path"], "sku": sku}}


def product(
    variants: list[tuple[str, int]],
    version: int = 1,
    *,
    product_id: str = "prd_1",
    kind: str = "ProductPublished",
    currency: str = "EUR",
    tax_class: str = "standard",
    title: str = "",
    time: str = "",
    ships: bool | None = None,
) -> dict[str, Any]:
    """Return the catalog's fact of a product with these SKUs and prices."""
    told = [
        {
            "sku": sku,
            "title": title or f"Title of {sku}",
            "price": {"amount": amount, "currency": currency},
            "taxClass": tax_class,
            "grams": 100,
            **({} if ships is None else {"requiresShipping": ships}),
        }
        for sku, amount in variants
    ]
    event = sample(f"catalog/{kind}.v1", productId=product_id, variants=told)
    return _versioned(event, product_id, version, time)


def withdrawn(skus: list[str], version: int, *, product_id: str = "prd_1", time: str = "") -> dict[str, Any]:
    """Return the catalog's fact that a product is withdrawn."""
    event = sample("catalog/ProductWithdrawn.v1", productId=product_id, skus=skus)
    return _versioned(event, product_id, version, time)


def _versioned(event: dict[str, Any], product_id: str, version: int, time: str) -> dict[str, Any]:
    event["detail"]["aggregate"] = {"id": product_id, "version": version}
    event["detail"]["time"] = time or event["detail"]["time"]
    return event


def payload(quoted: Any) -> Any:
    """Return what a quote's signed text says."""
    return json.loads(signing.verify("quote", quoted.body["quote"]))


def expire(cart: Any, at: datetime) -> None:
    """Set when a cart expires."""
    boto3.client("dynamodb").update_item(
        TableName="souk-local-cart",
        Key={"pk": {"S": f"CART#{cart['path']['cartId']}"}, "sk": {"S": "CART"}},
        UpdateExpression="SET expires = :at",
        ExpressionAttributeValues={":at": {"N": str(int(at.timestamp()))}},
    )


def stored() -> list[dict[str, Any]]:
    """Return every item of the service's table, in wire form."""
    items: list[dict[str, Any]] = boto3.client("dynamodb").scan(TableName="souk-local-cart")["Items"]
    return items


def as_fact(event: dict[str, Any], kind: type[Any]) -> Any:
    """Return an event as the handler of its kind gets it."""
    return inbox.read(json.dumps(event), {kind: lambda fact: None})[1]


@pytest.fixture
def shop(deploy: Callable[[str], str], call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Shop:
    """The service with an empty table, and the template's own terms of sale."""
    deploy("cart")
    parameters = templates.template("cart")["Parameters"]
    for variable, parameter in (
        ("CURRENCY", "Currency"),
        ("SHIPPING_RATES", "ShippingRates"),
        ("TAX", "Tax"),
        ("PROVIDER_NAME", "PaymentProvider"),
    ):
        monkeypatch.setenv(variable, parameters[parameter]["Default"])
    carts.cache_clear()
    terms.cache_clear()
    return Shop(call)
