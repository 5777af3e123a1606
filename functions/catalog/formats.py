"""The formats an import may have: which one a file is in, and how it was read."""

from __future__ import annotations

from collections.abc import Mapping

from functions.catalog import decoding, jsonl, shopify, woocommerce
from functions.catalog.rows import Entry
from functions.catalog.table_imports import Format, ReadAs


def read(raw: bytes, kind: Format, currency: str, mapping: Mapping[str, str]) -> tuple[list[Entry], ReadAs]:
    """Return the products of a file, and how it was read.

    Raises
    ------
    InvalidError
        The file as a whole cannot be read.
    """
    text, encoding = decoding.decode(raw)
    if kind == "jsonl":
        return jsonl.read(text), ReadAs("jsonl", encoding)
    if not mapping and woocommerce.is_it(text):
        sheet, name = woocommerce.sheet(text), "woocommerce"
    else:
        sheet, name = shopify.sheet(text, mapping), "mapped" if mapping else "shopify"
    read_as = ReadAs(name, encoding, sheet.delimiter, sheet.kept, dict(mapping))
    return shopify.products(sheet, currency), read_as
