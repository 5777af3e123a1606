"""An import: what it is asked to do, and how far it has got."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Format = Literal["csv", "jsonl"]
MAX_FILE_BYTES = 200_000_000
MEDIA_TYPES: dict[Format, str] = {"csv": "text/csv", "jsonl": "application/x-ndjson"}
Status = Literal["awaiting_upload", "queued", "running", "completed", "failed"]


class ReadAs(Struct, frozen=True, rename="camel"):
    """How a file was read.

    ``columns_kept`` are those without a field, ``mapping`` the columns that were given one; ``decimal_sign`` is blank
    where the file does not say which it has.
    """

    format: str = ""
    encoding: str = "utf-8"
    delimiter: str = ""
    columns_kept: tuple[str, ...] = ()
    mapping: dict[str, str] = {}
    decimal_sign: str = ""


class Job(Struct, frozen=True):
    """An import and how far it has got; ``rows`` and ``rows_done`` are of the file, all other counts of products.

    ``size`` is that of the file in bytes. ``stock`` has quantities set for SKUs that are there, else ``stock_kept``
    counts those that were not; a ``dry_run`` changes no product. ``reason`` and ``why`` are the code and the sentence
    of what made it fail. ``touched_at`` is when it last got further.
    """

    id: str
    format: Format
    status: Status
    created_at: str
    total: int = 0
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
    read_as: ReadAs = ReadAs()
    rows: int = 0
    rows_done: int = 0
    parts: int = 0
    parts_done: int = 0
    size: int = 0
    touched_at: str = ""
    reason: str = ""
    why: str = ""

    @property
    def ended(self) -> bool:
        """Tell whether nobody works on it any more."""
        return self.status in ("completed", "failed")
