"""What exports take and answer over HTTP."""

from __future__ import annotations

from functions.catalog.exports.domain import Export
from functions.catalog.imports.domain import Format
from functions.shared.types import Query, View


class ExportProducts(Query, frozen=True):
    """As what to write all products."""

    format: Format = "csv"


class ExportView(View, frozen=True):
    """An export: ``done`` products of it are written; ``url`` is its file for one hour, null before it is completed."""

    export_id: str
    format: str
    status: str
    done: int
    bytes: int
    created_at: str
    finished_at: str | None
    url: str | None


def export_view(export: Export, address: str | None) -> ExportView:
    """Shape an export."""
    return ExportView(
        export.id,
        export.format,
        export.status,
        export.done,
        export.size,
        export.created_at,
        export.finished_at or None,
        address,
    )
