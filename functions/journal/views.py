"""The journal's requests and answers, and how answers are made of domain objects."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from msgspec import Meta

from functions.journal.domain import JournalEntry, OrderSummary, Switches
from functions.shared.ids import order_number
from functions.shared.types import Body, Cursor, Limit, LongLimit, PageQuery, Query, View

Day = Annotated[date, Meta(description="A day of the calendar, UTC; today where none is named")]

Time = Annotated[
    str,
    Meta(
        description="A time by RFC 3339",
        examples=["2026-11-22T17:05:09Z"],
        extra_json_schema={"format": "date-time"},
    ),
]


class AskEvents(Query, frozen=True):
    """The newest facts since when."""

    after: Time | None = None
    limit: LongLimit = 100


class AskSubject(Query, frozen=True):
    """Which page of what happened to something."""

    limit: Limit = 100
    cursor: Cursor | None = None


class AskActs(Query, frozen=True):
    """Which page of a day's acts."""

    day: Day | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


class AskTrace(Query, frozen=True):
    """Since when to look."""

    since: Time | None = None


class AskOrders(PageQuery, frozen=True):
    """Which page of a day's orders."""

    day: Day | None = None


class EntryView(View, frozen=True):
    """A fact as the journal keeps it; nothing personal is in its data."""

    id: str
    type: str
    source: str
    time: str
    subject: str
    version: int
    correlation_id: str
    causation_id: str | None
    actor: str | None
    data: dict[str, Any]


class EntriesView(View, frozen=True):
    """Facts in the order of their time."""

    items: list[EntryView]
    next_cursor: str | None = None


class SummaryView(View, frozen=True):
    """An order in a list; `total` in minor units, `number` as people call it."""

    order_id: str
    number: str
    status: str
    reason: str | None
    placed_at: str
    total: int
    currency: str


class SummariesView(View, frozen=True):
    """Orders of a day, newest first."""

    items: list[SummaryView]
    next_cursor: str | None


class AuditView(View, frozen=True):
    """What the last audit compared, and where the books differed."""

    time: str
    checked: int
    differences: list[str]


class InvocationView(View, frozen=True):
    """An invocation that worked for a request; `time` in milliseconds since 1970, `fields` are what it noted."""

    time: int
    service: str
    function: str
    kind: str
    outcome: str
    duration_ms: float
    cold_start: bool
    error: str | None
    fields: dict[str, Any]


class TraceView(View, frozen=True):
    """The invocations of one request, oldest first."""

    items: list[InvocationView]


class ServiceView(View, frozen=True):
    """How a service's functions did in the last five minutes."""

    service: str
    errors: int
    cold_starts: int


class ServicesView(View, frozen=True):
    """Services that had errors or cold starts."""

    items: list[ServiceView]


class QueueView(View, frozen=True):
    """A queue: messages waiting and in flight."""

    name: str
    service: str
    dead_letter: bool
    waiting: int
    in_flight: int


class QueuesView(View, frozen=True):
    """All queues of the shop."""

    items: list[QueueView]


class MessageView(View, frozen=True):
    """A dead letter; `sent_at` in milliseconds since 1970."""

    id: str
    body: str
    reason: str
    sent_at: int
    received: int


class MessagesView(View, frozen=True):
    """Dead letters of a queue."""

    items: list[MessageView]


class Redrive(Body, frozen=True):
    """Which dead letter to send back; all of them without an id."""

    message_id: Annotated[str, Meta(min_length=1, max_length=100)] | None = None


class DeleteMessage(Body, frozen=True):
    """Which dead letter to delete for good, and why."""

    message_id: Annotated[str, Meta(min_length=1, max_length=100)]
    reason: Annotated[
        str,
        Meta(
            min_length=3,
            max_length=200,
            pattern=r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$(?!\n)",
            examples=["test data of the old shop"],
            extra={"form": "line", "detail": "A reason is one line of text."},
        ),
    ]


class RedrivenView(View, frozen=True):
    """How many dead letters went back, and how many the queue still holds."""

    moved: int
    left: int


class FaultView(View, frozen=True):
    """Whether a service is switched off, and whether its answers are held back."""

    service: str
    down: bool
    slow: bool


class FaultsView(View, frozen=True):
    """The services and their switches."""

    items: list[FaultView]


class SwitchFault(Body, frozen=True):
    """Switch a service off or on, or have its answers held back; what is left out stays as it is."""

    down: bool | None = None
    slow: bool | None = None


def entry_view(entry: JournalEntry) -> EntryView:
    """Shape an entry."""
    return EntryView(
        entry.id,
        entry.type,
        entry.source,
        entry.time,
        entry.subject,
        entry.version,
        entry.correlation_id,
        entry.causation_id,
        entry.actor,
        entry.data,
    )


def summary_view(one: OrderSummary) -> SummaryView:
    """Shape an order's summary."""
    number = order_number(one.order_id)
    return SummaryView(one.order_id, number, one.status, one.reason, one.placed_at, one.total, one.currency)


def fault_view(switches: Switches) -> FaultView:
    """Shape a service's switches."""
    return FaultView(switches.service, switches.down, switches.slow)
