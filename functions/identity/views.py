"""What operators ask of identity by ``aws lambda invoke``."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from functions.shared.types import Body, Email


class GrantRole(Body, frozen=True, tag_field="action", tag="grant_role"):
    """Add roles to an account: the way to the first admin."""

    email: Email
    roles: Annotated[tuple[Literal["customer", "staff", "admin"], ...], Meta(min_length=1)]


class VerifyEmail(Body, frozen=True, tag_field="action", tag="verify_email"):
    """Take an account's e-mail address for proven."""

    email: Email


class RotateKeys(Body, frozen=True, tag_field="action", tag="rotate_keys"):
    """Have another key sign as soon as the services know it."""
