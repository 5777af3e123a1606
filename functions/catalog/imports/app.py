"""Routes of imports: a file of products sent, started, and followed."""

from __future__ import annotations

from typing import Any

from chalice.app import Response

from functions.catalog.api import app, catalog, importing
from functions.catalog.imports import messages, views
from functions.catalog.imports import service as imports
from functions.shared.clock import now
from functions.shared.errors import InvalidError
from functions.shared.http import IDEMPOTENCY_KEY, Header, caller, json_response
from functions.shared.idempotency import answered_once
from functions.shared.ids import new_id
from functions.shared.types import LongPageQuery

CONTENT_TYPE = Header("Content-Type", "content_type", "Of which format the body is")
MAX_FILE_BYTES = (
    4_600_000  # Lambda is called with 6 MB at most (Lambda quotas), and a CSV comes to it as base64
)


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

    A body has room for 4.6 MB and is UTF-8: an HTTP API takes every text for that. For a file of up to 200 MB, or in
    another encoding, send none and ``?upload=true``: the answer names an address to PUT the file to, with the same
    Content-Type, and POST /catalog/imports/{id}/start has it worked off.
    """
    at, raw, kind = now(), body or b"", imports.kind_of(content_type or "")
    mapping = imports.mapping_of(query.mapping)
    options = imports.ImportOptions(stock=query.stock == "set", dry_run=query.dry_run, mapping=mapping)
    if query.upload:
        imports.refuse_file(raw)
    require_whole(raw)

    def run() -> Response:
        import_id = new_id("imp", at)
        where = {"Location": f"/catalog/imports/{import_id}"}
        if query.upload:
            job, address = imports.expect(importing(), kind, import_id, at, options)
            return json_response(views.upload_view(job, address), 202, where)
        job = imports.accept(importing(), raw, kind, import_id, at, options)
        return json_response(views.accepted_view(job), 202, where)

    return answered_once(app, catalog(), f"import#{caller().subject}", at, run, key=key)


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


def require_whole(raw: bytes) -> None:
    """Raise InvalidError where the gateway handed a file over as text and bytes of another encoding were lost so."""
    if "\ufffd".encode() in raw and not app.request.to_original_event().get("isBase64Encoded"):
        detail = "The gateway takes a text for UTF-8, and this file is in another encoding: send it with ?upload=true."
        raise InvalidError("not_utf8", detail)
