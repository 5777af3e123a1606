"""Exports: all products as one file that an import takes back, written in the background."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from functions.catalog.domain import STATUSES, Stored
from functions.catalog.exports.domain import Export
from functions.catalog.exports.table import ExportsTable
from functions.catalog.formats import jsonl, shopify
from functions.catalog.imports.domain import MEDIA_TYPES, Format
from functions.catalog.jobs.uploads import Uploads
from functions.catalog.table import CatalogTable
from functions.shared import log
from functions.shared.clock import now, parse, rfc3339
from functions.shared.dynamo import cursor
from functions.shared.errors import ConflictError, NotFoundError

DONE_WITHIN = timedelta(hours=6)
SILENT = timedelta(minutes=15)
"""After this long without a step, an export is begun again: longer than a message is worked on."""
_PAGE = 500
_TRIES = 3


class ExportContext(NamedTuple):
    """What exports work with."""

    catalog: CatalogTable
    exports: ExportsTable
    uploads: Uploads


def begin(exporting: ExportContext, kind: Format, export_id: str, at: datetime) -> Export:
    """Have all products written into a file; return the export."""
    export = Export(export_id, kind, "queued", rfc3339(at), rfc3339(at))
    exporting.exports.begin(export)
    exporting.uploads.enqueue(export_id)
    return export


def export(exporting: ExportContext, export_id: str) -> Export:
    """Return an export; raise NotFoundError where there is none."""
    found = exporting.exports.export(export_id)
    if found is None:
        raise NotFoundError("unknown_export", "There is no such export.")
    return found


def fetched(exporting: ExportContext, export_id: str) -> tuple[Export, str | None]:
    """Return an export and the address of its file, None where it is not there; NotFoundError for no export."""
    found = export(exporting, export_id)
    if found.status != "completed":
        return found, None
    name = f"products.{found.format}"
    return found, exporting.uploads.download_address(
        export_id, name, f"{MEDIA_TYPES[found.format]}; charset=utf-8"
    )


def run(exporting: ExportContext, export_id: str, at: datetime) -> None:
    """Write an export's file, from its beginning. Safe to repeat, and twice at once."""
    found = exporting.exports.export(export_id)
    if found is None or found.status == "completed":
        return None
    for _ in range(_TRIES):
        columns = exporting.catalog.columns() if found.format == "csv" else []
        writer = _Writer(exporting, found, columns)
        size = exporting.uploads.write(export_id, writer.blocks())
        if found.format != "csv" or exporting.catalog.columns() == columns:
            log.note(exportId=export_id, products=writer.done, bytes=size)
            return exporting.exports.complete(export_id, writer.done, size, at)
    raise ConflictError("columns_changing", "Imports bring new columns faster than an export is written.")


class _Writer:
    """Writes products, and notes how many on the way."""

    def __init__(self, exporting: ExportContext, export: Export, columns: list[str]) -> None:
        self._exporting, self._export, self._columns = exporting, export, columns
        self.done = 0

    def blocks(self) -> Iterator[bytes]:
        """Yield the file."""
        if self._export.format == "csv":
            yield shopify.header(self._columns).encode()
        for products in everything(self._exporting.catalog):
            self._exporting.exports.note(self._export.id, self.done, now())
            for stored in products:
                self.done += 1
                yield self._written(stored).encode()

    def _written(self, stored: Stored) -> str:
        match self._export.format:
            case "csv":
                return shopify.write(stored.product, self._columns)
            case "jsonl":
                return jsonl.write(stored.product)


def everything(table: CatalogTable) -> Iterator[list[Stored]]:
    """Yield all products, oldest first, each once, whatever becomes of them meanwhile.

    A product that moves from one list to another while both are read may be met in neither: each stretch is read again,
    and only one that moves back in that moment could still be missed.
    """
    after: str | None = None
    while True:
        page = table.page(STATUSES, "oldest", _PAGE, after, lambda _: True, consistent=True)
        again = table.page(STATUSES, "oldest", 2 * _PAGE, after, lambda _: True, consistent=True)
        ids = {entry.product_id for entry in page.items}
        last = max(ids, default="")
        seen = {entry.product_id for entry in again.items}
        ids |= {product_id for product_id in seen if page.following is None or product_id <= last}
        for some in _hundreds(sorted(ids)):
            found = table.products(some, consistent=True)
            yield [found[product_id] for product_id in some if product_id in found]
        if page.following is None and again.following is None:
            return
        after = cursor({"sort": "oldest", "key": max(ids)}, "sort", "key")


def _hundreds(ids: list[str]) -> Iterator[list[str]]:
    return (ids[start : start + 100] for start in range(0, len(ids), 100))


def look_after(exporting: ExportContext, export_id: str, at: datetime) -> None:
    """End an export whose time is over, and begin one again that stands still. Safe to repeat."""
    found = exporting.exports.export(export_id)
    if found is None or found.status in ("completed", "failed"):
        exporting.exports.close(export_id)
    elif at > parse(found.created_at) + DONE_WITHIN:
        exporting.exports.fail(export_id, at)
    elif at > parse(found.touched_at) + SILENT:
        exporting.exports.note(export_id, found.done, at)
        exporting.uploads.enqueue(export_id)
