"""The journal's use cases: keep every fact, tell what happened."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import Any

import msgspec

from functions.journal.domain import JournalEntry, is_erasure, public, subject, summary
from functions.journal.events import CustomerErased
from functions.journal.table import JournalTable
from functions.shared import aws
from functions.shared.errors import NotFoundError
from functions.shared.inbox import BusEvent

FEED_SPAN = timedelta(minutes=5)


def record(table: JournalTable, event: BusEvent, at: datetime) -> None:
    """Keep a fact, without what is personal; forget the person whom it says to be erased.

    Safe to repeat, in any order.
    """
    detail = event.detail
    data = public(msgspec.json.decode(detail.data, type=dict))
    entry = JournalEntry(
        id=detail.id,
        type=detail.type,
        source=event.source.removeprefix("souk."),
        time=detail.time,
        subject=subject(data, detail.aggregate.id),
        correlation_id=detail.correlation_id,
        causation_id=detail.causation_id,
        version=detail.aggregate.version,
        actor=detail.actor,
        data=data,
    )
    table.store(entry)
    if is_erasure(entry):
        table.erase(msgspec.json.decode(detail.data, type=CustomerErased).customer_id, at)
    told = summary(entry)
    if told:
        table.summarise(told, at)


def last_audit() -> Any:
    """Return what `make audit` found last: ``{"time", "checked", "differences"}``; NotFoundError before the first."""
    name = f"/souk/{os.environ['ENVIRONMENT_NAME']}/audit"
    try:
        found = aws.ssm().get_parameter(Name=name)["Parameter"]
    except aws.ssm().exceptions.ParameterNotFound:
        raise NotFoundError("never_audited", "No audit has run yet: make audit.") from None
    return msgspec.json.decode(found["Value"])


def feed(table: JournalTable, after: datetime | None, at: datetime, limit: int) -> list[JournalEntry]:
    """Return the newest facts since `after`, at most five minutes back."""
    earliest = at - FEED_SPAN
    return table.since(max(after, earliest) if after else earliest, at, limit)
