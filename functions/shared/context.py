"""On whose behalf the code runs: the purchase it belongs to, the event that led to it, and the person who asked.

Set once at the edge (HTTP, inbox, schedule); read where events are made and where the log line is written.
"""

from __future__ import annotations

from typing import NamedTuple

from functions.shared.errors import ForbiddenError, UnauthorisedError


class Caller(NamedTuple):
    """Who calls, as their access token says (functions/shared/tokens.py).

    ``subject`` is a customer id, or None for a guest; ``roles`` are among customer, staff, admin; ``session_id`` is the
    session that the token belongs to.
    """

    subject: str | None
    roles: frozenset[str]
    session_id: str | None = None

    def require(self, *roles: str) -> None:
        """Raise ForbiddenError unless the caller has one of the roles."""
        if self.roles.isdisjoint(roles):
            wanted = " or ".join(roles)
            detail = f"This call needs the role {wanted}."
            raise ForbiddenError("role_required", detail, parameters={"role": wanted})

    def required_subject(self) -> str:
        """Return the subject; raise UnauthorisedError for a guest."""
        if self.subject is None:
            raise UnauthorisedError("login_required", "Log in first.")
        return self.subject


GUEST = Caller(None, frozenset())


class Context:
    """What is known of the work under way; a Lambda worker does one piece at a time."""

    def __init__(self) -> None:
        self.correlation_id = ""
        self.causation_id: str | None = None
        self.actor: str | None = None
        self.caller = GUEST


current = Context()


def begin(correlation_id: str, causation_id: str | None = None) -> None:
    """Say on whose behalf the code runs from here on: events carry both ids, and no actor until one is named."""
    current.correlation_id, current.causation_id, current.actor = correlation_id, causation_id, None
    current.caller = GUEST


def act_as(actor: str) -> None:
    """Name the person on whose behalf the code runs."""
    current.actor = actor


def called_by(caller: Caller) -> None:
    """Say who sent the request: what they cause is known by their subject."""
    current.caller, current.actor = caller, caller.subject
