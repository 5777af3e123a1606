"""Routes of accounts: register, prove an e-mail address, forgotten passwords, one's own profile; staff's customers."""

from __future__ import annotations

import msgspec
from chalice.app import Response

from functions.identity.accounts import service
from functions.identity.accounts.domain import Account, Address, EmailKind
from functions.identity.accounts.limits import MAIL_NETWORK, REGISTER_NETWORK
from functions.identity.accounts.views import (
    AcceptedView,
    AddressesView,
    AddressView,
    ByEmail,
    ChangeEmail,
    ChangeMe,
    CustomersView,
    CustomerView,
    FindCustomers,
    KeptAddressBody,
    Register,
    RegisteredView,
    ResetPassword,
    SetRoles,
    VerifyEmail,
    address_view,
    customer_view,
)
from functions.identity.api import app, count, me, network, table
from functions.shared.addresses import checked, checked_line
from functions.shared.clock import now
from functions.shared.email_address import comparable, deliverable
from functions.shared.errors import InvalidError
from functions.shared.http import IDEMPOTENCY_KEY, IF_MATCH, IF_MATCH_OPTIONAL, etag, json_response
from functions.shared.idempotency import answered_once
from functions.shared.ids import fingerprint, new_id


@app.endpoint(
    "POST",
    "/identity/register",
    auth="none",
    body=Register,
    headers=(IDEMPOTENCY_KEY,),
    returns=RegisteredView,
    status=201,
)
def register(body: Register, key: str | None) -> Response:
    """Open an account: 201 its id, also if there is one already (its owner gets a mail) | 400 | 409 | 429."""
    at, email, name = now(), deliverable(body.email), checked_line(body.name, ("name",))
    count(REGISTER_NETWORK, network())
    # Under a key the random part of the id follows from it, so that a repeated request finds its own account.
    randomness = int(fingerprint(email, key)[:20], 16) if key else None
    customer_id = new_id("cus", at, randomness)

    def run() -> Response:
        made = service.register(table(), email, name, body.password, customer_id=customer_id, at=at)
        return json_response(RegisteredView(made), 201)

    same = fingerprint(email, name).encode()  # the password is not to lie about as a plain digest
    return answered_once(app, table(), f"register#{email}", at, run, key=key, told_apart_by=same)


@app.endpoint("POST", "/identity/verify-email", auth="none", body=VerifyEmail, status=204)
def verify_email(body: VerifyEmail) -> Response:
    """Prove an e-mail address by the token mailed to it: 204 | 400 used, replaced or too old | 409 address taken."""
    service.verify_email(table(), body.token, now())
    return Response("", status_code=204)


@app.endpoint(
    "POST", "/identity/verify-email/resend", auth="none", body=ByEmail, returns=AcceptedView, status=202
)
def resend_verification(body: ByEmail) -> Response:
    """Ask for another mail to prove an address: 202, whether there is an account or not | 400 | 429."""
    return _mail("verify_email", body)


@app.endpoint(
    "POST", "/identity/password/forgot", auth="none", body=ByEmail, returns=AcceptedView, status=202
)
def forgot_password(body: ByEmail) -> Response:
    """Ask for a mail to choose a new password: 202, whether there is an account or not | 400 | 429."""
    return _mail("password_reset", body)


def _mail(kind: EmailKind, body: ByEmail) -> Response:
    email, at = comparable(body.email), now()
    count(MAIL_NETWORK, network())
    table().request_email(service.email_request(kind, at, email=email), at)
    return json_response(AcceptedView(), 202)


@app.endpoint("POST", "/identity/password/reset", auth="none", body=ResetPassword, status=204)
def reset_password(body: ResetPassword) -> Response:
    """Choose a new password by the token mailed; all sessions end: 204 | 400 used, replaced or too old."""
    service.reset_password(table(), body.token, body.password, network=network(), at=now())
    return Response("", status_code=204)


@app.endpoint("POST", "/identity/email/change", body=ChangeEmail, returns=AcceptedView, status=202)
def change_email(body: ChangeEmail) -> Response:
    """Ask to use another e-mail address, by a mail to it: 202, taken or not | 400 | 401 the password is wrong | 429."""
    customer_id, at = me(), now()
    email = deliverable(body.email)
    owner = _prove(customer_id, body.password)
    count(MAIL_NETWORK, network())
    service.ask_email_change(table(), owner, email, at)
    return json_response(AcceptedView(), 202)


def _prove(customer_id: str, password: str) -> Account:
    account = service.account(table(), customer_id)
    service.authenticate(table(), account, account.email, password, network=network(), at=now())
    return account


# --- one's own profile and addresses ------------------------------------------------------------------------------


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


# --- for staff and admins -----------------------------------------------------------------------------------------


@app.endpoint(
    "GET", "/identity/customers", roles=("staff", "admin"), query=FindCustomers, returns=CustomersView
)
def find_customers(query: FindCustomers) -> Response:
    """Find a customer (``?email=``): 200, empty where there is none | 400 | 403."""
    if not query.email:
        raise InvalidError("email_required", "Say whom to look for: ?email=…")
    found = table().account_of(comparable(query.email))
    return json_response(CustomersView([customer_view(found)] if found else []))


@app.endpoint("GET", "/identity/customers/{customerId}", roles=("staff", "admin"), returns=CustomerView)
def get_customer(customer_id: str) -> Response:
    """Get a customer: 200 with ETag | 403 | 404."""
    account = service.account(table(), customer_id)
    return json_response(customer_view(account), headers=etag(account.version))


@app.endpoint(
    "PUT",
    "/identity/customers/{customerId}/roles",
    roles=("admin",),
    body=SetRoles,
    headers=(IF_MATCH_OPTIONAL,),
    returns=CustomerView,
)
def set_roles(customer_id: str, body: SetRoles, version: int | None) -> Response:
    """Replace a customer's roles, in force from their next access token on: 200 | 400 | 403 | 404 | 409 own | 412."""
    account = service.set_roles(table(), customer_id, body.roles, by=me(), version=version, at=now())
    return json_response(customer_view(account), headers=etag(account.version))
