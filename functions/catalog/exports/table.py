"""Exports as items of the catalog table.

| item   | pk          | sk     | attributes                                           |
| export | EXPORT#<id> | EXPORT | status, format, done, size, touched_at; expires      |
"""

from __future__ import annotations

from datetime import datetime, timedelta

from functions.catalog.exports.domain import Export
from functions.catalog.jobs.table import JobsTable
from functions.shared.clock import epoch, parse, rfc3339
from functions.shared.dynamo import from_item, to_item

KEPT = timedelta(days=30)  # as the bucket keeps its files


class ExportsTable(JobsTable):
    """Exports."""

    def begin(self, export: Export) -> None:
        """Store a new export."""
        item = {**_key(export.id), **to_item(export), "expires": epoch(parse(export.created_at) + KEPT)}
        self.transact(self.putting(item, "attribute_not_exists(pk)"), self.opening(export.id))

    def export(self, export_id: str) -> Export | None:
        """Return an export."""
        item = self.get(_key(export_id))
        return from_item(item, Export) if item else None

    def note(self, export_id: str, done: int, at: datetime) -> None:
        """Note how many products have been written."""
        self.update(
            _key(export_id),
            "SET #status = :running, #done = :done, touched_at = :at",
            {":running": "running", ":done": done, ":at": rfc3339(at), ":completed": "completed"},
            condition="attribute_exists(pk) AND #status <> :completed",
        )

    def complete(self, export_id: str, done: int, size: int, at: datetime) -> None:
        """Note that an export's file is there. Safe to repeat."""
        self.update(
            _key(export_id),
            "SET #status = :completed, #done = :done, #size = :size, finished_at = :at",
            {":completed": "completed", ":done": done, ":size": size, ":at": rfc3339(at)},
            condition="attribute_exists(pk)",
        )
        self.close(export_id)

    def fail(self, export_id: str, at: datetime) -> None:
        """Give an export up."""
        self.update(
            _key(export_id),
            "SET #status = :failed, finished_at = :at",
            {":failed": "failed", ":at": rfc3339(at), ":completed": "completed"},
            condition="attribute_exists(pk) AND #status <> :completed",
        )
        self.close(export_id)


def _key(export_id: str) -> dict[str, str]:
    return {"pk": f"EXPORT#{export_id}", "sk": "EXPORT"}
