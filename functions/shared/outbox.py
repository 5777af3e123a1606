"""Facts leave a service with the state they come from: in the ``outbox`` attribute of the item that changed.

One conditional write stores both, so none is lost and none is invented. The table's stream hands the items that carry
an outbox to the service's publisher, which puts the facts on the bus. Every write to an item that can carry an outbox
sets it or removes it, else the facts of an older write would go out again (harmless, but paid for).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Raw

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
    None where an event led to an event.
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


class _Packable(Data, frozen=True):
    """An envelope as it waits in an item; its data may be another attribute of the item, named by `data_from`."""

    detail: Envelope
    data_from: str | None = None


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


BuildData = Callable[[str, Item], Data]
"""Makes the data of a fact, given the name of its class and the item that carries it."""

_UNTOLD = b"null"


def fact(
    data: Data | type[Data], aggregate_id: str, version: int, at: datetime, *, data_from: str | None = None
) -> _Packable:
    """Return a fact ready to be packed.

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
    return _Packable(envelope, data_from)


def pack(*facts: _Packable) -> str:
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
        )
        for entry in facts
        for one in [entry.detail]
    ]
    return msgspec.json.encode(rows).decode()


def unpack(image: dict[str, Any], build_data: BuildData | None = None) -> list[Envelope]:
    """Return the facts an item carries, given its image in DynamoDB's wire form."""
    rows = msgspec.json.decode(image["outbox"]["S"], type=list[_Row])
    told: dict[tuple[str, str, int], list[int]] = {}
    for row in rows:
        told.setdefault((row.type, row.aggregate_id, row.aggregate_version), []).append(row.version)
    return [
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
            also=tuple(
                one for one in told[row.type, row.aggregate_id, row.aggregate_version] if one != row.version
            ),
        )
        for row in rows
    ]


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
    """The bus did not take every fact; the batch is tried again, and publishing twice is harmless."""


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
    for chunk in _chunks([_entry(envelope) for envelope in envelopes]):
        answer = aws.eventbridge().put_events(Entries=chunk)
        if answer["FailedEntryCount"]:
            codes = {entry.get("ErrorCode") for entry in answer["Entries"]} - {None}
            raise PublishError(
                f"{answer['FailedEntryCount']} of {len(chunk)} facts refused: {sorted(map(str, codes))}"
            )


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
