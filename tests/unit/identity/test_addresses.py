"""One's own address book over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from functions.identity.accounts.domain import MAX_ADDRESSES, Address, AddressBook
from functions.identity.accounts.service import add_address
from functions.identity.table import IdentityTable
from functions.shared.addresses import AddressBody, PostalAddress, checked
from tests.unit.identity.conftest import Front

LANE: dict[str, Any] = {
    "name": "Amira Haddad",
    "line1": "Lane 1",
    "city": "Ulm",
    "postalCode": "89073",
    "country": "DE",
}
ALL, ONE = "/identity/me/addresses", "/identity/me/addresses/{addressId}"


class Book:
    """An address book as its owner uses it."""

    def __init__(self, front: Front) -> None:
        self.front = front
        front.register()
        self.token = front.log_in()["accessToken"]

    def add(self, **fields: Any) -> Any:
        headers = {"Idempotency-Key": fields.pop("key")} if "key" in fields else {}
        return self.front.call("POST", ALL, {**LANE, **fields}, token=self.token, headers=headers)

    def get(self, address_id: str) -> Any:
        return self.front.call("GET", ONE, path={"addressId": address_id}, token=self.token)

    def put(self, address_id: str, etag: str | None, **fields: Any) -> Any:
        headers = {"If-Match": etag} if etag else {}
        body = {**LANE, **fields}
        return self.front.call(
            "PUT", ONE, body, path={"addressId": address_id}, token=self.token, headers=headers
        )

    def remove(self, address_id: str) -> Any:
        return self.front.call("DELETE", ONE, path={"addressId": address_id}, token=self.token)

    def items(self) -> Any:
        return self.front.call("GET", ALL, token=self.token).body["items"]


@pytest.fixture
def book(front: Front) -> Book:
    return Book(front)


def test_an_address_is_kept_as_given(book: Book) -> None:
    added = book.add(line2="Back yard", region="BW", phone="+49 731 123")
    assert (added.status, added.headers["ETag"]) == (201, '"1"')
    assert added.body | {"addressId": ""} == {
        **LANE,
        "addressId": "",
        "line2": "Back yard",
        "region": "BW",
        "phone": "+49 731 123",
        "default": True,
    }
    assert book.get(added.body["addressId"]).body == added.body
    assert book.items() == [added.body]


def test_an_address_is_kept_in_the_form_that_a_quote_takes(book: Book) -> None:
    typed = {
        "name": " Jose\u0301\u00a0 Ruiz\t",
        "line1": "Lane\u3000 1",
        "line2": "\u200b",
        "postalCode": " 89 073",
    }
    kept = book.add(**typed).body
    sent = AddressBody(
        name=kept["name"],
        line1=kept["line1"],
        line2=kept["line2"],
        city=kept["city"],
        region=kept["region"],
        postal_code=kept["postalCode"],
        country=kept["country"],
    )
    assert checked(sent) == PostalAddress("José Ruiz", "Lane 1", "Ulm", "89073", "DE")


def test_an_address_of_a_country_without_postal_codes_is_kept(book: Book) -> None:
    kept = book.add(city=None, postalCode=None, region="Dubai", country="AE").body
    assert (kept["city"], kept["region"], kept["postalCode"]) == ("Dubai", "Dubai", None)
    assert book.items() == [kept]
    assert book.add().status == 201


def test_an_address_that_was_kept_before_formats_were_known_is_shown(
    book: Book, table: IdentityTable
) -> None:
    customer_id = book.front.me(book.token).body["customerId"]
    add_address(table, customer_id, Address("adr_1", "Amira", "Lane 2", "Ulm", "DE", "not a code"))
    assert [item["postalCode"] for item in book.items()] == ["not a code"]


def test_the_default_is_one_and_moves(book: Book) -> None:
    first, second = book.add(), book.add(default=True)
    assert [item["default"] for item in book.items()] == [False, True]
    assert book.get(first.body["addressId"]).headers["ETag"] == '"2"'
    assert second.headers["ETag"] == '"1"'


def test_a_changed_address_has_a_new_version(book: Book) -> None:
    address_id = book.add().body["addressId"]
    answer = book.put(address_id, '"1"', city="Bonn")
    assert (answer.status, answer.body["city"], answer.headers["ETag"]) == (200, "Bonn", '"2"')


def test_a_change_of_a_version_that_is_gone_is_refused(book: Book) -> None:
    address_id = book.add().body["addressId"]
    book.put(address_id, '"1"', city="Bonn")
    assert book.put(address_id, '"1"', city="Trier").status == 412
    assert book.put(address_id, None).status == 428
    assert book.get(address_id).body["city"] == "Bonn"


def test_a_removed_address_is_gone(book: Book) -> None:
    address_id = book.add().body["addressId"]
    assert book.remove(address_id).status == 204
    assert book.remove(address_id).status == book.get(address_id).status == 404
    assert book.items() == []


def test_the_address_of_another_is_not_found(book: Book, front: Front) -> None:
    address_id = book.add().body["addressId"]
    front.register("other@example.com")
    book.token = front.log_in("other@example.com")["accessToken"]
    assert (
        book.get(address_id).status
        == book.put(address_id, '"1"').status
        == book.remove(address_id).status
        == 404
    )


def test_a_repeated_request_adds_one_address(book: Book) -> None:
    first, second = book.add(key="k1"), book.add(key="k1")
    assert (first.status, first.body) == (second.status, second.body)
    assert len(book.items()) == 1
    assert book.add(key="k1", city="Bonn").body["code"] == "idempotency_key_reused"


def test_a_request_repeated_after_its_record_was_lost_adds_one_address(
    book: Book, table: IdentityTable
) -> None:
    first = book.add(key="k1")
    from tests.unit.identity.conftest import images

    for image in images(table):
        if image["pk"]["S"].startswith("IDEM#"):
            table.delete({"pk": image["pk"]["S"], "sk": image["sk"]["S"]})
    assert book.add(key="k1").body == first.body
    assert len(book.items()) == 1


class Behind(IdentityTable):
    """A worker that read the book before another one changed it."""

    reads = 0

    def address_book(self, customer_id: str) -> AddressBook:
        self.reads += 1
        return AddressBook() if self.reads == 1 else super().address_book(customer_id)


def test_no_address_is_lost_when_two_are_added_at_once(book: Book, table: IdentityTable) -> None:
    book.add(line1="Lane 1")
    customer_id = book.front.me(book.token).body["customerId"]
    behind = Behind(table.name)
    add_address(behind, customer_id, Address("adr_2", "Amira", "Lane 2", "Ulm", "DE", "89073"))
    assert [item["line1"] for item in book.items()] == ["Lane 1", "Lane 2"]
    assert behind.reads == 2


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("country", "Germany"),
        ("country", "de"),
        ("postalCode", ""),
        ("line1", " "),
        ("line2", 2),
        ("city", None),
        ("phone", "call me"),
        ("default", "yes"),
        ("name", "x" * 121),
        ("line1", "\x00\n"),
        ("postalCode", "ABC"),
        ("planet", "Mars"),
    ],
)
def test_a_bad_field_is_named_and_nothing_is_kept(book: Book, field: str, value: Any) -> None:
    answer = book.add(**{field: value})
    assert (answer.status, answer.body["pointer"]) == (400, f"/{field}")
    assert book.items() == []


def test_a_book_is_full_at_20() -> None:
    book = AddressBook()
    for number in range(MAX_ADDRESSES):
        book = book.with_added(Address(str(number), "A", "L", "C", "DE", "1"))
    with pytest.raises(Exception, match="too_many_addresses"):
        book.with_added(Address("x", "A", "L", "C", "DE", "1"))


def test_an_erased_person_can_add_nothing(book: Book, front: Front) -> None:
    front.call("DELETE", "/identity/me", token=book.token)
    assert book.add().status == 404
    assert book.items() == []
