"""Routes of sessions: log in, refresh, log out."""

from __future__ import annotations

from typing import Annotated

from chalice.app import Response
from msgspec import Meta

from functions.identity.accounts import service
from functions.identity.api import app, keys, me, my_session, network, table
from functions.identity.keys.tokens import ACCESS_LIFE
from functions.identity.sessions import service as sessions
from functions.identity.sessions.service import Tokens
from functions.shared.clock import now
from functions.shared.email_address import comparable
from functions.shared.errors import InvalidError
from functions.shared.http import caller, json_response
from functions.shared.types import Body, Email, View

OpaqueToken = Annotated[str, Meta(min_length=1, max_length=200)]


class LogIn(Body, frozen=True):
    """Who, and the proof."""

    email: Email
    password: Annotated[str, Meta(min_length=1, max_length=128)]


class Refresh(Body, frozen=True):
    """The newest refresh token of a session."""

    refresh_token: OpaqueToken


class LogOut(Body, frozen=True):
    """The session to end, by its refresh token; without one, the session of the access token."""

    refresh_token: OpaqueToken | None = None


class TokensView(View, frozen=True):
    """An access token for `expires_in` seconds, and the refresh token for the next."""

    access_token: str
    refresh_token: str
    expires_in: int
    token_type: str = "Bearer"  # noqa: S105  the name of a scheme


def tokens_view(tokens: Tokens) -> TokensView:
    """Shape tokens (RFC 6749 section 5.1, in camelCase)."""
    return TokensView(tokens.access_token, tokens.refresh_token, int(ACCESS_LIFE.total_seconds()))


@app.endpoint("POST", "/identity/login", auth="none", body=LogIn, returns=TokensView)
def log_in(body: LogIn) -> Response:
    """Log in: 200 tokens | 400 | 401 no such account or password | 429 too many attempts, with Retry-After."""
    tokens = sessions.log_in(
        table(), keys(), comparable(body.email), body.password, network=network(), at=now()
    )
    return json_response(tokens_view(tokens))


@app.endpoint("POST", "/identity/refresh", auth="none", body=Refresh, returns=TokensView)
def refresh(body: Refresh) -> Response:
    """Replace a refresh token: 200 tokens | 400 | 401 the session has ended, or this token was replaced before."""
    return json_response(tokens_view(sessions.refresh(table(), keys(), body.refresh_token, now())))


@app.endpoint("POST", "/identity/logout", auth="optional", body=LogOut | None, status=204)
def log_out(body: LogOut | None) -> Response:
    """End one session, named by its refresh token or by the access token: 204, also if it has ended | 400 neither."""
    token, subject = body.refresh_token if body else None, caller(app).subject
    if subject is None and token is None:
        raise InvalidError(
            "no_session", "Send the refresh token of the session to end.", field=("refreshToken",)
        )
    sessions.log_out(table(), token, subject, my_session())
    return Response("", status_code=204)


@app.endpoint("POST", "/identity/logout-all", status=204)
def log_out_all() -> Response:
    """End all sessions of the caller: 204 | 404 erased."""
    service.end_sessions(table(), me())
    return Response("", status_code=204)
