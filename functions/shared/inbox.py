"""Facts of other services arrive in the service's own SQS inbox: twice, late and in any order.

A record that fails is given back alone and tried again; one that cannot be read at all goes straight to the
dead-letter queue with the reason, so that it never holds up the others. What a handler returns is put on the bus before
its record is done (functions/shared/outbox.py).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypedDict, TypeVar

import msgspec
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from msgspec.structs import replace

from functions.shared import aws, context, log, routing
from functions.shared.outbox import Aggregate, Envelope, PublishError, Told, tell, with_versions
from functions.shared.types import Data, EventType, event_type

if TYPE_CHECKING:
    from chalice.app import SQSEvent

D = TypeVar("D", bound=Data)


class Fact(Data, Generic[D], frozen=True):
    """An event as its consumer sees it: the envelope, and the fields of its data that this service reads.

    ``id`` names the fact, and is the same in all versions in which it is told. ``answers`` are those that the fact
    answered led to before (routing.py).
    """

    id: str
    time: str
    aggregate: Aggregate
    data: D
    correlation_id: str = ""
    answers: tuple[Any, ...] = ()

    def begin(self) -> None:
        """Say that the code works on behalf of this fact from here on: for handlers that are handed several."""
        context.begin(self.correlation_id, self.id)


class BatchResponse(TypedDict):
    """What SQS expects back: the messages to keep (ReportBatchItemFailures)."""

    batchItemFailures: list[dict[str, str]]


class UnreadableError(ValueError):
    """The message is not an event this consumer can read, however often it is delivered."""


class BusEvent(Data, frozen=True):
    """EventBridge's own envelope around ours; a handler of this type takes every fact, whatever it says."""

    source: str
    detail: Envelope
    slip: routing.Slip = routing.Slip()


Handler = Callable[[Any], Iterable[Told] | None]
"""Takes a fact; returns the facts to tell of what is stored now, also where a fact that comes again changes nothing."""
Handlers = Mapping[type[Any], Handler]


class BatchHandler:
    """A handler that is handed all facts of its type in a batch at once, in their order.

    Safe to repeat like any other. What it raises is taken as the fault of one of the facts, and each is then handed to
    it alone; where AWS is to blame (throttling, conflicts, no answer), all of them come again. What it returns was made
    after `Fact.begin` of the fact that led to it: where the bus refuses some, the messages of these come again.
    """

    def __init__(self, handler: Callable[[Sequence[Any]], Iterable[Told] | None]) -> None:
        self.all = handler

    def __call__(self, fact: Any) -> Iterable[Told] | None:
        """Take one fact alone."""
        return self.all([fact])


class _Delivery(NamedTuple):
    message: dict[str, Any]
    fact: Any
    envelope: Envelope
    event: BusEvent


def read(body: str, handlers: Handlers) -> tuple[Handler, Any, BusEvent]:
    """Return the handler for a message body, the fact for it, and all of the message; raise UnreadableError."""
    try:
        event = msgspec.json.decode(body, type=BusEvent)
        envelope = event.detail
        if BusEvent in handlers:
            newest = envelope.version > max(envelope.also, default=0)
            return handlers[BusEvent] if newest else _leave, event, event
        kinds = {event_type(kind): kind for kind in handlers}
        kind = _kind(envelope, kinds)
        if kind is None:
            return _leave, event, event
        fact = replace(_fact(envelope, kind), answers=_answers(event.slip, kinds))
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise UnreadableError(str(error)) from None
    return handlers[kind], fact, event


def _kind(envelope: Envelope, kinds: Mapping[EventType, type[Any]]) -> type[Any] | None:
    """Return what a fact is read as, None where it is told in a version beside this one that is known here."""
    kind = kinds.get(EventType(envelope.type, envelope.version))
    if kind or any(EventType(envelope.type, version) in kinds for version in envelope.also):
        return kind
    raise UnreadableError(f"{envelope.type} v{envelope.version} has no handler here")


def _answers(slip: routing.Slip, kinds: Mapping[EventType, type[Any]]) -> tuple[Fact[Any], ...]:
    """Return the answers that a fact brings home; on their way they are nobody's."""
    if slip.route:
        return ()
    found = ((one, _kind(one, kinds)) for one in slip.answers)
    return tuple(_fact(one, kind) for one, kind in found if kind)


def _fact(envelope: Envelope, kind: type[Any]) -> Fact[Any]:
    data = msgspec.json.decode(envelope.data, type=kind)
    fact_id = envelope.id if envelope.version == 1 else envelope.id.removesuffix(f"V{envelope.version}")
    return Fact(fact_id, envelope.time, envelope.aggregate, data, envelope.correlation_id)


def _leave(_: Any) -> None:
    """Leave a fact to the message that tells it in a version which is known here."""
    log.note(toldInAnotherVersion=True)


def deliver(batch: SQSEvent, handlers: Handlers) -> BatchResponse:
    """Hand each record to the handler of its type; return those that failed.

    Parameters
    ----------
    handlers
        By the consumer's Struct of the fact, named after the event's type and version (`types.event_type`). A fact told
        in several versions is taken in each that is here: which of them comes while a consumer changes is not known,
        and a repeat changes nothing. The facts of a `BatchHandler` are handed over together where the first of them
        stands; a queue promises no order anyway.
    """
    failed: list[str] = []
    waiting: dict[Any, tuple[Handler, list[_Delivery]]] = {}
    for number, record in enumerate(batch):
        message = record.to_dict()
        try:
            handler, fact, event = read(message["body"], handlers)
        except UnreadableError as error:
            failed += _put_aside(message, error)
            continue
        envelope = event.detail
        place = (envelope.type, envelope.version) if isinstance(handler, BatchHandler) else number
        waiting.setdefault(place, (handler, []))[1].append(_Delivery(message, fact, envelope, event))
    for handler, entries in waiting.values():
        failed += _handled(handler, entries)
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _handled(handler: Handler, entries: list[_Delivery]) -> list[str]:
    """Have the facts handled, together where that is possible; return the messages that failed."""
    if isinstance(handler, BatchHandler) and len(entries) > 1:
        try:
            log.begin_batch([(entry.envelope.correlation_id, _named(entry)) for entry in entries])
            told = handler.all([entry.fact for entry in entries])
        except Exception as error:  # noqa: BLE001 whose fault it is shows when each is tried alone
            if _will_pass(error):
                log.failed(error)
                log.end()
                return [entry.message["messageId"] for entry in entries]
        else:
            return _told(told, entries)
    return [message_id for entry in entries for message_id in _handled_alone(handler, entry)]


def _handled_alone(handler: Handler, entry: _Delivery) -> list[str]:
    message = entry.message
    log.begin_batch(())
    context.begin(entry.envelope.correlation_id, entry.envelope.id)
    log.note(**_named(entry))
    try:
        told = handler(entry.fact)
    except UnreadableError as error:
        return _put_aside(message, error)
    except Exception as error:  # noqa: BLE001 one record's failure must not reach the others
        log.failed(error)
        log.end()
        return [message["messageId"]]
    return _told(told, [entry])


def _told(facts: Iterable[Told] | None, entries: list[_Delivery]) -> list[str]:
    """Have what was handled go on, and put its facts on the bus; return the messages where either was not taken."""
    try:
        every, failed = _go_on(list(facts or ()), entries)
        refused = tell(every)
    except Exception as error:  # noqa: BLE001 the messages come again, and have it told again
        log.failed(error)
        failed = entries
    else:
        failed += [entry for entry in _behind(refused, entries) if entry not in failed] if refused else []
        if failed:
            log.failed(PublishError(f"{len(failed)} messages come again"))
    log.end()
    return [entry.message["messageId"] for entry in failed]


def _go_on(told: list[Told], entries: list[_Delivery]) -> tuple[list[Told], list[_Delivery]]:
    """Send what came on a route, and was answered, on its way; return what is told, and the messages that failed.

    The bus gets the answers too, marked: who waits for them at home does not listen to these.
    """
    on_route = [entry for entry in entries if entry.event.slip.route]
    if not on_route:
        return told, []
    details = with_versions(one.detail for one in told)
    told = [replace(one, detail=detail) for one, detail in zip(told, details, strict=True)]
    every, ways = [], []
    for one in told:
        behind = [entry for entry in on_route if _answers_to(one, entry)]
        answer = replace(one, detail=replace(one.detail, routed=True)) if behind else one
        every.append(answer)
        ways += [(entry, answer) for entry in behind]
    failed = routing.send(
        routing.answered(entry.event.source, entry.envelope, entry.event.slip, answer)
        for entry, answer in ways
    )
    return every, [ways[number][0] for number in sorted(failed)]


def _answers_to(one: Told, entry: _Delivery) -> bool:
    return one.goes_on is not None and one.detail.causation_id in (entry.envelope.id, entry.fact.id)


def _behind(refused: Iterable[Told], entries: list[_Delivery]) -> list[_Delivery]:
    """Return the messages that led to these facts, all of them where that is not known."""
    causes = {one.detail.causation_id for one in refused}
    behind = [entry for entry in entries if entry.fact.id in causes]
    return behind if {entry.fact.id for entry in behind} == causes else entries


def _named(entry: _Delivery) -> dict[str, str]:
    return {"fact": entry.envelope.type}


_OF_THE_REQUEST = {"ValidationException", "ValidationError", "ItemCollectionSizeLimitExceeded"}


def _will_pass(error: Exception) -> bool:
    """Tell whether AWS could not do now what it may do later: no fact is to blame, and trying more makes it worse."""
    if isinstance(error, ClientError):
        reasons = error.response.get("CancellationReasons", [])
        codes = {reason.get("Code", "None") for reason in reasons} | {error.response["Error"]["Code"]}
        return not codes & _OF_THE_REQUEST
    return isinstance(error, BotoCoreError) and not isinstance(error, ParamValidationError)


def _put_aside(message: dict[str, Any], error: UnreadableError) -> list[str]:
    log.note(level="error", unreadable=str(error)[:200], messageId=message["messageId"], outcome="parked")
    failed = [] if _park(message, str(error)) else [message["messageId"]]
    log.end()
    return failed


def _park(message: dict[str, Any], reason: str) -> bool:
    """Send an unreadable message to the dead-letter queue with its reason; False where that fails too."""
    try:
        aws.sqs().send_message(
            QueueUrl=os.environ["INBOX_DLQ_URL"],
            MessageBody=message["body"],
            MessageAttributes={"reason": {"DataType": "String", "StringValue": reason[:250] or "unreadable"}},
        )
    except Exception as error:  # noqa: BLE001 the queue's own redrive is the second way
        log.failed(error)
        return False
    return True
