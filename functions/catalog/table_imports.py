"""Imports as items of the catalog table.

| item    | pk          | sk                     | attributes                                                         |
| import  | IMPORT#<id> | IMPORT                 | status, total, done, the counts, how it was read; outbox           |
| problem | IMPORT#<id> | PROBLEM#<entry>#<no>   | row, field, code, detail, level                                    |

``done`` is where the next worker goes on. It moves in one conditional write together with the counts and with the facts
of the entries it passes, so each entry counts once however often it is worked on. Both items expire.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from functions.catalog.rows import Problem
from functions.catalog.table_lists import Page
from functions.shared.clock import epoch, parse, rfc3339
from functions.shared.dynamo import Item, Table, cursor, from_cursor

KEPT = timedelta(days=90)
Format = Literal["csv", "jsonl"]


class ReadAs(msgspec.Struct, frozen=True, rename="camel"):
    """How a file was read; ``columns_kept`` are those without a field, ``mapping`` the columns that were given one."""

    format: str = ""
    encoding: str = "utf-8"
    delimiter: str = ""
    columns_kept: tuple[str, ...] = ()
    mapping: dict[str, str] = {}


@dataclass(frozen=True)
class Job:
    """An import and how far it has got; the counts are of products.

    ``stock`` has quantities set for SKUs that are there, else ``stock_kept`` counts those that were not; a ``dry_run``
    changes no product.
    """

    id: str
    format: Format
    status: Literal["queued", "running", "completed", "failed"]
    created_at: str
    total: int
    done: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    failed: int = 0
    finished_at: str = ""
    stock: bool = False
    dry_run: bool = False
    stock_kept: int = 0
    warnings: int = 0
    read_as: ReadAs = field(default_factory=ReadAs)


class ImportsTable(Table):
    """Imports and their problems."""

    def begin(self, job: Job, outbox: str) -> bool:
        """Store a new import with the fact of it; False when it is there already."""
        item = {
            **_key(job.id),
            **asdict(job),
            "read_as": msgspec.json.encode(job.read_as).decode(),
            "outbox": outbox,
            "expires": epoch(parse(job.created_at) + KEPT),
        }
        return self.put(item, "attribute_not_exists(pk)")

    def job(self, import_id: str) -> Job | None:
        """Return an import."""
        item = self.get(_key(import_id))
        return _job(item) if item else None

    def advance(self, before: Job, after: Job, outbox: str | None) -> bool:
        """Store how far an import has got, with the facts on the way; False when another worker has moved it."""
        changed = {
            "status",
            "total",
            "done",
            "created",
            "updated",
            "unchanged",
            "failed",
            "finished_at",
            "stock_kept",
            "warnings",
        }
        values: dict[str, Any] = {f":{name}": getattr(after, name) for name in changed}
        setting = "SET " + ", ".join(f"#{name} = :{name}" for name in sorted(changed))
        setting += ", outbox = :outbox" if outbox else " REMOVE outbox"
        values |= {":from": before.done, ":finished": "completed", **({":outbox": outbox} if outbox else {})}
        condition = "done = :from AND #status <> :finished"
        return self.update(_key(before.id), setting, values, condition=condition) is not None

    def fail(self, import_id: str, at: datetime) -> None:
        """Give an import up; what was imported stays."""
        self.update(
            _key(import_id),
            "SET #status = :failed, finished_at = :at REMOVE outbox",
            {":failed": "failed", ":at": rfc3339(at), ":completed": "completed"},
            condition="attribute_exists(pk) AND #status <> :completed",
        )

    def note(self, job: Job, entry: int, problems: Iterable[Problem]) -> None:
        """Store what is wrong with an entry. Safe to repeat."""
        for number, problem in enumerate(problems):
            place = {"pk": _key(job.id)["pk"], "sk": f"PROBLEM#{entry:06d}#{number:03d}"}
            self.put({**place, **asdict(problem), "expires": epoch(parse(job.created_at) + KEPT)})

    def problems(self, import_id: str, limit: int, after: str | None) -> Page:
        """Return a page of what is wrong with an import's entries, in the order of the file."""
        pk = _key(import_id)["pk"]
        start: Item | None = {"pk": pk, **from_cursor(after, "sk")} if after else None
        items, last = self.query(
            "pk = :pk AND begins_with(sk, :problem)",
            {":pk": pk, ":problem": "PROBLEM#"},
            limit=limit,
            start=start,
        )
        return Page(items, cursor(last, "sk"))


def _key(import_id: str) -> dict[str, str]:
    return {"pk": f"IMPORT#{import_id}", "sk": "IMPORT"}


def _job(item: Item) -> Job:
    known = {name: item[name] for name in Job.__dataclass_fields__ if name in item}
    return Job(**{**known, "read_as": msgspec.json.decode(item.get("read_as", "{}"), type=ReadAs)})
