"""What imports take and answer over HTTP."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from functions.catalog.formats.rows import Problem
from functions.catalog.imports.domain import MAX_FILE_BYTES, MEDIA_TYPES, Job, ReadAs
from functions.catalog.jobs.domain import ADDRESS_SECONDS
from functions.catalog.lists.domain import Page
from functions.shared.types import Cursor, Query, View


class ImportProducts(Query, frozen=True):
    """What an import is to do beside creating and changing products, and whether its file comes later."""

    stock: Annotated[
        Literal["keep", "set"], Meta(description="Whether to set the stock of SKUs that are there too")
    ] = "keep"
    dry_run: Annotated[bool, Meta(description="Only tell what would happen")] = False
    mapping: Annotated[
        str,
        Meta(
            description="A JSON object of the file's columns, each with the field that it stands for",
            examples=['{"Artikelname": "title"}'],
        ),
    ] = ""
    upload: Annotated[bool, Meta(description="Send no file, but ask for an address to PUT it to")] = False


class ByCursor(Query, frozen=True):
    """Which part of a file."""

    cursor: Cursor | None = None


class UploadView(View, frozen=True):
    """Where a file is to be sent: with this method and these headers, and no others of its own; for one hour."""

    url: str
    method: str
    headers: dict[str, str]
    expires_in: int
    max_bytes: int


class ImportAcceptedView(View, frozen=True):
    """An import that waits to be worked off, or where there is an ``upload``, for its file.

    ``total`` are the file's products and ``rows`` its rows, 0 while it has not been read.
    """

    import_id: str
    status: str
    total: int
    rows: int
    read_as: ReadAs
    upload: UploadView | None = None


class ProblemView(View, frozen=True):
    """What is wrong with a field: ``row`` and ``field`` as a spreadsheet shows them."""

    row: int
    field: str
    code: str
    detail: str


class ImportView(View, frozen=True):
    """An import: ``total``, ``done`` and the counts are of products; ``nextCursor`` leads to more that is said of rows.

    ``rows`` and ``rowsDone`` are the rows of the file, 0 while it has not been read. ``problem`` is why it failed as a
    whole, if so.

    ``errors`` keep their products out; ``warnings`` say what was read otherwise; ``outcomes`` what a dry run would have
    done. ``stockKept`` are the rows whose quantity changed nothing, because ``stock`` is ``keep``.
    """

    import_id: str
    format: str
    status: str
    total: int
    done: int
    created: int
    updated: int
    unchanged: int
    failed: int
    created_at: str
    finished_at: str | None
    errors: list[ProblemView]
    warnings: list[ProblemView]
    outcomes: list[ProblemView]
    warning_count: int
    stock: str
    stock_kept: int
    dry_run: bool
    read_as: ReadAs
    next_cursor: str | None
    rows: int
    rows_done: int
    problem: ProblemView | None


def import_view(job: Job, problems: Page[Problem]) -> ImportView:
    """Shape an import with a page of its problems."""
    said: dict[str, list[ProblemView]] = {"error": [], "warning": [], "outcome": []}
    for problem in problems.items:
        shown = ProblemView(problem.row, problem.field, problem.code, problem.detail)
        said[problem.level].append(shown)
    return ImportView(
        job.id,
        job.format,
        job.status,
        job.total,
        job.done,
        job.created,
        job.updated,
        job.unchanged,
        job.failed,
        job.created_at,
        job.finished_at or None,
        said["error"],
        said["warning"],
        said["outcome"],
        job.warnings,
        "set" if job.stock else "keep",
        job.stock_kept,
        job.dry_run,
        job.read_as,
        problems.following,
        job.rows,
        job.rows_done,
        ProblemView(0, "", job.reason, job.why) if job.reason else None,
    )


def accepted_view(job: Job) -> ImportAcceptedView:
    """Shape an import whose file is there."""
    return ImportAcceptedView(job.id, job.status, job.total, job.rows, job.read_as)


def upload_view(job: Job, address: str) -> ImportAcceptedView:
    """Shape an import whose file is still to come to an address."""
    headers = {"Content-Type": MEDIA_TYPES[job.format]}
    upload = UploadView(address, "PUT", headers, ADDRESS_SECONDS, MAX_FILE_BYTES)
    return ImportAcceptedView(job.id, job.status, job.total, job.rows, job.read_as, upload)
