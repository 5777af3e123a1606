"""CSV as people's spreadsheets write it (RFC 4180), read so that one broken row does not take others with it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

_MAX_BROKEN = 50
"""Broken records after which the rest is given up: an unclosed quote costs reading on to the end of the file."""

csv.field_size_limit(50_000_000)  # lengths are checked field by field, with a better message


@dataclass(frozen=True)
class Record:
    """One row of the file, as a spreadsheet counts them; ``broken`` says why its cells cannot be told, if so."""

    row: int
    cells: list[str]
    broken: str = ""


def records(text: str, delimiter: str = ",") -> Iterator[Record]:
    """Yield the rows of a CSV text, the header first; after a broken one reading goes on at the next line.

    The cells of a broken record are its line cut at the first delimiter.
    """
    lines = list(io.StringIO(text, newline=""))
    at, row, width, broken = 0, 0, 0, 0
    while at < len(lines):
        reader = csv.reader(
            (lines[index] for index in range(at, len(lines))), strict=True, delimiter=delimiter
        )
        begin = at
        why = ""
        try:
            for cells in reader:
                row += 1
                if why := _misfit(cells, width, reader.line_num - (at - begin)):
                    break
                width = width or len(cells)
                at = begin + reader.line_num
                yield Record(row, cells)
        except csv.Error as error:
            row += 1
            why = str(error)
        if why:
            broken += 1
            yield Record(row, lines[at].split(delimiter)[:1], why)
            at += 1
        if broken > _MAX_BROKEN:
            yield Record(
                row + 1, [""], f"more than {_MAX_BROKEN} rows are broken; the rest of the file is not read"
            )
            return


def _misfit(cells: list[str], width: int, lines: int) -> str:
    """Return what shows that a quote swallowed the rows after it, or that a comma is not quoted."""
    extra = [cell for cell in cells[width:] if cell.strip()] if width else []
    if extra:
        return f"it has {len(cells)} cells, the header has {width}: a comma or a quote is not quoted"
    if width and lines > 1 and len(cells) < width:
        return f"it has {len(cells)} cells over {lines} lines, the header has {width}: a quote is not closed"
    return ""
