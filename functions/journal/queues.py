"""The shop's queues as an operator sees them: depth, age, dead letters; and the way back for those.

Redriving is receive, send, delete: it works everywhere, keeps the order of arrival, and a crash in between repeats a
message, which every consumer allows.
"""

from __future__ import annotations

import os
from typing import Any

from functions.shared import aws
from functions.shared.errors import NotFoundError


def prefix() -> str:
    """Return what the names of this environment's queues begin with."""
    return f"souk-{os.environ['ENVIRONMENT_NAME']}-"


def depths() -> list[dict[str, Any]]:
    """Return ``{"name", "service", "deadLetter", "waiting", "inFlight"}`` of every queue."""
    found = aws.sqs().list_queues(QueueNamePrefix=prefix(), MaxResults=1000).get("QueueUrls", [])
    return sorted((_depth(url) for url in found), key=lambda queue: str(queue["name"]))


def _depth(url: str) -> dict[str, Any]:
    counts = aws.sqs().get_queue_attributes(
        QueueUrl=url,
        AttributeNames=[
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesDelayed",
            "ApproximateNumberOfMessagesNotVisible",
        ],
    )["Attributes"]
    name = url.rpartition("/")[2]
    return {
        "name": name,
        "service": name.removeprefix(prefix()).partition("-")[0],
        "deadLetter": name.endswith("-dlq"),
        "waiting": int(counts["ApproximateNumberOfMessages"])
        + int(counts["ApproximateNumberOfMessagesDelayed"]),
        "inFlight": int(counts["ApproximateNumberOfMessagesNotVisible"]),
    }


def _url(name: str) -> str:
    if not name.startswith(prefix()) or not name.endswith("-dlq"):
        raise NotFoundError("no_such_queue", f"There is no dead-letter queue {name}.")
    try:
        return aws.sqs().get_queue_url(QueueName=name)["QueueUrl"]
    except aws.sqs().exceptions.QueueDoesNotExist:
        raise NotFoundError("no_such_queue", f"There is no dead-letter queue {name}.") from None


def peek(name: str, most: int = 50) -> list[dict[str, Any]]:
    """Return up to `most` messages of a dead-letter queue, which stay there.

    Each is ``{"id", "body", "reason", "sentAt" (milliseconds since 1970), "received" (times)}``. SQS hides what was
    received for a moment; these are shown again after five seconds.
    """
    url = _url(name)
    found: dict[str, Any] = {}
    while len(found) < most:
        answer = (
            aws.sqs()
            .receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=10,
                VisibilityTimeout=5,
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["SentTimestamp", "ApproximateReceiveCount"],
            )
            .get("Messages", [])
        )
        new = {message["MessageId"]: message for message in answer if message["MessageId"] not in found}
        if not new:
            break
        found.update(new)
    return [_shown(message) for message in found.values()]


def _shown(message: Any) -> dict[str, Any]:
    reason = message.get("MessageAttributes", {}).get("reason", {}).get("StringValue")
    return {
        "id": message["MessageId"],
        "body": message["Body"],
        "reason": reason or "failed again and again; its function's log lines have the error",
        "sentAt": int(message["Attributes"]["SentTimestamp"]),
        "received": int(message["Attributes"]["ApproximateReceiveCount"]),
    }


def redrive(name: str, message_id: str | None = None, most: int = 1000) -> int:
    """Send one dead letter, or all, back to the queue it came from; return how many went.

    Raises
    ------
    NotFoundError
        There is no such dead-letter queue, or it belongs to a stream and has no queue to go back to.
    """
    url, home = _url(name), name.removesuffix("-dlq")
    try:
        target = aws.sqs().get_queue_url(QueueName=home)["QueueUrl"]
    except aws.sqs().exceptions.QueueDoesNotExist:
        raise NotFoundError(
            "no_home_queue", f"{name} belongs to a stream; its records are in the table."
        ) from None
    moved = 0
    seen: set[str] = set()
    while moved < most:
        messages = (
            aws.sqs()
            .receive_message(
                QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=30, MessageAttributeNames=["All"]
            )
            .get("Messages", [])
        )
        fresh = [message for message in messages if message["MessageId"] not in seen]
        if not fresh:
            return moved
        for message in fresh:
            seen.add(message["MessageId"])
            if message_id in (None, message["MessageId"]):
                aws.sqs().send_message(QueueUrl=target, MessageBody=message["Body"])
                aws.sqs().delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                moved += 1
            else:
                aws.sqs().change_message_visibility(
                    QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
                )
    return moved
