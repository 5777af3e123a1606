"""What identity's routes share: the application, its table and keys, and who calls from where."""

from __future__ import annotations

import functools
import os
from datetime import timedelta

from functions.identity.accounts import limits
from functions.identity.accounts.limits import Limit
from functions.identity.keys.service import Publication, SigningKeys
from functions.identity.table import IdentityTable
from functions.shared import log
from functions.shared.clock import now
from functions.shared.errors import TooManyRequestsError
from functions.shared.http import Service, caller

app = Service("identity")


@functools.cache
def table() -> IdentityTable:
    """Return the service's table."""
    return IdentityTable(os.environ["TABLE_NAME"])


@functools.cache
def publication() -> Publication:
    """Return whose keys this environment's are."""
    environment = os.environ["ENVIRONMENT_NAME"]
    return Publication(
        issuer=f"{os.environ['PUBLIC_URL']}/identity",
        audience=f"souk-{environment}",
        parameter=os.environ["JWKS_NAME"],
        environment=environment,
        lead=timedelta(seconds=int(os.environ["KEY_LEAD_SECONDS"])),
    )


@functools.cache
def keys() -> SigningKeys:
    """Return the signing keys."""
    return SigningKeys(table(), publication())


def me() -> str:
    """Return the caller's customer id; raise UnauthorisedError for a guest."""
    return caller().required_subject()


def my_session() -> str | None:
    """Return the session the caller's access token belongs to."""
    return caller().session_id


def network() -> str:
    """Return where the caller calls from, as far as attempts are counted by it."""
    source = str((app.request.context.get("identity") or {}).get("sourceIp") or "")
    return limits.network(limits.client_address(source, app.request.headers.get("x-forwarded-for") or ""))


def count(limit: Limit, subject: str) -> None:
    """Count one attempt; raise TooManyRequestsError when the window's allowance is used up."""
    at = now()
    if not table().attempt(limit, subject, at):
        log.note(limit=limit.name)
        raise TooManyRequestsError(
            "too_many_requests", "Too many requests of this kind; wait.", retry_after=limit.retry_after(at)
        )
