"""WooCommerce's product CSV, read as rows of the columns that `shopify` has.

https://github.com/woocommerce/woocommerce/wiki/Product-CSV-Import-Schema: a row for each product; a ``variable`` one is
followed by a row for each ``variation``, which names it in ``Parent`` by its SKU or as ``id:`` and its ID.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from functions.catalog.formats.csv_records import Record, records
from functions.catalog.formats.shopify import Row, Sheet, delimiter_of, plain_name, shown
from functions.catalog.text import distinct_slugs, slug_of
from functions.shared.errors import InvalidError

_WEIGHTS = {"weight kg": "kilograms", "weight g": "grams", "weight lbs": "pounds", "weight oz": "ounces"}
_LABELS = {
    "handle": "Name",
    "title": "Name",
    "body": "Description",
    "type": "Categories",
    "tags": "Tags",
    "published": "Published",
    "status": "Visibility in catalog",
    "sku": "SKU",
    "price": "Regular price",
    "compare_at": "Regular price",
    "quantity": "Stock",
    "tracker": "Stock",
    "policy": "Backorders allowed?",
    "taxable": "Tax status",
    "tax_code": "Tax class",
    "barcode": "GTIN, UPC, EAN, or ISBN",
    "image": "Images",
    "grams": "Weight (g)",
    "kilograms": "Weight (kg)",
    "pounds": "Weight (lbs)",
    "ounces": "Weight (oz)",
    "shipping": "Type",
    "vendor": "Brands",
    "position": "Images",
    "alt": "Images",
    **{f"option{number}": f"Attribute {number} value(s)" for number in (1, 2, 3)},
    **{f"option{number}_name": f"Attribute {number} name" for number in (1, 2, 3)},
}
_USED = {
    *(plain_name(label) for label in _LABELS.values()),
    *_WEIGHTS,
    "id",
    "type",
    "parent",
    "sale price",
    "in stock",
}
_SOURCES = {
    "body": ("description", "short description"),
    "type": ("categories",),
    "tags": ("tags",),
    "vendor": ("brands",),
    "image": ("images",),
    "position": ("images",),
    "variant_image": ("images",),
    "sku": ("sku",),
    "published": ("published", "visibility in catalog"),
    "status": ("published", "visibility in catalog"),
    "price": ("regular price", "sale price"),
    "compare_at": ("sale price",),
    "tracker": ("stock", "in stock"),
    "quantity": ("stock", "in stock"),
    "policy": ("backorders allowed", "in stock"),
    "taxable": ("tax status",),
    **{f"option{number}": (f"attribute {number} name",) for number in (1, 2, 3)},
    **{f"option{number}_name": (f"attribute {number} name",) for number in (1, 2, 3)},
}
"""The columns that say what each of our columns says; where a file has none of them, it says nothing of it."""
NAMES = ("type", "sku", "name", "published", "regular price", "categories", "images", "parent")
NUMBERS = ("regular price", "sale price", *_WEIGHTS)
_OPTIONS = (1, 2, 3)
_ANY = "Any"
"""The value of an attribute that a variation leaves to the buyer."""


def is_it(line: str) -> bool:
    """Tell whether a line is the header of WooCommerce's export."""
    header = next(records([line], delimiter_of(line, NAMES)), None)
    names = {plain_name(name) for name in header.cells} if header else set()
    return {"name", "sku", "regular price"} <= names and not names.isdisjoint(
        ("type", "parent", "categories")
    )


class Header(NamedTuple):
    """The columns of a file: all by their plain names, and those that no field was found for."""

    names: list[str]
    kept: tuple[str, ...]

    def cells(self, line: Record) -> dict[str, str] | None:
        """Return a record's cells by column, None where it is blank."""
        if not line.broken and not any(cell.strip() for cell in line.cells):
            return None
        return dict(zip(self.names, map(shown, line.cells), strict=False))


def header_of(line: Record | None) -> Header:
    """Return the columns that a file's header names; raise InvalidError where it has no column Type."""
    header = line.cells if line else []
    names = [plain_name(name) for name in header]
    if "type" not in names:
        raise InvalidError(
            "wrong_header",
            "This is a WooCommerce export without its column Type: export it with all columns.",
        )
    return Header(
        names, tuple(name.strip() for name in header if name.strip() and not _is_used(plain_name(name)))
    )


class Families:
    """The products of a file, as its rows come, and which of its variations belong to which of them."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._parents: dict[str, int] = {}

    def add(self, cells: Mapping[str, str]) -> int | str:
        """Return the number of the product that a row is, or what it calls the product it is a variation of."""
        if _type(cells) == "variation":
            return cells.get("parent", "").strip()
        number = len(self.asked)
        self.asked.append(slug_of(cells.get("name", "")) or "product")
        self._parents |= dict.fromkeys(_keys(cells), number)
        return number

    def number(self, added: int | str) -> int | None:
        """Return the number of a row's product, once all rows are known; None for a variation of none."""
        return added if isinstance(added, int) else self._parents.get(added)


def sheet(lines: Iterator[Record], delimiter: str, slugs: Mapping[int, str] | None = None) -> Sheet:
    """Return the rows of a file's records, the header first.

    Parameters
    ----------
    slugs
        Where this is a part of a file: the slugs of its products, by row.

    Raises
    ------
    InvalidError
        It has no column Type.
    """
    header, families = header_of(next(lines, None)), Families()
    found: list[tuple[Record, dict[str, str], int | str]] = []
    for line in lines:
        cells = header.cells(line)
        if cells is not None:
            found.append((line, cells, families.add(cells)))
    products = [(line.row, cells) for line, cells, number in found if isinstance(number, int)]
    distinct = distinct_slugs(families.asked) if slugs is None else [slugs[row] for row, _ in products]
    for (_, cells), slug in zip(products, distinct, strict=True):
        cells["slug"] = slug
    parents = [
        None if isinstance(added, int) or (number := families.number(added)) is None else products[number][1]
        for _, _, added in found
    ]
    there = set(header.names)
    absent = {key for key, sources in _SOURCES.items() if there.isdisjoint(sources)}
    wide = [
        _Line(line, cells, {name: cells.get(plain_name(name), "") for name in header.kept})
        for line, cells, _ in found
    ]
    rows = _product_first(_rows(wide, parents))
    return Sheet(_without(absent, rows), _LABELS, delimiter, header.kept)


class _Line(NamedTuple):
    """A row of the file: its cells by their columns' plain names, and those of columns without a field."""

    record: Record
    cells: dict[str, str]
    others: dict[str, str]


def _rows(lines: list[_Line], parents: list[dict[str, str] | None]) -> list[Row]:
    """Return the lines as rows that bring variants and pictures; `parents` are the products of variations."""
    families: dict[int, list[dict[str, str]]] = {}
    for line, parent in zip(lines, parents, strict=True):
        if parent:
            families.setdefault(id(parent), []).append(line.cells)
    left = {id(line.cells): line.others for line in lines}
    rows: list[Row] = []
    for line, parent in zip(lines, parents, strict=True):
        if parent:
            own = left.pop(id(parent), {})  # the first variation keeps what its product has no field for
            both = {name: cell or own.get(name, "") for name, cell in line.others.items()}
            rows.append(_variation(line._replace(others=both), parent, families[id(parent)]))
        elif id(line.cells) in families:
            rows += _pictures_of(line.record.row, line.cells)  # what can be bought are its variations
        else:
            cells = _row(line.cells, line.cells, first=True)
            rows.append(Row(line.record.row, cells, line.others, line.record.broken))
            rows += _pictures_of(line.record.row, line.cells)[1:]
    return rows


def _variation(line: _Line, parent: Mapping[str, str], family: list[dict[str, str]]) -> Row:
    """Return a variation's row.

    The units that all variations of a product share are given to the first of those that count none of their own.
    """
    record, cells, others = line
    row = _row(cells, parent, first=False)
    for at in _OPTIONS:
        name, column = parent.get(f"attribute {at} name", "").strip(), f"attribute {at} value s"
        if name and any(one.get(column, "").strip() for one in family):
            row |= {f"option{at}_name": name, f"option{at}": cells.get(column, "").strip() or _ANY}
    shared = parent.get("stock", "").strip()
    if not shared or cells.get("stock", "").strip():
        return Row(record.row, row, others, record.broken)
    sharing = [one for one in family if not one.get("stock", "").strip()]
    is_first = cells is sharing[0]
    row |= {"tracker": "woocommerce", "quantity": shared if is_first else "0"}
    detail = f"{len(sharing)} variations share {shared[:20]} units: the first has them, the others have none."
    said = (("quantity", "stock_shared", detail),) if is_first and len(sharing) > 1 else ()
    return Row(record.row, row, others, record.broken, said)


def _without(absent: set[str], rows: list[Row]) -> list[Row]:
    """Return the rows without what the file has no column for: that stays as it is."""
    return [
        replace(row, cells={key: cell for key, cell in row.cells.items() if key not in absent})
        for row in rows
    ]


def _is_used(name: str) -> bool:
    return name in _USED or re.fullmatch(r"attribute [1-3] (visible|global|default)", name) is not None


def _type(cells: Mapping[str, str]) -> str:
    return "variation" if "variation" in cells.get("type", "").lower() else "product"


def _keys(cells: Mapping[str, str]) -> list[str]:
    return [
        key
        for key in (cells.get("sku", "").strip(), f"id:{cells.get('id', '').strip()}")
        if key not in ("", "id:")
    ]


def _product_first(rows: list[Row]) -> list[Row]:
    """Return the rows so that none but the first of a product has its title: that one has the product's own fields."""
    seen: set[str] = set()
    found = []
    for row in rows:
        handle = row["handle"]
        cells = {**row.cells, "title": row["title"] if handle not in seen else ""}
        seen.update([handle] if handle and cells["title"] else [])
        found.append(replace(row, cells=cells))
    return found


def _row(cells: Mapping[str, str], parent: Mapping[str, str], *, first: bool) -> dict[str, str]:
    """Return the cells of a row that brings a variant; its product's own are those of `parent`."""
    sale, regular = cells.get("sale price", "").strip(), cells.get("regular price", "").strip()
    stock, there = cells.get("stock", "").strip(), cells.get("in stock", "").strip().lower()
    if not stock and there in ("0", "backorder"):
        stock = "0"
    kinds = cells.get("type", "").lower()
    row = {
        **_product(parent),
        "sku": cells.get("sku", ""),
        "price": sale or regular,
        "compare_at": regular if sale else "",
        "tracker": "woocommerce" if stock else "",
        "quantity": stock,
        "policy": "continue" if there == "backorder" or _is_backordered(cells) else "deny",
        "shipping": "false" if "virtual" in kinds or "downloadable" in kinds else "true",
        "taxable": "false" if cells.get("tax status", "").strip() == "none" else "true",
    }
    for name, key in _WEIGHTS.items():
        if name in cells:
            row[key] = cells[name].strip() or parent.get(name, "")
    if "gtin upc ean or isbn" in cells:
        row["barcode"] = cells["gtin upc ean or isbn"]
    images = _images(cells)
    if images:
        row["image"], row["position"] = images[0], "1" if first else ""
        if not first:
            row["variant_image"] = images[0]
            row["image"] = ""
    return row


def _is_backordered(cells: Mapping[str, str]) -> bool:
    return cells.get("backorders allowed", "").strip().lower() in ("1", "yes", "notify")


def _product(cells: Mapping[str, str]) -> dict[str, str]:
    """Return the cells of a product's own fields."""
    hidden = cells.get("visibility in catalog", "").strip().lower() == "hidden"
    published = cells.get("published", "1").strip()
    category = cells.get("categories", "").split(",")[0].split(">")[-1].strip()
    return {
        "handle": cells.get("slug", ""),
        "title": cells.get("name", ""),
        "body": cells.get("description", "") or cells.get("short description", ""),
        "type": category,
        "tags": cells.get("tags", ""),
        "vendor": cells.get("brands", ""),
        "image": "",
        "published": "true" if published == "1" else "false",
        "status": "" if published != "1" else "unlisted" if hidden else "active",
        **{f"option{number}_name": "" for number in _OPTIONS},
        **{f"option{number}": "" for number in _OPTIONS},
    }


def _images(cells: Mapping[str, str]) -> list[str]:
    return [part.strip() for part in cells.get("images", "").split(",") if part.strip()]


def _pictures_of(number: int, cells: Mapping[str, str]) -> list[Row]:
    """Return a row for each picture of a product, which brings nothing else."""
    images = _images(cells)
    return [
        Row(number, {**_product(cells), "title": "", "image": src, "position": str(at)})
        for at, src in enumerate(images, 1)
    ]
