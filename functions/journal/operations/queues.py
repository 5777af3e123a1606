"""The shop's queues as an operator sees them: depth, age, dead letters; and the ways out for those.

SQS shows a message only to who takes it, and hides it from all others meanwhile. So whoever reads dead letters here
takes them and lets them go again before the answer leaves: the next click finds what the last one showed. Redriving is
take, send, delete: it works everywhere, keeps the order of arrival, and a crash in between repeats a message, which
every consumer allows. What operators do is told before it is done (events.py).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from functions.journal.events import DeadLetterDeleted, DeadLettersReturned
from functions.journal.table import JournalTable
from functions.shared import aws, log
from functions.shared.errors import ConflictError, NotFoundError
from functions.shared.outbox import fact, pack
from functions.shared.types import Data

SHOWN = 50
"""How many dead letters are shown at once."""
MOST = 500
"""How many are sent back at once, so that it is done within what a gateway waits."""
SOUGHT = 5000
"""Among how many one is looked for."""
_HELD_SECONDS = (
    60  # twice what the function may run: what it takes stays with it, and comes back where it dies
)
_LOOKS = 2  # an empty answer may be a server that had none; the second look asks all of them


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


def peek(name: str) -> list[dict[str, Any]]:
    """Return the oldest messages of a dead-letter queue, which stay there for whoever asks next.

    Each is ``{"id", "body", "reason", "sentAt" (milliseconds since 1970), "received" (times)}``.
    """
    with _taken(_url(name), SHOWN) as messages:
        return [_shown(message) for message in messages.values()]


def _shown(message: Any) -> dict[str, Any]:
    reason = message.get("MessageAttributes", {}).get("reason", {}).get("StringValue")
    return {
        "id": message["MessageId"],
        "body": message["Body"],
        "reason": reason or "failed again and again; its function's log lines have the error",
        "sentAt": int(message["Attributes"]["SentTimestamp"]),
        "received": int(message["Attributes"]["ApproximateReceiveCount"]),
    }


def redrive(table: JournalTable, name: str, message_id: str | None, at: datetime) -> dict[str, int]:
    """Send one dead letter, or all, back to the queue it came from; return how many are ``moved`` and ``left``.

    Raises
    ------
    NotFoundError
        There is no such dead-letter queue or message, or it belongs to a stream and has no queue to go back to.
    ConflictError
        Somebody else has the message, or those that are left, in their hands.
    """
    url, target = _url(name), _home(name)
    with _taken(url, SOUGHT if message_id else MOST, message_id) as taken:
        chosen = _chosen(url, taken, message_id)
        if chosen:
            ids = tuple(message["MessageId"] for message in chosen)
            _publish(table, DeadLettersReturned(name, ids), name, at)
        for message in chosen:
            aws.sqs().send_message(QueueUrl=target, MessageBody=message["Body"])
            _delete(url, taken.pop(message["MessageId"]))
    return {"moved": len(chosen), "left": _left(url)}


def delete(table: JournalTable, name: str, message_id: str, reason: str, at: datetime) -> dict[str, int]:
    """Delete a dead letter for good; return how many are ``moved`` (none) and ``left``.

    Raises
    ------
    NotFoundError
        There is no such dead-letter queue or message.
    ConflictError
        Somebody else has the message in their hands.
    """
    url = _url(name)
    with _taken(url, SOUGHT, message_id) as taken:
        (message,) = _chosen(url, taken, message_id)
        _publish(table, DeadLetterDeleted(name, message_id, reason, _fact_in(message["Body"])), name, at)
        _delete(url, taken.pop(message_id))
    return {"moved": 0, "left": _left(url)}


def _home(name: str) -> str:
    try:
        return aws.sqs().get_queue_url(QueueName=name.removesuffix("-dlq"))["QueueUrl"]
    except aws.sqs().exceptions.QueueDoesNotExist:
        raise NotFoundError(
            "no_home_queue", f"{name} belongs to a stream; its records are in the table."
        ) from None


@contextlib.contextmanager
def _taken(url: str, most: int, wanted: str | None = None) -> Iterator[dict[str, Any]]:
    """Take up to `most` messages, by id, in the order of their sending, no more once the one `wanted` is among them.

    What is still in the dict at the end is let go.
    """
    taken: dict[str, Any] = {}
    try:
        empty = 0
        while len(taken) < most and wanted not in taken and empty < _LOOKS:
            some = aws.sqs().receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=min(10, most - len(taken)),
                VisibilityTimeout=_HELD_SECONDS,
                WaitTimeSeconds=empty,  # more than 0: all servers are asked (SQS, long polling)
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["SentTimestamp", "ApproximateReceiveCount"],
            )
            found = some.get("Messages", [])
            more = bool(found) or _depth(url)["waiting"] > 0
            empty = 0 if found else empty + 1 if more else _LOOKS
            taken |= {message["MessageId"]: message for message in found}
        yield taken
    finally:
        for message in reversed(taken.values()):
            _let_go(url, message)


def _let_go(url: str, message: Any) -> None:
    sqs = aws.sqs()
    try:
        sqs.change_message_visibility(
            QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
        )
    except (sqs.exceptions.MessageNotInflight, sqs.exceptions.ReceiptHandleIsInvalid) as error:
        log.note(notHeld=message["MessageId"], why=type(error).__name__)


def _chosen(url: str, taken: dict[str, Any], message_id: str | None) -> list[Any]:
    """Return what of the messages taken is asked for; raise where it is not among them."""
    counts = _depth(url)
    others = counts["inFlight"] - len(taken)
    if message_id in taken:
        return [taken[message_id]]
    if message_id is None and (taken or others <= 0):
        return list(taken.values())
    if others > 0:
        raise ConflictError(
            "messages_in_use", "Somebody else is reading these messages; try again.", retry_after=1
        )
    if counts["waiting"]:
        raise ConflictError(
            "too_many_messages", f"It is not among the first {SOUGHT}: send others back or delete them first."
        )
    raise NotFoundError("no_such_message", "There is no such message in the queue any more.")


def _delete(url: str, message: Any) -> None:
    aws.sqs().delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def _left(url: str) -> int:
    counts = _depth(url)
    return int(counts["waiting"]) + int(counts["inFlight"])


def _publish(table: JournalTable, data: Data, name: str, at: datetime) -> None:
    table.act(pack(fact(data, name, int(at.timestamp() * 1000), at)), at)


def _fact_in(body: str) -> str | None:
    """Return the id of the event that a message holds, None where it holds none."""
    try:
        found = msgspec.json.decode(body)["detail"]["id"]
    except (msgspec.MsgspecError, TypeError, KeyError, UnicodeError):
        return None
    return found[:200] if isinstance(found, str) else None
