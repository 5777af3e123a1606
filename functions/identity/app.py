"""Identity's Lambda edge: the HTTP application with its routes, mails, facts to the bus, keys, and operators' calls."""

from __future__ import annotations

import os
from typing import Annotated, Any, Literal

import msgspec
from chalice.app import SQSEvent
from msgspec import Meta

from functions.identity.accounts import app as accounts_app  # noqa: F401  importing registers the routes
from functions.identity.accounts import app_me, mailing, service  # noqa: F401
from functions.identity.api import app, keys, table
from functions.identity.keys import app as keys_app
from functions.identity.sessions import app as sessions_app  # noqa: F401
from functions.identity.table import mails
from functions.shared import log, outbox
from functions.shared.clock import now
from functions.shared.context import act_as
from functions.shared.email_address import comparable
from functions.shared.errors import InvalidError
from functions.shared.inbox import BatchResponse
from functions.shared.mail import MailSettings
from functions.shared.types import Body, Email

__all__ = ["admin", "app", "on_mail", "publish", "rotate"]


@app.lambda_function()
def publish(event: dict[str, Any], context: object) -> None:
    """Put the table's new facts on the bus and the mails asked for into their queue; raises to be tried again."""
    outbox.publish(event)
    images = [record["dynamodb"].get("NewImage", {}) for record in event["Records"]]
    requests = mails(images)
    mailing.forward(requests, os.environ["MAIL_QUEUE_URL"])
    log.note(mails=len(requests))


@app.on_sqs_message(queue="identity-mail")
def on_mail(batch: SQSEvent) -> BatchResponse:
    """Send the mails asked for; only those that could not be sent are given back."""
    settings = MailSettings(os.environ["MAIL_SENDER_NAME"], os.environ["PUBLIC_URL"])
    failed = mailing.deliver(table(), [record.to_dict() for record in batch], settings, now())
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


@app.lambda_function()
def rotate(event: object, context: object) -> dict[str, int]:
    """Every 15 minutes: make the next signing key when it is due, end those that are over."""
    count = len(keys().maintain(now()).keys)
    log.note(keyCount=count)
    return {"keys": count}


OPERATOR = "operator"
"""The actor of facts that nobody's access token stands behind: whoever may invoke the function."""


class GrantRole(Body, frozen=True, tag_field="action", tag="grant_role"):
    """Add roles to an account: the way to the first admin."""

    email: Email
    roles: Annotated[tuple[Literal["customer", "staff", "admin"], ...], Meta(min_length=1)]


class VerifyEmail(Body, frozen=True, tag_field="action", tag="verify_email"):
    """Take an account's e-mail address for proven."""

    email: Email


class RotateKeys(Body, frozen=True, tag_field="action", tag="rotate_keys"):
    """Have another key sign as soon as the authorisers know it."""


@app.lambda_function()
def admin(event: Any, context: object) -> Any:
    """Do what operators ask for by ``aws lambda invoke``: grant_role, verify_email, rotate_keys; no HTTP leads here."""
    try:
        command: GrantRole | VerifyEmail | RotateKeys = msgspec.convert(
            event, GrantRole | VerifyEmail | RotateKeys
        )
    except msgspec.ValidationError as error:
        raise InvalidError("invalid_order", str(error)) from None
    act_as(OPERATOR)
    if isinstance(command, RotateKeys):
        at = now()
        return msgspec.to_builtins(keys_app.keys_view(keys().rotate(at), at))
    if isinstance(command, GrantRole):
        account = service.grant_roles(table(), comparable(command.email), command.roles, now())
    else:
        account = service.confirm(table(), comparable(command.email), now())
    log.note(subject=account.id, roles=list(account.roles), verified=account.verified)
    return {"customerId": account.id, "roles": list(account.roles), "emailVerified": account.verified}
