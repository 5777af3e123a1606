"""WooCommerce's product CSV, read as rows of the columns that `shopify` has.

https://github.com/woocommerce/woocommerce/wiki/Product-CSV-Import-Schema: a row for each product; a ``variable`` one is
followed by a row for each ``variation``, which names it in ``Parent`` by its SKU or as ``id:`` and its ID.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from functions.catalog.csv_records import Record, records
from functions.catalog.shopify import Row, Sheet, delimiter_of, plain_name, shown
from functions.catalog.text import distinct_slugs, slug_of
from functions.shared.errors import InvalidError

_WEIGHTS = {"weight kg": "kilograms", "weight g": "grams", "weight lbs": "pounds", "weight oz": "ounces"}
_LABELS = {
    "handle": "Name", "title": "Name", "body": "Description", "type": "Categories", "tags": "Tags",
    "published": "Published", "status": "Visibility in catalog", "sku": "SKU", "price": "Regular price",
    "compare_at": "Regular price", "quantity": "Stock", "tracker": "Stock", "policy": "Backorders allowed?",
    "taxable": "Tax status", "tax_code": "Tax class", "barcode": "GTIN, UPC, EAN, or ISBN", "image": "Images",
    "grams": "Weight (g)", "kilograms": "Weight (kg)", "pounds": "Weight (lbs)", "ounces": "Weight (oz)",
    "vendor": "Brands", "position": "Images", "alt": "Images",
    **{f"option{number}": f"Attribute {number} value(s)" for number in (1, 2, 3)},
    **{f"option{number}_name": f"Attribute {number} name" for number in (1, 2, 3)},
}  # fmt: skip
_USED = {
    *(plain_name(label) for label in _LABELS.values()), *_WEIGHTS, "id", "type", "parent", "sale price", "in stock",
}  # fmt: skip
NAMES = ("type", "sku", "name", "published", "regular price", "categories", "images", "parent")
NUMBERS = ("regular price", "sale price", *_WEIGHTS)
_OPTIONS = (1, 2, 3)


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
    variable = {id(parent) for parent in parents if parent}
    rows: list[Row] = []
    for (line, cells, _), parent in zip(found, parents, strict=True):
        others = {name: cells.get(plain_name(name), "") for name in header.kept}
        if parent is None and id(cells) in variable:
            rows += _pictures_of(line.row, cells)  # what can be bought are its variations
            continue
        rows.append(Row(line.row, _row(cells, parent or cells, first=parent is None), others, line.broken))
        rows += _pictures_of(line.row, cells)[1:] if parent is None else []
    return Sheet(_product_first(rows), _LABELS, delimiter, header.kept)


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
        found.append(Row(row.number, cells, row.others, row.broken))
    return found


def _row(cells: Mapping[str, str], parent: Mapping[str, str], *, first: bool) -> dict[str, str]:
    """Return the cells of a row that brings a variant; its product's own are those of `parent`."""
    sale, regular = cells.get("sale price", "").strip(), cells.get("regular price", "").strip()
    stock = cells.get("stock", "").strip() or ("" if first else parent.get("stock", "").strip())
    row = {
        **_product(parent),
        "sku": cells.get("sku", ""),
        "price": sale or regular,
        "compare_at": regular if sale else "",
        "tracker": "woocommerce" if stock else "",
        "quantity": stock,
        "policy": "continue" if cells.get("backorders allowed", "").strip() in ("1", "notify") else "deny",
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
    for number in _OPTIONS:
        values = cells.get(f"attribute {number} value s", "").strip()
        if not first:
            row[f"option{number}"] = values
            row[f"option{number}_name"] = parent.get(f"attribute {number} name", "").strip() if values else ""
    return row


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
