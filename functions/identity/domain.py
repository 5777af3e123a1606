"""Accounts, address books, sessions and one-time tokens as pure rules."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from functions.shared.clock import parse, rfc3339
from functions.shared.errors import ConflictError, NotFoundError

ROLES = ("customer", "staff", "admin")
_SCOPES = {"customer": "shop", "staff": "back-office", "admin": "admin"}

SESSION_IDLE = timedelta(days=30)
"""How long a refresh token can lie unused."""
SESSION_LIFE = timedelta(days=180)
"""After which a session ends however much it is used."""
RETRY_GRACE = timedelta(seconds=10)
"""How long after a rotation the token it replaced is taken for a repeated request (two tabs, a lost answer) and gets
the same successor; later than that it is taken for stolen."""

UNCOUNTED = SESSION_LIFE // timedelta(minutes=15)
"""How many rotations a session is taken to have had that began before they were counted: one with each access token."""

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


@dataclass(frozen=True)
class Account:
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
        return replace(self, **fields, version=self.version + 1)  # type: ignore[arg-type]


def roles_in_order(roles: Iterable[str]) -> tuple[str, ...]:
    """Return the roles, each once; everybody is a customer."""
    return tuple(role for role in ROLES if role == "customer" or role in roles)


def scope(roles: Iterable[str]) -> str:
    """Return the OAuth scope of the roles."""
    return " ".join(_SCOPES[role] for role in roles)


# --- addresses ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Address:
    """One postal address; `default` marks the one that is offered first."""

    id: str
    name: str
    line1: str
    city: str
    postal_code: str | None
    country: str
    line2: str | None = None
    region: str | None = None
    phone: str | None = None
    default: bool = False
    version: int = 1


@dataclass(frozen=True)
class AddressBook:
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


# --- sessions -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Session:
    """One log-in and the refresh tokens that came of it, one after the other (a family).

    Of the tokens only digests are kept. `seed` makes the next secret out of the present one, so that a repeated request
    gets the same answer; it is worth nothing to who does not have the present secret.
    """

    id: str
    account_id: str
    current: str
    seed: str
    epoch: int
    started_at: str
    ends_at: str
    previous: str = ""
    rotated_at: str = ""
    rotations: int = 0


Judgement = Literal["rotate", "repeat", "replaced", "ended"]


def judge(
    session: Session, account: Account | None, digest: str, at: datetime, replaced: Callable[[], bool]
) -> Judgement:
    """Tell what a refresh token of a session means, given the digest of its secret.

    Parameters
    ----------
    replaced
        Tells whether the secret is one that this session once had: asked only where it is neither of the newest two.

    Returns
    -------
    ``rotate`` it is the newest; ``repeat`` it was replaced a moment ago; ``replaced`` it was before that, so two
    parties hold tokens of this family; ``ended`` the session is over, or was never given this secret: whoever makes one
    up ends nobody's session with it.
    """
    if account is None or session.epoch != account.epoch or parse(session.ends_at) <= at:
        return "ended"
    if digest == session.current:
        return "rotate"
    if digest == session.previous:
        return "repeat" if at < parse(session.rotated_at) + RETRY_GRACE else "replaced"
    return "replaced" if replaced() else "ended"


def session_end(started_at: datetime, at: datetime) -> datetime:
    """Return when a session used at a time ends unless it is used again."""
    return min(at + SESSION_IDLE, started_at + SESSION_LIFE)


# --- tokens that people hold --------------------------------------------------------------------------------------

_OPAQUE = re.compile(r"([0-9a-hjkmnp-tv-z]{26})((?:[0-9a-hjkmnp-tv-z]{26})?)([A-Za-z0-9_-]{43})")


def opaque(*ids_and_secret: str) -> str:
    """Return the text of a refresh or one-time token: the ids' suffixes, then the secret (32 bytes, base64url).

    The ids only say where its digest lies; all its worth is in the secret.
    """
    *ids, secret = ids_and_secret
    return "".join(one.partition("_")[2] for one in ids) + secret


def split_opaque(text: str) -> tuple[str, str, str] | None:
    """Return account id, session id (empty in a one-time token) and secret; None for anything else."""
    match = _OPAQUE.fullmatch(text)
    if match is None:
        return None
    account, session, secret = match.groups()
    return f"cus_{account}", f"ses_{session}" if session else "", secret


@dataclass(frozen=True)
class OneTimeToken:
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
