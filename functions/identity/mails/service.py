"""Sending mails: out of a queue, never while a caller waits, so neither answer nor time tells who has an account.

A mail that cannot be sent stays in the queue and is tried again; the token it carries is made when it is sent.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

import msgspec

from functions.identity.accounts.domain import TOKEN_LIFE, Account, EmailRequest, OneTimeToken, Purpose
from functions.identity.accounts.limits import MAIL_RECIPIENT
from functions.identity.accounts.table import AccountsTable
from functions.identity.accounts.tokens import digest, opaque, secret_text
from functions.identity.mails.emails import email
from functions.shared import aws, context, log, mail
from functions.shared.clock import rfc3339
from functions.shared.mail import MailSettings


def forward(requests: list[str], queue_url: str) -> None:
    """Put mail requests into the queue; one that is put there twice is sent once."""
    for request in requests:
        aws.sqs().send_message(QueueUrl=queue_url, MessageBody=request)


def deliver(
    table: AccountsTable, records: list[dict[str, Any]], settings: MailSettings, at: datetime
) -> list[str]:
    """Send the mails of a batch; return the message ids of those that could not be sent."""
    failed = []
    for record in records:
        try:
            request = msgspec.json.decode(record["body"], type=EmailRequest)
            context.begin(request.correlation_id or context.current.correlation_id)
            log.note(mail=request.id, mailKind=request.kind)
            send(table, request, settings, at)
        except Exception as error:  # noqa: BLE001 one mail's failure must not reach the others
            log.failed(error)
            failed.append(record["messageId"])
        log.end()
    return failed


def send(table: AccountsTable, request: EmailRequest, settings: MailSettings, at: datetime) -> None:
    """Send the mail a request asks for, if there is one to send: once, and not too many to one recipient."""
    if table.mail_sent(request.id):
        return
    request, account = _resolved(table, request)
    to = request.email or (account.email if account else None)
    if to is None:
        return
    recipient = f"{request.kind} {to}"
    if table.attempts(MAIL_RECIPIENT, recipient, at) >= MAIL_RECIPIENT.most:
        log.note(mailDropped=request.id)
        return
    token = _token(table, account, request, to, at) if account else None
    mail.send(settings, email(request.kind, to, settings.public_url, token))
    table.attempt(MAIL_RECIPIENT, recipient, at)
    table.mark_mail_sent(request.id, at)


def _resolved(table: AccountsTable, request: EmailRequest) -> tuple[EmailRequest, Account | None]:
    """Return the mail that is really to be sent, and the account it is about.

    Nothing goes to an address without an account, nor to prove one that is proven; and who wants to move to an address
    that is used does not learn it, its owner does.
    """
    account = (
        table.account(request.customer_id) if request.customer_id else table.account_of(request.email or "")
    )
    nothing = msgspec.structs.replace(request, email=None), None
    if request.kind == "verify_new_email" and request.email and table.owner_of(request.email):
        return msgspec.structs.replace(request, kind="already_registered", customer_id=None), None
    if request.kind == "verify_email" and (account is None or account.verified):
        return nothing
    if request.kind == "verify_new_email" and account and account.epoch != request.epoch:
        return nothing  # what protects the account has changed since it was asked for
    return (request, account) if account else nothing


_PURPOSES: dict[str, Purpose] = {
    "verify_email": "verify",
    "verify_new_email": "change",
    "password_reset": "reset",
}


def _token(
    table: AccountsTable, account: Account, request: EmailRequest, to: str, at: datetime
) -> str | None:
    """Make the token a mail carries, None where it carries none; a token sent before for the same purpose is void."""
    purpose = _PURPOSES.get(request.kind)
    if purpose is None:
        return None
    secret = secret_text(secrets.token_bytes(32))
    ends_at = rfc3339(at + TOKEN_LIFE[purpose])
    table.put_token(OneTimeToken(account.id, purpose, to, digest(secret), ends_at, account.epoch))
    return opaque(account.id, secret)
