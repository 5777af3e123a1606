"""How a file is cut into parts that are worked on at once, and a part read: no product has rows in two of them.

A part names its rows by where they stand in the file, in bytes, so that who works on it reads nothing else; what only
the whole file says (how it is written, which addresses clash) is found once and handed on. A file is gone through line
by line; what is kept of it in memory are its products' names.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import BinaryIO, Literal, NamedTuple

import msgspec

from functions.catalog.formats import decoding, jsonl, numerals, shopify, woocommerce
from functions.catalog.formats.csv_records import Record, records
from functions.catalog.formats.rows import ParsedProduct, Problem
from functions.catalog.text import distinct_slugs, fold
from functions.shared.errors import InvalidError

MAX_PRODUCTS, MAX_ROWS, MAX_BYTES = 50, 500, 1_000_000
"""Of one part; a product that has more is one by itself."""
MAX_FILE_ROWS = 2_000_000

Form = Literal["jsonl", "shopify", "mapped", "woocommerce"]
Beat = Callable[[int], None]
"""Told now and then how many rows have been read."""


class Segment(msgspec.Struct, frozen=True, array_like=True):
    """Consecutive rows: where they begin and end, in bytes, and the number of the first."""

    begin: int
    end: int
    row: int


class Part(msgspec.Struct, frozen=True):
    """Products that are worked on together.

    ``first`` is the number of the first of them in the file; ``slugs`` are those that only the whole file tells, by the
    product's key (`shopify.Groups`) or ``==`` and the number of its row (`woocommerce.sheet`).
    """

    number: int
    first: int
    entries: int
    rows: int
    segments: tuple[Segment, ...]
    slugs: dict[str, str] = {}


class Layout(msgspec.Struct, frozen=True):
    """What every part has to know of the file: ``codec`` is Python's name of its encoding.

    ``etag`` tells it from another that was sent to its address since.
    """

    form: Form
    codec: str
    delimiter: str = ""
    header: Segment = Segment(0, 0, 1)
    sign: str = ""
    etag: str = ""


class Plan(NamedTuple):
    """A file, cut. ``unread`` says from where on it could not be read at all, if so."""

    layout: Layout
    encoding: str
    kept: tuple[str, ...]
    parts: list[Part]
    unread: Problem | None = None

    @property
    def entries(self) -> int:
        """Return how many products there are."""
        return sum(part.entries for part in self.parts)

    @property
    def rows(self) -> int:
        """Return how many rows there are."""
        return sum(part.rows for part in self.parts)


@dataclass
class _Group:
    """One product, or several lines that say they are the same: its rows, and as how many entries they are read."""

    segments: list[Segment] = field(default_factory=list)
    rows: int = 0
    entries: int = 1
    slugs: dict[str, str] = field(default_factory=dict)

    def add(self, begin: int, end: int, row: int) -> None:
        self.rows += 1
        if self.segments and self.segments[-1].end == begin:
            self.segments[-1] = Segment(self.segments[-1].begin, end, self.segments[-1].row)
        else:
            self.segments.append(Segment(begin, end, row))


def plan(file: BinaryIO, kind: Literal["csv", "jsonl"], mapping: Mapping[str, str], beat: Beat) -> Plan:
    """Return how a file is cut.

    Raises
    ------
    InvalidError
        The file as a whole cannot be read: empty, in an unclear encoding, another format, without the needed columns.
    """
    encoding = decoding.recognise(file)
    if kind == "jsonl":
        made = _jsonl(decoding.lines(file, encoding, "\n"), encoding, beat)
    else:
        lines = _texts(decoding.lines(file, encoding))
        first = next(lines, "")
        cut = _woocommerce if not mapping and woocommerce.is_it(first) else _shopify
        made = cut(first, chain((first,), lines), encoding, mapping, beat)
    if not made.parts:
        raise InvalidError("no_products", "The file holds no product.")
    return made


def _texts(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        if "\0" in line:
            raise InvalidError("not_csv", "The file holds NUL characters: it is no text.")
        yield line


class _Places:
    """Where the records of a file stand in it."""

    def __init__(self, encoding: decoding.Encoding, beat: Beat) -> None:
        self.end, self._codec, self._beat = encoding.begin, encoding.codec, beat
        self.unread: Problem | None = None

    def of(self, row: int, text: str) -> tuple[int, int]:
        """Return where the next record begins and ends, in bytes."""
        if row > MAX_FILE_ROWS:
            detail = f"The file has more than {MAX_FILE_ROWS:,} rows: import it in several."
            raise InvalidError("too_many_rows", detail, parameters={"max": MAX_FILE_ROWS})
        if row % 20_000 == 0:
            self._beat(row)
        begin, self.end = self.end, self.end + len(text.encode(self._codec))
        return begin, self.end

    def each(self, lines: Iterator[Record]) -> Iterator[tuple[Record, int, int]]:
        """Yield records with their places; the last may say that the rest cannot be read."""
        for line in lines:
            if line.broken and not line.text:
                self.unread = Problem(line.row, "", "broken_row", f"The row is broken: {line.broken}.")
                return
            yield (line, *self.of(line.row, line.text))


def _jsonl(lines: Iterator[str], encoding: decoding.Encoding, beat: Beat) -> Plan:
    places, groups = _Places(encoding, beat), dict[str, _Group]()
    for number, line in enumerate(lines, 1):
        begin, end = places.of(number, line)
        if not line.strip():
            continue
        if not groups and jsonl.object_in(line) is None:
            raise InvalidError("not_jsonl", "The first line is no JSON object: one product a line is needed.")
        group = groups.setdefault(jsonl.key_of(number, line), _Group())
        group.add(begin, end, number)
        group.entries = group.rows
    return Plan(Layout("jsonl", encoding.codec), encoding.name, (), _parts(groups))


def _shopify(
    first: str, lines: Iterator[str], encoding: decoding.Encoding, mapping: Mapping[str, str], beat: Beat
) -> Plan:
    known = shopify.known_names(mapping)
    delimiter = shopify.delimiter_of(first, known)
    places, found = _Places(encoding, beat), records(lines, delimiter)
    header, layout = _header(
        next(found, None), places, "mapped" if mapping else "shopify", delimiter, encoding
    )
    columns = shopify.columns_of(header, known)
    named, groups, numbers = shopify.Groups(), dict[str, _Group](), _Numbers()
    for line, begin, end in places.each(found):
        if row := columns.row(line):
            groups.setdefault(named.add(row), _Group()).add(begin, end, line.row)
            numbers.add(row[key] for key in shopify.NUMBERS)
    for key, slug in named.renamed().items():
        groups[key].slugs[key] = slug
    layout = msgspec.structs.replace(layout, sign=numbers.sign(delimiter))
    return Plan(layout, encoding.name, tuple(columns.others), _parts(groups), places.unread)


def _woocommerce(
    first: str, lines: Iterator[str], encoding: decoding.Encoding, mapping: Mapping[str, str], beat: Beat
) -> Plan:
    delimiter = shopify.delimiter_of(first, woocommerce.NAMES)
    places, found = _Places(encoding, beat), records(lines, delimiter)
    header, layout = _header(next(found, None), places, "woocommerce", delimiter, encoding)
    columns, families, numbers = woocommerce.header_of(header), woocommerce.Families(), _Numbers()
    rows: list[tuple[int, int, int, int | str, str]] = []
    for line, begin, end in places.each(found):
        cells = columns.cells(line)
        if cells is not None:
            rows.append((begin, end, line.row, families.add(cells), fold(cells.get("name", ""))))
            numbers.add(cells.get(name, "") for name in woocommerce.NUMBERS)
    slugs, named, groups = distinct_slugs(families.asked), shopify.Groups(), dict[str, _Group]()
    for begin, end, row, added, title in rows:
        number = families.number(added)
        key = (title or f"?{row}") if number is None else f"={slugs[number]}"
        named.titles.setdefault(key, title)
        group = groups.setdefault(key, _Group())
        group.add(begin, end, row)
        if isinstance(added, int):
            group.slugs[f"=={row}"] = slugs[added]
    for key, slug in named.renamed().items():
        groups[key].slugs[key] = slug
    layout = msgspec.structs.replace(layout, sign=numbers.sign(delimiter))
    return Plan(layout, encoding.name, columns.kept, _parts(groups), places.unread)


def _header(
    line: Record | None, places: _Places, form: Form, delimiter: str, encoding: decoding.Encoding
) -> tuple[Record | None, Layout]:
    begin, end = places.of(1, line.text) if line else (encoding.begin, encoding.begin)
    return line, Layout(form, encoding.codec, delimiter, Segment(begin, end, 1))


class _Numbers:
    """The numbers of a file, each shape of one once: what tells the decimal sign are digits and signs, not which."""

    def __init__(self) -> None:
        self._shapes: set[str] = set()

    def add(self, cells: Iterator[str]) -> None:
        self._shapes |= {re.sub("[0-9]", "0", cell[:40]) for cell in cells if "," in cell or "." in cell}

    def sign(self, delimiter: str) -> str:
        return numerals.decimal_sign(self._shapes, delimiter)


def _parts(groups: Mapping[str, _Group]) -> list[Part]:
    """Return products in parts, in the order of the file."""
    parts: list[Part] = []
    taken: list[_Group] = []
    rows = size = 0
    for group in groups.values():
        more = sum(segment.end - segment.begin for segment in group.segments)
        full = len(taken) == MAX_PRODUCTS or rows + group.rows > MAX_ROWS or size + more > MAX_BYTES
        if taken and full:
            parts.append(_part(taken, parts))
            taken, rows, size = [], 0, 0
        taken.append(group)
        rows, size = rows + group.rows, size + more
    return [*parts, _part(taken, parts)] if taken else parts


def _part(groups: list[_Group], before: list[Part]) -> Part:
    together = _Group()
    for segment in sorted((one for group in groups for one in group.segments), key=lambda one: one.begin):
        together.add(segment.begin, segment.end, segment.row)
    return Part(
        number=len(before),
        first=before[-1].first + before[-1].entries if before else 0,
        entries=sum(group.entries for group in groups),
        rows=sum(group.rows for group in groups),
        segments=tuple(together.segments),
        slugs={key: slug for group in groups for key, slug in group.slugs.items()},
    )


# --- the parts ----------------------------------------------------------------------------------------------------


def read(
    layout: Layout, part: Part, text_of: Callable[[Segment], str], currency: str, mapping: Mapping[str, str]
) -> list[ParsedProduct]:
    """Return the products of a part, in the order in which they first appear, as read from the whole file."""
    match layout.form:
        case "jsonl":
            return jsonl.read(_lines(part, text_of))
        case "woocommerce":
            rows = {int(key[2:]): slug for key, slug in part.slugs.items() if key.startswith("==")}
            sheet = woocommerce.sheet(_records(layout, part, text_of), layout.delimiter, rows)
            return shopify.products(sheet, currency, sign=layout.sign, renamed=part.slugs)
        case "shopify" | "mapped":
            known = shopify.known_names(mapping)
            sheet = shopify.sheet(_records(layout, part, text_of), known, layout.delimiter)
            return shopify.products(sheet, currency, sign=layout.sign, renamed=part.slugs)


def _lines(part: Part, text_of: Callable[[Segment], str]) -> Iterator[tuple[int, str]]:
    for segment in part.segments:
        for number, line in enumerate(text_of(segment).split("\n"), segment.row):
            if line.strip():
                yield number, line


def _records(layout: Layout, part: Part, text_of: Callable[[Segment], str]) -> Iterator[Record]:
    header = next(records(_opened(text_of(layout.header)), layout.delimiter))
    rows = (
        records(_opened(text_of(one)), layout.delimiter, row=one.row - 1, width=len(header.cells))
        for one in part.segments
    )
    # A part whose every row is broken gives up like a whole file; that is told of the file already.
    return chain((header,), (line for line in chain.from_iterable(rows) if line.text))


def _opened(text: str) -> Iterator[str]:
    return io.StringIO(text, newline="")
