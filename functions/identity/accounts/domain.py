"""Accounts, address books, one-time tokens and the mails about them, as pure rules."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from functions.shared.clock import rfc3339
from functions.shared.errors import ConflictError, NotFoundError
from functions.shared.types import Data

ROLES = ("customer", "staff", "admin")
_SCOPES = {"customer": "shop", "staff": "back-office", "admin": "admin"}


MAX_ADDRESSES = 20

Purpose = Literal["verify", "change", "reset"]
"""What a one-time token proves: the account's own address, an address it is to move to, the right to a new password.

Each has a slot of its own, so that a mail anyone may ask for (verify, reset) never voids another one's token.
"""
TOKEN_LIFE: dict[Purpose, timedelta] = {
    "verify": timedelta(days=3),
    "change": timedelta(days=3),
    "reset": timedelta(hours=1),
}


class Account(Struct, frozen=True):
    """A person's account; `version` counts up with every change.

    `epoch` counts up whenever what protects the account changes (password, e-mail address, log-out everywhere): it ends
    all sessions, and all one-time tokens, at once.
    """

    id: str
    email: str
    name: str
    password: str
    created_at: str
    verified: bool = False
    roles: tuple[str, ...] = ("customer",)
    epoch: int = 0
    version: int = 1

    def changed(self, **fields: object) -> Account:
        """Return the next version, with these fields."""
        return replace(self, **fields, version=self.version + 1)


def roles_in_order(roles: Iterable[str]) -> tuple[str, ...]:
    """Return the roles, each once; everybody is a customer."""
    return tuple(role for role in ROLES if role == "customer" or role in roles)


def scope(roles: Iterable[str]) -> str:
    """Return the OAuth scope of the roles."""
    return " ".join(_SCOPES[role] for role in roles)


# --- addresses ----------------------------------------------------------------------------------------------------


class Address(Struct, frozen=True):
    """One postal address; `default` marks the one that is offered first."""

    id: str
    name: str
    line1: str
    city: str
    country: str
    postal_code: str | None = None
    line2: str | None = None
    region: str | None = None
    phone: str | None = None
    default: bool = False
    version: int = 1


class AddressBook(Struct, frozen=True):
    """A person's addresses, in the order they were added; at most one is the default."""

    addresses: tuple[Address, ...] = ()
    version: int = 0

    def get(self, address_id: str) -> Address:
        """Return an address; raise NotFoundError."""
        for address in self.addresses:
            if address.id == address_id:
                return address
        raise NotFoundError("no_address", "There is no such address.")

    def holds(self, address_id: str) -> bool:
        """Tell whether there is such an address."""
        return any(address.id == address_id for address in self.addresses)

    def with_added(self, address: Address) -> AddressBook:
        """Return the book with one more; the first is the default. Raise ConflictError when it is full."""
        if len(self.addresses) >= MAX_ADDRESSES:
            raise ConflictError("too_many_addresses", f"At most {MAX_ADDRESSES} addresses can be kept.")
        added = replace(address, default=address.default or not self.addresses)
        return self._settled((*self.addresses, added), added)

    def with_replaced(self, address: Address) -> AddressBook:
        """Return the book with another content for the address of that id; its version counts up."""
        newer = replace(address, version=self.get(address.id).version + 1)
        return self._settled(tuple(newer if a.id == newer.id else a for a in self.addresses), newer)

    def without(self, address_id: str) -> AddressBook:
        """Return the book without an address; raise NotFoundError."""
        gone = self.get(address_id)
        return AddressBook(tuple(a for a in self.addresses if a is not gone), self.version + 1)

    def _settled(self, addresses: tuple[Address, ...], newest: Address) -> AddressBook:
        if newest.default:
            addresses = tuple(
                replace(a, default=False, version=a.version + 1) if a.default and a.id != newest.id else a
                for a in addresses
            )
        return AddressBook(addresses, self.version + 1)


# --- one-time tokens ----------------------------------------------------------------------------------------------


class OneTimeToken(Struct, frozen=True):
    """A token sent to a mailbox: good once, until `ends_at`, for what was agreed with that address.

    It is void once the account is of another `epoch`.
    """

    account_id: str
    purpose: Purpose
    email: str
    digest: str
    ends_at: str
    epoch: int

    def in_force(self, account: Account, digest: str, at: datetime) -> bool:
        """Tell whether a secret of this digest may still be used for the account as it is now."""
        return self.digest == digest and self.epoch == account.epoch and rfc3339(at) < self.ends_at


# --- mails --------------------------------------------------------------------------------------------------------

EmailKind = Literal[
    "verify_email",
    "verify_new_email",
    "password_reset",
    "already_registered",
    "password_changed",
    "email_change_asked",
    "email_changed",
]


class EmailRequest(Data, frozen=True):
    """What waits in the mail queue: whom to write to, known by account or by address, and about what.

    ``email`` is the address to write to where it is not the account's own, or not only as long as it is; ``epoch`` the
    account's when a new address was asked for.
    """

    id: str
    kind: EmailKind
    correlation_id: str = ""
    customer_id: str | None = None
    email: str | None = None
    epoch: int | None = None
