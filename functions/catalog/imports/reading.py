"""The formats an import may have: the products of a part of a file, as they would be read from the whole."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from itertools import chain

from functions.catalog.formats import jsonl, shopify, woocommerce
from functions.catalog.formats.csv_records import Record, records
from functions.catalog.formats.rows import ParsedProduct
from functions.catalog.imports.planning import Layout, Part, Segment


def read(
    layout: Layout, part: Part, text_of: Callable[[Segment], str], currency: str, mapping: Mapping[str, str]
) -> list[ParsedProduct]:
    """Return the products of a part, in the order in which they first appear."""
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
