"""Accounts' requests and answers, and how answers are made of domain objects."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from functions.identity.accounts.domain import Account, Address
from functions.shared.addresses import AddressBody
from functions.shared.types import Body, Email, Query, View

Password = Annotated[str, Meta(min_length=8, max_length=128)]
"""Any 8 to 128 characters (code points); no other rule, as NIST SP 800-63B advises."""
Name = Annotated[str, Meta(min_length=1, max_length=400, examples=["Amira Haddad"])]
"""A person's name as typed; `addresses.checked_line` says what it is worth."""
MailToken = Annotated[str, Meta(min_length=1, max_length=200)]
Phone = Annotated[str, Meta(pattern=r"^\+?[0-9 ()./-]{3,30}$(?!\n)")]


class Register(Body, frozen=True):
    """A new account."""

    email: Email
    password: Password
    name: Name


class RegisteredView(View, frozen=True):
    """The id of the new account."""

    customer_id: str


class VerifyEmail(Body, frozen=True):
    """The token from the mail."""

    token: MailToken


class ByEmail(Body, frozen=True):
    """Whom to write to."""

    email: Email


class ResetPassword(Body, frozen=True):
    """The token from the mail, and the new password."""

    token: MailToken
    password: Password


class ChangeEmail(Body, frozen=True):
    """The new address, and the password for proof."""

    email: Email
    password: Annotated[str, Meta(min_length=1, max_length=128)]


class AcceptedView(View, frozen=True):
    """A mail follows if there is somebody to write to; this answer does not tell."""

    accepted: bool = True


class CustomerView(View, frozen=True):
    """An account as its owner and the staff see it."""

    customer_id: str
    email: str
    email_verified: bool
    name: str
    roles: tuple[str, ...]
    created_at: str


def customer_view(account: Account) -> CustomerView:
    """Shape an account."""
    return CustomerView(
        account.id, account.email, account.verified, account.name, account.roles, account.created_at
    )


class FindCustomers(Query, frozen=True):
    """Whom to look for."""

    email: str = ""


class CustomersView(View, frozen=True):
    """The customers found."""

    items: list[CustomerView]
    next_cursor: str | None = None


class SetRoles(Body, frozen=True):
    """All roles the account is to have; everybody is a customer."""

    roles: Annotated[tuple[Literal["customer", "staff", "admin"], ...], Meta(max_length=10)]


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
