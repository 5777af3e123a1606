"""Postal addresses: one form, what each country needs, and what is never refused."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from functions.shared import addresses
from functions.shared.addresses import AddressBody, PostalAddress, checked, checked_line, format_of
from functions.shared.errors import InvalidError, json_pointer

COUNTRIES = sorted(json.loads(addresses.FORMATS.read_bytes()))


def an_address(country: str = "DE", **changes: Any) -> PostalAddress:
    given = {"name": "Amira Haddad", "line1": "Lane 1", "city": "Ulm", "postal_code": "89073", **changes}
    return checked(AddressBody(country=country, **given))


def refusal(country: str, **changes: Any) -> tuple[str, str | None]:
    with pytest.raises(InvalidError) as refused:
        an_address(country, **changes)
    return refused.value.code, json_pointer(refused.value.field)


def test_lines_are_trimmed_and_in_one_form_whatever_blanks_they_have() -> None:
    kept = an_address(
        name="\u00a0 Jose\u0301\t\u3000 Nu\u0301n\u0303ez \r\n", line1="1\u2028Lane\u202f 2", line2=" \u2003 "
    )
    assert (kept.name, kept.line1, kept.line2) == ("José Núñez", "1 Lane 2", None)


def test_control_characters_and_marks_of_direction_are_gone() -> None:
    assert an_address(name="Am\x00i\x1bra\x7f \u202eH\u2066addad\ufeff\u200b").name == "Amira Haddad"


NAMES = [
    "O'Brien-Smith",
    "Nguyễn Thị Ánh",
    "محمد بن سلمان",
    "می\u200cخواهم",
    "क्\u200dष",
    "佐藤 花子",
    "Š",
    "X Æ A-12",
    "🙂",
    "a@b <c>",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_never_refused_for_its_letters(name: str) -> None:
    assert an_address(name=name).name == unicodedata.normalize("NFC", name)


@given(some.text(max_size=100).filter(lambda text: any(sign.isalnum() for sign in text)))
def test_any_line_with_a_letter_is_kept_in_its_one_form(text: str) -> None:
    kept = checked_line(text, ("name",))
    assert checked_line(kept, ("name",)) == kept
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]|^\s|\s$|\s\s", kept)


@pytest.mark.parametrize(
    ("country", "given", "kept"),
    [
        ("DE", " 89073 ", "89073"),
        ("DE", "89 073", "89073"),
        ("GB", "sw1a 1aa", "SW1A 1AA"),
        ("GB", "EC1Y8SY", "EC1Y8SY"),
        ("NL", "1234 ab", "1234 AB"),
        ("US", "95014-1234", "95014-1234"),
        ("CH", "CH-8001", "8001"),
        ("LU", "L-2951", "2951"),
        ("JP", "\uff11\uff15\uff14\uff0d\uff10\uff10\uff12\uff13", "154-0023"),
        ("SE", "11455", "11455"),
        ("IE", "D02 X285", "D02 X285"),
        ("IE", None, None),
        ("AE", None, None),
        ("HK", " ", None),
        ("AE", "00000", "00000"),
    ],
)
def test_a_postal_code_is_as_its_country_writes_it(country: str, given: str | None, kept: str | None) -> None:
    region = {"US": "CA", "JP": "東京都", "AE": "Dubai", "HK": "Kowloon"}.get(country)
    assert an_address(country, postal_code=given, region=region).postal_code == kept


@pytest.mark.parametrize("text", ["1234", "123456", "ABCDE", "8907\u0663", "<b>89</b>"])
def test_a_postal_code_that_its_country_does_not_have_is_refused(text: str) -> None:
    assert refusal("DE", postal_code=text) == ("invalid_postal_code", "/postalCode")


def test_what_a_country_needs_is_asked_for_at_its_field() -> None:
    assert refusal("DE", postal_code=None) == ("field_required", "/postalCode")
    assert refusal("DE", city=" \u200b") == ("field_required", "/city")
    assert refusal("US", postal_code="95014") == ("field_required", "/region")
    assert refusal("DE", name="\t") == ("field_required", "/name")
    assert refusal("DE", line2="x" * 121) == ("too_long", "/line2")


def test_the_pointer_leads_to_the_address_in_its_body() -> None:
    with pytest.raises(InvalidError) as refused:
        checked(AddressBody(name="A", line1="B", city="C", country="DE"), ("shippingAddress",))
    assert json_pointer(refused.value.field) == "/shippingAddress/postalCode"


def test_a_region_of_a_closed_list_is_kept_as_labels_have_it() -> None:
    for typed in ("CA", "ca", "California", " california "):
        assert an_address("US", postal_code="95014", region=typed).region == "CA"
    assert refusal("US", postal_code="95014", region="Bavaria") == ("unknown_region", "/region")


def test_a_region_that_is_not_known_is_kept_where_there_may_be_others() -> None:
    assert an_address("MX", postal_code="02860", region="Nueva").region == "Nueva"
    assert an_address("JP", postal_code="154-0023", region="Tokyo").region == "Tokyo"


def test_only_countries_whose_regions_are_codes_take_no_others() -> None:
    closed = [code for code in COUNTRIES if format_of(code).closed]
    assert closed == ["AU", "BR", "CA", "ES", "IT", "SO", "US"]


@pytest.mark.parametrize(
    ("country", "region", "city"),
    [("AE", "Dubai", "Dubai"), ("JP", "東京都", "東京都"), ("GI", None, "Gibraltar")],
)
def test_a_city_that_addresses_of_a_country_do_not_have_is_filled_in(
    country: str, region: str | None, city: str
) -> None:
    code = {"JP": "154-0023", "GI": "GX11 1AA"}.get(country)
    assert an_address(country, city=None, region=region, postal_code=code).city == city


def test_a_country_that_is_not_known_asks_for_the_least() -> None:
    assert an_address("XX", postal_code="whatever 1").postal_code == "WHATEVER 1"
    assert refusal("XX", city=None) == ("field_required", "/city")


@pytest.mark.parametrize("country", COUNTRIES)
def test_every_country_takes_its_own_example(country: str) -> None:
    form = format_of(country)
    region = form.regions[0][0] if form.regions else "Region"
    code = form.postal_code_example or None
    kept = an_address(country, region=region, postal_code=code)
    assert (kept.region, kept.postal_code) == (region, code.upper() if code else None)
    assert checked(AddressBody(**{name: getattr(kept, name) for name in kept.__struct_fields__})) == kept


@pytest.mark.parametrize("country", COUNTRIES)
def test_every_label_has_the_name_the_lines_and_what_is_needed(country: str) -> None:
    form = format_of(country)
    printed = set(re.findall(r"{(\w+)}", " ".join(form.label)))
    assert printed >= {"name", "line1", "line2", *form.required}
    assert printed <= {"name", "line1", "line2", "city", "region", "postalCode"}


def test_a_label_has_its_lines_in_its_countrys_order() -> None:
    assert format_of("DE").label == ("{name}", "{line1}", "{line2}", "{postalCode} {city}")
    assert format_of("US").label == ("{name}", "{line1}", "{line2}", "{city}, {region} {postalCode}")
    assert format_of("JP").label == ("〒{postalCode}", "{region}", "{line1}", "{line2}", "{name}")


def test_formats_are_read_when_they_are_needed_and_one_country_at_a_time() -> None:
    addresses._formats.cache_clear()
    addresses.format_of.cache_clear()
    an_address("DE")
    an_address("DE")
    assert addresses.format_of.cache_info().misses == 1
    assert addresses._formats.cache_info().misses == 1
