"""What a postal address is: one definition for what an account keeps, a cart quotes and an order is sent to.

How addresses are written in each country comes from data (address_formats.json: Google's libaddressinput, CC BY 4.0;
tools/build/address_formats.py writes it). The file is read when the first address is checked, and of it only the
countries that are asked for are taken apart.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from functions.shared.errors import Field, InvalidError
from functions.shared.types import Body, Country, Data, Line

FORMATS = Path(__file__).with_name("address_formats.json")
MAX_LINE = 120
MAX_POSTAL_CODE = 20

PostalCode = Annotated[str, Meta(min_length=1, max_length=MAX_POSTAL_CODE, examples=["10969"])]
Raw = Annotated[str, Meta(max_length=400, examples=["Sonnenallee 12"])]
"""A line as people type or paste it; `checked` says what it is worth."""


class PostalAddress(Data, frozen=True):
    """Where goods go; ``postal_code`` is null where a country has none, or has one that may be left out."""

    name: Line
    line1: Annotated[Line, Meta(examples=["Lindenstraße 12"])]
    city: Annotated[Line, Meta(examples=["Berlin"])]
    postal_code: PostalCode | None
    country: Country
    line2: Annotated[Line, Meta(examples=["2nd floor"])] | None = None
    region: Annotated[Line, Meta(examples=["Berlin"])] | None = None


class AddressBody(Body, frozen=True, kw_only=True):
    """An address as a request brings it; GET /carts/countries tells which fields a country needs."""

    name: Raw
    line1: Raw
    line2: Raw | None = None
    city: Raw | None = None
    region: Raw | None = None
    postal_code: Annotated[str, Meta(max_length=40, examples=["12047"])] | None = None
    country: Country


class CountryFormat(msgspec.Struct, frozen=True, rename="camel"):
    """How addresses are written in a country.

    ``label`` are the lines of a label: ``{postalCode} {city}``, with what else is to be printed. ``regions`` are those
    that are known, as they stand on a label and by name; where they are ``closed`` there are no others. The names of
    fields are the metadata's: ``zip``, ``pin``, ``state``, ``prefecture``.
    """

    label: tuple[str, ...]
    required: tuple[str, ...]
    country: str = ""
    regions: tuple[tuple[str, str], ...] = ()
    closed: bool = False
    region_name: str = ""
    city_name: str = ""
    postal_code_name: str = ""
    postal_code_pattern: str = ""
    postal_code_example: str = ""
    postal_code_prefix: str = ""

    def prints(self, field: str) -> bool:
        """Tell whether a label has a field, by its name in JSON."""
        return any(f"{{{field}}}" in line for line in self.label)


@functools.cache
def _formats() -> dict[str, msgspec.Raw]:
    return msgspec.json.decode(FORMATS.read_bytes(), type=dict[str, msgspec.Raw])


@functools.cache
def format_of(country: str) -> CountryFormat:
    """Return how addresses are written in a country (ISO 3166-1 alpha-2), of an unknown one the most general form."""
    known = _formats()
    return msgspec.json.decode(known.get(country, known["ZZ"]), type=CountryFormat)


def checked(given: AddressBody, field: Field = ()) -> PostalAddress:
    """Return an address in the one form it is kept in.

    Lines are trimmed and normalised and never refused for their letters. A city that a country's addresses do not have
    is filled in with the region or the country's name.

    Parameters
    ----------
    field
        The address in the request.

    Raises
    ------
    InvalidError
        A field is missing that the country needs, is too long, or is a postal code or a region that cannot be.
    """
    form = format_of(given.country)
    fields = {
        "name": _line(given.name),
        "line1": _line(given.line1),
        "line2": _line(given.line2),
        "city": _line(given.city),
        "region": _line(given.region),
        "postalCode": _line(unicodedata.normalize("NFKC", given.postal_code or "")).upper(),
    }
    for name, text in fields.items():
        longest = MAX_POSTAL_CODE if name == "postalCode" else MAX_LINE
        _check((*field, name), text, needed=name in form.required, longest=longest)
    region = _region(fields["region"], form, (*field, "region"))
    return PostalAddress(
        name=fields["name"],
        line1=fields["line1"],
        city=fields["city"] or region or form.country.title() or given.country,
        postal_code=_postal_code(fields["postalCode"], form, given.country, (*field, "postalCode")) or None,
        country=given.country,
        line2=fields["line2"] or None,
        region=region or None,
    )


def checked_line(text: str, field: Field) -> str:
    """Return a line, such as a person's name, in the one form it is kept in; raise InvalidError for a blank one."""
    line = _line(text)
    _check(field, line, needed=True)
    return line


def _line(text: str | None) -> str:
    """Return one line: NFC, single blanks between words, without control characters and marks of direction.

    Joiners stay: Persian and Hindi spell words with them.
    """
    shown = "".join(map(_shown, text or ""))
    return unicodedata.normalize("NFC", " ".join(shown.split()))


def _shown(sign: str) -> str:
    kind = unicodedata.category(sign)
    if sign.isspace() or kind[0] == "Z":
        return " "
    return "" if kind == "Cc" or (kind == "Cf" and sign not in "\u200c\u200d") else sign


def _check(field: Field, text: str, *, needed: bool, longest: int = MAX_LINE) -> None:
    if needed and not text:
        name = str(field[-1])
        raise InvalidError("field_required", "This field is needed.", field=field, parameters={"field": name})
    if len(text) > longest:
        detail = f"This field has at most {longest} characters."
        raise InvalidError("too_long", detail, field=field, parameters={"maximum": longest})


def _postal_code(text: str, form: CountryFormat, country: str, field: Field) -> str:
    """Return a postal code as its country writes it, without the country's own prefix and blanks it does not have."""
    bare = text.removeprefix(form.postal_code_prefix).lstrip(" -") if form.postal_code_prefix else text
    if not text or not form.postal_code_pattern:
        return text
    for attempt in (text, bare, re.sub("[ -]", "", bare)):
        if re.fullmatch(form.postal_code_pattern, attempt, re.ASCII):
            return attempt
    example = form.postal_code_example
    raise InvalidError(
        "invalid_postal_code",
        f"A postal code of {country} is written like {example}.",
        field=field,
        parameters={"country": country, "example": example},
    )


def _region(text: str, form: CountryFormat, field: Field) -> str:
    """Return a region as it stands on a label; what is not known is kept, unless the known ones are all there are."""
    wanted = text.casefold()
    for code, name in form.regions:
        if wanted in (code.casefold(), name.casefold()):
            return code if form.closed else text
    if text and form.closed:
        known = ", ".join(code for code, _ in form.regions)
        raise InvalidError(
            "unknown_region",
            f"The region is one of {known}.",
            field=field,
            parameters={"choices": known},
        )
    return text
