"""Products as JSONL: one JSON object a line, in the shape of POST /catalog/products.

For an import a variant may also have a ``quantity``: the units on hand, which the catalog hands on to inventory.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from functions.catalog.domain import Product
from functions.catalog.formats.rows import ParsedProduct, Problem
from functions.catalog.text import fold_slug, slug_of
from functions.shared.bodies import fault_of
from functions.shared.errors import json_pointer

Quantity = Annotated[int, Meta(ge=0, le=1_000_000_000)]


class _Named(msgspec.Struct, forbid_unknown_fields=False):
    """What must be readable of a line before anything else is: which product it is."""

    title: str = ""
    slug: str = ""


class _Counted(msgspec.Struct, forbid_unknown_fields=False):
    quantity: Quantity | None = None


def read(lines: Iterable[tuple[int, str]]) -> list[ParsedProduct]:
    """Return the products of a file's lines, each with its number; of one that repeats, the first counts."""
    entries: list[ParsedProduct] = []
    seen: dict[str, int] = {}
    for number, line in lines:
        entry = _entry(number, line)
        if entry.slug and entry.slug in seen:
            detail = f"Line {seen[entry.slug]} has the same product."
            entry = ParsedProduct(number, "", problems=(Problem(number, "/slug", "slug_repeated", detail),))
        seen.setdefault(entry.slug, number)
        entries.append(entry)
    return entries


def key_of(number: int, line: str) -> str:
    """Return what tells a line's product from others: its slug, or the number of the line where it has none."""
    try:
        named = msgspec.json.decode(line, type=_Named)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return f"?{number}"
    return fold_slug(named.slug) or slug_of(named.title) or f"?{number}"


def object_in(line: str) -> dict[str, Any] | None:
    """Return a line's JSON object, None where it is none."""
    try:
        given = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return given if isinstance(given, dict) else None


def _entry(number: int, line: str) -> ParsedProduct:
    def refuse(field: str, code: str, detail: str) -> ParsedProduct:
        return ParsedProduct(number, "", problems=(Problem(number, field, code, detail),))

    given = object_in(line)
    if given is None:
        return refuse("", "malformed_json", "The line is no JSON object.")
    if fault := fault_of(given, _Named):
        return refuse(json_pointer(fault.field or ()), fault.code, fault.detail)
    quantities = {}
    for index, variant in enumerate(_variants(given)):
        quantity = variant.pop("quantity", None)
        if fault := fault_of({"quantity": quantity}, _Counted):
            return refuse(f"/variants/{index}/quantity", fault.code, fault.detail)
        if quantity is not None:
            quantities[index] = quantity
    slug = fold_slug(given.get("slug", "")) or slug_of(given.get("title", ""))
    return ParsedProduct(
        number,
        slug,
        msgspec.json.encode(given),
        quantities,
        place=lambda field: (number, json_pointer(field)),
    )


def _variants(given: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the variants of a line that may still be anything."""
    variants = given.get("variants")
    return (
        [variant for variant in variants if isinstance(variant, dict)] if isinstance(variants, list) else []
    )


def write(product: Product) -> str:
    """Return a product's line."""
    return msgspec.json.encode(product).decode() + "\n"
