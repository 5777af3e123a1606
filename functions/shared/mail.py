"""Send a mail through SES."""

from __future__ import annotations

from botocore.exceptions import ClientError

from functions.shared import aws


class SendError(RuntimeError):
    """SES did not take a mail; the text is its code alone, because its message names the recipient."""


def send(sender: str, to: str, subject: str, text: str) -> None:
    """Send a plain text; raise SendError where SES does not take it."""
    try:
        aws.ses().send_email(
            FromEmailAddress=sender,
            Destination={"ToAddresses": [to]},
            Content={
                "Simple": {
                    "Subject": {"Data": subject, "Charset": "UTF-8"},
                    "Body": {"Text": {"Data": text, "Charset": "UTF-8"}},
                }
            },
        )
    except ClientError as error:
        raise SendError(error.response["Error"]["Code"]) from None
