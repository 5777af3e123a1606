"""Accounts: register, prove an e-mail address, change, erase. Each use case is safe to repeat."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from functions.identity.accounts import limits, passwords
from functions.identity.accounts.domain import (
    Account,
    Address,
    AddressBook,
    EmailKind,
    EmailRequest,
    OneTimeToken,
    Purpose,
    roles_in_order,
)
from functions.identity.accounts.limits import LOGIN_ACCOUNT, LOGIN_NETWORK, LOGIN_PAIR, Limit, pair
from functions.identity.accounts.table import AccountsTable
from functions.identity.accounts.tokens import digest, split_opaque
from functions.identity.events import (
    CustomerChanged,
    CustomerEmailConfirmed,
    CustomerErased,
    CustomerRegistered,
    CustomerRolesChanged,
)
from functions.shared import context, log
from functions.shared.clock import rfc3339
from functions.shared.errors import (
    ConflictError,
    InvalidError,
    NotFoundError,
    PreconditionFailedError,
    TooManyRequestsError,
    UnauthorisedError,
)
from functions.shared.ids import new_id
from functions.shared.optimistic import optimistic
from functions.shared.outbox import fact, pack


def email_request(
    kind: EmailKind,
    at: datetime,
    *,
    customer_id: str | None = None,
    email: str | None = None,
    epoch: int | None = None,
) -> EmailRequest:
    """Return a new request for a mail."""
    return EmailRequest(new_id("eml", at), kind, context.current.correlation_id, customer_id, email, epoch)


def ask_email_change(table: AccountsTable, owner: Account, email: str, at: datetime) -> None:
    """Have the new address asked for its proof, and the present one told of it.

    The request names the account's epoch: where it still waits when a password is set, no token comes of it.
    """
    asked = email_request("verify_new_email", at, customer_id=owner.id, email=email, epoch=owner.epoch)
    told = email_request("email_change_asked", at, customer_id=owner.id, email=owner.email)
    for request in (told, asked):
        table.request_email(request, at)


def register(
    table: AccountsTable, email: str, name: str, password: str, *, customer_id: str, at: datetime
) -> str:
    """Open an account, or tell the owner of the address that they have one; return a customer id either way.

    Whoever asks cannot tell the two apart: the same answer after the same work. `customer_id` is the new account's; for
    a repeated request it is the same but for its time, and then the account of the first request is meant.
    """
    passwords.check(password, email, field=("password",))
    kept = passwords.hashed(password)
    account = Account(customer_id, email, name, kept, rfc3339(at))
    outbox = pack(fact(CustomerRegistered(account.id, email, name), account.id, account.version, at))

    @optimistic("busy")
    def run() -> str | None:
        owner = table.owner_of(email)
        if owner is None:
            if not table.create(account, outbox, email_request("verify_email", at, customer_id=account.id)):
                return None
            log.note(subject=account.id)
            return account.id
        if owner[-16:] == customer_id[-16:]:  # the same 80 random bits: made by this very request
            return owner
        told = table.tell_owner(email, email_request("already_registered", at, email=email), at)
        return account.id if told else None

    return run()


def account(table: AccountsTable, customer_id: str) -> Account:
    """Return an account; raise NotFoundError where there is none or it was erased."""
    found = table.account(customer_id)
    if found is None:
        raise NotFoundError("no_account", "There is no such account.")
    return found


def rename(table: AccountsTable, customer_id: str, name: str, *, version: int, at: datetime) -> Account:
    """Change a person's name; raise PreconditionFailedError when the account is no longer of that version."""
    before = account(table, customer_id)
    if before.version != version:
        raise _stale()
    if before.name == name:
        return before
    after = before.changed(name=name)
    if not table.store(before, after, outbox=_changed(after, at)):
        raise _stale()
    return after


def set_roles(
    table: AccountsTable,
    customer_id: str,
    roles: Iterable[str],
    *,
    by: str | None,
    version: int | None,
    at: datetime,
) -> Account:
    """Replace the roles of an account; its next access token has them.

    Raises
    ------
    ConflictError
        An admin takes their own admin role away: then nobody might be left to give it back.
    PreconditionFailedError
        The account is no longer of `version` (None: whatever it is).
    """
    wanted = roles_in_order(roles)
    if by == customer_id and "admin" not in wanted:
        raise ConflictError("own_admin_role", "Have another admin take your admin role.", field=("roles",))

    @optimistic("busy")
    def run() -> Account | None:
        before = account(table, customer_id)
        if version is not None and before.version != version:
            raise _stale()
        if before.roles == wanted:
            return before
        after = before.changed(roles=wanted)
        outbox = pack(fact(CustomerRolesChanged(after.id, after.roles), after.id, after.version, at))
        return after if table.store(before, after, outbox=outbox) else None

    return run()


def grant_roles(table: AccountsTable, email: str, roles: Iterable[str], at: datetime) -> Account:
    """Add roles to the account of an e-mail address; an operator's way to the first admin."""
    found = _by_email(table, email)
    return set_roles(table, found.id, (*found.roles, *roles), by=None, version=None, at=at)


@optimistic("busy")
def confirm(table: AccountsTable, email: str, at: datetime) -> Account | None:
    """Take an account's e-mail address for proven on an operator's word."""
    before = _by_email(table, email)
    if before.verified:
        return before
    after = before.changed(verified=True)
    outbox = pack(fact(CustomerEmailConfirmed(after.id), after.id, after.version, at))
    return after if table.store(before, after, outbox=outbox) else None


def _by_email(table: AccountsTable, email: str) -> Account:
    found = table.account_of(email)
    if found is None:
        raise NotFoundError("no_account", "No account uses this e-mail address.")
    return found


@optimistic("busy")
def erase(table: AccountsTable, customer_id: str, at: datetime) -> bool:
    """Erase a person: account, addresses, sessions, tokens; the others learn it by CustomerErased."""
    found = table.account(customer_id)
    if found is None:
        return True
    outbox = pack(fact(CustomerErased(customer_id), customer_id, found.version + 1, at))
    return table.erase(found, outbox, at)


# --- what a mailbox proves ----------------------------------------------------------------------------------------


@optimistic("busy")
def verify_email(table: AccountsTable, token: str, at: datetime) -> bool:
    """Take an e-mail address for proven by the token sent to it; a new address becomes the account's.

    A new address ends all sessions, and voids every other token: whoever held one may have been the reason to move.

    Raises
    ------
    InvalidError
        The token is none of ours, was used, replaced by a newer one, or is too old.
    ConflictError
        The new address has come to be used by another account meanwhile.
    """
    found, before = _proof(table, token, at, "verify", "change")
    if found.email == before.email:
        return table.store(before, before.changed(verified=True), table.using(found))
    if found.purpose != "change":
        raise _bad_token()
    if table.owner_of(found.email):
        raise ConflictError("email_taken", "Another account uses this e-mail address by now.")
    after = before.changed(verified=True, email=found.email, epoch=before.epoch + 1)
    told = email_request("email_changed", at, customer_id=before.id, email=before.email)
    return table.store(before, after, table.using(found), outbox=_changed(after, at), mail=told)


def reset_password(table: AccountsTable, token: str, password: str, *, network: str, at: datetime) -> None:
    """Set a new password by the token sent to the owner's mailbox; all sessions end.

    Whoever reads the mailbox has proven the address as well, and the place they do it from: earlier attempts to log in
    from there are forgiven.

    Raises
    ------
    InvalidError
        The token is none of ours, was used, replaced by a newer one, or is too old.
    """
    _, owner = _proof(table, token, at, "reset")
    passwords.check(password, owner.email, field=("password",))
    kept = passwords.hashed(password)

    @optimistic("busy")
    def run() -> Account | None:
        found, before = _proof(table, token, at, "reset")
        if found.email != before.email:
            raise _bad_token()
        after = before.changed(password=kept, verified=True, epoch=before.epoch + 1)
        told = email_request("password_changed", at, customer_id=before.id, email=before.email)
        return after if table.store(before, after, table.using(found), mail=told) else None

    after = run()
    table.remember(after.id, network, at)
    table.forgive(LOGIN_PAIR, limits.pair(after.email, network), at)


def _proof(
    table: AccountsTable, token: str, at: datetime, *purposes: Purpose
) -> tuple[OneTimeToken, Account]:
    """Return a token of one of these purposes that is in force, with its account; raise InvalidError."""
    parts = split_opaque(token)
    found = table.account(parts[0]) if parts and not parts[1] else None
    if parts is None or found is None:
        raise _bad_token()
    log.note(subject=found.id)
    for purpose in purposes:
        kept = table.token(found.id, purpose)
        if kept and kept.in_force(found, digest(parts[2]), at):
            return kept, found
    raise _bad_token()


def _bad_token() -> InvalidError:
    return InvalidError(
        "invalid_token",
        "The link was used, has expired, or the account has changed since; ask for a new one.",
        field=("token",),
    )


# --- passwords ----------------------------------------------------------------------------------------------------


def authenticate(
    table: AccountsTable, account: Account | None, email: str, password: str, *, network: str, at: datetime
) -> None:
    """Check an account's password within what the limits allow.

    An attempt is counted before the password is looked at, so that guesses made at the same time count as well; one
    that was right is given back.

    Raises
    ------
    UnauthorisedError
        It is not the password, or there is no account.
    TooManyRequestsError
        Too many attempts.
    """
    counted = []
    for limit, subject in (
        (LOGIN_PAIR, pair(email, network)),
        (LOGIN_NETWORK, network),
        (LOGIN_ACCOUNT, email),
    ):
        if table.attempt(limit, subject, at):
            counted.append((limit, subject))
        elif limit is not LOGIN_ACCOUNT or not account or not table.knows(account.id, network, at):
            raise _too_many(limit, at)
    if not passwords.fits(account.password if account else None, password):
        raise UnauthorisedError("invalid_credentials", "E-mail address or password is wrong.")
    for limit, subject in counted:
        table.give_back(limit, subject, at)


def _too_many(limit: Limit, at: datetime) -> TooManyRequestsError:
    log.note(limit=limit.name)
    return TooManyRequestsError(
        "too_many_attempts",
        "Too many attempts to log in; wait, or choose a new password by e-mail.",
        retry_after=limit.retry_after(at),
    )


# --- addresses ----------------------------------------------------------------------------------------------------


def add_address(table: AccountsTable, customer_id: str, address: Address) -> Address:
    """Add an address and return it as kept; one of the same id that is there already is not added again."""

    def change(book: AddressBook) -> AddressBook:
        return book if book.holds(address.id) else book.with_added(address)

    return _change_addresses(table, customer_id, change).get(address.id)


def replace_address(table: AccountsTable, customer_id: str, address: Address, *, version: int) -> Address:
    """Replace an address and return it as kept; raise PreconditionFailedError when it is no longer of that version."""

    def change(book: AddressBook) -> AddressBook:
        if book.get(address.id).version != version:
            raise _stale()
        return book.with_replaced(address)

    return _change_addresses(table, customer_id, change).get(address.id)


def remove_address(table: AccountsTable, customer_id: str, address_id: str) -> None:
    """Remove an address; raise NotFoundError."""
    _change_addresses(table, customer_id, lambda book: book.without(address_id))


@optimistic("busy")
def _change_addresses(
    table: AccountsTable, customer_id: str, change: Callable[[AddressBook], AddressBook]
) -> AddressBook | None:

    account(table, customer_id)
    before = table.address_book(customer_id)
    after = change(before)
    return after if after is before or table.store_address_book(customer_id, before, after) else None


# ------------------------------------------------------------------------------------------------------------------


def _changed(after: Account, at: datetime) -> str:
    changed = CustomerChanged(after.id, after.email, after.name)
    return pack(fact(changed, after.id, after.version, at))


def _stale() -> PreconditionFailedError:
    return PreconditionFailedError("changed_meanwhile", "It has changed since you read it; read it again.")
