"""Imports as items of the catalog table.

| item    | pk          | sk                     | attributes                                                         |
| import  | IMPORT#<id> | IMPORT                 | status, the counts, how it was read; outbox                        |
| layout  | IMPORT#<id> | LAYOUT                 | layout (JSON): what every part has to know of the file             |
| part    | IMPORT#<id> | PART#<no>              | part (JSON): where its rows stand                                  |
| done    | IMPORT#<id> | DONE#<no>              | a part that has been worked off; outbox                            |
| problem | IMPORT#<id> | PROBLEM#<entry>#<no>   | row, field, code, detail, level                                    |

A part's end is noted in one transaction with its counts and its facts, so each entry counts once however often it is
worked on. Layout and parts are the same however often a file is gone through. All items expire.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from functions.catalog.formats.rows import Problem
from functions.catalog.imports.domain import Job, ReadAs
from functions.catalog.imports.planning import Layout, Part
from functions.catalog.jobs.table import JobsTable
from functions.catalog.lists.domain import Page
from functions.shared.clock import epoch, parse, rfc3339
from functions.shared.dynamo import Item, cursor, from_cursor, from_item, to_item

KEPT = timedelta(days=90)


class Found(NamedTuple):
    """A part with all that is needed to work on it."""

    job: Job
    layout: Layout
    part: Part
    done: bool


class ImportsTable(JobsTable):
    """Imports, their parts and their problems."""

    def begin(self, job: Job, outbox: str | None) -> bool:
        """Store a new import with the fact of it; False when it is there already."""
        item = {
            **_key(job.id),
            **to_item(job),
            "read_as": _json(job.read_as),
            "outbox": outbox,
            "expires": _expiry(job),
        }
        actions = (self.putting(item, "attribute_not_exists(pk)"), self.opening(job.id))
        return self.transact(*actions) is None

    def job(self, import_id: str) -> Job | None:
        """Return an import."""
        item = self.get(_key(import_id))
        return _job(item) if item else None

    def start(self, job: Job, size: int, outbox: str, at: datetime) -> bool:
        """Note that an import's file of so many bytes has come; False when it was noted before."""
        values = {
            ":queued": "queued",
            ":awaiting": "awaiting_upload",
            ":size": size,
            ":at": rfc3339(at),
            ":outbox": outbox,
        }
        return self._change(
            job.id,
            "SET #status = :queued, #size = :size, created_at = :at, touched_at = :at, outbox = :outbox",
            values,
            "#status = :awaiting",
        )

    def touch(self, import_id: str, at: datetime) -> None:
        """Note that somebody is working on an import, or has been asked to."""
        self._change(
            import_id, "SET touched_at = :at REMOVE outbox", {":at": rfc3339(at)}, "attribute_exists(pk)"
        )

    def plan(
        self, job: Job, layout: Layout, parts: Iterable[Part], entry: int, problems: Iterable[Problem]
    ) -> None:
        """Store how an import's file is cut, and what is to be said of what comes after its entries.

        Safe to repeat, and by two at once.
        """
        key, expires = {"pk": _key(job.id)["pk"]}, _expiry(job)
        items = [{**key, "sk": "LAYOUT", "layout": _json(layout), "expires": expires}]
        items += (
            {**key, "sk": f"PART#{part.number:05d}", "part": _json(part), "expires": expires}
            for part in parts
        )
        self.put_many([*items, *self._problems(job, entry, problems)])
        values = {
            ":running": "running",
            ":queued": "queued",
            ":zero": 0,
            ":read_as": _json(job.read_as),
            **{f":{name}": getattr(job, name) for name in _PLANNED},
        }
        setting = ", ".join(f"#{name} = :{name}" for name in _PLANNED)
        self._change(
            job.id,
            f"SET #status = :running, read_as = :read_as, {setting} REMOVE outbox",
            values,
            "#status = :queued AND #parts = :zero",
        )

    def part(self, import_id: str, number: int) -> Found | None:
        """Return a part of an import."""
        pk = _key(import_id)["pk"]
        names = ("IMPORT", "LAYOUT", f"PART#{number:05d}", f"DONE#{number:05d}")
        items = self.get_many([{"pk": pk, "sk": sk} for sk in names], consistent=True)
        found = {item["sk"].partition("#")[0]: item for item in items}
        if not {"IMPORT", "LAYOUT", "PART"} <= found.keys():
            return None
        layout = msgspec.json.decode(found["LAYOUT"]["layout"], type=Layout)
        part = msgspec.json.decode(found["PART"]["part"], type=Part)
        return Found(_job(found["IMPORT"]), layout, part, "DONE" in found)

    def parts_left(self, job: Job) -> list[int]:
        """Return the numbers of the parts that have not been worked off."""
        values = {":pk": _key(job.id)["pk"], ":done": "DONE#"}
        found = self.query_all("pk = :pk AND begins_with(sk, :done)", values, consistent=True)
        done = {int(item["sk"].partition("#")[2]) for item in found}
        return [number for number in range(job.parts) if number not in done]

    def advance(
        self, job: Job, part: Part, counts: Mapping[str, int], outbox: str | None, at: datetime
    ) -> bool:
        """Note that a part has been worked off, with its facts; False when it was before."""
        done = {
            "pk": _key(job.id)["pk"],
            "sk": f"DONE#{part.number:05d}",
            "outbox": outbox,
            "expires": _expiry(job),
        }
        steps = {**counts, "done": part.entries, "rows_done": part.rows, "parts_done": 1}
        adding = ", ".join(f"#{name} :{name}" for name in steps)
        values = {":at": rfc3339(at), **{f":{name}": step for name, step in steps.items()}}
        counted = self.updating(_key(job.id), f"ADD {adding} SET touched_at = :at REMOVE outbox", values)
        return self.transact(self.putting(done, "attribute_not_exists(pk)"), counted) is None

    def finish(self, job: Job, at: datetime) -> None:
        """Note that all parts of an import have been worked off, if so. Safe to repeat."""
        values = {":completed": "completed", ":at": rfc3339(at), ":zero": 0}
        setting = "SET #status = :completed, finished_at = :at REMOVE outbox, reason, why"
        if self._change(
            job.id, setting, values, "#parts > :zero AND parts_done = #parts AND #status <> :completed"
        ):
            self.close(job.id)

    def fail(self, import_id: str, reason: str, why: str, at: datetime) -> None:
        """Give an import up; what was imported stays."""
        values = {
            ":failed": "failed",
            ":at": rfc3339(at),
            ":completed": "completed",
            ":reason": reason,
            ":why": why,
        }
        self._change(
            import_id,
            "SET #status = :failed, finished_at = :at, reason = :reason, why = :why REMOVE outbox",
            values,
            "attribute_exists(pk) AND #status <> :completed",
        )
        self.close(import_id)

    def note(self, job: Job, problems: Mapping[int, Iterable[Problem]]) -> None:
        """Store what is to be said of entries, by their number. Safe to repeat."""
        self.put_many([item for entry, said in problems.items() for item in self._problems(job, entry, said)])

    def _problems(self, job: Job, entry: int, problems: Iterable[Problem]) -> list[Item]:
        pk, expires = _key(job.id)["pk"], _expiry(job)
        return [
            {"pk": pk, "sk": f"PROBLEM#{entry:07d}#{number:04d}", **to_item(problem), "expires": expires}
            for number, problem in enumerate(problems)
        ]

    def problems(self, import_id: str, limit: int, after: str | None) -> Page[Problem]:
        """Return a page of what is wrong with an import's entries, in the order of the file."""
        pk = _key(import_id)["pk"]
        start: Item | None = {"pk": pk, **from_cursor(after, "sk")} if after else None
        items, last = self.query(
            "pk = :pk AND begins_with(sk, :problem)",
            {":pk": pk, ":problem": "PROBLEM#"},
            limit=limit,
            start=start,
        )
        return Page([from_item(item, Problem) for item in items], cursor(last, "sk"))

    def _change(self, import_id: str, setting: str, values: Mapping[str, Any], condition: str) -> bool:
        return self.update(_key(import_id), setting, values, condition=condition) is not None


_PLANNED = ("total", "rows", "parts", "done", "failed", "touched_at")


def _key(import_id: str) -> dict[str, str]:
    return {"pk": f"IMPORT#{import_id}", "sk": "IMPORT"}


def _expiry(job: Job) -> int:
    return epoch(parse(job.created_at) + KEPT)


def _json(struct: msgspec.Struct) -> str:
    return msgspec.json.encode(struct).decode()


def _job(item: Item) -> Job:
    read_as = msgspec.json.decode(item.get("read_as", "{}"), type=ReadAs)
    return from_item({**item, "read_as": read_as}, Job)
