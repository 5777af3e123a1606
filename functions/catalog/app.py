"""Catalog's Lambda edge: products over HTTP, imports from their queue, facts to the bus."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

from chalice.app import Response, SQSEvent

from functions.catalog import service, tasks, views
from functions.catalog.domain import STATUSES, Product, facet
from functions.catalog.exports import service as exports
from functions.catalog.exports.table import ExportsTable
from functions.catalog.imports import messages
from functions.catalog.imports import service as imports
from functions.catalog.imports.table import ImportsTable
from functions.catalog.jobs.domain import Task
from functions.catalog.jobs.uploads import Uploads
from functions.catalog.table import CatalogTable
from functions.catalog.text import words
from functions.shared import log, outbox
from functions.shared.clock import now
from functions.shared.http import (
    IDEMPOTENCY_KEY,
    IF_MATCH,
    Header,
    Service,
    caller,
    etag,
    json_response,
)
from functions.shared.idempotency import answered_once
from functions.shared.ids import fingerprint, new_id
from functions.shared.money import EXPONENTS
from functions.shared.types import LongPageQuery

app = Service("catalog")

PUBLIC = {"Cache-Control": "public, max-age=0, s-maxage=15, stale-while-revalidate=60"}
"""Caches on the way answer for 15 seconds; a browser asks each time, and is told 304 where nothing has changed."""
IF_NONE_MATCH = Header("If-None-Match", "if_none_match", "The ETag of the version that is at hand")
CONTENT_TYPE = Header("Content-Type", "content_type", "Of which format the body is")
MAX_PRODUCT_BYTES = 1_000_000
MAX_FILE_BYTES = (
    4_600_000  # Lambda is called with 6 MB at most (Lambda quotas), and a CSV comes to it as base64
)


@functools.cache
def catalog() -> CatalogTable:
    """Return the service's table."""
    return CatalogTable(os.environ["TABLE_NAME"])


@functools.cache
def importing() -> imports.ImportContext:
    """Return what imports work with."""
    return imports.ImportContext(catalog(), ImportsTable(os.environ["TABLE_NAME"]), uploads(), currency())


@functools.cache
def exporting() -> exports.ExportContext:
    """Return what exports work with."""
    return exports.ExportContext(catalog(), ExportsTable(os.environ["TABLE_NAME"]), uploads())


def uploads() -> Uploads:
    """Return the files of imports and exports, and their queues."""
    bucket = os.environ["IMPORTS_BUCKET_NAME"]
    return Uploads(bucket, os.environ["FILES_QUEUE_URL"], os.environ["IMPORTS_QUEUE_URL"])


def currency() -> str:
    """Return the currency the shop sells in."""
    return os.environ["SHOP_CURRENCY_NAME"]


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
    "GET", "/catalog/products/{id}", auth="none", headers=(IF_NONE_MATCH,), returns=views.ProductView
)
def get_product(id: str, if_none_match: str | None) -> Response:
    """Get a product on sale by id or slug: 200 | 304 If-None-Match | 404 none, or not on sale."""
    stored = service.public_product(catalog(), id)
    tag = etag(stored.version)
    if (if_none_match or "").removeprefix("W/") == tag["ETag"]:
        return Response("", headers={**PUBLIC, **tag}, status_code=304)
    return json_response(views.product_view(stored), headers={**PUBLIC, **tag})


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
    at, by = now(), caller(app).required_subject()

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


# --- many at once -------------------------------------------------------------------------------------------------


@app.endpoint(
    "POST",
    "/catalog/imports",
    roles=("admin",),
    query=views.ImportProducts,
    body=bytes | None,
    max_bytes=MAX_FILE_BYTES,
    headers=(CONTENT_TYPE, IDEMPOTENCY_KEY),
    returns=views.ImportAcceptedView,
    status=202,
    content_types=("text/csv", "application/x-ndjson"),
)
def post_import(
    query: views.ImportProducts, body: bytes | None, content_type: str | None, key: str | None
) -> Response:
    """Import products from CSV (Shopify's, WooCommerce's, or mapped) or JSONL: 202 | 400 | 403 | 409 | 413 | 415.

    Each product is created, or changed where its slug exists; what is to be said of rows is told by GET
    /catalog/imports/{id}. ``?stock=set`` sets the stock of SKUs that are there too, ``?dryRun=true`` only tells what
    would happen, ``?mapping=`` is a JSON object of the file's columns, each with the field that it stands for.

    A body has room for 4.6 MB. For a file of up to 200 MB, send none and ``?upload=true``: the answer names an address
    to PUT the file to, with the same Content-Type, and POST /catalog/imports/{id}/start has it worked off.
    """
    at, raw, kind = now(), body or b"", imports.kind_of(content_type or "")
    mapping = imports.mapping_of(query.mapping)
    options = imports.ImportOptions(stock=query.stock == "set", dry_run=query.dry_run, mapping=mapping)
    if query.upload:
        imports.refuse_file(raw)

    def run() -> Response:
        import_id = new_id("imp", at)
        where = {"Location": f"/catalog/imports/{import_id}"}
        if query.upload:
            job, address = imports.expect(importing(), kind, import_id, at, options)
            return json_response(views.upload_view(job, address), 202, where)
        job = imports.accept(importing(), raw, kind, import_id, at, options)
        return json_response(views.accepted_view(job), 202, where)

    return answered_once(app, catalog(), f"import#{caller(app).subject}", at, run, key=key)


@app.endpoint(
    "POST", "/catalog/imports/{id}/start", roles=("admin",), returns=views.ImportAcceptedView, status=202
)
def start_import(id: str) -> Response:
    """Have the file worked off that was PUT to an import's address: 202 | 403 | 404 | 409 it has not come | 413.

    Safe to repeat.
    """
    return json_response(views.accepted_view(imports.start(importing(), id, now())), 202)


@app.endpoint(
    "GET", "/catalog/imports/{id}", roles=("staff", "admin"), query=LongPageQuery, returns=views.ImportView
)
def get_import(id: str, query: LongPageQuery) -> Response:
    """Get how far an import has got, with a page of its errors (``?limit=&cursor=``): 200 | 400 | 403 | 404."""
    table = importing().imports
    job = imports.job(table, id)
    problems = table.problems(job.id, query.limit, query.cursor)
    return json_response(views.import_view(job, problems))


@app.endpoint("GET", "/catalog/imports/{id}/messages", roles=("staff", "admin"), query=views.ByCursor)
def get_import_messages(id: str, query: views.ByCursor) -> Response:
    """Get all that is said of an import's rows as a CSV file (``?cursor=``): 200 | 400 | 403 | 404.

    Where there is more than fits into one answer, the header Link names the next part.
    """
    job = imports.job(importing().imports, id)
    page = messages.page(importing().imports, job.id, query.cursor)
    headers: dict[str, Any] = {
        "Content-Type": "text/csv; charset=utf-8",
        "Content-Disposition": f'attachment; filename="{job.id}.csv"',
    }
    if page.following:
        headers["X-Next-Cursor"] = page.following
        headers["Link"] = f'</catalog/imports/{job.id}/messages?cursor={page.following}>; rel="next"'
    return Response(page.text, headers=headers)


@app.endpoint(
    "POST",
    "/catalog/exports",
    roles=("admin",),
    query=views.ExportProducts,
    headers=(IDEMPOTENCY_KEY,),
    returns=views.ExportView,
    status=202,
)
def post_export(query: views.ExportProducts, key: str | None) -> Response:
    """Have all products written into a file (``?format=csv`` or ``jsonl``): 202 | 400 | 403 | 409.

    GET /catalog/exports/{id} tells how far it has got, and where the file is. Quantities are left blank, because stock
    belongs to inventory.
    """
    at = now()

    def run() -> Response:
        export = exports.begin(exporting(), query.format, new_id("exp", at), at)
        where = {"Location": f"/catalog/exports/{export.id}"}
        return json_response(views.export_view(export, None), 202, where)

    return answered_once(app, catalog(), f"export#{caller(app).subject}", at, run, key=key)


@app.endpoint("GET", "/catalog/exports/{id}", roles=("admin",), returns=views.ExportView)
def get_export(id: str) -> Response:
    """Get how far an export has got, and once it is completed the address of its file: 200 | 403 | 404."""
    export, address = exports.fetched(exporting(), id)
    return json_response(views.export_view(export, address))


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
