"""Shopify's product CSV, read and written.

https://help.shopify.com/en/manual/products/import-export/using-csv: rows with the same Handle are one product, wherever
they stand; its own fields are in the first row with a Title; every row may bring a variant, an image, or both. What the
shop has no field for (Google Shopping columns, inventory policy, fulfilment, cost) is read over. An import is the whole
product: a column that is missing empties its field.

``Variant Inventory Qty`` is never written, because stock belongs to inventory: an old export must not bring back units
that have been sold since. Read, a blank one leaves the stock alone.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from functions.catalog.csv_records import Record, records
from functions.catalog.domain import Product, Variant
from functions.catalog.rows import Entry, Problem
from functions.catalog.text import fold, fold_slug
from functions.shared.errors import InvalidError
from functions.shared.money import AmountError, format_amount, parse_amount

_COLUMNS = {
    "handle": ("Handle", "URL handle"),
    "title": ("Title",),
    "body": ("Body (HTML)", "Description"),
    "vendor": ("Vendor",),
    "taxonomy": ("Product Category", "Google Shopping / Google Product Category"),
    "type": ("Type",),
    "tags": ("Tags",),
    "published": ("Published", "Published on online store"),
    "option1_name": ("Option1 Name",),
    "option1": ("Option1 Value",),
    "option2_name": ("Option2 Name",),
    "option2": ("Option2 Value",),
    "option3_name": ("Option3 Name",),
    "option3": ("Option3 Value",),
    "sku": ("Variant SKU", "SKU"),
    "grams": ("Variant Grams", "Weight value (grams)"),
    "quantity": ("Variant Inventory Qty", "Inventory quantity"),
    "price": ("Variant Price", "Price"),
    "compare_at": ("Variant Compare At Price", "Compare-at price"),
    "shipping": ("Variant Requires Shipping", "Requires shipping"),
    "taxable": ("Variant Taxable", "Charge tax"),
    "barcode": ("Variant Barcode", "Barcode"),
    "image": ("Image Src", "Product image URL"),
    "position": ("Image Position",),
    "alt": ("Image Alt Text",),
    "seo_title": ("SEO Title",),
    "seo_description": ("SEO Description",),
    "variant_image": ("Variant Image", "Variant image URL"),
    "tax_code": ("Variant Tax Code", "Tax code"),
    "status": ("Status",),
}
"""What a column is here, and its names in Shopify's older and newer files; the first is the one written."""
_REQUIRED = ("handle", "title", "price")
_KEY_OF = {fold(name): key for key, names in _COLUMNS.items() for name in names}
_VARIANT = ("option1", "option2", "option3", "sku", "price", "quantity", "barcode")
"""A row with any of these brings a variant; the first row of a product always does."""
_COLUMN_OF = {
    "slug": "handle", "title": "title", "bodyHtml": "body", "vendor": "vendor", "category": "type", "tags": "tags",
    "productCategory": "taxonomy", "status": "status", "seo/title": "seo_title", "seo/description": "seo_description",
    "options/0": "option1_name", "options/1": "option2_name", "options/2": "option3_name",
    "variants/options": "option1", "variants/options/0": "option1", "variants/options/1": "option2",
    "variants/options/2": "option3", "variants/sku": "sku",
    "variants/price": "price", "variants/compareAt": "compare_at",
    "variants/grams": "grams", "variants/barcode": "barcode", "variants/taxClass": "tax_code",
    "variants/image": "variant_image", "images/src": "image", "images/alt": "alt",
}  # fmt: skip
"""The column of each field of a product, by its JSON pointer without indices of variants and images."""


@dataclass(frozen=True)
class _Row:
    """A row by our names of its columns; a column that is missing is blank."""

    number: int
    cells: Mapping[str, str]

    def __getitem__(self, key: str) -> str:
        return self.cells.get(key, "")

    def stripped(self, key: str) -> str:
        """Return a cell without the space around it."""
        return self[key].strip()


# --- reading ------------------------------------------------------------------------------------------------------


def read(text: str, currency: str) -> list[Entry]:
    """Return the products of a file, in the order in which they first appear.

    Raises
    ------
    InvalidError
        The text is no CSV, or not of products: it lacks the columns that every product needs.
    """
    if "\0" in text:
        raise InvalidError("not_csv", "The file holds NUL characters: it is no text.")
    lines = records(text)
    columns, labels = _header(next(lines, None))
    groups: dict[str, list[_Row]] = {}
    problems: dict[str, list[Problem]] = {}
    for line in lines:
        row = _Row(line.row, {key: _first(line.cells, places) for key, places in columns.items()})
        if not line.broken and not any(cell.strip() for cell in line.cells):
            continue
        slug = fold_slug(row.stripped("handle").strip('"'))
        if line.broken:
            problems.setdefault(slug, []).append(
                Problem(line.row, "", "broken_row", f"The row is broken: {line.broken}.")
            )
        elif not slug:
            slug = f"#{line.row}"
            detail = "Every row needs the handle of its product."
            problems[slug] = [Problem(line.row, labels["handle"], "handle_required", detail)]
        groups.setdefault(slug, []).append(row)
    return [_entry(slug, rows, labels, currency, problems.get(slug, [])) for slug, rows in groups.items()]


def _header(line: Record | None) -> tuple[dict[str, list[int]], dict[str, str]]:
    """Return where each of our columns stands (the best first), and what it is called in this file."""
    if line is None or line.broken:
        raise InvalidError("not_csv", "The file is no CSV: its first line, the header, cannot be read.")
    found: dict[str, list[tuple[int, int]]] = {}
    for index, name in enumerate(line.cells):
        if key := _KEY_OF.get(fold(name)):
            rank = [fold(known) for known in _COLUMNS[key]].index(fold(name))
            found.setdefault(key, []).append((rank, index))
    if missing := [_COLUMNS[key][0] for key in _REQUIRED if key not in found]:
        raise InvalidError(
            "wrong_header",
            f"The header has no column {', '.join(missing)}: Shopify's product CSV is needed, separated by commas.",
        )
    columns = {key: [index for _, index in sorted(places)] for key, places in found.items()}
    labels = {
        key: line.cells[columns[key][0]].strip() if key in columns else names[0]
        for key, names in _COLUMNS.items()
    }
    return columns, labels


def _first(cells: list[str], places: list[int]) -> str:
    """Return the first cell of these places that is not blank."""
    given = [cells[place] for place in places if place < len(cells)]
    return next((cell for cell in given if cell.strip()), given[0] if given else "")


def _entry(
    slug: str, rows: list[_Row], labels: dict[str, str], currency: str, problems: list[Problem]
) -> Entry:
    if problems:
        return Entry(rows[0].number, slug, problems=tuple(problems))
    reader = _Reader(labels, currency)
    first = next((row for row in rows if row.stripped("title")), rows[0])
    variants = [row for row in rows if row is first or any(row.stripped(key) for key in _VARIANT)]
    images = sorted((row for row in rows if row.stripped("image")), key=reader.position)
    named = [number for number in ("1", "2", "3") if first.stripped(f"option{number}_name")]
    product = {
        "slug": slug,
        "title": reader.required(first, "title"),
        "bodyHtml": first["body"],
        "vendor": first.stripped("vendor"),
        "category": first.stripped("type"),
        "productCategory": first["taxonomy"],
        "tags": [tag.strip() for tag in first["tags"].split(",") if tag.strip()],
        "status": reader.status(first),
        "options": [first.stripped(f"option{number}_name") for number in named],
        "seo": {"title": first["seo_title"], "description": first["seo_description"]},
        "variants": [reader.variant(row, named) for row in variants],
        "images": [{"src": row.stripped("image"), "alt": row["alt"]} for row in images],
    }
    counted = {index: reader.quantity(row) for index, row in enumerate(variants)}
    quantities = {index: quantity for index, quantity in counted.items() if quantity is not None}

    def place(pointer: str) -> tuple[int, str]:
        match = re.match(r"/(variants|images)/([0-9]+)", pointer)
        row = {"variants": variants, "images": images}[match[1]][int(match[2])] if match else first
        bare = pointer[1:] if match is None else f"{match[1]}{pointer[match.end() :]}"
        names = (_COLUMN_OF.get("/".join(bare.split("/")[:length])) for length in (3, 2, 1))
        return row.number, labels[next(filter(None, names), "handle")]

    return Entry(first.number, slug, msgspec.json.encode(product), quantities, tuple(reader.problems), place)


class _Reader:
    """Reads cells into JSON values, and collects what cannot be read."""

    def __init__(self, labels: dict[str, str], currency: str) -> None:
        self.labels = labels
        self.currency = currency
        self.problems: list[Problem] = []

    def _refuse(self, row: _Row, key: str, code: str, detail: str) -> None:
        self.problems.append(Problem(row.number, self.labels[key], code, detail))

    def required(self, row: _Row, key: str) -> str:
        text = row.stripped(key)
        if not text:
            self._refuse(row, key, f"{key}_required", f"{self.labels[key]} is blank.")
        return text

    def variant(self, row: _Row, named: list[str]) -> dict[str, Any]:
        """Return a row's variant; `named` are the numbers of the product's options."""
        unnamed = [
            number for number in ("1", "2", "3") if number not in named and row.stripped(f"option{number}")
        ]
        for number in unnamed:
            self._refuse(
                row, f"option{number}", "option_unnamed", "The product's first row does not name this option."
            )
        sku, barcode = (
            row.stripped(key).removeprefix("'") for key in ("sku", "barcode")
        )  # ' keeps leading zeros
        taxed = self.flag(row, "taxable")
        return {
            "price": self.price(row, "price", self.required(row, "price")),
            "options": [row.stripped(f"option{number}") for number in named],
            **({"sku": sku} if sku else {}),
            "compareAt": self.price(row, "compare_at", row.stripped("compare_at")),
            "grams": self.whole(row, "grams", 0),
            "barcode": barcode,
            "taxClass": (row.stripped("tax_code") or "standard") if taxed else "exempt",
            "requiresShipping": self.flag(row, "shipping"),
            "image": row.stripped("variant_image") or None,
        }

    def price(self, row: _Row, key: str, text: str) -> dict[str, Any] | None:
        try:
            return {"amount": parse_amount(text, self.currency), "currency": self.currency} if text else None
        except AmountError as error:
            self._refuse(row, key, "invalid_amount", str(error))
            return None

    def whole(self, row: _Row, key: str, blank: int) -> int:
        """Return a whole number; ``12.0``, as spreadsheets write it, is one too."""
        text = row.stripped(key)
        match = re.fullmatch(r"(-?[0-9]{1,9})(\.0*)?", text, re.ASCII)
        if text and match is None:
            self._refuse(row, key, "invalid_number", f"{text[:20]!r} is no whole number.")
        return int(match[1]) if match else blank

    def quantity(self, row: _Row) -> int | None:
        """Return the units on hand, None where the row does not say; oversold (negative) is none."""
        return max(0, self.whole(row, "quantity", 0)) if row.stripped("quantity") else None

    def position(self, row: _Row) -> int:
        """Return where an image stands; one without a position comes last."""
        return self.whole(row, "position", 1_000_000_000)

    def flag(self, row: _Row, key: str) -> bool:
        """Return yes or no; blank is yes."""
        text = row.stripped(key).lower()
        if text not in ("", "true", "false", "yes", "no", "1", "0"):
            self._refuse(row, key, "invalid_flag", f"{text[:20]!r} is neither true nor false.")
        return text not in ("false", "no", "0")

    def status(self, row: _Row) -> str:
        status = row.stripped("status").lower()
        if status not in ("", "active", "draft", "archived"):
            self._refuse(
                row, "status", "invalid_status", f"{status[:20]!r} is none of active, draft, archived."
            )
        if status == "archived":
            return "withdrawn"
        return "published" if self.flag(row, "published") and status != "draft" else "draft"


# --- writing ------------------------------------------------------------------------------------------------------

_WRITTEN = (
    *(
        "handle",
        "title",
        "body",
        "vendor",
        "taxonomy",
        "type",
        "tags",
        "published",
        "option1_name",
        "option1",
    ),
    *(
        "option2_name",
        "option2",
        "option3_name",
        "option3",
        "sku",
        "grams",
        "quantity",
        "price",
        "compare_at",
    ),
    *(
        "shipping",
        "taxable",
        "barcode",
        "image",
        "position",
        "alt",
        "seo_title",
        "seo_description",
        "variant_image",
    ),
    *("tax_code", "status"),
)
_STATUS = {"published": "active", "draft": "draft", "withdrawn": "archived"}


def header() -> str:
    """Return the header line of what `write` makes."""
    return _lines([[_COLUMNS[key][0] for key in _WRITTEN]])


def write(product: Product) -> str:
    """Return a product's rows: as many as it has variants or images, whichever are more."""
    rows = []
    for index in range(max(len(product.variants), len(product.images))):
        cells = {"handle": product.slug, **(_product_cells(product) if index == 0 else {})}
        if index < len(product.variants):
            cells |= _variant_cells(product, product.variants[index])
        if index < len(product.images):
            image = product.images[index]
            cells |= {"image": image.src, "position": str(index + 1), "alt": image.alt}
        rows.append([cells.get(key, "") for key in _WRITTEN])
    return _lines(rows)


def _product_cells(product: Product) -> dict[str, str]:
    names = product.options or ("Title",)
    return {
        "title": product.title, "body": product.body_html, "vendor": product.vendor,
        "taxonomy": product.product_category, "type": product.category, "tags": ", ".join(product.tags),
        "status": _STATUS[product.status],
        "published": "true" if product.status == "published" else "false",
        "seo_title": product.seo.title, "seo_description": product.seo.description,
        **{f"option{number}_name": name for number, name in enumerate(names, 1)},
    }  # fmt: skip


def _variant_cells(product: Product, variant: Variant) -> dict[str, str]:
    values = variant.options or ("Default Title",)
    special = variant.tax_class not in ("standard", "exempt")
    before = variant.compare_at
    return {
        **{f"option{number}": value for number, value in enumerate(values, 1)},
        "sku": variant.sku, "grams": str(variant.grams), "barcode": variant.barcode,
        "price": format_amount(variant.price.amount, variant.price.currency),
        "compare_at": format_amount(before.amount, before.currency) if before else "",
        "shipping": "true" if variant.requires_shipping else "false",
        "taxable": "false" if variant.tax_class == "exempt" else "true",
        "tax_code": variant.tax_class if special else "", "variant_image": variant.image or "",
    }  # fmt: skip


def _lines(rows: Iterable[list[str]]) -> str:
    made = io.StringIO(newline="")
    csv.writer(made).writerows(rows)
    return made.getvalue()
