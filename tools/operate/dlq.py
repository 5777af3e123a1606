"""`make dlq`: dead letters, why they are there, and the way back.

    make dlq                              # every dead-letter queue with what is in it
    make dlq QUEUE=souk-local-orders-inbox-dlq                 # its messages, decoded, with the reason
    make dlq QUEUE=souk-local-orders-inbox-dlq REDRIVE=all     # send them back, and see that they drained
    make dlq QUEUE=souk-local-orders-inbox-dlq REDRIVE=<id>    # send one back
    make dlq QUEUE=souk-local-orders-inbox-dlq DELETE=<id> REASON="test data"   # delete one for good

With ENV=prod the dead letters of that environment.

The same code serves the console (functions/journal/operations/queues.py).
"""

from __future__ import annotations

import json
import os
import time

from functions.journal.operations import queues
from functions.journal.table import JournalTable
from functions.shared import context
from functions.shared.clock import now
from functions.shared.errors import DomainError
from tools import options
from tools.operate.environment import Environment, chosen
from tools.report import ToolError, step

DRAIN_SECONDS = 20
OPERATOR = "operator"
"""The actor of what is done at the command line: whoever may use the account."""


def main() -> None:
    """List, show, redrive or delete, as QUEUE, REDRIVE, DELETE and REASON say."""
    name, which, gone = options.text("QUEUE"), options.text("REDRIVE"), options.text("DELETE")
    if (which or gone) and not name:
        raise ToolError("say which queue: QUEUE=souk-local-orders-inbox-dlq")
    use(chosen())
    try:
        if gone:
            delete(name, gone, options.text("REASON"))
        elif which:
            redrive(name, None if which == "all" else which)
        elif name:
            show(name)
        else:
            overview()
    except DomainError as error:
        raise ToolError(error.detail) from None


def use(environment: Environment) -> None:
    """Point the functions' own AWS clients at an environment, and have what they do told as an operator's act."""
    os.environ |= {**environment.variables, "ENVIRONMENT_NAME": environment.name}
    context.act_as(OPERATOR)


def overview() -> None:
    """Print every dead-letter queue and how much is in it."""
    dead = [queue for queue in queues.depths() if queue["deadLetter"]]
    for queue in dead:
        print(f"{queue['waiting'] + queue['inFlight']:5}  {queue['name']}")
    if not any(queue["waiting"] + queue["inFlight"] for queue in dead):
        print("All dead-letter queues are empty.")


def show(name: str) -> None:
    """Print a queue's messages, decoded."""
    for message in queues.peek(name):
        print(f"{message['id']}  received {message['received']} times\nReason: {message['reason']}")
        print(_decoded(message["body"]), end="\n\n")


def redrive(name: str, message_id: str | None, *, seconds: float = DRAIN_SECONDS) -> None:
    """Send dead letters back, and wait until their own queue has drained."""
    home = name.removesuffix("-dlq")
    done = queues.redrive(_journal(), name, message_id, now())
    step(f"{done['moved']} sent back to {home}, {done['left']} left in {name}")
    until = time.monotonic() + seconds
    while (found := _depths())[home]:
        if time.monotonic() > until:
            step(f"still waiting after {seconds} s: {found}; the consumer's log lines say why (make logs)")
            return
        time.sleep(0.2)
    step(f"drained; {found[name]} left in {name}")


def _depths() -> dict[str, int]:
    return {queue["name"]: queue["waiting"] + queue["inFlight"] for queue in queues.depths()}


def delete(name: str, message_id: str, reason: str) -> None:
    """Delete one dead letter for good."""
    if len(reason) < 3:
        raise ToolError('say why it is deleted: REASON="test data"')
    done = queues.delete(_journal(), name, message_id, reason[:200], now())
    step(f"deleted; {done['left']} left in {name}")


def _journal() -> JournalTable:
    return JournalTable(f"{queues.prefix()}journal")


def _decoded(body: str) -> str:
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body
