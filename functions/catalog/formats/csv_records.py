"""CSV as people's spreadsheets write it (RFC 4180), read so that one broken row does not take others with it.

Lines are read as they are needed, so that a file of any size takes the memory of one record.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_MAX_BROKEN = 50
"""Broken records after which the rest is given up: an unclosed quote costs reading on to where a record must end."""
MAX_RECORD = 2_000_000
"""Characters of one record: a longer one is a quote that was never closed."""

csv.field_size_limit(50_000_000)  # lengths are checked field by field, with a better message


@dataclass(frozen=True)
class Record:
    """One row of the file, as a spreadsheet counts them; ``broken`` says why its cells cannot be told, if so.

    ``text`` are the lines that it was read from; there are none where the rest of the file is not read.
    """

    row: int
    cells: list[str]
    broken: str = ""
    text: str = ""


class _Lines:
    """Lines for a CSV reader, which can go back to the second line of a record that turned out to be none."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._source = iter(lines)
        self._ahead: deque[str] = deque()
        self.taken: list[str] = []
        self._size = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._ahead.popleft() if self._ahead else next(self._source)
        self.taken.append(line)
        self._size += len(line)
        if self._size > MAX_RECORD:
            raise csv.Error("it has no end within 2 MB: a quote is not closed")
        return line

    def record(self) -> str:
        """Return the text of the record that ends here."""
        text = "".join(self.taken)
        self.taken.clear()
        self._size = 0
        return text

    def first_line(self) -> str:
        """Return the first line of what was no record, and read on after it."""
        self._ahead.extendleft(reversed(self.taken[1:]))
        del self.taken[1:]
        return self.record()


def records(lines: Iterable[str], delimiter: str = ",", *, row: int = 0, width: int = 0) -> Iterator[Record]:
    """Yield the rows of CSV lines, the header first; after a broken one reading goes on at the next line.

    The cells of a broken record are its line cut at the first delimiter.

    Parameters
    ----------
    row, width
        Where the lines are of the middle of a file: the number of the row before, and the cells that the header has.
    """
    feed, broken = _Lines(lines), 0
    while broken <= _MAX_BROKEN:
        why = ""
        try:
            for cells in csv.reader(feed, strict=True, delimiter=delimiter):
                row += 1
                if why := _misfit(cells, width, len(feed.taken)):
                    break
                width = width or len(cells)
                yield Record(row, cells, text=feed.record())
            else:
                return
        except csv.Error as error:
            row += 1
            why = str(error)
        broken += 1
        line = feed.first_line()
        yield Record(row, line.split(delimiter)[:1], why, line)
    yield Record(row + 1, [""], f"more than {_MAX_BROKEN} rows are broken; the rest of the file is not read")


def _misfit(cells: list[str], width: int, lines: int) -> str:
    """Return what shows that a quote swallowed the rows after it, or that a comma is not quoted."""
    extra = [cell for cell in cells[width:] if cell.strip()] if width else []
    if extra:
        return f"it has {len(cells)} cells, the header has {width}: a comma or a quote is not quoted"
    if width and lines > 1 and len(cells) < width:
        return f"it has {len(cells)} cells over {lines} lines, the header has {width}: a quote is not closed"
    return ""
