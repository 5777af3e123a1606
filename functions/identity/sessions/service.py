"""Sessions: log in, refresh, log out. An access token lasts its 15 minutes whatever happens to its session."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import NamedTuple

from functions.identity.accounts import passwords
from functions.identity.accounts.limits import LOGIN_ACCOUNT, LOGIN_NETWORK, LOGIN_PAIR, Limit, pair
from functions.identity.domain import SESSION_IDLE, Account, Session, judge, opaque, session_end, split_opaque
from functions.identity.keys.service import SigningKeys
from functions.identity.keys.tokens import digest, leads_to, next_secret, secret_text
from functions.identity.table import IdentityTable
from functions.shared import log
from functions.shared.clock import parse, rfc3339
from functions.shared.errors import TooManyRequestsError, UnauthorisedError
from functions.shared.ids import new_id


class Tokens(NamedTuple):
    """What a log-in or a refresh gives."""

    access_token: str
    refresh_token: str


def log_in(
    table: IdentityTable, keys: SigningKeys, email: str, password: str, *, network: str, at: datetime
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
    authenticate(table, account, email, password, network=network, at=at)
    assert account is not None  # noqa: S101
    if passwords.outdated(account.password):
        table.store(account, account.changed(password=passwords.hashed(password)))
    table.remember(account.id, network, at)
    return _open(table, keys, account, at)


def authenticate(
    table: IdentityTable, account: Account | None, email: str, password: str, *, network: str, at: datetime
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


def _open(table: IdentityTable, keys: SigningKeys, account: Account, at: datetime) -> Tokens:
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


def refresh(table: IdentityTable, keys: SigningKeys, token: str, at: datetime) -> Tokens:
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


def log_out(table: IdentityTable, token: str | None, account_id: str | None, session_id: str | None) -> None:
    """End the session of a refresh token and that of the caller's access token, where there is one."""
    if account_id and session_id:
        table.end_session(account_id, session_id)
    found = split_opaque(token or "")
    session = table.session(found[0], found[1]) if found and found[1] else None
    if found and session and digest(found[2]) in (session.current, session.previous):
        table.end_session(session.account_id, session.id)
