"""`make dlq`: dead letters, why they are there, and the way back.

    make dlq                              # every dead-letter queue with what is in it
    make dlq QUEUE=souk-local-orders-inbox-dlq                 # its messages, decoded, with the reason
    make dlq QUEUE=souk-local-orders-inbox-dlq REDRIVE=all     # send them back, and see that they drained
    make dlq QUEUE=souk-local-orders-inbox-dlq REDRIVE=<id>    # send one back

The same code serves the console (functions/journal/queues.py).
"""

from __future__ import annotations

import json
import os
import time

from functions.journal import queues
from functions.shared.errors import NotFoundError
from tools import options
from tools.emulator import REGION
from tools.report import ToolError, step
from tools.stack import Stack

DRAIN_SECONDS = 20


def main() -> None:
    """List, show or redrive, as QUEUE and REDRIVE say."""
    use(options.running_stack())
    name, which = options.text("QUEUE"), options.text("REDRIVE")
    try:
        if not name:
            overview()
        elif which:
            redrive(name, None if which == "all" else which)
        else:
            show(name)
    except NotFoundError as error:
        raise ToolError(error.detail) from None


def use(stack: Stack) -> None:
    """Point the functions' own AWS clients at a local stack."""
    os.environ |= {
        "AWS_ENDPOINT_URL": stack.endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "ENVIRONMENT_NAME": "local",
    }


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


def redrive(name: str, message_id: str | None) -> None:
    """Send dead letters back, and wait until their own queue has drained."""
    moved = queues.redrive(name, message_id)
    step(f"{moved} sent back to {name.removesuffix('-dlq')}")
    until = time.monotonic() + DRAIN_SECONDS
    while time.monotonic() < until:
        now = {queue["name"]: queue["waiting"] + queue["inFlight"] for queue in queues.depths()}
        if not now[name.removesuffix("-dlq")]:
            step(f"drained; {now[name]} left in {name}")
            return
        time.sleep(0.2)
    step(f"still waiting after {DRAIN_SECONDS} s: {now}; the consumer's log lines say why (make logs)")


def _decoded(body: str) -> str:
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body
