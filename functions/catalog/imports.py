"""Imports and exports: files of many products, worked off in chunks that may each be repeated."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Literal, NamedTuple

import msgspec

from functions.catalog import applying, formats, jsonl, service, shopify
from functions.catalog.domain import STATUSES, Product, Stored, normalised, skus, terms, with_columns_of
from functions.catalog.events import CountedLine, ImportAccepted, StockCounted
from functions.catalog.rows import Entry, Problem
from functions.catalog.table import CatalogTable
from functions.catalog.table_imports import Format, ImportsTable, Job
from functions.catalog.uploads import Task, Uploads
from functions.shared import log
from functions.shared.clock import parse, rfc3339
from functions.shared.dynamo import cursor
from functions.shared.errors import ConflictError, DomainError, InvalidError, NotFoundError
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


class Wish(NamedTuple):
    """What an import is asked to do beside creating and updating products; as in `Job`."""

    stock: bool = False
    dry_run: bool = False
    mapping: Mapping[str, str] = {}


def accept(
    shelf: Shelf,
    raw: bytes,
    kind: Format,
    import_id: str,
    at: datetime,
    wish: Wish = Wish(),  # noqa: B008 frozen
) -> Job:
    """Store a file and have it worked off; return the import.

    Raises
    ------
    InvalidError
        The file as a whole cannot be read: empty, in an unclear encoding, another format, without the needed columns.
    """
    entries, read_as = formats.read(raw, kind, shelf.currency, wish.mapping)
    if not entries:
        raise InvalidError("no_products", "The file holds no product.")
    job = Job(
        import_id,
        kind,
        "queued",
        rfc3339(at),
        len(entries),
        stock=wish.stock,
        dry_run=wish.dry_run,
        read_as=read_as,
    )
    shelf.uploads.put(import_id, raw)
    told = ImportAccepted(import_id, kind, job.total)
    shelf.imports.begin(job, pack(fact(told, import_id, 1, at)))
    shelf.uploads.enqueue(import_id)
    return job


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
    raw = shelf.uploads.get(import_id)
    entries, _ = formats.read(raw, now.format, shelf.currency, now.read_as.mapping)
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
    counts = Counter[str]()
    lines: list[CountedLine] = []
    for index in chunk:
        entry = entries[index]
        done = _apply(shelf, now, index, entry, known.get(entry.slug), at)
        counts[done.outcome] += 1
        counts["warnings"] += sum(problem.level == "warning" for problem in done.problems)
        shelf.imports.note(now, index, done.problems)
        counted = _counted(now, entry, done)
        counts["stock_kept"] += len(entry.quantities) - len(counted) if done.stored else 0
        lines += counted
    finished = chunk.stop == len(entries)
    after = replace(
        now, status="completed" if finished else "running", total=len(entries), done=chunk.stop,
        finished_at=rfc3339(at) if finished else "",
        **{name: getattr(now, name) + count for name, count in counts.items()},
    )  # fmt: skip
    told = StockCounted("import", now.created_at, tuple(lines))
    return after, pack(fact(told, now.id, chunk.stop, at)) if lines else None


def _new_words(entries: list[Entry], known: dict[str, Stored], currency: str) -> list[str]:
    """Return the words of the products that are new: learnt at once, they cost one read instead of one a product."""
    words: dict[str, None] = {}
    for entry in entries:
        if entry.problems or entry.slug in known:
            continue
        with suppress(DomainError):  # told when it is its turn
            product = normalised(applying.merge(None, entry, currency).product, currency)
            words |= dict.fromkeys(terms(product) if product.status == "published" else ())
    return list(words)


class _Done(NamedTuple):
    """What became of an entry; ``fresh`` are those of its variants that were not there before."""

    outcome: Outcome
    problems: list[Problem]
    stored: Stored | None = None
    fresh: frozenset[int] = frozenset()


def _counted(now: Job, entry: Entry, done: _Done) -> list[CountedLine]:
    """Return the units of the SKUs that are new, or of all where the import sets stock; of those that are tracked."""
    if done.stored is None:
        return []
    variants = done.stored.product.variants
    found = []
    for index, place in enumerate(applying.places(done.stored.product, entry)):
        units = entry.quantities.get(index)
        if units is None or place is None or not (now.stock or index in done.fresh):
            continue
        if variants[place].stock_policy != "untracked":
            found.append(CountedLine(variants[place].sku, units))
    return found


def _apply(shelf: Shelf, now: Job, index: int, entry: Entry, before: Stored | None, at: datetime) -> _Done:
    if entry.problems:
        return _Done("failed", [*entry.problems, *entry.warnings])
    origin = f"{now.id}#{index}"
    if before and before.origin.startswith(f"{origin}#"):  # by a worker that could not note its progress
        shelf.catalog.finish(before)
        created = before.origin.startswith(f"{origin}#created")
        fresh = _fresh_in(before.origin)
        return _Done("created" if created else "updated", list(entry.warnings), before, fresh)
    try:
        return _store(shelf, now, index, entry, before, at)
    except DomainError as error:
        row, field = entry.place(error.pointer or "")
        return _Done("failed", [Problem(row, field, error.code, error.detail), *entry.warnings])


def _store(shelf: Shelf, now: Job, index: int, entry: Entry, before: Stored | None, at: datetime) -> _Done:
    product_id, origin = _id(now, index), f"{now.id}#{index}"
    for last in (False, False, True):
        taken = _taken(shelf.catalog, entry, (before.id if before else product_id))
        merged = applying.merge(before.product if before else None, entry, shelf.currency, taken)
        said = [*entry.warnings, *merged.warnings]
        if now.dry_run:
            return _foreseen(shelf, entry, before, merged.product, said)
        try:
            if before is None:
                fresh = ",".join(map(str, sorted(merged.fresh)))
                made = service.create(
                    shelf.catalog, merged.product, product_id, currency=shelf.currency, at=at,
                    origin=f"{origin}#created#{fresh}",
                )  # fmt: skip
                return _Done("created", said, made, merged.fresh)

            def remake(found: Stored) -> tuple[Product, str]:
                again = applying.merge(found.product, entry, shelf.currency, taken)  # noqa: B023 called at once
                return again.product, f"{origin}#updated#{','.join(map(str, sorted(again.fresh)))}"

            after = service.overwrite(shelf.catalog, before, remake, currency=shelf.currency, at=at)
            if not after.origin.startswith(f"{origin}#updated"):
                return _Done("unchanged", said, after)
            return _Done("updated", said, after, _fresh_in(after.origin))
        except ConflictError:
            if last:
                raise
            before = shelf.catalog.by_slug(entry.slug)  # another import of the same products was faster
    raise AssertionError("the last try returns or raises")


def _fresh_in(origin: str) -> frozenset[int]:
    """Return the places of an entry's variants that were new, from the origin of the version they came with."""
    return frozenset(int(place) for place in origin.rpartition("#")[2].split(",") if place)


def _foreseen(
    shelf: Shelf, entry: Entry, before: Stored | None, product: Product, said: list[Problem]
) -> _Done:
    """Return what would become of an entry."""
    clean = normalised(product, shelf.currency, before.product.slug if before else "")
    clean = with_columns_of(clean, before.product if before else None)
    if before is None:
        outcome: Outcome = "created"
    else:
        outcome = "unchanged" if clean == before.product else "updated"
    detail = (
        f"{clean.title} would be {outcome}."
        if outcome != "unchanged"
        else f"{clean.title} would stay as it is."
    )
    return _Done(outcome, [Problem(entry.row, "", outcome, detail, "outcome"), *said])


def _taken(catalog: CatalogTable, entry: Entry, product_id: str) -> dict[str, str]:
    """Return the SKUs an entry would like that are another product's, each with that product's title."""
    owners = {
        sku: owner
        for sku, owner in catalog.claims(applying.wanted_keys(entry)).items()
        if owner != product_id
    }
    found = catalog.products(list(owners.values())) if owners else {}
    return {
        sku: found[owner].product.title
        for sku, owner in owners.items()
        if owner in found and sku in skus(found[owner].product)
    }


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
    columns = table.columns() if kind == "csv" else []
    parts = [shopify.header(columns)] if kind == "csv" else []
    begin = after
    while True:
        if after != begin and not time_left():
            return ExportPage("".join(parts), after)
        page = table.page(STATUSES, "oldest", 50, after, lambda _: True)
        found = table.products([item["sk"] for item in page.items])
        for item in page.items:
            if item["sk"] not in found:
                continue
            product = found[item["sk"]].product
            text = shopify.write(product, columns) if kind == "csv" else jsonl.write(product)
            room -= len(json.dumps(text))
            if room < 0 and after:
                return ExportPage("".join(parts), after)
            parts.append(text)
            after = cursor({"sort": "oldest", "key": item["sk"]}, "sort", "key")
        after = page.following
        if after is None:
            return ExportPage("".join(parts), None)


# --- formats ------------------------------------------------------------------------------------------------------


def wish(given: Mapping[str, str]) -> Wish:
    """Return what the parameters of a request ask for; raise InvalidError for what is none of it."""
    stock, dry_run = given.get("stock", "keep"), given.get("dryRun", "false")
    if stock not in ("keep", "set"):
        raise InvalidError("invalid_stock", "stock is keep or set.", pointer="/stock")
    if dry_run not in ("true", "false"):
        raise InvalidError("invalid_dry_run", "dryRun is true or false.", pointer="/dryRun")
    try:
        mapping = msgspec.json.decode(given.get("mapping") or "{}", type=dict[str, str])
    except (msgspec.DecodeError, UnicodeError):
        detail = 'mapping is a JSON object of columns and fields, like {"Artikelname": "title"}.'
        raise InvalidError("invalid_mapping", detail, pointer="/mapping") from None
    return Wish(stock == "set", dry_run == "true", mapping)


def kind_of(content_type: str) -> Format:
    """Return the format of a body."""
    return "csv" if content_type.partition(";")[0].strip().lower() == "text/csv" else "jsonl"


def checked_format(name: str) -> Format:
    """Return a format by its name; raise InvalidError for any other."""
    if name not in ("csv", "jsonl"):
        raise InvalidError("invalid_format", "format is csv or jsonl.")
    return "csv" if name == "csv" else "jsonl"
