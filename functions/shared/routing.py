"""A routing slip: a fact that services answer one after the other, without the bus between them.

A message on such a way is the fact as the bus would hand it over, with a ``slip`` beside it: the inboxes it is still to
go to, of which the last is where it goes home, and the answers it has had. Who says yes has it go on to the next with
that answer; a no, and the last yes, go home as facts themselves, with the answers before them. So no service knows
another: whoever sends the fact off names the way (enterprise integration patterns: "Routing Slip").

The bus gets all of these facts as well, for everybody else. They are ``routed`` there, by which the rules of those on
the route tell them from facts that come without a slip: such are answered on the bus (docs/adr/0031).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from functions.shared import aws, log
from functions.shared.outbox import Envelope, Told
from functions.shared.types import Data

_MOST = 10  # SendMessageBatch takes 10 messages and 256 KB (SQS quotas)
_MAX_BYTES = 250_000


class Slip(Data, frozen=True):
    """The URLs of the inboxes that a fact is still to go to, and the answers it has had."""

    route: tuple[str, ...] = ()
    answers: tuple[Envelope, ...] = ()


class QueueMessage(NamedTuple):
    """A message to be sent: its queue's URL, and its body."""

    url: str
    body: str


def begun(detail: Envelope, route: Sequence[str]) -> QueueMessage:
    """Return the message that sends a fact through the inboxes of services, of which the last is where it goes home."""
    first, *rest = map(_inbox_of, route)
    return _message(first, f"souk.{os.environ['SERVICE_NAME']}", detail, Slip(tuple(rest)))


def _inbox_of(service: str) -> str:
    """Return the URL of a service's inbox: named like our own."""
    own, name = os.environ["INBOX_URL"], os.environ["SERVICE_NAME"]
    return f"{own.removesuffix(f'-{name}-inbox')}-{service}-inbox"


def answered(source: str, detail: Envelope, slip: Slip, answer: Told) -> QueueMessage:
    """Return the message that an answer to a fact on its route leads to."""
    following, *rest = slip.route
    if answer.goes_on and rest:
        return _message(following, source, detail, Slip(tuple(rest), (*slip.answers, answer.detail)))
    source = f"souk.{os.environ['SERVICE_NAME']}"
    return _message(slip.route[-1], source, answer.detail, Slip((), slip.answers))


def _message(url: str, source: str, detail: Envelope, slip: Slip) -> QueueMessage:
    body: dict[str, Any] = {"source": source, "detail-type": detail.type, "detail": detail, "slip": slip}
    return QueueMessage(url, msgspec.json.encode(body).decode())


def send(messages: Iterable[QueueMessage]) -> set[int]:
    """Send messages, in as few calls as possible; return the numbers of those that were not taken."""
    failed: set[int] = set()
    for url, some in _batches(list(enumerate(messages))):
        entries: Any = [{"Id": str(number), "MessageBody": message.body} for number, message in some]
        try:
            answer = aws.sqs().send_message_batch(QueueUrl=url, Entries=entries)
        except (BotoCoreError, ClientError) as error:  # those for other queues are not to wait for this one
            log.note(notSent=[str(error)[:200]])
            failed |= {number for number, _ in some}
            continue
        if refused := answer.get("Failed", []):
            log.note(notSent=sorted({one["Code"] for one in refused}))
        failed |= {int(one["Id"]) for one in refused}
    return failed


def _batches(
    messages: Sequence[tuple[int, QueueMessage]],
) -> list[tuple[str, list[tuple[int, QueueMessage]]]]:
    batches: list[tuple[str, list[tuple[int, QueueMessage]]]] = []
    room = 0
    for number, message in sorted(messages, key=lambda one: one[1].url):
        size = len(message.body.encode())
        if not batches or batches[-1][0] != message.url or len(batches[-1][1]) == _MOST or size > room:
            batches.append((message.url, []))
            room = _MAX_BYTES
        batches[-1][1].append((number, message))
        room -= size
    return batches
