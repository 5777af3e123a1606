"""Products as JSONL: one JSON object a line, in the shape of POST /catalog/products.

For an import a variant may also have a ``quantity``: the units on hand, which the catalog hands on to inventory.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from functions.catalog.domain import Product
from functions.catalog.rows import Entry, Problem
from functions.catalog.text import fold_slug, slug_of
from functions.shared.bodies import fault_of
from functions.shared.errors import InvalidError

Quantity = Annotated[int, Meta(ge=0, le=1_000_000_000)]


class _Named(msgspec.Struct, forbid_unknown_fields=False):
    """What must be readable of a line before anything else is: which product it is."""

    title: str = ""
    slug: str = ""


class _Counted(msgspec.Struct, forbid_unknown_fields=False):
    quantity: Quantity | None = None


def read(text: str) -> list[Entry]:
    """Return the products of a file, one for each line that is not blank.

    Raises
    ------
    InvalidError
        The first line is no JSON object, so this is another format.
    """
    entries: list[Entry] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        entry = _entry(number, line)
        if not entries and entry.problems and entry.problems[0].code == "malformed_json":
            raise InvalidError("not_jsonl", "The first line is no JSON object: one product a line is needed.")
        if entry.slug and entry.slug in seen:
            detail = f"Line {seen[entry.slug]} has the same product."
            entry = Entry(number, "", problems=(Problem(number, "/slug", "slug_repeated", detail),))
        seen.setdefault(entry.slug, number)
        entries.append(entry)
    return entries


def _entry(number: int, line: str) -> Entry:
    def refuse(field: str, code: str, detail: str) -> Entry:
        return Entry(number, "", problems=(Problem(number, field, code, detail),))

    try:
        given = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        given = None
    if not isinstance(given, dict):
        return refuse("", "malformed_json", "The line is no JSON object.")
    if fault := fault_of(given, _Named):
        return refuse(fault.pointer or "", fault.code, fault.detail)
    quantities = {}
    for index, variant in enumerate(_variants(given)):
        quantity = variant.pop("quantity", None)
        if fault := fault_of({"quantity": quantity}, _Counted):
            return refuse(f"/variants/{index}/quantity", fault.code, fault.detail)
        if quantity is not None:
            quantities[index] = quantity
    slug = fold_slug(given.get("slug", "")) or slug_of(given.get("title", ""))
    return Entry(
        number, slug, msgspec.json.encode(given), quantities, place=lambda pointer: (number, pointer)
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
