"""Watches a run and says what may never be: the promises of the shop, checked after every AWS call.

Each promise has a name, which is what a violation is reported by. Facts and failures are watched here; stock, orders,
money and carts each in a module of their own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from functions.orders.domain import PARTICIPANTS
from functions.shared.dynamo import decode_item
from tests.simulation.deployment import QueueSource
from tests.simulation.expressions import Image
from tests.simulation.fake_tables import Change
from tests.simulation.reading import is_void
from tests.simulation.workers import Invocation
from tests.simulation.world import Message, World

MAY_COME_AGAIN = {
    "NotYetError",
    "BusyError",
    "ClaimedError",
    "ProviderUnavailableError",
    "AlreadyVoidedError",
}
"""What a handler raises, without any fault, to have a message again later."""


PERSONAL = re.compile(
    r"amira|Amira|Haddad|Lindenstrasse|(?<!:)\b10969\b|tok_"
)  # an amount may be the same number
"""What the people of a run (shop.py) tell of themselves and pay with; ids of theirs are nobody's name."""


class Violation(NamedTuple):
    """A promise that was broken, and how."""

    promise: str
    what: str


class ViolationError(BaseException):
    """Ends the run in which a promise was broken; no handler may catch it."""

    def __init__(self, violation: Violation) -> None:
        super().__init__(f"{violation.promise}: {violation.what}")
        self.violation = violation


def broken(promise: str, what: str) -> ViolationError:
    """Return the exception for a broken promise."""
    return ViolationError(Violation(promise, what))


def require(holds: object, promise: str, what: str) -> None:
    """Raise ViolationError unless the promise holds."""
    if not holds:
        raise broken(promise, what)


class Watch:
    """One part of the checker: hears of changes one by one, then of the end of the call that made them."""

    def __init__(self, world: World) -> None:
        self.world = world

    def items(self, service: str) -> Mapping[tuple[str, str], Image]:
        """Return a service's table as it is: wire images by key."""
        return self.world.aws.dynamodb.tables[f"souk-local-{service}"].items

    def item(self, service: str, pk: str, sk: str) -> dict[str, Any] | None:
        """Return an item of a service's table in plain values."""
        found = self.items(service).get((pk, sk))
        return decode_item(found) if found is not None else None

    def all(self, service: str, prefix: str, sk: str) -> dict[str, dict[str, Any]]:
        """Return the items whose keys start so, by what follows in the partition key."""
        return {
            key[0].removeprefix(prefix): decode_item(image)
            for key, image in self.items(service).items()
            if key[0].startswith(prefix) and key[1].startswith(sk) and not is_void(image)
        }

    def reservation(self, order_id: str) -> dict[str, Any] | None:
        """Return what inventory has of an order: held inside a level, or a record of its own."""
        for sku, level in self.all("inventory", "SKU#", "LEVEL").items():
            if text := level.get(f"h_{order_id}"):
                return {"status": "reserved", "lines": {sku: int(text.split()[0])}}
        return self.item("inventory", f"ORDER#{order_id}", "RESERVATION")

    def changed(self, change: Change) -> None:
        """Take note of a change."""

    def settled(self) -> None:
        """Check what the changes of one call have led to."""

    def handled(self, source: QueueSource, message: Message) -> None:
        """Check what a service has done with a message that it took."""

    def ended(self) -> None:
        """Check what must hold once everything is drained."""


_TOLD_BY_HANDLERS = {
    ("souk-local-orders", "ORDER"): {
        "placed": "OrderPlaced",
        "confirmed": "OrderConfirmed",
        "cancelled": "OrderCancelled",
    },
    ("souk-local-inventory", "RESERVATION"): {
        "reserved": "StockReserved",
        "rejected": "StockRejected",
        "refused": "StockReleased",
        "committed": "StockCommitted",
        "released": "StockReleased",
        "returned": "StockReleased",
    },
    ("souk-local-payments", "PAYMENT"): {
        "authenticating": "PaymentActionRequired",
        "authorized": "PaymentAuthorized",
        "declined": "PaymentDeclined",
        "captured": "PaymentCaptured",
    },
}
"""By table and item: the fact of each status, told by whoever changed it where no outbox carries it."""


class Facts(Watch):
    """Every change of state is published, and nothing else is."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.written: dict[str, str] = {}
        self.published: dict[str, Any] = {}
        self.unheld: set[str] = set()

    def _is_void(self, fact_id: str) -> bool:
        """Tell whether nobody needs to hear of an answer: another one was stored beside it, or has taken its place."""
        order_id, _, kind = fact_id.partition(".1.")
        if kind == "PaymentActionRequired":
            return (self.item("payments", f"PAYMENT#{order_id}", "PAYMENT") or {}).get(
                "status"
            ) != "authenticating"
        return order_id in self.unheld and kind in ("StockReserved", "StockRejected")

    def changed(self, change: Change) -> None:
        for fact_id in _facts_of(change):
            self.written.setdefault(fact_id, change.table)
        if (
            change.key[1] == "RESERVATION"
            and change.new
            and change.new["status"]["S"] in ("rejected", "refused")
        ):
            self.unheld.add(change.key[0].partition("#")[2])

    def event(self, event: Mapping[str, Any]) -> None:
        """Check an event that was put on the bus."""
        detail = event["detail"]
        if detail["type"] == "StockAvailabilityChanged":  # how it is, read when it is told: check_stock.py
            return
        require(detail["id"] in self.written, "a fact is published only after it is stored", detail["id"])
        # Two deliveries may hold the same: one in the level, one, by another policy, in a record.
        told = "" if detail["type"] == "StockReserved" else detail["time"], detail["data"]
        before = self.published.setdefault(detail["id"], told)
        require(before == told, "one fact is told one way", f"{detail['id']}: {before} then {told}")
        service = self.written[detail["id"]].removeprefix("souk-local-")
        require(
            event["source"] == f"souk.{service}", "a service publishes its own facts", str(event["source"])
        )

    def ended(self) -> None:
        missing = sorted(
            fact_id for fact_id in self.written.keys() - self.published.keys() if not self._is_void(fact_id)
        )
        require(not missing, "every change of state is published", ", ".join(missing))


def _holds_in(image: Image | None) -> set[str]:
    """Return the orders that a level holds something for inside its item."""
    return {name.removeprefix("h_") for name in image or () if name.startswith("h_")}


def _facts_of(change: Change) -> Iterator[str]:
    """Yield the ids of the facts that a change makes true: those of its outbox, and that of a new status."""
    old, new = change.old or {}, change.new or {}
    if "outbox" in new and new["outbox"] != old.get("outbox"):
        for row in json.loads(new["outbox"]["S"]):
            yield f"{row[2]}.{row[3]}.{row[0]}"
    if (change.table, change.key[1]) == ("souk-local-inventory", "LEVEL"):
        yield from (f"{one}.1.StockReserved" for one in _holds_in(change.new) - _holds_in(change.old))
    kinds = _TOLD_BY_HANDLERS.get((change.table, change.key[1]), {})
    status = new.get("status", {}).get("S", "")
    # A bank that is asked about further means of payment concerns nobody else.
    is_told = status != "authenticating" or not old
    if status in kinds and new.get("status") != old.get("status") and is_told:
        yield f"{change.key[0].partition('#')[2]}.{new['version']['N']}.{kinds[status]}"


class Failures(Watch):
    """Nothing fails without a reason, and no message is given up without one."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.poison: set[str] = set()

    def done(self, invocation: Invocation) -> None:
        """Check how an invocation ended; its log lines say nothing of a person, nor of a ledger that is off."""
        for line in invocation.lines:
            told = PERSONAL.findall(line)
            require(not told, "log lines hold nothing personal", f"#{invocation.number} {told}: {line}")
            require('"unbalanced"' not in line, "a payment is what its ledger says when it moves", line)
        if invocation.excuses or any(
            r.get("body") in self.poison for r in invocation.event.get("Records", ())
        ):
            return
        error = None
        for fields in map(json.loads, (line for line in invocation.lines if '"error"' in line)):
            error = fields.get("error") or error
            require(
                error is None or error in MAY_COME_AGAIN,
                "nothing fails unless something is wrong",
                f"#{invocation.number} {invocation}: {error} {fields.get('message')} {fields.get('stack')}",
            )
        failed = invocation.error is not None or (
            invocation.kind == "http" and invocation.result["statusCode"] >= 500
        )
        require(
            not failed or error in MAY_COME_AGAIN,
            "nothing fails unless something is wrong",
            f"#{invocation.number} {invocation}: {invocation.error or invocation.result}",
        )

    def parked(self, queue: str, body: str, attributes: Mapping[str, Any]) -> None:
        """Check a message that a handler sent to a dead-letter queue."""
        if queue not in self.world.deployed.dead_letters:
            return
        reason = attributes.get("reason", {}).get("StringValue")
        require(body in self.poison, "only what cannot be read is parked", f"{queue}: {reason} {body[:300]}")

    def given_up(self, queue: str, message: Message) -> None:
        """Check a message that its queue gave up."""
        fair = not self.world.weather.rates and not self.world.weather.outages
        require(
            not fair or message.body in self.poison,
            "no message is given up in fair weather",
            f"{queue}: {message.body[:300]}",
        )

    def ended(self) -> None:
        kept = {
            message.body for name in self.world.deployed.dead_letters for message in self.world.queues[name]
        }
        lost = sorted(self.poison - kept)
        require(not lost, "what cannot be read is kept for people", f"{lost}")
        for name in sorted(self.world.deployed.dead_letters):
            left = [message.body for message in self.world.queues[name] if message.body not in self.poison]
            require(not left, "dead-letter queues hold only what cannot be read", f"{name}: {left[:3]}")


class Reversals(Watch):
    """A service that has taken an order's placing and its cancellation, in whatever order, holds nothing for it."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.told: set[tuple[str, str, str]] = set()
        self.poison: set[str] = set()

    def handled(self, source: QueueSource, message: Message) -> None:
        """Check a service after it has taken a message; later, where it is busy with another."""
        service = source.function.service
        if message.body in self.poison:
            return
        detail = json.loads(message.body).get("detail", {})
        if service not in PARTICIPANTS or detail.get("type") not in (
            "OrderPlaced",
            "OrderCancelled",
        ):
            return
        order_id = detail["data"]["orderId"]
        self.told.add((service, order_id, detail["type"]))
        both = {(service, order_id, kind) for kind in ("OrderPlaced", "OrderCancelled")} <= self.told
        busy = any(one.kind == "inbox" and one.function.service == service for one in self.world.running)
        if both and not busy:
            require(
                not self._holds(service, order_id), f"{service} holds nothing for a cancelled order", order_id
            )

    def _holds(self, service: str, order_id: str) -> bool:
        if service == "inventory":
            # What is held beside a rejection is ended by orders, which hears of both.
            record = self.item("inventory", f"ORDER#{order_id}", "RESERVATION") or {}
            reservation = self.reservation(order_id) or {}
            return record.get("status") != "rejected" and reservation.get("status") in (
                "reserved",
                "committed",
            )
        payment = self.item("payments", f"PAYMENT#{order_id}", "PAYMENT") or {}
        attempt = payment.get("attempt", 1)
        name = f"SIM#{order_id}" if attempt == 1 else f"SIM#{order_id}-{attempt}"
        intent = self.item("payments", name, "INTENT") or {}
        return intent.get("status") == "authorized" and payment.get("status") != "voiding"


class Checker:
    """All watches over one run."""

    def __init__(self, world: World, watches: list[Watch]) -> None:
        self.facts, self.failures = Facts(world), Failures(world)
        self.reversals = Reversals(world)
        self.watches: list[Watch] = [self.facts, self.failures, self.reversals, *watches]
        self._dirty = False
        self.hear: dict[str, Callable[[Any], None]] = {
            "change": self._changed,
            "called": self._called,
            "event": self.facts.event,
            "done": self.failures.done,
            "message": lambda it: self.failures.parked(*it),
            "redriven": lambda it: self.failures.given_up(*it),
            "handled": self._handled,
        }
        world.observers.append(self)

    def __call__(self, what: str, data: Any) -> None:
        """Hear what happens in the world."""
        self.hear[what](data)

    def _changed(self, change: Change) -> None:
        self._dirty = True
        for watch in self.watches:
            watch.changed(change)

    def _handled(self, told: tuple[QueueSource, Message]) -> None:
        for watch in self.watches:
            watch.handled(*told)

    def _called(self, _: Invocation) -> None:
        if self._dirty:
            self._dirty = False
            for watch in self.watches:
                watch.settled()

    def ended(self) -> None:
        """Check what must hold once everything is drained."""
        for watch in self.watches:
            watch.ended()
