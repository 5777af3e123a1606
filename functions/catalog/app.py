"""Catalog's Lambda edge: products over HTTP, imports from their queue, facts to the bus."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chalice.app import Response, SQSEvent

from functions.catalog import service, tasks, views
from functions.catalog.api import app, catalog, currency, exporting, importing
from functions.catalog.domain import STATUSES, Product, facet
from functions.catalog.events import StockAvailabilityChanged
from functions.catalog.exports import app as exports_app  # noqa: F401  importing registers the routes
from functions.catalog.imports import app as imports_app  # noqa: F401
from functions.catalog.imports import service as imports
from functions.catalog.jobs.domain import Task
from functions.catalog.text import words
from functions.shared import inbox, log, outbox
from functions.shared.clock import now
from functions.shared.http import (
    IDEMPOTENCY_KEY,
    IF_MATCH,
    Header,
    caller,
    etag,
    json_response,
)
from functions.shared.idempotency import answered_once
from functions.shared.ids import fingerprint, new_id
from functions.shared.money import EXPONENTS
from functions.shared.types import LongPageQuery, PageQuery

__all__ = ["app", "on_file", "on_import", "on_inbox", "publish", "sweep"]

PUBLIC = {"Cache-Control": "public, max-age=0, s-maxage=60"}
"""Caches on the way answer for a minute; a browser asks each time, and is told 304 where nothing has changed."""
SCARCE = {"Cache-Control": "public, max-age=0, s-maxage=15"}
"""Of a product of which a variant is gone, or nearly: such news is shown sooner."""
IF_NONE_MATCH = Header("If-None-Match", "if_none_match", "The ETag of the version that is at hand")
MAX_PRODUCT_BYTES = 1_000_000


@app.endpoint("GET", "/catalog/health", auth="none")
def health() -> Response:
    """Tell that the service answers: 200."""
    return json_response({"status": "ok", "service": "catalog"})


# --- for everyone -------------------------------------------------------------------------------------------------


@app.endpoint("GET", "/catalog/products", auth="none", query=views.FindProducts, returns=views.CardsView)
def get_products(query: views.FindProducts) -> Response:
    """List products on sale (``?category=&vendor=&tag=&q=&sort=&limit=&cursor=``): 200 | 400.

    ``q`` finds products that have all its words, the last one also as the beginning of a word. ``sort`` is ``newest``
    (default), ``price``, ``-price``, ``title`` or ``-title``.
    """
    page = service.find(catalog(), wanted(query), query.sort or "newest", query.limit, query.cursor)
    return json_response(views.cards_view(page), headers=PUBLIC)


@app.endpoint(
    "GET", "/catalog/products/{id}", auth="none", headers=(IF_NONE_MATCH,), returns=views.OfferedProductView
)
def get_product(id: str, if_none_match: str | None) -> Response:
    """Get a product on sale by id or slug: 200 | 304 If-None-Match | 404 none, or not on sale."""
    stored, stock = service.public_product(catalog(), id)
    cached = SCARCE if any(one.scarce for one in stock.values()) else PUBLIC
    told = fingerprint(*(f"{sku} {one.level} {one.changes}" for sku, one in stock.items())) if stock else ""
    headers = {**cached, **etag(stored.version, told)}
    if (if_none_match or "").removeprefix("W/") == headers["ETag"]:
        return Response("", headers={**headers}, status_code=304)
    return json_response(views.product_view(stored, stock), headers=headers)


@app.endpoint("GET", "/catalog/categories", auth="none", query=LongPageQuery, returns=views.NamesView)
def get_categories(query: LongPageQuery) -> Response:
    """List the categories in use, by name: 200 | 400."""
    return names("category", query)


@app.endpoint("GET", "/catalog/vendors", auth="none", query=LongPageQuery, returns=views.NamesView)
def get_vendors(query: LongPageQuery) -> Response:
    """List the vendors in use, by name: 200 | 400."""
    return names("vendor", query)


@app.endpoint("GET", "/catalog/tags", auth="none", query=LongPageQuery, returns=views.NamesView)
def get_tags(query: LongPageQuery) -> Response:
    """List the tags in use, by name: 200 | 400."""
    return names("tag", query)


@app.endpoint("GET", "/catalog/currencies", auth="none", returns=views.CurrenciesView)
def get_currencies() -> Response:
    """List the currencies with their number of decimals (ISO 4217), which browsers know differently: 200."""
    cached = {"Cache-Control": "public, max-age=86400"}
    return json_response(views.currencies_view(EXPONENTS), headers=cached)


# --- for staff ----------------------------------------------------------------------------------------------------


@app.endpoint(
    "GET",
    "/catalog/admin/products",
    roles=("staff", "admin"),
    query=views.FindAnyProducts,
    returns=views.CardsView,
)
def get_all_products(query: views.FindAnyProducts) -> Response:
    """List products of any status (``?status=`` and as for the public): 200 | 400 | 403."""
    statuses = (query.status,) if query.status else STATUSES
    page = service.find(catalog(), wanted(query), query.sort or "newest", query.limit, query.cursor, statuses)
    return json_response(views.cards_view(page))


@app.endpoint("GET", "/catalog/admin/products/{id}", roles=("staff", "admin"), returns=views.StaffProductView)
def get_any_product(id: str) -> Response:
    """Get a product of any status by id or slug: 200 | 403 | 404."""
    stored = service.product(catalog(), id)
    return json_response(views.staff_view(stored), headers=etag(stored.version))


@app.endpoint(
    "GET",
    "/catalog/products/{id}/prices",
    roles=("staff", "admin"),
    query=PageQuery,
    returns=views.PricesView,
)
def get_prices(id: str, query: PageQuery) -> Response:
    """List the prices that a product's variants had, by SKU, the newest price first: 200 | 400 | 403 | 404."""
    return json_response(views.prices_view(*service.prices(catalog(), id, query.limit, query.cursor)))


@app.endpoint(
    "POST",
    "/catalog/products",
    roles=("admin",),
    body=Product,
    max_bytes=MAX_PRODUCT_BYTES,
    headers=(IDEMPOTENCY_KEY,),
    returns=views.StaffProductView,
    status=201,
)
def post_product(body: Product, key: str | None) -> Response:
    """Create a product, a draft unless it says otherwise: 201 | 400 | 403 | 409 slug or SKU taken, key reused | 413."""
    at, by = now(), caller().required_subject()

    def run() -> Response:
        stored = service.create(
            catalog(),
            body,
            new_id("prd", at),
            currency=currency(),
            at=at,
            origin=f"request#{fingerprint(by, key)}" if key else "",
        )
        where = {"Location": f"/catalog/products/{stored.id}", **etag(stored.version)}
        return json_response(views.staff_view(stored), 201, where)

    return answered_once(app, catalog(), f"product#{by}", at, run, key=key)


@app.endpoint(
    "PUT",
    "/catalog/products/{id}",
    roles=("admin",),
    body=Product,
    max_bytes=MAX_PRODUCT_BYTES,
    headers=(IF_MATCH,),
    returns=views.StaffProductView,
)
def put_product(id: str, body: Product, version: int) -> Response:
    """Replace a product: 200 | 400 | 403 | 404 | 409 slug or SKU taken | 412 changed since | 413 | 428 no If-Match."""
    stored = service.change(catalog(), id, body, version=version, currency=currency(), at=now())
    return json_response(views.staff_view(stored), headers=etag(stored.version))


@app.endpoint("DELETE", "/catalog/products/{id}", roles=("admin",), headers=(IF_MATCH,), status=204)
def delete_product(id: str, version: int) -> Response:
    """Withdraw a product from sale, or delete a draft: 204 | 403 | 404 | 412 changed since | 428 no If-Match."""
    service.withdraw(catalog(), id, version=version, at=now())
    return Response("", status_code=204)


@app.on_sqs_message(queue="catalog-inbox")
def on_inbox(batch: SQSEvent) -> inbox.BatchResponse:
    """Facts from other services; only the records that failed are given back."""
    stock = inbox.BatchHandler(lambda facts: service.on_stock(catalog(), facts))
    return inbox.deliver(batch, {StockAvailabilityChanged: stock})


@app.on_sqs_message(queue="catalog-imports")
def on_import(batch: SQSEvent) -> dict[str, list[dict[str, str]]]:
    """Work off parts of imports; only the messages that failed are given back."""
    at = now()
    return worked_off(batch, lambda task: imports.work(importing(), task.job_id, task.part or 0, at))


@app.on_sqs_message(queue="catalog-files")
def on_file(batch: SQSEvent) -> dict[str, list[dict[str, str]]]:
    """Go through the files of imports and exports; only the messages that failed are given back."""
    at = now()
    return worked_off(batch, lambda task: tasks.go_through(importing(), exporting(), task.job_id, at))


def worked_off(batch: SQSEvent, work: Callable[[Task], None]) -> dict[str, list[dict[str, str]]]:
    """Have the messages worked off."""
    failed = tasks.on_tasks(
        batch, work, lambda job_id: tasks.give_up(importing(), exporting(), job_id, now())
    )
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


@app.lambda_function()
def sweep(event: object, context: object) -> dict[str, int]:
    """Now and then: see to it that each import and export ends."""
    open_, failed = tasks.sweep(importing(), exporting(), now())
    log.note(open=open_, failed=failed)
    return {"open": open_, "failed": failed}


@app.lambda_function()
def publish(event: dict[str, Any], context: object) -> None:
    """Put the table's new facts on the bus, and finish listings that took several transactions; raises to retry."""
    outbox.publish(event)
    for product_id in unfinished(event):
        service.finish_listing(catalog(), product_id)


# --- parameters ---------------------------------------------------------------------------------------------------


def names(kind: str, query: LongPageQuery) -> Response:
    """Answer with the names of one kind of facet."""
    page = catalog().names(kind, query.limit, query.cursor)
    return json_response(views.names_view(page), headers=PUBLIC)


def wanted(query: views.FindProducts) -> service.Wanted:
    """Return what a list is asked for; blank parameters ask for nothing."""
    named = {"category": query.category, "vendor": query.vendor, "tag": query.tag}
    facets = tuple(facet(kind, name) for kind, name in named.items() if name)
    text = query.q.strip()
    return service.Wanted(facets, tuple(words(text)) or (("",) if text else ()))


def unfinished(event: dict[str, Any]) -> list[str]:
    """Return the ids of the products in a stream batch whose listing is not finished."""
    images = [record["dynamodb"].get("NewImage", {}) for record in event["Records"]]
    return list(dict.fromkeys(image["id"]["S"] for image in images if "pending" in image))
