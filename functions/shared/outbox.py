"""Facts leave a service by one of two ways, and on both the state they come from is stored first.

*The inbox message is the outbox* (`tell`): a handler that a message led to stores its change, returns the facts of it,
and inbox.deliver puts them on the bus before the message is done. Dead in between, or refused by the bus, the message
comes again, finds its change stored and returns the same facts once more. So such facts follow from what is stored and
from the message alone: id, time and data are the same each time.

*The outbox in the item* (`pack`): where nothing comes again, because a person or a schedule asked once, the item that
changed carries its facts in its ``outbox`` attribute. The table's stream hands such items, and no others, to the
service's publisher. Every write to an item that can carry an outbox sets it or removes it, else the facts of an older
write would go out again (harmless, but paid for).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from functions.shared import aws, context, log
from functions.shared.clock import rfc3339
from functions.shared.dynamo import Item, decode_item
from functions.shared.types import Data, EventType, event_type

_MAX_ENTRIES = 10  # PutEvents takes 10 entries and 256 KB a call (EventBridge quotas)
_MAX_BYTES = 250_000


class Aggregate(Data, frozen=True):
    """The thing that changed, and which of its versions the change made."""

    id: str
    version: int


class Envelope(Data, frozen=True):
    """The ``detail`` of every event on the bus.

    ``version`` is that of its type's data; ``also`` are the versions in which the same is told beside this one, while
    they change. ``causation_id`` names the event that led to it; ``actor`` the subject of the caller who asked for it,
    None where an event led to an event. ``routed``: those that it is for have it by its route, not from the bus
    (routing.py).
    """

    id: str
    type: str
    version: int
    time: str
    correlation_id: str
    aggregate: Aggregate
    data: Raw
    causation_id: str | None = None
    actor: str | None = None
    also: tuple[int, ...] = ()
    routed: bool = False


class Told(Data, frozen=True):
    """A fact to be told, or packed; its data may be another attribute of its item then, named by `data_from`.

    ``goes_on``: it answers what may have come on a route, which goes on to the next then, or home at once (routing.py).
    """

    detail: Envelope
    data_from: str | None = None
    goes_on: bool | None = None


class _Row(Data, frozen=True, array_like=True):
    """An entry as it is stored: an array without names and without the id, a third of the envelope's bytes.

    A write costs by the size of its item; fields are only ever added, at the end.
    """

    type: str
    version: int
    aggregate_id: str
    aggregate_version: int
    time: str
    correlation_id: str
    causation_id: str | None
    actor: str | None
    data: Raw
    data_from: str | None
    routed: int = 0


BuildData = Callable[[str, Item], Data]
"""Makes the data of a fact, given the name of its class and the item that carries it."""

_UNTOLD = b"null"


def fact(
    data: Data | type[Data], aggregate_id: str, version: int, at: datetime, *, data_from: str | None = None
) -> Told:
    """Return a fact ready to be told or packed.

    Its id follows from the aggregate, the version and the type, so the same change told twice is one event. While the
    data of a type change, a publisher packs it in both versions (`types.event_type`).

    Parameters
    ----------
    data
        The fact's data; or its type alone, where all of the data is in the item: the publisher's `BuildData` makes
        it then.
    data_from
        Name of the item's attribute that already holds the data as JSON text, so that it is not stored twice.
    """
    kind = event_type(data if isinstance(data, type) else type(data))
    stored = not data_from and not isinstance(data, type)
    envelope = Envelope(
        id=_id(aggregate_id, version, kind),
        type=kind.name,
        version=kind.version,
        time=rfc3339(at),
        correlation_id=context.current.correlation_id,
        causation_id=context.current.causation_id,
        actor=context.current.actor,
        aggregate=Aggregate(aggregate_id, version),
        data=Raw(msgspec.json.encode(data) if stored else _UNTOLD),
    )
    return Told(envelope, data_from)


def pack(*facts: Told) -> str:
    """Return the value of an item's ``outbox`` attribute."""
    rows = [
        _Row(
            one.type,
            one.version,
            one.aggregate.id,
            one.aggregate.version,
            one.time,
            one.correlation_id,
            one.causation_id,
            one.actor,
            one.data,
            entry.data_from,
            int(one.routed),
        )
        for entry in facts
        for one in [entry.detail]
    ]
    return msgspec.json.encode(rows).decode()


def unpack(image: dict[str, Any], build_data: BuildData | None = None) -> list[Envelope]:
    """Return the facts an item carries, given its image in DynamoDB's wire form."""
    rows = msgspec.json.decode(image["outbox"]["S"], type=list[_Row])
    return with_versions(
        Envelope(
            id=_id(row.aggregate_id, row.aggregate_version, EventType(row.type, row.version)),
            type=row.type,
            version=row.version,
            time=row.time,
            correlation_id=row.correlation_id,
            causation_id=row.causation_id,
            actor=row.actor,
            aggregate=Aggregate(row.aggregate_id, row.aggregate_version),
            data=_data(row, image, build_data),
            routed=bool(row.routed),
        )
        for row in rows
    )


def with_versions(envelopes: Iterable[Envelope]) -> list[Envelope]:
    """Return the envelopes, each with the other versions in which the same is told beside it."""
    every, told = list(envelopes), dict[tuple[str, Aggregate], set[int]]()
    for one in every:
        told.setdefault((one.type, one.aggregate), set()).add(one.version)
    others = [sorted(told[one.type, one.aggregate] - {one.version}) for one in every]
    return [replace(one, also=tuple(also)) if also else one for one, also in zip(every, others, strict=True)]


def _id(aggregate_id: str, version: int, kind: EventType) -> str:
    return f"{aggregate_id}.{version}.{kind.key}"


def _data(row: _Row, image: dict[str, Any], build_data: BuildData | None) -> Raw:
    if row.data_from:
        return Raw(image[row.data_from]["S"].encode())
    if bytes(row.data) != _UNTOLD:
        return row.data
    if build_data is None:
        raise TypeError(f"{row.type} is stored as its type alone, and nobody tells its data")
    return Raw(msgspec.json.encode(build_data(EventType(row.type, row.version).key, decode_item(image))))


class PublishError(RuntimeError):
    """The bus did not take every fact; what led to them comes again, and telling twice is harmless."""


def tell(facts: Iterable[Told]) -> list[Told]:
    """Put facts on the bus, in as few calls as possible, and return those that it refused.

    What they tell of must be stored by now, and whoever calls must see to it that they are told again where this
    raises, returns some, or never comes to an end.
    """
    every = list(facts)
    refused = set(_put(with_versions(one.detail for one in every)))
    return [one for one in every if one.detail.id in refused]


def publish(event: dict[str, Any], build_data: BuildData | None = None) -> None:
    """Put the facts of a batch of stream records on the bus, in the order of the stream.

    Parameters
    ----------
    build_data
        Makes the data of the facts that are stored as their type alone.

    Raises
    ------
    PublishError
        When PutEvents answers 200 but refuses an entry.
    """
    images = [
        record["dynamodb"]["NewImage"] for record in event["Records"] if "NewImage" in record["dynamodb"]
    ]
    envelopes = [envelope for image in images if "outbox" in image for envelope in unpack(image, build_data)]
    told = Counter(envelope.correlation_id for envelope in envelopes)
    log.begin_batch([(correlation_id, {"facts": facts}) for correlation_id, facts in told.items()])
    if refused := _put(envelopes):
        raise PublishError(f"{len(refused)} of {len(envelopes)} facts refused")


def _put(envelopes: list[Envelope]) -> list[str]:
    """Put facts on the bus; return the ids of those it refused, with its reasons in the log."""
    refused: list[str] = []
    ids = iter(envelopes)
    for chunk in _chunks([_entry(envelope) for envelope in envelopes]):
        answer = aws.eventbridge().put_events(Entries=chunk)
        answers = zip((next(ids).id for _ in chunk), answer["Entries"], strict=True)
        failed = {fact_id: entry["ErrorCode"] for fact_id, entry in answers if entry.get("ErrorCode")}
        if failed:
            log.note(refused=sorted(set(failed.values())))
        refused += failed
    return refused


def _entry(envelope: Envelope) -> Any:
    return {
        "Source": f"souk.{os.environ['SERVICE_NAME']}",
        "DetailType": envelope.type,
        "Detail": msgspec.json.encode(envelope).decode(),
        "EventBusName": os.environ["BUS_NAME"],
    }


def _chunks(entries: list[Any]) -> list[list[Any]]:
    chunks: list[list[Any]] = []
    room = 0
    for entry in entries:
        size = len(entry["Detail"].encode()) + 256
        if not chunks or len(chunks[-1]) == _MAX_ENTRIES or size > room:
            chunks.append([])
            room = _MAX_BYTES
        chunks[-1].append(entry)
        room -= size
    return chunks
