"""What is said of an import's rows as a CSV file, to work through in a spreadsheet."""

from __future__ import annotations

import csv
import io
from typing import NamedTuple

from functions.catalog.formats.shopify import quoted
from functions.catalog.imports.table import ImportsTable

ROWS = 5_000  # of one page; Lambda answers with 6 MB at most (Lambda quotas), and a row has 1 KB at the most
_COLUMNS = ("row", "level", "field", "code", "detail")


class MessagesPage(NamedTuple):
    """A part of the file, and where the next begins."""

    text: str
    following: str | None


def page(table: ImportsTable, import_id: str, after: str | None, rows: int = ROWS) -> MessagesPage:
    """Return errors, warnings and outcomes in the order of the file; only the first page has the header.

    It begins with a byte order mark, without which Excel takes UTF-8 for something else.
    """
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\r\n")
    if after is None:
        out.write("\ufeff")
        lines.writerow(_COLUMNS)
    while rows > 0:
        found = table.problems(import_id, rows, after)
        for problem in found.items:
            lines.writerow([quoted(str(getattr(problem, name))) for name in _COLUMNS])
        rows, after = rows - len(found.items), found.following
        if after is None:
            break
    return MessagesPage(out.getvalue(), after)
