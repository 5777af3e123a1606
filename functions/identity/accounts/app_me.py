"""Routes of one's own profile and addresses."""

from __future__ import annotations

from typing import Annotated

import msgspec
from chalice.app import Response
from msgspec import Meta

from functions.identity.accounts import service
from functions.identity.api import CustomerView, Name, app, customer_view, me, table
from functions.identity.domain import Address
from functions.shared.addresses import AddressBody, checked, checked_line
from functions.shared.clock import now
from functions.shared.http import IDEMPOTENCY_KEY, IF_MATCH, etag, json_response
from functions.shared.idempotency import answered_once, fingerprint
from functions.shared.ids import new_id
from functions.shared.types import Body, View

Phone = Annotated[str, Meta(pattern=r"^\+?[0-9 ()./-]{3,30}$(?!\n)")]


class ChangeMe(Body, frozen=True):
    """What of one's profile can be changed at once; the e-mail address has a way of its own."""

    name: Name | None = None


class KeptAddressBody(AddressBody, frozen=True, kw_only=True):
    """A postal address to keep; `default` makes it the one offered first."""

    phone: Phone | None = None
    default: bool = False


class AddressView(View, frozen=True):
    """A postal address as kept."""

    address_id: str
    name: str
    line1: str
    line2: str | None
    city: str
    region: str | None
    postal_code: str | None
    country: str
    phone: str | None
    default: bool


class AddressesView(View, frozen=True):
    """All of a person's addresses, at most 20."""

    items: list[AddressView]
    next_cursor: str | None = None


def address_view(address: Address) -> AddressView:
    """Shape an address."""
    return AddressView(
        address.id,
        address.name,
        address.line1,
        address.line2,
        address.city,
        address.region,
        address.postal_code,
        address.country,
        address.phone,
        address.default,
    )


def _answer(address: Address, status: int = 200) -> Response:
    return json_response(address_view(address), status, etag(address.version))


def _address(address_id: str, given: KeptAddressBody) -> Address:
    kept = msgspec.structs.asdict(checked(given))
    return Address(id=address_id, **kept, phone=given.phone, default=given.default)


@app.endpoint("GET", "/identity/me", returns=CustomerView)
def get_me() -> Response:
    """Get one's own profile: 200 with ETag | 404 erased."""
    account = service.account(table(), me())
    return json_response(customer_view(account), headers=etag(account.version))


@app.endpoint("PATCH", "/identity/me", body=ChangeMe, headers=(IF_MATCH,), returns=CustomerView)
def change_me(body: ChangeMe, version: int) -> Response:
    """Change one's own profile: 200 with ETag | 400 | 404 | 412 changed meanwhile | 428 no If-Match."""
    name = checked_line(body.name, ("name",)) if body.name else service.account(table(), me()).name
    account = service.rename(table(), me(), name, version=version, at=now())
    return json_response(customer_view(account), headers=etag(account.version))


@app.endpoint("DELETE", "/identity/me", status=204)
def erase_me() -> Response:
    """Erase one's own account and all that hangs on it: 204, also if it is erased."""
    service.erase(table(), me(), now())
    return Response("", status_code=204)


@app.endpoint("GET", "/identity/me/addresses", returns=AddressesView)
def get_addresses() -> Response:
    """List one's own addresses: 200."""
    book = table().address_book(me())
    return json_response(AddressesView([address_view(address) for address in book.addresses]))


@app.endpoint(
    "POST",
    "/identity/me/addresses",
    body=KeptAddressBody,
    headers=(IDEMPOTENCY_KEY,),
    returns=AddressView,
    status=201,
)
def add_address(body: KeptAddressBody, key: str | None) -> Response:
    """Add an address: 201 with ETag | 400 | 404 erased | 409 too many, key reused."""
    customer_id, at = me(), now()
    randomness = int(fingerprint(customer_id, key)[:20], 16) if key else None

    def run() -> Response:
        address = _address(_own_repeat(customer_id, new_id("adr", at, randomness), key), body)
        return _answer(service.add_address(table(), customer_id, address), 201)

    return answered_once(app, table(), f"address#{customer_id}", at, run, key=key)


def _own_repeat(customer_id: str, address_id: str, key: str | None) -> str:
    """Return the id of the address that the same key made before (the same random part), else `address_id`."""
    made = (
        a.id for a in table().address_book(customer_id).addresses if key and a.id[-16:] == address_id[-16:]
    )
    return next(made, address_id)


@app.endpoint("GET", "/identity/me/addresses/{addressId}", returns=AddressView)
def get_address(address_id: str) -> Response:
    """Get one of one's own addresses: 200 with ETag | 404."""
    return _answer(table().address_book(me()).get(address_id))


@app.endpoint(
    "PUT",
    "/identity/me/addresses/{addressId}",
    body=KeptAddressBody,
    headers=(IF_MATCH,),
    returns=AddressView,
)
def replace_address(address_id: str, body: KeptAddressBody, version: int) -> Response:
    """Replace one of one's own addresses: 200 with ETag | 400 | 404 | 412 changed meanwhile | 428 no If-Match."""
    address = _address(address_id, body)
    return _answer(service.replace_address(table(), me(), address, version=version))


@app.endpoint("DELETE", "/identity/me/addresses/{addressId}", status=204)
def remove_address(address_id: str) -> Response:
    """Remove one of one's own addresses: 204 | 404."""
    service.remove_address(table(), me(), address_id)
    return Response("", status_code=204)
