"""Identity's Lambda edge: the HTTP application with its routes, mails, facts to the bus, keys, and operators' calls."""

from __future__ import annotations

import os
from typing import Any

import msgspec
from chalice.app import Response, SQSEvent

from functions.identity.accounts import app as accounts_app  # noqa: F401  importing registers the routes
from functions.identity.accounts import service as accounts
from functions.identity.accounts.table import mails
from functions.identity.api import app, keys, table
from functions.identity.keys import app as keys_app  # noqa: F401
from functions.identity.keys.views import keys_view
from functions.identity.mails import service as mailing
from functions.identity.sessions import app as sessions_app  # noqa: F401
from functions.identity.views import GrantRole, RotateKeys, VerifyEmail
from functions.shared import log, outbox
from functions.shared.clock import now
from functions.shared.context import act_as
from functions.shared.email_address import comparable
from functions.shared.errors import InvalidError
from functions.shared.http import json_response
from functions.shared.inbox import BatchResponse
from functions.shared.mail import MailSettings

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
        return msgspec.to_builtins(keys_view(keys().rotate(at), at))
    if isinstance(command, GrantRole):
        account = accounts.grant_roles(table(), comparable(command.email), command.roles, now())
    else:
        account = accounts.confirm(table(), comparable(command.email), now())
    log.note(subject=account.id, roles=list(account.roles), verified=account.verified)
    return {"customerId": account.id, "roles": list(account.roles), "emailVerified": account.verified}


@app.endpoint("GET", "/identity/health", auth="none")
def health() -> Response:
    """Tell that the service answers: 200."""
    return json_response({"status": "ok", "service": "identity"})
