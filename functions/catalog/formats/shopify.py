"""Shopify's product CSV, read and written; other product CSVs are read with it too.

https://help.shopify.com/en/manual/products/import-export/using-csv: rows with the same Handle are one product, wherever
they stand; its own fields are in the first row with a Title; every row may bring a variant, an image, or both. The
columns may stand in any order, under the names of any generation. A column that is missing leaves what it would set;
a blank cell in one that is there clears it. Columns that the shop has no field for are kept for the export.

``Variant Inventory Qty`` is never written, because stock belongs to inventory: an old export must not bring back units
that have been sold since. Read, a blank one leaves the stock alone.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

import msgspec

from functions.catalog.domain import MAX_TAGS, Product, Variant, is_url, shown_sku
from functions.catalog.formats import numerals
from functions.catalog.formats.csv_records import Record, records
from functions.catalog.formats.rows import ParsedProduct, Problem
from functions.catalog.text import distinct_slugs, fold, slug_of, slug_of_handle
from functions.shared.errors import Field, InvalidError
from functions.shared.money import AmountError, format_amount, parse_amount

_COLUMNS = {
    "handle": ("Handle", "URL handle", "Slug"),
    "title": ("Title",),
    "body": ("Body (HTML)", "Description", "Body"),
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
    "kilograms": ("Weight (kg)",),
    "pounds": ("Weight (lb)", "Weight (lbs)"),
    "ounces": ("Weight (oz)",),
    "tracker": ("Variant Inventory Tracker", "Inventory tracker"),
    "quantity": ("Variant Inventory Qty", "Inventory quantity"),
    "policy": ("Variant Inventory Policy", "Continue selling when out of stock"),
    "price": ("Variant Price", "Price"),
    "compare_at": ("Variant Compare At Price", "Compare-at price", "Compare at price"),
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
FIELDS = tuple(_COLUMNS)
"""What a mapping may name beside the columns' own names."""


def plain_name(name: str) -> str:
    """Return a column's name as names are compared: case, brackets and dashes do not count."""
    return " ".join(re.findall(r"[^\W_]+", fold(name)))


_KEY_OF = {plain_name(name): key for key, names in _COLUMNS.items() for name in names}
_VARIANT = ("option1", "option2", "option3", "sku", "price", "quantity", "barcode")
"""A row with any of these brings a variant; the first row of a product always does."""
_COLUMN_OF = {
    "slug": "handle",
    "title": "title",
    "bodyHtml": "body",
    "vendor": "vendor",
    "category": "type",
    "tags": "tags",
    "productCategory": "taxonomy",
    "status": "status",
    "seo/title": "seo_title",
    "seo/description": "seo_description",
    "options/0": "option1_name",
    "options/1": "option2_name",
    "options/2": "option3_name",
    "variants/options": "option1",
    "variants/options/0": "option1",
    "variants/options/1": "option2",
    "variants/options/2": "option3",
    "variants/sku": "sku",
    "variants/merchantSku": "sku",
    "variants/price": "price",
    "variants/compareAt": "compare_at",
    "variants/grams": "grams",
    "variants/barcode": "barcode",
    "variants/taxClass": "tax_code",
    "variants/image": "variant_image",
    "images/src": "image",
    "images/alt": "alt",
}
"""The column of each field of a product, by the steps that lead to it, without indices of variants and images."""


@dataclass(frozen=True)
class Row:
    """A row by our names of its columns: a column that the file does not have is not there, and reads as blank.

    ``broken`` says why its cells cannot be told, if so; ``said`` are warnings: column, code and detail.
    """

    number: int
    cells: Mapping[str, str]
    others: Mapping[str, str] = field(default_factory=dict)
    broken: str = ""
    said: tuple[tuple[str, str, str], ...] = ()

    def __getitem__(self, key: str) -> str:
        return self.cells.get(key, "")

    def stripped(self, key: str) -> str:
        """Return a cell without the space around it."""
        return self[key].strip()


@dataclass(frozen=True)
class Sheet:
    """A file as rows, and how it was read: ``kept`` are the columns no field was found for."""

    rows: list[Row]
    labels: Mapping[str, str]
    delimiter: str = ","
    kept: tuple[str, ...] = ()


class Columns(NamedTuple):
    """Where each of our columns stands (the best first), what it is called in this file, and the columns left over."""

    places: Mapping[str, list[int]]
    labels: Mapping[str, str]
    others: Mapping[str, int]

    def row(self, line: Record) -> Row | None:
        """Return a record as a row, None where it is blank."""
        if not line.broken and not any(cell.strip() for cell in line.cells):
            return None
        cells = {key: _first(line.cells, places) for key, places in self.places.items()}
        others = {name: line.cells[at] if at < len(line.cells) else "" for name, at in self.others.items()}
        return Row(line.row, cells, others, line.broken)


# --- reading ------------------------------------------------------------------------------------------------------


def read(text: str, currency: str, mapping: Mapping[str, str] | None = None) -> list[ParsedProduct]:
    """Return the products of a file in this format, in the order in which they first appear."""
    known = known_names(mapping or {})
    delimiter = delimiter_of(text.split("\n", 1)[0], known)
    return products(sheet(records(io.StringIO(text, newline=""), delimiter), known, delimiter), currency)


def sheet(lines: Iterator[Record], known: Mapping[str, str], delimiter: str) -> Sheet:
    """Return the rows of a file's records, the header first; `known` are the names of columns (`known_names`).

    Raises
    ------
    InvalidError
        The file is no CSV, or not of products: it lacks the columns that every product needs.
    """
    columns = columns_of(next(lines, None), known)
    rows = [row for line in lines if (row := columns.row(line))]
    return Sheet(rows, columns.labels, delimiter, tuple(columns.others))


def known_names(mapping: Mapping[str, str]) -> dict[str, str]:
    """Return our key of each name a column may have.

    Parameters
    ----------
    mapping
        Names of columns in the file, each with the column or the field (`FIELDS`) that it stands for.
    """
    known = dict(_KEY_OF)
    for name, field_name in mapping.items():
        key = field_name if field_name in FIELDS else _KEY_OF.get(plain_name(field_name))
        if key is None:
            detail = f"{field_name[:40]} is no field; the fields are {', '.join(FIELDS)}."
            raise InvalidError("unknown_field", detail)
        known[plain_name(name)] = key
    return known


def delimiter_of(line: str, known: Iterable[str]) -> str:
    """Return what parts the cells of the header: of comma, semicolon and tab the one that yields most known names."""
    names = set(known)

    def found(delimiter: str) -> int:
        return sum(plain_name(cell) in names for cell in line.replace('"', "").split(delimiter))

    return max((",", ";", "\t"), key=found)


def columns_of(line: Record | None, known: Mapping[str, str]) -> Columns:
    """Return the columns that a file's header names; raise InvalidError where it is none of products."""
    if line is None or line.broken:
        raise InvalidError("not_csv", "The file is no CSV: its first line, the header, cannot be read.")
    found: dict[str, list[tuple[int, int]]] = {}
    others: dict[str, int] = {}
    for index, name in enumerate(line.cells):
        if key := known.get(plain_name(name)):
            ranks = [plain_name(one) for one in _COLUMNS[key]]
            rank = ranks.index(plain_name(name)) if plain_name(name) in ranks else -1
            found.setdefault(key, []).append((rank, index))
        elif name.strip():
            others.setdefault(name.strip()[:255], index)
    if "handle" not in found and ("title" not in found or len(found) == 1):
        raise InvalidError("wrong_header", _what_is_needed(line.cells))
    places = {key: [index for _, index in sorted(ranked)] for key, ranked in found.items()}
    labels = {
        key: line.cells[places[key][0]].strip() if key in places else names[0]
        for key, names in _COLUMNS.items()
    }
    return Columns(places, labels, others)


def _what_is_needed(names: list[str]) -> str:
    shown = ", ".join(name.strip()[:30] for name in names[:8] if name.strip()) or "nothing"
    return (
        f"The header has {shown}, and no column Handle, nor Title with another that is known. Understood are "
        "Shopify's product CSV, WooCommerce's product CSV, and any other with a mapping of its columns to fields."
    )


def _first(cells: list[str], places: list[int]) -> str:
    """Return the first cell of these places that is not blank, without what keeps spreadsheets from running it."""
    given = [cells[place] for place in places if place < len(cells)]
    return shown(next((cell for cell in given if cell.strip()), given[0] if given else ""))


NUMBERS = ("price", "compare_at", "grams", "kilograms", "pounds", "ounces")


class Groups:
    """The products of a file, as its rows come: each by its key, with the first title that a row has."""

    def __init__(self) -> None:
        self.titles: dict[str, str] = {}

    def add(self, row: Row) -> str:
        """Return the key of a row's product: ``=`` and its handle, or its title, or the product of the row before."""
        key = self._key(row)
        if not self.titles.get(key):
            self.titles[key] = row.stripped("title")
        return key

    def _key(self, row: Row) -> str:
        handle = row.stripped("handle").strip('"').lower()
        if handle:
            return f"={handle}"
        if title := fold(row["title"]):
            return title
        return next(reversed(self.titles), "") if "handle" not in row.cells else f"?{row.number}"

    def asked(self) -> list[str]:
        """Return the slugs that the products ask for, empty where one cannot have any."""
        return [
            (key.startswith("=") and slug_of_handle(key[1:])) or slug_of(title)
            for key, title in self.titles.items()
        ]

    def slugs(self, renamed: Mapping[str, str] | None = None) -> list[str]:
        """Return the products' slugs, each another; where these are a part of a file's, `renamed` are the whole's."""
        asked = [slug or f"#{index}" for index, slug in enumerate(self.asked())]
        if renamed is None:
            return distinct_slugs(asked)
        return [renamed.get(key, slug) for key, slug in zip(self.titles, asked, strict=True)]

    def renamed(self) -> dict[str, str]:
        """Return the slugs, by key, of the products that do not have the one they ask for."""
        pairs = zip(self.titles, self.asked(), self.slugs(), strict=True)
        return {key: slug for key, asked, slug in pairs if asked and slug != asked}


def products(
    file: Sheet, currency: str, *, sign: str | None = None, renamed: Mapping[str, str] | None = None
) -> list[ParsedProduct]:
    """Return the products of a file's rows.

    Parameters
    ----------
    sign, renamed
        What only the whole file says, where this is a part of it: its decimal sign, and `Groups.renamed`.
    """
    if sign is None:
        sign = numerals.decimal_sign([row[key] for row in file.rows for key in NUMBERS], file.delimiter)
    groups, rows_of = Groups(), dict[str, list[Row]]()
    for row in file.rows:
        rows_of.setdefault(groups.add(row), []).append(row)
    return [
        _product(slug, key, rows_of[key], _Reader(file.labels, currency, sign))
        for key, slug in zip(rows_of, groups.slugs(renamed), strict=True)
    ]


def _product(slug: str, key: str, rows: list[Row], reader: _Reader) -> ParsedProduct:
    for row in rows:
        if row.broken:
            reader.refuse(row, "", "broken_row", f"The row is broken: {row.broken}.")
    if slug.startswith("#"):
        reader.refuse(rows[0], "handle", "handle_required", "Every row needs the handle of its product.")
    elif key.startswith("=") and key[1:] not in (slug, ""):
        reader.warn(rows[0], "handle", "slug_changed", f"The product's address is {slug}.")
    return _entry(slug, rows, reader)


def _options_named(first: Row, variants: list[Row]) -> list[str]:
    """Return the numbers of the options a product has; without a column of their names, those with a value."""
    numbers = ("1", "2", "3")
    if "option1_name" in first.cells:
        return [number for number in numbers if first.stripped(f"option{number}_name")]
    return [number for number in numbers if any(row.stripped(f"option{number}") for row in variants)]


_FIELDS_OF = {
    "bodyHtml": "body",
    "vendor": "vendor",
    "category": "type",
    "productCategory": "taxonomy",
}


def _entry(slug: str, rows: list[Row], reader: _Reader) -> ParsedProduct:
    first = next((row for row in rows if row.stripped("title")), rows[0])
    if reader.problems:
        return ParsedProduct(rows[0].number, slug, problems=tuple(reader.problems))
    variants = reader.distinct(
        [row for row in rows if row is first or any(row.stripped(key) for key in _VARIANT)]
    )
    images = reader.pictures(sorted(rows, key=reader.position))
    has = first.cells.keys()
    product = _fields(slug, first, variants, reader)
    if "image" in has:
        product["images"] = [{"src": src, "alt": alt} for _, src, alt in images]
    counted = {index: reader.quantity(row) for index, row in enumerate(variants)}
    quantities = {index: quantity for index, quantity in counted.items() if quantity is not None}
    reader.untracked(first, product["variants"], quantities)
    reader.pass_on(variants)
    whole = "option1" in has and "price" in has and not has.isdisjoint(("status", "published"))
    return ParsedProduct(
        first.number,
        slug,
        msgspec.json.encode(product),
        quantities,
        problems=tuple(reader.problems),
        warnings=tuple(reader.warnings),
        whole=whole,
        place=_places(first, {"variants": variants, "images": [row for row, _, _ in images]}, reader.labels),
        new_status="published",
    )


def _fields(slug: str, first: Row, variants: list[Row], reader: _Reader) -> dict[str, Any]:
    """Return the fields of a product that the file has, but for its images."""
    has = first.cells.keys()
    named = _options_named(first, variants)
    product: dict[str, Any] = {
        "slug": slug,
        **{name: first[key] for name, key in _FIELDS_OF.items() if key in has},
        **({"title": reader.required(first, "title")} if "title" in has else {}),
        **({"tags": reader.tags(first)} if "tags" in has else {}),
        **reader.status(first),
        "variants": [reader.variant(row, named) for row in variants],
    }
    if "option1_name" in has:
        product["options"] = [first.stripped(f"option{number}_name") for number in named]
    seo = {name: first[f"seo_{name}"] for name in ("title", "description") if f"seo_{name}" in has}
    if seo:
        product["seo"] = seo
    return product


def _places(
    first: Row, among: Mapping[str, list[Row]], labels: Mapping[str, str]
) -> Callable[[Field], tuple[int, str]]:
    """Return what tells the row and the column of a field; `among` has the rows of each list."""

    def place(field: Field) -> tuple[int, str]:
        row, steps = first, field
        if len(field) > 1 and field[0] in among:
            rows, index, steps = among[str(field[0])], int(field[1]), (field[0], *field[2:])
            row = rows[index] if index < len(rows) else first
        names = (_COLUMN_OF.get("/".join(map(str, steps[:length]))) for length in (3, 2, 1))
        return row.number, labels[next(filter(None, names), "handle")]

    return place


_GRAMS = {
    "grams": Decimal(1),
    "kilograms": Decimal(1000),
    "pounds": Decimal("453.59237"),
    "ounces": Decimal("28.349523125"),
}
_UNITS = {"g": "grams", "kg": "kilograms", "lb": "pounds", "lbs": "pounds", "oz": "ounces"}


class _Reader:
    """Reads cells into JSON values, and collects what cannot be read, and what is read otherwise than it stands."""

    def __init__(self, labels: Mapping[str, str], currency: str, sign: str) -> None:
        self.labels = labels
        self.currency = currency
        self.sign = sign
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    def refuse(self, row: Row, key: str, code: str, detail: str) -> None:
        """Keep the product out, for what is wrong with a cell, or with the row where `key` is empty."""
        self.problems.append(Problem(row.number, self.labels.get(key, ""), code, detail))

    def warn(self, row: Row, key: str, code: str, detail: str) -> None:
        """Say what is read otherwise."""
        self.warnings.append(Problem(row.number, self.labels.get(key, ""), code, detail, "warning"))

    def required(self, row: Row, key: str) -> str:
        """Return a cell that may not be blank."""
        text = row.stripped(key)
        if not text:
            self.refuse(row, key, f"{key}_required", f"{self.labels[key]} is blank.")
        return text

    def distinct(self, rows: list[Row]) -> list[Row]:
        """Return the rows of variants without those whose options another one has already."""
        if not rows or "option1" not in rows[0].cells:
            return rows
        found: dict[tuple[str, ...], Row] = {}
        for row in rows:
            values = tuple(row.stripped(f"option{number}") for number in (1, 2, 3))
            if (other := found.setdefault(values, row)) is not row:
                shown_values = " / ".join(filter(None, values)) or "alike"
                detail = f"Row {other.number} is {shown_values} as well: this row is left out."
                self.warn(row, "option1", "variant_repeated", detail)
        return list(found.values())

    def tags(self, row: Row) -> list[str]:
        """Return a row's tags, those that are too long or too many left out."""
        given = list(dict.fromkeys(tag.strip() for tag in row["tags"].split(",") if tag.strip()))
        fitting = [tag for tag in given if len(tag) <= 100 and min(tag) >= " "][:MAX_TAGS]
        if len(fitting) < len(given):
            detail = f"{len(given) - len(fitting)} tags are left out: at most {MAX_TAGS}, of at most 100 letters each."
            self.warn(row, "tags", "tags_dropped", detail)
        return fitting

    def pictures(self, rows: list[Row]) -> list[tuple[Row, str, str]]:
        """Return the pictures of a product: row, address, text."""
        return [
            (row, src, row["alt"])
            for row in rows
            for src in self.addresses(row, "image", row.stripped("image"))
        ]

    def addresses(self, row: Row, key: str, text: str) -> list[str]:
        """Return the addresses in a cell; one that no browser could load is left out, never its product."""
        found = []
        for part in re.split(r"[,;|\s]+(?=https?://|//)", text):
            src = re.sub(r"\s", "%20", part.strip())
            src = f"https:{src}" if src.startswith("//") else src
            if src and is_url(src):
                found.append(src)
            elif src:
                detail = f"{part.strip()[:100]} is no address of a picture: it begins with https://. It is left out."
                self.warn(row, key, "picture_dropped", detail)
        return found

    def variant(self, row: Row, named: list[str]) -> dict[str, Any]:
        """Return a row's variant; `named` are the numbers of the product's options."""
        readers: tuple[tuple[Iterable[str], str, Callable[[], Any]], ...] = (
            (("option1", "option2", "option3"), "options", lambda: self.options(row, named)),
            (("price",), "price", lambda: self.price(row, "price", self.required(row, "price"))),
            (
                ("sku",),
                "merchantSku",
                lambda: " ".join(re.sub("^'(?=[0-9])", "", row["sku"]).split()) or None,
            ),
            (("compare_at",), "compareAt", lambda: self.price(row, "compare_at", row.stripped("compare_at"))),
            (_GRAMS, "grams", lambda: self.grams(row)),
            (("barcode",), "barcode", lambda: row.stripped("barcode").removeprefix("'")),
            (("taxable", "tax_code"), "taxClass", lambda: self.tax_class(row)),
            (("shipping",), "requiresShipping", lambda: self.flag(row, "shipping")),
            (("variant_image",), "image", lambda: self.own_picture(row)),
            (("tracker",), "tracked", lambda: bool(row.stripped("tracker"))),
            (("policy",), "backordered", lambda: self.continues(row)),
        )
        given = {name: read() for keys, name, read in readers if not row.cells.keys().isdisjoint(keys)}
        if row.others:
            given["otherColumns"] = {name: shown(cell)[:5000] for name, cell in row.others.items()}
        return given

    def tax_class(self, row: Row) -> str:
        """Return a row's tax class."""
        return (row.stripped("tax_code") or "standard") if self.flag(row, "taxable") else "exempt"

    def own_picture(self, row: Row) -> str | None:
        """Return the address of a variant's own picture."""
        return next(iter(self.addresses(row, "variant_image", row.stripped("variant_image"))), None)

    def options(self, row: Row, named: list[str]) -> list[str]:
        """Return a row's values of the product's options."""
        for number in ("1", "2", "3"):
            value = row.stripped(f"option{number}")
            if value and number not in named and (f"option{number}_name" in row.cells):
                detail = "The product's first row does not name this option."
                self.refuse(row, f"option{number}", "option_unnamed", detail)
        return [self.required(row, f"option{number}") for number in named]

    def price(self, row: Row, key: str, text: str) -> dict[str, Any] | None:
        """Return a price in minor units."""
        try:
            plain = numerals.with_point(text, self.sign)
            return {"amount": parse_amount(plain, self.currency), "currency": self.currency} if text else None
        except (AmountError, numerals.UnclearNumberError) as error:
            self.refuse(row, key, "invalid_amount", str(error))
            return None

    def number(self, row: Row, key: str, text: str) -> Decimal:
        """Return a decimal number; a blank one is zero."""
        try:
            plain = numerals.with_point(text, self.sign)
        except numerals.UnclearNumberError as error:
            self.refuse(row, key, "invalid_number", str(error))
            return Decimal(0)
        if text and not re.fullmatch(r"-?[0-9]{1,12}(\.[0-9]{0,12})?", plain, re.ASCII):
            self.refuse(row, key, "invalid_number", f"{text[:20]} is no number.")
            return Decimal(0)
        return Decimal(plain or 0)

    def grams(self, row: Row) -> int:
        """Return a weight in whole grams, from whichever unit the file has."""
        key = next((key for key in _GRAMS if row.stripped(key)), "grams")
        unit = re.fullmatch(r"(.*?)\s*(g|kg|lbs?|oz)", row.stripped(key), re.IGNORECASE)
        weight = self.number(row, key, unit[1] if unit else row.stripped(key))
        exact = weight * _GRAMS[_UNITS[unit[2].lower()] if unit else key]
        grams = int(exact.quantize(Decimal(1), ROUND_HALF_UP))
        if grams != exact:
            self.warn(row, key, "weight_rounded", f"{row.stripped(key)[:30]} is kept as {grams} g.")
        return grams

    def quantity(self, row: Row) -> int | None:
        """Return the units on hand, None where the row does not say; oversold (negative) is none."""
        text = row.stripped("quantity")
        if text and not re.fullmatch(r"-?[0-9]{1,9}([.,]0*)?", text, re.ASCII):
            self.refuse(row, "quantity", "invalid_number", f"{text[:20]} is no whole number.")
            return None
        return max(0, int(re.split("[.,]", text)[0])) if text else None

    def untracked(self, first: Row, variants: list[dict[str, Any]], quantities: Mapping[int, int]) -> None:
        """Say where quantities are not counted, because nobody tracks them."""
        idle = sum(units > 0 and variants[at].get("tracked") is False for at, units in quantities.items())
        if idle:
            detail = f"{idle} variants have a quantity and no inventory tracker: they are always for sale, not counted."
            self.warn(first, "tracker", "stock_untracked", detail)

    def pass_on(self, rows: list[Row]) -> None:
        """Say what was found where the rows were made."""
        for row in rows:
            for key, code, detail in row.said:
                self.warn(row, key, code, detail)

    def position(self, row: Row) -> int:
        """Return where an image stands; one without a position comes last."""
        text = row.stripped("position")
        if not text:
            return 1_000_000_000
        match = re.fullmatch(r"(-?[0-9]{1,9})([.,]0*)?", text, re.ASCII)
        if match is None:
            self.warn(
                row,
                "position",
                "position_ignored",
                f"{text[:20]} is no whole number: the picture comes last.",
            )
        return int(match[1]) if match else 1_000_000_000

    def flag(self, row: Row, key: str) -> bool:
        """Return yes or no; blank is yes."""
        text = row.stripped(key).lower()
        if text not in ("", "true", "false", "yes", "no", "1", "0"):
            self.refuse(row, key, "invalid_flag", f"{text[:20]} is neither true nor false.")
        return text not in ("false", "no", "0")

    def continues(self, row: Row) -> bool:
        """Tell whether a variant is sold on when nothing is left."""
        text = row.stripped("policy").lower()
        if text not in ("", "deny", "continue", "true", "false", "yes", "no", "1", "0"):
            self.refuse(row, "policy", "invalid_policy", f"{text[:20]} is neither continue nor deny.")
        return text in ("continue", "true", "yes", "1")

    def status(self, row: Row) -> dict[str, str]:
        """Return what becomes of a product, where the file has a column for it."""
        if row.cells.keys().isdisjoint(("status", "published")):
            return {}
        status = row.stripped("status").lower()
        if status not in ("", *_STATUS.values()):
            detail = f"{status[:20]} is none of active, draft, archived, unlisted."
            self.refuse(row, "status", "invalid_status", detail)
        published = self.flag(row, "published")
        if status in ("draft", "archived"):
            return {"status": "withdrawn" if status == "archived" else "draft"}
        if not published:
            return {"status": "unpublished" if status else "draft"}
        return {"status": "unlisted" if status == "unlisted" else "published"}


# --- cells that no spreadsheet runs -------------------------------------------------------------------------------

_RUN = "=+-@\t\r"


def quoted(cell: str) -> str:
    """Return a cell so that no spreadsheet takes it for a formula: with an apostrophe before ``= + - @``."""
    return f"'{cell}" if cell.lstrip("'")[:1] in tuple(_RUN) and cell else cell


def shown(cell: str) -> str:
    """Return what `quoted` was given."""
    return cell[1:] if cell[:1] == "'" and cell.lstrip("'")[:1] in tuple(_RUN) else cell


# --- writing ------------------------------------------------------------------------------------------------------

_NOT_WRITTEN = ("kilograms", "pounds", "ounces")
_WRITTEN = tuple(key for key in _COLUMNS if key not in _NOT_WRITTEN)
_STATUS = {
    "published": "active",
    "unlisted": "unlisted",
    "unpublished": "active",
    "draft": "draft",
    "withdrawn": "archived",
}


def header(others: Iterable[str] = ()) -> str:
    """Return the header line of what `write` makes, with the columns that are only kept."""
    return _lines([[*(_COLUMNS[key][0] for key in _WRITTEN), *map(quoted, others)]])


def write(product: Product, others: Iterable[str] = ()) -> str:
    """Return a product's rows: as many as it has variants or images, whichever are more."""
    rows, columns = [], tuple(others)
    for index in range(max(len(product.variants), len(product.images))):
        cells = {"handle": product.slug, **(_product_cells(product) if index == 0 else {})}
        if index < len(product.variants):
            cells |= _variant_cells(product, product.variants[index])
        if index < len(product.images):
            image = product.images[index]
            cells |= {"image": image.src, "position": str(index + 1), "alt": image.alt}
        given = (product.variants[index].other_columns or {}) if index < len(product.variants) else {}
        made = [*(cells.get(key, "") for key in _WRITTEN), *(given.get(name, "") for name in columns)]
        rows.append([quoted(cell) for cell in made])
    return _lines(rows)


def _product_cells(product: Product) -> dict[str, str]:
    names = product.options or ("Title",)
    return {
        "title": product.title,
        "body": product.body_html,
        "vendor": product.vendor,
        "taxonomy": product.product_category,
        "type": product.category,
        "tags": ", ".join(product.tags),
        "status": _STATUS[product.status],
        "published": "true" if product.status in ("published", "unlisted") else "false",
        "seo_title": product.seo.title,
        "seo_description": product.seo.description,
        **{f"option{number}_name": name for number, name in enumerate(names, 1)},
    }


def _variant_cells(product: Product, variant: Variant) -> dict[str, str]:
    values = variant.options or ("Default Title",)
    special = variant.tax_class not in ("standard", "exempt")
    before = variant.compare_at
    return {
        **{f"option{number}": value for number, value in enumerate(values, 1)},
        "sku": shown_sku(variant),
        "grams": str(variant.grams),
        "barcode": variant.barcode,
        "price": format_amount(variant.price.amount, variant.price.currency),
        "compare_at": format_amount(before.amount, before.currency) if before else "",
        "tracker": "" if variant.stock_policy == "untracked" else "shopify",
        "policy": "continue" if variant.stock_policy == "backorder" else "deny",
        "shipping": "true" if variant.requires_shipping else "false",
        "taxable": "false" if variant.tax_class == "exempt" else "true",
        "tax_code": variant.tax_class if special else "",
        "variant_image": variant.image or "",
    }


def _lines(rows: Iterable[list[str]]) -> str:
    made = io.StringIO(newline="")
    csv.writer(made).writerows(rows)
    return made.getvalue()
