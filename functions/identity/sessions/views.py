"""Sessions' requests and answers, and how answers are made of domain objects."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from functions.identity.accounts.views import Password
from functions.identity.keys.access_tokens import ACCESS_LIFE
from functions.identity.sessions.domain import Tokens
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


class ChangePassword(Body, frozen=True):
    """The old password proves that it is not just a borrowed session."""

    current_password: Annotated[str, Meta(min_length=1, max_length=128)]
    new_password: Password


class TokensView(View, frozen=True):
    """An access token for `expires_in` seconds, and the refresh token for the next."""

    access_token: str
    refresh_token: str
    expires_in: int
    token_type: str = "Bearer"  # noqa: S105  the name of a scheme


def tokens_view(tokens: Tokens) -> TokensView:
    """Shape tokens (RFC 6749 section 5.1, in camelCase)."""
    return TokensView(tokens.access_token, tokens.refresh_token, int(ACCESS_LIFE.total_seconds()))
