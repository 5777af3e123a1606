"""The journal's Lambda edge: every fact from the inbox, and what operators read and switch over HTTP."""

from __future__ import annotations

import functools
import os
import re
from datetime import date, datetime, timedelta
from typing import Any

from chalice.app import Response, SQSEvent

from functions.journal import service
from functions.journal.operations import faults, invocations, queues
from functions.journal.table import JournalTable
from functions.journal.views import (
    AskActs,
    AskEvents,
    AskOrders,
    AskSubject,
    AskTrace,
    AuditView,
    DeleteMessage,
    EntriesView,
    FaultsView,
    FaultView,
    InvocationView,
    MessagesView,
    MessageView,
    QueuesView,
    QueueView,
    Redrive,
    RedrivenView,
    ServicesView,
    ServiceView,
    SummariesView,
    SwitchFault,
    TraceView,
    entry_view,
    fault_view,
    summary_view,
)
from functions.shared import inbox, outbox
from functions.shared.clock import from_caller, now
from functions.shared.errors import InvalidError
from functions.shared.http import Service, json_response

app = Service("journal")


@functools.cache
def journal() -> JournalTable:
    """Return the service's table."""
    return JournalTable(os.environ["TABLE_NAME"])


@app.endpoint("GET", "/journal/health", auth="none")
def health() -> Response:
    """Tell that the service answers: 200."""
    return json_response({"status": "ok", "service": "journal"})


@app.endpoint("GET", "/journal/events", roles=("staff", "admin"), query=AskEvents, returns=EntriesView)
def get_events(query: AskEvents) -> Response:
    """List the newest facts since ``after`` (RFC 3339), at most five minutes back: 200 | 400 | 403."""
    entries = service.feed(journal(), time_of(query.after, "after"), now(), query.limit)
    return json_response(EntriesView([entry_view(entry) for entry in entries]))


@app.endpoint(
    "GET", "/journal/subjects/{subject}", roles=("staff", "admin"), query=AskSubject, returns=EntriesView
)
def get_subject(subject: str, query: AskSubject) -> Response:
    """List what happened to an order, a product, a SKU or a customer, oldest first: 200 | 400 | 403."""
    entries, following = journal().of(subject, query.limit, query.cursor)
    return json_response(EntriesView([entry_view(entry) for entry in entries], following))


@app.endpoint("GET", "/journal/acts", roles=("staff", "admin"), query=AskActs, returns=EntriesView)
def get_acts(query: AskActs) -> Response:
    """List what people asked for on a ``day`` (default today, UTC), newest first: 200 | 400 | 403."""
    entries, following = journal().acts(day_of(query.day), query.limit, query.cursor)
    return json_response(EntriesView([entry_view(entry) for entry in entries], following))


@app.endpoint(
    "GET", "/journal/traces/{correlationId}", roles=("staff", "admin"), query=AskTrace, returns=TraceView
)
def get_trace(correlation_id: str, query: AskTrace) -> Response:
    """List the invocations of a request ``since`` a time (default an hour ago), from the logs: 200 | 400 | 403."""
    if not re.fullmatch(r"[A-Za-z0-9._:-]{1,128}", correlation_id):
        raise InvalidError("invalid_correlation_id", "A correlation id has letters, digits, dots and dashes.")
    since = time_of(query.since, "since") or now() - timedelta(hours=1)
    found = invocations.of(correlation_id, since)
    return json_response(TraceView([InvocationView(*one.values()) for one in found]))


@app.endpoint("GET", "/journal/orders", roles=("staff", "admin"), query=AskOrders, returns=SummariesView)
def get_orders(query: AskOrders) -> Response:
    """List the orders placed on a ``day`` (default today, UTC), newest first: 200 | 400 | 403."""
    summaries, following = journal().orders_of(day_of(query.day), query.limit, query.cursor)
    return json_response(SummariesView([summary_view(one) for one in summaries], following))


@app.endpoint("GET", "/journal/audit", roles=("staff", "admin"), returns=AuditView)
def get_audit() -> Response:
    """Get the result of the last ``make audit``: 200 | 403 | 404 never run."""
    return json_response(service.last_audit())


@app.endpoint("GET", "/journal/services", roles=("staff", "admin"), returns=ServicesView)
def get_services() -> Response:
    """Count the errors and cold starts of the last five minutes, by service, from the functions' logs: 200 | 403."""
    return json_response(ServicesView([ServiceView(*one.values()) for one in invocations.by_service(now())]))


@app.endpoint("GET", "/journal/queues", roles=("staff", "admin"), returns=QueuesView)
def get_queues() -> Response:
    """List the queues with their depths: 200 | 403."""
    return json_response(QueuesView([QueueView(*queue.values()) for queue in queues.depths()]))


@app.endpoint("GET", "/journal/queues/{name}/messages", roles=("staff", "admin"), returns=MessagesView)
def get_messages(name: str) -> Response:
    """List the messages of a dead-letter queue: 200 | 403 | 404."""
    return json_response(MessagesView([MessageView(*message.values()) for message in queues.peek(name)]))


@app.endpoint("POST", "/journal/queues/{name}/redrive", roles=("admin",), body=Redrive, returns=RedrivenView)
def redrive(name: str, body: Redrive) -> Response:
    """Send one dead letter, or all, back to their queue; safe to repeat: 200 | 403 | 404 | 409 in others' hands."""
    return json_response(RedrivenView(**queues.redrive(journal(), name, body.message_id, now())))


@app.endpoint(
    "POST", "/journal/queues/{name}/deletions", roles=("admin",), body=DeleteMessage, returns=RedrivenView
)
def delete_message(name: str, body: DeleteMessage) -> Response:
    """Delete a dead letter for good, and say why: 200 | 400 | 403 | 404 | 409 in others' hands."""
    return json_response(
        RedrivenView(**queues.delete(journal(), name, body.message_id, body.reason.strip(), now()))
    )


@app.endpoint("GET", "/journal/faults", roles=("staff", "admin"), returns=FaultsView)
def get_faults() -> Response:
    """List which services are switched off or slow, on the local stack: 200 | 403 elsewhere."""
    return json_response(FaultsView([fault_view(faults.switches(name)) for name in faults.services()]))


@app.endpoint("PUT", "/journal/faults/{service}", roles=("admin",), body=SwitchFault, returns=FaultView)
def switch_fault(service: str, body: SwitchFault) -> Response:
    """Switch a service off or on, or make it slow, on the local stack: 200 | 403 elsewhere | 404."""
    faults.change(journal(), service, down=body.down, slow=body.slow, at=now())
    return json_response(fault_view(faults.switches(service)))


@app.on_sqs_message(queue="journal-inbox")
def on_inbox(batch: SQSEvent) -> inbox.BatchResponse:
    """Every fact of the bus; only the records that failed are given back."""
    return inbox.deliver(batch, {inbox.BusEvent: lambda event: service.record(journal(), event, now())})


@app.lambda_function()
def publish(event: dict[str, Any], context: object) -> None:
    """Put what operators did through the journal on the bus; raises so that the batch is tried again."""
    outbox.publish(event)


def day_of(asked: date | None) -> str:
    """Return the day asked for, today without one."""
    return (asked or now().date()).isoformat()


def time_of(text: str | None, name: str) -> datetime | None:
    """Return the time a parameter gives, None without it; raise InvalidError."""
    try:
        return None if text is None else from_caller(text)
    except ValueError:
        detail = f"{name} is a time by RFC 3339, like 2026-11-22T17:05:09Z or 2026-11-22T18:05:09.5+01:00."
        raise InvalidError("invalid_time", detail, parameters={"parameter": name}) from None
