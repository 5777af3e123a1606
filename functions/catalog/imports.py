"""Imports and exports: files of many products, worked off in chunks that may each be repeated."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Literal, NamedTuple

import msgspec

from functions.catalog import jsonl, service, shopify
from functions.catalog.domain import Product, Stored, normalised, skus, terms
from functions.catalog.events import CountedLine, ImportAccepted, StockCounted
from functions.catalog.rows import Entry, Problem
from functions.catalog.table import CatalogTable
from functions.catalog.table_imports import Format, ImportsTable, Job
from functions.catalog.uploads import Task, Uploads
from functions.shared import log
from functions.shared.clock import parse, rfc3339
from functions.shared.dynamo import cursor
from functions.shared.errors import ConflictError, DomainError, InvalidError, NotFoundError
from functions.shared.http import decode_body
from functions.shared.ids import new_id
from functions.shared.outbox import fact, pack

CHUNK = 25  # products between two notes of progress
MAX_LINES = 100  # of one StockCounted
EXPORT_BYTES = 4_500_000
"""Of one page of an export, as JSON text: Lambda answers with 6 MB at most (Lambda quotas)."""
_MAX_ATTEMPTS = 5  # as maxReceiveCount of the queue
Outcome = Literal["created", "updated", "unchanged", "failed"]


class Shelf(NamedTuple):
    """What imports work with."""

    catalog: CatalogTable
    imports: ImportsTable
    uploads: Uploads
    currency: str


# --- accepting ----------------------------------------------------------------------------------------------------


def accept(shelf: Shelf, raw: bytes, kind: Format, import_id: str, at: datetime) -> Job:
    """Store a file and have it worked off; return the import.

    Raises
    ------
    InvalidError
        The file as a whole cannot be read: empty, not UTF-8, another format, without the needed columns.
    """
    entries = _entries(raw, kind, shelf.currency)
    if not entries:
        raise InvalidError("no_products", "The file holds no product.")
    job = Job(import_id, kind, "queued", rfc3339(at), len(entries))
    shelf.uploads.put(import_id, raw)
    told = ImportAccepted(import_id, kind, job.total)
    shelf.imports.begin(job, pack(fact(told, import_id, 1, at)))
    shelf.uploads.enqueue(import_id)
    return job


def _entries(raw: bytes, kind: Format, currency: str) -> list[Entry]:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidError("not_utf8", f"Byte {error.start} is not UTF-8: save the file as UTF-8.") from None
    if "\ufffd" in text:  # what API Gateway makes of other encodings
        line = text[: text.index("\ufffd")].count("\n") + 1
        raise InvalidError("not_utf8", f"Line {line} is not UTF-8: save the file as UTF-8.")
    if not text.strip():
        raise InvalidError("empty_file", "The file is empty.")
    return shopify.read(text, currency) if kind == "csv" else jsonl.read(text)


def job(imports: ImportsTable, import_id: str) -> Job:
    """Return an import; raise NotFoundError where there is none."""
    found = imports.job(import_id)
    if found is None:
        raise NotFoundError("unknown_import", "There is no such import.")
    return found


# --- working off --------------------------------------------------------------------------------------------------


def on_tasks(shelf: Shelf, batch: Iterable[Any], at: datetime, time_left: Callable[[], bool]) -> list[str]:
    """Go on with the import of each message; return the ids of the messages that failed.

    Where the time does not suffice for the whole import, a message for the rest is sent before this one is done with.
    """
    failed = []
    for record in batch:
        message = record.to_dict()
        try:
            task = msgspec.json.decode(message["body"], type=Task)
            log.begin(task.correlation_id)
            if not run(shelf, task.import_id, at, time_left):
                shelf.uploads.enqueue(task.import_id)
        except Exception as error:  # noqa: BLE001 the message comes again
            log.failure(error)
            failed.append(message["messageId"])
            if int(message["attributes"]["ApproximateReceiveCount"]) >= _MAX_ATTEMPTS:
                _give_up(shelf, message["body"], at)
    return failed


def _give_up(shelf: Shelf, body: str, at: datetime) -> None:
    """Tell those who look at the import that nobody works on it any more."""
    try:
        shelf.imports.fail(msgspec.json.decode(body, type=Task).import_id, at)
    except Exception as error:  # noqa: BLE001 the message is in the dead-letter queue all the same
        log.failure(error)


def run(shelf: Shelf, import_id: str, at: datetime, time_left: Callable[[], bool]) -> bool:
    """Work on an import while there is time; return whether it is finished. Safe to repeat, and twice at once."""
    now = shelf.imports.job(import_id)
    if now is None or now.status == "completed":
        return True
    entries = _entries(shelf.uploads.get(import_id), now.format, shelf.currency)
    while now.done < len(entries):
        if not time_left():
            return False
        chunk = _chunk(entries, now.done)
        after, outbox = _work(shelf, now, entries, chunk, at)
        if not shelf.imports.advance(now, after, outbox):
            return True  # another worker has gone further
        now = after
        log.note(importId=import_id, done=now.done, total=now.total)
    return True


def _chunk(entries: list[Entry], start: int) -> range:
    """Return the next entries to work on: the same however often, with at most `MAX_LINES` counts of stock."""
    lines = 0
    for index in range(start, min(start + CHUNK, len(entries))):
        lines += len(entries[index].quantities)
        if lines > MAX_LINES and index > start:
            return range(start, index)
    return range(start, min(start + CHUNK, len(entries)))


def _work(shelf: Shelf, now: Job, entries: list[Entry], chunk: range, at: datetime) -> tuple[Job, str | None]:
    known = shelf.catalog.by_slugs(entries[index].slug for index in chunk if not entries[index].problems)
    shelf.catalog.learn(_new_words([entries[index] for index in chunk], known, shelf.currency))
    counts: dict[str, int] = {}
    lines: list[CountedLine] = []
    for index in chunk:
        entry = entries[index]
        outcome, stored, problems = _apply(shelf, now, index, entry, known.get(entry.slug), at)
        counts[outcome] = counts.get(outcome, 0) + 1
        if problems:
            shelf.imports.note(now, index, problems)
        if stored:
            named = skus(stored.product)
            lines += [CountedLine(named[variant], units) for variant, units in entry.quantities.items()]
    finished = chunk.stop == len(entries)
    after = replace(
        now, status="completed" if finished else "running", total=len(entries), done=chunk.stop,
        finished_at=rfc3339(at) if finished else "",
        **{name: getattr(now, name) + count for name, count in counts.items()},
    )  # fmt: skip
    counted = StockCounted("import", now.created_at, tuple(lines))
    return after, pack(fact(counted, now.id, chunk.stop, at)) if lines else None


def _new_words(entries: list[Entry], known: dict[str, Stored], currency: str) -> list[str]:
    """Return the words of the products that are new: learnt at once, they cost one read instead of one a product."""
    words: dict[str, None] = {}
    for entry in entries:
        if entry.problems or entry.slug in known:
            continue
        with suppress(DomainError):  # told when it is its turn
            product = normalised(decode_body(entry.product, Product), currency)
            words |= dict.fromkeys(terms(product) if product.status == "published" else ())
    return list(words)


def _apply(
    shelf: Shelf, now: Job, index: int, entry: Entry, before: Stored | None, at: datetime
) -> tuple[Outcome, Stored | None, list[Problem]]:
    if entry.problems:
        return "failed", None, list(entry.problems)
    origin = f"{now.id}#{index}"
    if before and before.origin.startswith(f"{origin}#"):  # by a worker that could not note its progress
        shelf.catalog.finish(before)
        return ("created" if before.origin.endswith("#created") else "updated"), before, []
    try:
        product = decode_body(entry.product, Product)
        outcome, after = _store(shelf, now, index, before, product, at)
    except DomainError as error:
        row, field = entry.place(error.pointer or "")
        return "failed", None, [Problem(row, field, error.code, error.detail)]
    return outcome, after, []


def _store(
    shelf: Shelf, now: Job, index: int, before: Stored | None, product: Product, at: datetime
) -> tuple[Outcome, Stored]:
    """Create a product or replace it, also where another import of it comes between reading and writing."""
    catalog, currency, origin = shelf.catalog, shelf.currency, f"{now.id}#{index}"
    if before is None:
        made = f"{origin}#created"
        try:
            return "created", service.create(
                catalog, product, _id(now, index), currency=currency, at=at, origin=made
            )
        except ConflictError as error:
            before = (
                catalog.by_slug(normalised(product, currency).slug) if error.code == "slug_taken" else None
            )
            if before is None:
                raise
    written = f"{origin}#updated"
    after = service.overwrite(catalog, before, product, currency=currency, at=at, origin=written)
    return ("updated" if after.origin == written else "unchanged"), after


def _id(now: Job, index: int) -> str:
    """Return the id of the product an entry makes: the same however often, in the order of the file."""
    chance = int.from_bytes(sha256(f"{now.id}#{index}".encode()).digest()[:10], "big")
    return new_id("prd", parse(now.created_at) + timedelta(milliseconds=index), chance)


# --- exporting ----------------------------------------------------------------------------------------------------


class ExportPage(NamedTuple):
    """A part of an export, a whole file by itself, and where the next begins."""

    text: str
    following: str | None


def export(
    table: CatalogTable,
    kind: Format,
    after: str | None,
    time_left: Callable[[], bool],
    room: int = EXPORT_BYTES,
) -> ExportPage:
    """Return products of every status, oldest first, as many as fit into one answer and its time.

    However little of either there is, a page that is not the last one brings the export further.
    """
    parts = [shopify.header()] if kind == "csv" else []
    write = shopify.write if kind == "csv" else jsonl.write
    begin = after
    while True:
        if after != begin and not time_left():
            return ExportPage("".join(parts), after)
        page = table.page(("published", "draft", "withdrawn"), "oldest", 50, after, lambda _: True)
        found = table.products([item["sk"] for item in page.items])
        for item in page.items:
            if item["sk"] not in found:
                continue
            text = write(found[item["sk"]].product)
            room -= len(json.dumps(text))
            if room < 0 and after:
                return ExportPage("".join(parts), after)
            parts.append(text)
            after = cursor({"sort": "oldest", "key": item["sk"]}, "sort", "key")
        after = page.following
        if after is None:
            return ExportPage("".join(parts), None)


# --- formats ------------------------------------------------------------------------------------------------------


def kind_of(content_type: str) -> Format:
    """Return the format of a body."""
    return "csv" if content_type.partition(";")[0].strip().lower() == "text/csv" else "jsonl"


def checked_format(name: str) -> Format:
    """Return a format by its name; raise InvalidError for any other."""
    if name not in ("csv", "jsonl"):
        raise InvalidError("invalid_format", "format is csv or jsonl.")
    return "csv" if name == "csv" else "jsonl"
