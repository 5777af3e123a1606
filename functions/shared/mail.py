"""E-mails: how a plain one is composed, and sent through SES."""

from __future__ import annotations

from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from functions.shared import aws


class MailSettings(NamedTuple):
    """What sending takes: whom mails come from, and the shop's address in their links."""

    sender: str
    public_url: str


class EmailMessage(NamedTuple):
    """An e-mail ready to be sent."""

    to: str
    subject: str
    text: str


class SendError(RuntimeError):
    """SES did not take a mail; the text is its code alone, because its message names the recipient."""


def compose(to: str, subject: str, *paragraphs: str) -> EmailMessage:
    """Return a plain message with its greeting, which names nobody."""
    return EmailMessage(to, subject, "\n\n".join(["Hello,", *paragraphs]) + "\n")


def send(settings: MailSettings, message: EmailMessage) -> None:
    """Send a message; raise SendError where SES does not take it."""
    subject, text = ({"Data": part, "Charset": "UTF-8"} for part in (message.subject, message.text))
    content: Any = {"Simple": {"Subject": subject, "Body": {"Text": text}}}
    try:
        aws.ses().send_email(
            FromEmailAddress=settings.sender, Destination={"ToAddresses": [message.to]}, Content=content
        )
    except ClientError as error:
        raise SendError(error.response["Error"]["Code"]) from None
