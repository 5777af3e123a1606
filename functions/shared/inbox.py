"""Facts of other services arrive in the service's own SQS inbox: twice, late and in any order.

A record that fails is given back alone and tried again; one that cannot be read at all goes straight to the
dead-letter queue with the reason, so that it never holds up the others.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypedDict, TypeVar

import msgspec

from functions.shared import aws, log
from functions.shared.outbox import Aggregate, Envelope
from functions.shared.types import Data

if TYPE_CHECKING:
    from chalice.app import SQSEvent

D = TypeVar("D", bound=Data)


class Fact(Data, Generic[D], frozen=True):
    """An event as its consumer sees it: the envelope, and the fields of its data that this service reads."""

    id: str
    time: str
    aggregate: Aggregate
    data: D


class BatchResponse(TypedDict):
    """What SQS expects back: the messages to keep (ReportBatchItemFailures)."""

    batchItemFailures: list[dict[str, str]]


class UnreadableError(ValueError):
    """The message is not an event this consumer can read, however often it is delivered."""


class BusEvent(Data, frozen=True):
    """EventBridge's own envelope around ours; a handler of this type takes every fact, whatever it says."""

    source: str
    detail: Envelope


Handlers = Mapping[type[Any], Callable[[Any], None]]


def read(body: str, handlers: Handlers) -> tuple[Callable[[Any], None], Any, Envelope]:
    """Return the handler for a message body, and the fact for it; raise UnreadableError."""
    try:
        event = msgspec.json.decode(body, type=BusEvent)
        envelope = event.detail
        if BusEvent in handlers:
            return handlers[BusEvent], event, envelope
        kind = next((kind for kind in handlers if kind.__name__ == envelope.type), None)
        if kind is None or envelope.version != 1:
            raise UnreadableError(f"{envelope.type} v{envelope.version} has no handler here")
        data = msgspec.json.decode(envelope.data, type=kind)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise UnreadableError(str(error)) from None
    return handlers[kind], Fact(envelope.id, envelope.time, envelope.aggregate, data), envelope


def deliver(batch: SQSEvent, handlers: Handlers) -> BatchResponse:
    """Hand each record to the handler of its type; return those that failed.

    Parameters
    ----------
    handlers
        By the consumer's Struct of the fact, whose name is the event's detail-type.
    """
    failed = []
    types: dict[str, int] = {}
    for record in batch:
        message = record.to_dict()
        try:
            handler, fact, envelope = read(message["body"], handlers)
            types[envelope.type] = types.get(envelope.type, 0) + 1
            log.begin(envelope.correlation_id, envelope.id)
            handler(fact)
        except UnreadableError as error:
            log.note(level="error", unreadable=str(error)[:200], messageId=message["messageId"])
            if not _park(message, str(error)):
                failed.append(message["messageId"])
        except Exception as error:  # noqa: BLE001 one record's failure must not reach the others
            log.failure(error)
            failed.append(message["messageId"])
    log.note(facts=types, failed=len(failed), outcome="partial" if failed else "ok")
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _park(message: dict[str, Any], reason: str) -> bool:
    """Send an unreadable message to the dead-letter queue with its reason; False where that fails too."""
    try:
        aws.sqs().send_message(
            QueueUrl=os.environ["INBOX_DLQ_URL"],
            MessageBody=message["body"],
            MessageAttributes={"reason": {"DataType": "String", "StringValue": reason[:250] or "unreadable"}},
        )
    except Exception as error:  # noqa: BLE001 the queue's own redrive is the second way
        log.failure(error)
        return False
    return True
