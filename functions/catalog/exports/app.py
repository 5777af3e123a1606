"""Routes of exports: all products written into a file."""

from __future__ import annotations

from chalice.app import Response

from functions.catalog.api import app, catalog, exporting
from functions.catalog.exports import service as exports
from functions.catalog.exports import views
from functions.shared.clock import now
from functions.shared.http import IDEMPOTENCY_KEY, caller, json_response
from functions.shared.idempotency import answered_once
from functions.shared.ids import new_id


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

    return answered_once(app, catalog(), f"export#{caller().subject}", at, run, key=key)


@app.endpoint("GET", "/catalog/exports/{id}", roles=("admin",), returns=views.ExportView)
def get_export(id: str) -> Response:
    """Get how far an export has got, and once it is completed the address of its file: 200 | 403 | 404."""
    export, address = exports.fetched(exporting(), id)
    return json_response(views.export_view(export, address))
