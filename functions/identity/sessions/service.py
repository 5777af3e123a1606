"""Sessions: log in, refresh, log out. An access token lasts its 15 minutes whatever happens to its session."""

from __future__ import annotations

import secrets
from datetime import datetime

from functions.identity.accounts import passwords
from functions.identity.accounts import service as accounts
from functions.identity.accounts.domain import Account
from functions.identity.accounts.tokens import digest, opaque, secret_text, split_opaque
from functions.identity.keys.service import SigningKeys
from functions.identity.sessions.domain import (
    SESSION_IDLE,
    Session,
    Tokens,
    judge,
    leads_to,
    next_secret,
    session_end,
)
from functions.identity.sessions.table import SessionsTable
from functions.shared import log
from functions.shared.clock import parse, rfc3339
from functions.shared.errors import UnauthorisedError
from functions.shared.ids import new_id
from functions.shared.optimistic import optimistic


def log_in(
    table: SessionsTable, keys: SigningKeys, email: str, password: str, *, network: str, at: datetime
) -> Tokens:
    """Open a session and return its first tokens.

    An account that does not exist costs the same reads and the same hashing as a wrong password, and gets the same
    answer.

    Raises
    ------
    UnauthorisedError
        No account with this e-mail address and password.
    TooManyRequestsError
        Too many attempts (accounts/limits.py).
    """
    account = table.account_of(email)
    accounts.authenticate(table, account, email, password, network=network, at=at)
    assert account is not None  # noqa: S101
    if passwords.outdated(account.password):
        table.store(account, account.changed(password=passwords.hashed(password)))
    table.remember(account.id, network, at)
    return _open(table, keys, account, at)


def _open(table: SessionsTable, keys: SigningKeys, account: Account, at: datetime) -> Tokens:
    secret = secret_text(secrets.token_bytes(32))
    session = Session(
        id=new_id("ses", at),
        account_id=account.id,
        current=digest(secret),
        seed=secret_text(secrets.token_bytes(32)),
        epoch=account.epoch,
        started_at=rfc3339(at),
        ends_at=rfc3339(at + SESSION_IDLE),
    )
    table.open_session(session)
    log.note(subject=account.id, session=session.id)
    return Tokens(keys.access_token(account, session.id, at), opaque(account.id, session.id, secret))


def refresh(table: SessionsTable, keys: SigningKeys, token: str, at: datetime) -> Tokens:
    """Replace a refresh token and return new tokens; a repeated request gets the same refresh token again.

    Raises
    ------
    UnauthorisedError
        The token is none of ours or was made up, its session is over, or it was replaced before: then two parties hold
        tokens of this session, and it ends for both.
    """
    found = split_opaque(token)
    session = table.session(found[0], found[1]) if found and found[1] else None
    account = table.account(session.account_id) if session else None
    if found is None or session is None:
        raise _no_session()
    log.note(subject=session.account_id, session=session.id)
    secret = found[2]

    def replaced() -> bool:
        return leads_to(session.seed, secret, session.current, session.rotations)

    judgement = judge(session, account, digest(secret), at, replaced)
    following = next_secret(session.seed, secret)
    if judgement == "rotate":
        ends_at = session_end(parse(session.started_at), at)
        if not table.rotate(session, digest(following), ends_at, at):
            return refresh(
                table, keys, token, at
            )  # the same request was answered just now, or the session ended
    elif judgement == "replaced":
        table.end_session(session.account_id, session.id)
        log.note(level="warning", outcome="refresh_token_reused")
    if account is None or judgement in ("replaced", "ended"):
        raise _no_session()
    return Tokens(keys.access_token(account, session.id, at), opaque(account.id, session.id, following))


def _no_session() -> UnauthorisedError:
    return UnauthorisedError("invalid_refresh_token", "This session has ended; log in again.")


def log_out(table: SessionsTable, token: str | None, account_id: str | None, session_id: str | None) -> None:
    """End the session of a refresh token and that of the caller's access token, where there is one."""
    if account_id and session_id:
        table.end_session(account_id, session_id)
    found = split_opaque(token or "")
    session = table.session(found[0], found[1]) if found and found[1] else None
    if found and session and digest(found[2]) in (session.current, session.previous):
        table.end_session(session.account_id, session.id)


def change_password(
    table: SessionsTable, customer_id: str, password: str, *, keep_session: str | None, at: datetime
) -> None:
    """Set a new password, the old one having been checked; every session but the one given ends."""
    passwords.check(password, accounts.account(table, customer_id).email, field=("newPassword",))
    kept = passwords.hashed(password)

    @optimistic("busy")
    def run() -> bool:
        before = accounts.account(table, customer_id)
        after = before.changed(password=kept, epoch=before.epoch + 1)
        told = accounts.email_request("password_changed", at, customer_id=customer_id, email=before.email)
        session = table.session(customer_id, keep_session) if keep_session else None
        also = []
        if session and session.epoch == before.epoch:
            also = [table.keeping_session(customer_id, session.id, after.epoch)]
        return table.store(before, after, *also, mail=told)

    run()


@optimistic("busy")
def end_sessions(table: SessionsTable, customer_id: str) -> bool:
    """End all sessions of an account at once."""
    before = accounts.account(table, customer_id)
    return table.store(before, before.changed(epoch=before.epoch + 1))
