"""What a request may say: anything else is refused with the field at fault, before the table is asked."""

from __future__ import annotations

import json
from typing import Any

import pytest

from functions.cart.app import checked_sku
from functions.cart.views import AskQuote, MergeCart, OpenCart, SetLine
from functions.shared.addresses import checked
from functions.shared.errors import InvalidError, json_pointer
from functions.shared.types import decode_body
from tests.unit.cart.conftest import ADDRESS

QUOTE = {"email": "amira@example.com", "shippingAddress": ADDRESS}


def refused(body: Any, kind: type[Any]) -> str | None:
    """Return the pointer of the refusal."""
    with pytest.raises(InvalidError) as raised:
        decode_body(body.encode() if isinstance(body, str) else json.dumps(body).encode(), kind)
    field = raised.value.field
    return None if field is None else json_pointer(field)


@pytest.mark.parametrize("quantity", [0, -1, 1000, 10**30, 1.5, 1.0, "2", None, True, [1]])
def test_a_quantity_is_a_whole_number_from_1_to_999(quantity: Any) -> None:
    assert refused({"quantity": quantity}, SetLine) == "/quantity"


@pytest.mark.parametrize("quantity", [1, 999])
def test_the_bounds_of_a_quantity_are_within(quantity: int) -> None:
    assert decode_body(b'{"quantity": %d}' % quantity, SetLine).quantity == quantity


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ("", None),
        (" ", None),
        ("{", None),
        ("[]", ""),
        ("{}", "/quantity"),
        ('{"quantity":1,"price":1}', "/price"),
        ('{"quantity":1,"unitPrice":{"amount":1}}', "/unitPrice"),
    ],
)
def test_a_line_is_set_by_its_quantity_alone(body: str, pointer: str | None) -> None:
    assert refused(body, SetLine) == pointer


@pytest.mark.parametrize("body", ["[]", '{"lines": []}', "{", "null"])
def test_a_cart_is_opened_empty(body: str) -> None:
    refused(body, OpenCart)


@pytest.mark.parametrize("body", ["{", "[]", '{"from": "crt_1"}', '{"into": 1}'])
def test_merging_takes_nothing_but_where_to(body: str) -> None:
    refused(body, MergeCart)


@pytest.mark.parametrize("sku", ["", "-A", "A B", "A/B", "A\n", "ä", "A" * 65])
def test_what_can_be_no_sku_is_refused(sku: str) -> None:
    with pytest.raises(InvalidError, match="invalid_sku"):
        checked_sku(sku)


def unusable(address: dict[str, Any]) -> str | None:
    """Return the pointer of the refusal of an address, whichever of its body and its country's format refuses it."""
    raw = json.dumps({**QUOTE, "shippingAddress": address}).encode()
    with pytest.raises(InvalidError) as raised:
        checked(decode_body(raw, AskQuote).shipping_address, ("shippingAddress",))
    field = raised.value.field
    return None if field is None else json_pointer(field)


@pytest.mark.parametrize("name", ["name", "line1", "city", "postalCode", "country"])
def test_an_address_lacks_nothing_that_is_needed(name: str) -> None:
    address = {key: value for key, value in ADDRESS.items() if key != name}
    assert unusable(address) == f"/shippingAddress/{name}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", ""),
        ("name", " "),
        ("name", "x" * 121),
        ("name", 1),
        ("line1", None),
        ("line1", "\x00"),
        ("line2", "x" * 401),
        ("city", "\u3000"),
        ("city", ["Berlin"]),
        ("region", "x" * 121),
        ("postalCode", "1"),
        ("postalCode", "1" * 41),
        ("postalCode", "<script>"),
        ("postalCode", 12047),
        ("country", "de"),
        ("country", "DEU"),
        ("country", "Germany"),
        ("country", ""),
        ("country", "D€"),
        ("phone", "1"),
    ],
)
def test_an_address_of_another_form_is_refused_by_its_field(name: str, value: Any) -> None:
    assert unusable({**ADDRESS, name: value}) == f"/shippingAddress/{name}"


@pytest.mark.parametrize(
    "email",
    ["", "a", "a@b", "@example.com", "a b@example.com", "a@example.com\n", "a" * 250 + "@example.com", 1],
)
def test_an_email_of_another_form_is_refused(email: Any) -> None:
    assert refused({**QUOTE, "email": email}, AskQuote) == "/email"


@pytest.mark.parametrize("field", ["lines", "totals", "shipping", "unitPrice"])
def test_a_buyer_cannot_say_what_it_costs(field: str) -> None:
    assert refused({**QUOTE, field: 1}, AskQuote) == f"/{field}"
