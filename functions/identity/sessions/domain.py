"""Sessions as pure rules: how long one lasts, and what a refresh token means."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from msgspec import Struct

from functions.identity.accounts.domain import Account
from functions.identity.accounts.tokens import digest, secret_text
from functions.shared.clock import parse

SESSION_IDLE = timedelta(days=30)
"""How long a refresh token can lie unused."""
SESSION_LIFE = timedelta(days=180)
"""After which a session ends however much it is used."""
RETRY_GRACE = timedelta(seconds=10)
"""How long after a rotation the token it replaced is taken for a repeated request (two tabs, a lost answer) and gets
the same successor; later than that it is taken for stolen."""

UNCOUNTED = SESSION_LIFE // timedelta(minutes=15)
"""How many rotations a session is taken to have had that began before they were counted: one with each access token."""


class Tokens(NamedTuple):
    """What a log-in or a refresh gives."""

    access_token: str
    refresh_token: str


class Session(Struct, frozen=True):
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


def next_secret(seed: str, secret: str) -> str:
    """Return the refresh secret after this one: the same for a repeated request, unknown to who lacks this one."""
    return secret_text(hmac.digest(seed.encode(), secret.encode(), "sha256"))


def leads_to(seed: str, secret: str, current: str, steps: int) -> bool:
    """Tell whether a refresh secret was replaced, within so many rotations, by the one whose digest is `current`."""
    for _ in range(steps):
        secret = next_secret(seed, secret)
        if digest(secret) == current:
            return True
    return False
