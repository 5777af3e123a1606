"""Imports: files of many products, cut into parts that are worked on at once, and each as often as need be."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal, NamedTuple

import msgspec
from msgspec.structs import replace

from functions.catalog import service
from functions.catalog.domain import Product, Stored, listed_words, normalised, skus
from functions.catalog.events import CountedLine, ImportAccepted, StockCounted
from functions.catalog.formats import shopify
from functions.catalog.formats.rows import ParsedProduct, Problem
from functions.catalog.imports import applying, planning
from functions.catalog.imports.domain import MAX_FILE_BYTES, MEDIA_TYPES, Format, Job, ReadAs
from functions.catalog.imports.planning import Plan, Segment
from functions.catalog.imports.table import Found, ImportsTable
from functions.catalog.jobs.uploads import Uploads
from functions.catalog.table import CatalogTable
from functions.shared import log
from functions.shared.clock import now, parse, rfc3339
from functions.shared.errors import ConflictError, DomainError, InvalidError, NotFoundError, TooLargeError
from functions.shared.ids import new_id
from functions.shared.outbox import fact, pack

MAX_LINES = 20
"""Of one StockCounted: who takes ten of them in one batch has ten seconds for each of 200 levels."""
_TRIES = 3  # after the first that something else was there before
UPLOAD_WITHIN = timedelta(hours=2)
"""How long a file may take to come: its address is good for one hour, and an upload that has begun may go on."""
DONE_WITHIN = timedelta(hours=24)
SILENT = timedelta(minutes=15)
"""After this long without a step, an import is handed to the queues again: longer than a message is worked on."""
Outcome = Literal["created", "updated", "unchanged", "failed"]


class ImportContext(NamedTuple):
    """What imports work with."""

    catalog: CatalogTable
    imports: ImportsTable
    uploads: Uploads
    currency: str


# --- accepting ----------------------------------------------------------------------------------------------------


class ImportOptions(NamedTuple):
    """What an import is asked to do beside creating and updating products; as in `Job`."""

    stock: bool = False
    dry_run: bool = False
    mapping: Mapping[str, str] = {}


def accept(
    importing: ImportContext,
    raw: bytes,
    kind: Format,
    import_id: str,
    at: datetime,
    options: ImportOptions = ImportOptions(),  # noqa: B008 frozen
) -> Job:
    """Store a file and have it worked off; return the import.

    Raises
    ------
    InvalidError
        The file as a whole cannot be read: empty, in an unclear encoding, another format, without the needed columns.
    """
    made = planning.plan(io.BytesIO(raw), kind, options.mapping, lambda rows: None)
    job = Job(
        import_id,
        kind,
        "queued",
        rfc3339(at),
        made.entries,
        stock=options.stock,
        dry_run=options.dry_run,
        read_as=_read_as(made, options.mapping),
        rows=made.rows,
        size=len(raw),
        touched_at=rfc3339(at),
    )
    importing.uploads.put(import_id, raw)
    told = ImportAccepted(import_id, kind, job.total)
    importing.imports.begin(job, pack(fact(told, import_id, 1, at)))
    importing.uploads.enqueue(import_id)
    return job


def expect(
    importing: ImportContext, kind: Format, import_id: str, at: datetime, options: ImportOptions
) -> tuple[Job, str]:
    """Note an import whose file is still to come; return it, and where the file is to be PUT.

    Raises
    ------
    InvalidError
        The mapping names what is no field.
    """
    shopify.known_names(options.mapping)
    read_as = ReadAs(mapping=dict(options.mapping))
    job = Job(
        import_id,
        kind,
        "awaiting_upload",
        rfc3339(at),
        stock=options.stock,
        dry_run=options.dry_run,
        read_as=read_as,
        touched_at=rfc3339(at),
    )
    importing.imports.begin(job, None)
    return job, importing.uploads.upload_address(import_id, MEDIA_TYPES[kind])


def start(importing: ImportContext, import_id: str, at: datetime) -> Job:
    """Have the file of an import worked off that has come; return the import. Safe to repeat.

    Raises
    ------
    NotFoundError
        There is no such import.
    ConflictError, TooLargeError
        Its file has not come, or is larger than `MAX_FILE_BYTES`.
    """
    before = job(importing.imports, import_id)
    if before.status != "awaiting_upload":
        return before
    size = importing.uploads.size(import_id)
    if size is None:
        raise ConflictError("upload_missing", "The file has not come yet: PUT it to its address first.")
    if size > MAX_FILE_BYTES:
        detail = f"The file has {size} bytes; the limit is {MAX_FILE_BYTES}."
        raise TooLargeError("file_too_large", detail, parameters={"maximum": MAX_FILE_BYTES})
    told = ImportAccepted(import_id, before.format, 0)
    if importing.imports.start(before, size, pack(fact(told, import_id, 1, at)), at):
        importing.uploads.enqueue(import_id)
    return job(importing.imports, import_id)


def _read_as(made: Plan, mapping: Mapping[str, str]) -> ReadAs:
    return ReadAs(
        made.layout.form, made.encoding, made.layout.delimiter, made.kept, dict(mapping), made.layout.sign
    )


def job(imports: ImportsTable, import_id: str) -> Job:
    """Return an import; raise NotFoundError where there is none."""
    found = imports.job(import_id)
    if found is None:
        raise NotFoundError("unknown_import", "There is no such import.")
    return found


# --- working off --------------------------------------------------------------------------------------------------


def read_file(importing: ImportContext, import_id: str, at: datetime) -> None:
    """Cut an import's file into parts, and hand out those that are left. Safe to repeat, and twice at once."""
    found = importing.imports.job(import_id)
    if found is None or found.status in ("awaiting_upload", "completed") or _too_late(found, at):
        return None
    if not found.parts:
        with importing.uploads.opened(import_id) as (file, etag):
            try:
                made = planning.plan(
                    file,
                    found.format,
                    found.read_as.mapping,
                    lambda rows: importing.imports.touch(import_id, now()),
                )
            except InvalidError as error:
                return importing.imports.fail(import_id, error.code, error.detail, at)
        found = _planned(importing, found, made, etag, at)
    left = importing.imports.parts_left(found)
    log.note(importId=import_id, rows=found.rows, parts=found.parts, left=len(left))
    importing.uploads.enqueue_parts(import_id, left)
    if not left:
        importing.imports.finish(found, at)
    return None


def _planned(importing: ImportContext, found: Job, made: Plan, etag: str, at: datetime) -> Job:
    """Note how a file is cut; what could not be read of it counts as one product that failed."""
    unread = int(made.unread is not None)
    planned = replace(
        found,
        total=made.entries + unread,
        rows=made.rows,
        parts=len(made.parts),
        done=unread,
        failed=unread,
        touched_at=rfc3339(at),
        read_as=_read_as(made, found.read_as.mapping),
    )
    layout = replace(made.layout, etag=etag)
    unread_rows = [made.unread] if made.unread else []
    importing.imports.plan(planned, layout, made.parts, made.entries, unread_rows)
    return job(importing.imports, found.id)


def work(importing: ImportContext, import_id: str, number: int, at: datetime) -> None:
    """Work off a part of an import. Safe to repeat, and twice at once."""
    found = importing.imports.part(import_id, number)
    if found is None or _too_late(found.job, at):
        return
    if not found.done:
        entries = planning.read(
            found.layout,
            found.part,
            lambda segment: _text(importing, found, segment),
            importing.currency,
            found.job.read_as.mapping,
        )
        _work(importing, found, entries, at)
    after = job(importing.imports, import_id)
    log.note(importId=import_id, part=number, done=after.done, total=after.total)
    if after.parts_done == after.parts:
        importing.imports.finish(after, at)


def _too_late(found: Job, at: datetime) -> bool:
    """Tell whether an import has had all the time there is: a message that comes now brings what is long outdated."""
    return at > parse(found.created_at) + DONE_WITHIN


def _text(importing: ImportContext, found: Found, segment: Segment) -> str:
    if segment.begin == segment.end:
        return ""
    raw = importing.uploads.read(found.job.id, segment.begin, segment.end, found.layout.etag)
    return raw.decode(found.layout.codec)


def _work(importing: ImportContext, found: Found, entries: list[ParsedProduct], at: datetime) -> None:
    now, first = found.job, found.part.first
    known = importing.catalog.by_slugs(entry.slug for entry in entries if not entry.problems)
    if not now.dry_run:
        importing.catalog.learn(_new_words(entries, known, importing.currency))
    counts, said = Counter[str](), dict[int, list[Problem]]()
    lines: list[list[CountedLine]] = []
    for index, entry in enumerate(entries, first):
        done = _apply(importing, now, index, entry, known.get(entry.slug), at)
        counts[done.outcome] += 1
        counts["warnings"] += sum(problem.level == "warning" for problem in done.problems)
        said[index] = done.problems
        counted = _counted(now, index, entry, done)
        counts["stock_kept"] += len(entry.quantities) - len(counted) if done.stored else 0
        lines += [counted[start : start + MAX_LINES] for start in range(0, len(counted), MAX_LINES)]
    importing.imports.note(now, said)
    facts = [
        fact(StockCounted("import", now.created_at, tuple(some)), now.id, _version(found, place), at)
        for place, some in enumerate(_merged(lines))
    ]
    importing.imports.advance(now, found.part, counts, pack(*facts) if facts else None, at)


def _merged(lines: list[list[CountedLine]]) -> list[list[CountedLine]]:
    """Return counted lines in as few facts as hold them."""
    merged: list[list[CountedLine]] = []
    for some in lines:
        if merged and len(merged[-1]) + len(some) <= MAX_LINES:
            merged[-1] += some
        elif some:
            merged.append(list(some))
    return merged


def _version(found: Found, place: int) -> int:
    """Return the version of a part's fact: another for each fact of an import, the same however often it is told.

    A part has fewer lines than rows, or is one product of at most 2,048.
    """
    return found.part.number * 100 + place + 2


def _new_words(entries: list[ParsedProduct], known: Mapping[str, Stored], currency: str) -> list[str]:
    """Return the words of the products that are new: learnt at once, they cost one read instead of one a product."""
    words: dict[str, None] = {}
    for entry in entries:
        if entry.problems or entry.slug in known:
            continue
        with suppress(DomainError):  # told when it is its turn
            product = normalised(applying.merge(None, entry, currency).product, currency)
            words |= dict.fromkeys(listed_words(product) if product.status == "published" else ())
    return list(words)


class _Done(NamedTuple):
    """What became of an entry; ``fresh`` are those of its variants that came to a product which was there before."""

    outcome: Outcome
    problems: list[Problem]
    stored: Stored | None = None
    fresh: frozenset[int] = frozenset()


def _counted(now: Job, index: int, entry: ParsedProduct, done: _Done) -> list[CountedLine]:
    """Return the units of the SKUs that are new, or of all where the import sets stock; of those that are tracked.

    All are new in a product that the entry itself made, also where a worker died after that and others have changed
    it since.
    """
    if done.stored is None:
        return []
    every = now.stock or done.stored.id == _id(now, index)
    variants = done.stored.product.variants
    found = []
    for at, place in enumerate(applying.places(done.stored.product, entry)):
        units = entry.quantities.get(at)
        if units is None or place is None or not (every or at in done.fresh):
            continue
        if variants[place].stock_policy != "untracked":
            found.append(CountedLine(variants[place].sku, units))
    return found


def _apply(
    importing: ImportContext, now: Job, index: int, entry: ParsedProduct, before: Stored | None, at: datetime
) -> _Done:
    if entry.problems:
        return _Done("failed", [*entry.problems, *entry.warnings])
    origin = f"{now.id}#{index}"
    if before and (mark := _mark(before, origin)):  # by a worker that could not note its progress
        importing.catalog.finish(before)
        return _marked(mark, before, list(entry.warnings))
    try:
        return _store(importing, now, index, entry, before, at)
    except DomainError as error:
        row, field = entry.place(error.field or ())
        return _Done("failed", [Problem(row, field, error.code, error.detail), *entry.warnings])


def _store(
    importing: ImportContext, now: Job, index: int, entry: ParsedProduct, before: Stored | None, at: datetime
) -> _Done:
    """Store an entry; whose SKUs are already another product's is asked once that has shown to matter."""

    def taken() -> dict[str, str]:
        return _taken(importing.catalog, entry, before.id if before else _id(now, index))

    others = taken() if now.dry_run else {}
    for _ in range(_TRIES):
        with suppress(ConflictError):
            return _tried(importing, now, index, entry, before, others, at)
        before = importing.catalog.by_slug(
            entry.slug
        )  # another import of the same products may have been faster
        others = taken()
    return _tried(importing, now, index, entry, before, others, at)


def _tried(
    importing: ImportContext,
    now: Job,
    index: int,
    entry: ParsedProduct,
    before: Stored | None,
    taken: dict[str, str],
    at: datetime,
) -> _Done:
    """Store an entry; raise ConflictError where something else was there first."""
    product_id, origin = _id(now, index), f"{now.id}#{index}"
    merged = applying.merge(before.product if before else None, entry, importing.currency, taken)
    said = [*entry.warnings, *merged.warnings]
    if now.dry_run:
        return _foreseen(importing, entry, before, merged.product, said, at)
    if before is None:
        made = service.create(
            importing.catalog,
            merged.product,
            product_id,
            currency=importing.currency,
            at=at,
            origin=f"{origin}#created",
        )
        return _Done("created", said, made)

    def remake(found: Stored) -> tuple[Product, str]:
        if mark := _mark(found, origin):  # another worker was faster; what became of it since is not undone
            return found.product, mark
        again = applying.merge(found.product, entry, importing.currency, taken)
        return again.product, f"{origin}#updated#{','.join(map(str, sorted(again.fresh)))}"

    after = service.overwrite(importing.catalog, before, remake, currency=importing.currency, at=at)
    mark = _mark(after, origin)
    return _marked(mark, after, said) if mark else _Done("unchanged", said, after)


def _mark(stored: Stored, origin: str) -> str | None:
    """Return what an entry left in a product that it wrote, whoever has written it since; None where it did not."""
    return next((mark for mark in stored.origins if mark.startswith(f"{origin}#")), None)


def _marked(mark: str, stored: Stored, said: list[Problem]) -> _Done:
    """Return what became of an entry, from its mark: only that knows which variants were new with it."""
    _, _, what, *brought = mark.split("#")
    fresh = frozenset(int(place) for places in brought for place in places.split(",") if place)
    return _Done("created" if what == "created" else "updated", said, stored, fresh)


def _foreseen(
    importing: ImportContext,
    entry: ParsedProduct,
    before: Stored | None,
    product: Product,
    said: list[Problem],
    at: datetime,
) -> _Done:
    """Return what would become of an entry; raise InvalidError where it would be refused."""
    after = service.foreseen(before, product, currency=importing.currency, at=at)
    outcome: Outcome = "created" if before is None else "unchanged" if after is before else "updated"
    becomes = "would stay as it is" if after is before else f"would be {outcome}"
    detail = f"{after.product.title} {becomes}."
    return _Done(outcome, [Problem(entry.row, "", outcome, detail, "outcome"), *said])


def _taken(catalog: CatalogTable, entry: ParsedProduct, product_id: str) -> dict[str, str]:
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


# --- those that stand still ---------------------------------------------------------------------------------------


def look_after(importing: ImportContext, import_id: str, at: datetime) -> None:
    """End an import whose time is over, and hand one on again that stands still. Safe to repeat."""
    found = importing.imports.job(import_id)
    if found is None or found.ended:
        importing.imports.close(import_id)
    elif found.status == "awaiting_upload" and at > parse(found.created_at) + UPLOAD_WITHIN:
        importing.imports.fail(import_id, "upload_missing", "The file never came, or was never started.", at)
    elif _too_late(found, at):
        importing.imports.fail(import_id, "deadline_passed", "The import was not done within a day.", at)
    elif found.status != "awaiting_upload" and at > parse(found.touched_at) + SILENT:
        importing.imports.touch(import_id, at)
        importing.uploads.enqueue(import_id)


def give_up(importing: ImportContext, import_id: str, at: datetime) -> None:
    """Tell those who look at an import that a part of it failed for good."""
    why = "A part of the file could not be worked on, however often it was tried; send the file again."
    importing.imports.fail(import_id, "worker_failed", why, at)


# --- formats ------------------------------------------------------------------------------------------------------


def mapping_of(text: str) -> dict[str, str]:
    """Return a file's columns, each with the field that it stands for; raise InvalidError for what is no mapping."""
    try:
        return msgspec.json.decode(text or "{}", type=dict[str, str])
    except (msgspec.DecodeError, UnicodeError):
        detail = 'mapping is a JSON object of columns and fields, like {"Artikelname": "title"}.'
        raise InvalidError("invalid_mapping", detail, field=("mapping",)) from None


def refuse_file(raw: bytes) -> None:
    """Raise InvalidError for a file that has come although it was to come later."""
    if raw:
        detail = "Send the file to the address that the answer names, or without upload=true."
        raise InvalidError("body_not_expected", detail)


def kind_of(content_type: str) -> Format:
    """Return the format of a body."""
    return "csv" if content_type.partition(";")[0].strip().lower() == "text/csv" else "jsonl"
