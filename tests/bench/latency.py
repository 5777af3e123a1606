"""How long an order takes from its request to the decision, on paper: `python -m tests.bench.latency`.

The real handlers run in an account that has a clock: an invocation begins when what it is handed has arrived, lasts as
long as docs/prices/ says of what it computes and calls, and what it writes, publishes or sends arrives at the next
function after that way's median (streams, bus, queues). So a hop more or less in the handlers or the templates moves
the figure. Every function is warm, and the payment provider answers at once unless PROVIDER_MS says otherwise. What
lies before the first function (browser, edge, API Gateway) is not in it.
"""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from tests.bench import billing
from tests.bench.account import READS, Account, is_provider
from tests.bench.journeys import Shop
from tests.bench.stacks import stacks
from tests.simulation.deployment import Function
from tests.simulation.fake_tables import Change
from tests.support.lambda_events import sqs_event

DECIDED = ("confirmed", "cancelled")
BUYER = "the buyer's request"


class Hop(NamedTuple):
    """An invocation: what it was handed, by which hop, and its times in milliseconds since the request."""

    function: str
    handed: str
    cause: int | None
    sent: float
    begun: float
    ended: float


class Arrival(NamedTuple):
    """When something arrives, and which hop had sent it when."""

    at: float
    cause: int
    sent: float


class Clocked(Account):
    """Hands everything over in the order of its arrival, one at a time; `hops` is what has run since `start`."""

    def __init__(self, prices: Any, provider_milliseconds: float = 0) -> None:
        super().__init__()
        self.prices, self.provider_milliseconds = prices, provider_milliseconds
        self.start()

    def start(self) -> None:
        """Set the clock to zero; nothing must be under way."""
        self.clock, self.decided = 0.0, -1
        self.hops: list[Hop] = []
        self._arrivals: dict[int, deque[Arrival]] = {}
        self._handed, self._arrival = BUYER, Arrival(0, -1, 0)

    def run(self) -> list[Hop]:
        """Deliver until the order is decided, and return the hops that led there, the first one first."""
        while self.decided < 0:
            _, deliver = min(self._waiting(), key=lambda waiting: waiting[0])
            deliver()
        way: list[Hop] = []
        at: int | None = self.decided
        while at is not None:
            way.insert(0, self.hops[at])
            at = self.hops[at].cause
        return way

    def _waiting(self) -> Iterator[tuple[Arrival, Callable[[], None]]]:
        for source, records in zip(self.deployed.streams, self.streams, strict=True):
            if records:
                yield self._due(records)[0], self._handing(source.function, records, source.table)
        for name, queue in self.deployed.queues.items():
            if self.queues[name]:
                yield self._due(self.queues[name])[0], self._handing(queue.function, self.queues[name])

    def _handing(self, function: Function, waiting: deque[Any], table: str = "") -> Callable[[], None]:
        def hand() -> None:
            self._arrival, given = self._due(waiting).popleft(), waiting.popleft()
            self.clock = self._arrival.at
            self._handed = table or str(json.loads(given).get("detail-type", "a message"))
            self._invoke(function, "hop", {"Records": [given]} if table else sqs_event(given))

        return hand

    def _due(self, waiting: deque[Any]) -> deque[Arrival]:
        """Return the arrivals of what waits in a queue or a stream."""
        return self._arrivals.setdefault(id(waiting), deque())

    def _invoke(self, function: Function, kind: str, event: Any) -> Any:
        begun, cause = self.clock, None if kind == "http" else self._arrival.cause
        number = len(self.hops)
        self.hops.append(Hop(function.name, self._handed, cause, self._arrival.sent, begun, begun))
        self._spend(function, "invocation")
        answer = super()._invoke(function, kind, event)
        self.hops[number] = self.hops[number]._replace(ended=self.clock)
        return answer

    def _call(self, service: str, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        function = self._running[-1]
        if service == "dynamodb" and is_provider(operation, request):
            self.clock += self.provider_milliseconds if operation not in READS else 0
        else:
            self._spend(function, service)
        return super()._call(service, operation, request)

    def _spend(self, function: Function, work: str) -> None:
        size = stacks().sizes[function.service, function.name]
        self.clock += billing.seconds(work, size, self.prices) * 1000

    def _on_change(self, change: Change) -> None:
        super()._on_change(change)
        self._sent("stream")
        status = (change.new or {}).get("status", {}).get("S")
        if change.table == "souk-local-orders" and change.key[1] == "ORDER" and status in DECIDED:
            self.decided = len(self.hops) - 1

    def _on_event(self, entry: dict[str, Any]) -> None:
        super()._on_event(entry)
        self._sent("bus", "queue")

    def _on_message(self, queue: str, body: str, attributes: Mapping[str, Any]) -> None:
        super()._on_message(queue, body, attributes)
        self._sent("queue")

    def _sent(self, *ways: str) -> None:
        """Have what was just sent arrive, each way's median after now."""
        lasts = sum(self.prices["ways"][way] for way in ways)
        for waiting in (*self.streams, *self.queues.values()):
            due = self._due(waiting)
            while len(due) < len(waiting):
                due.append(Arrival(self.clock + lasts, len(self.hops) - 1, self.clock))


def way(prices: Any, provider_milliseconds: float = 0) -> list[Hop]:
    """Return the hops from the request for an order of one line to its decision."""
    account = Clocked(prices, provider_milliseconds)
    with account.open():
        shop = Shop(account)
        first, second = shop.quotes(1, 2)
        shop.place(first)  # what a worker asks for once in its life is not an order's
        account.settle()
        account.start()
        shop.place(second)
        return account.run()


def milliseconds(way: list[Hop]) -> float:
    """Return when the last hop of a way has ended."""
    return way[-1].ended


def main() -> None:
    """Print the way of an order, hop by hop."""
    prices = billing.assumed(os.environ)
    waited = prices["provider_milliseconds"]["between"][0] if "PROVIDER_MS" in os.environ else 0
    found = way(prices, waited)
    for hop in found:
        print(
            f"{hop.begun - hop.sent:7.0f} ms until {hop.function} has {hop.handed}, which takes "
            f"{hop.ended - hop.begun:.0f} ms"
        )
    print(f"{milliseconds(found):7.0f} ms from the request to the decision, on paper, at the median")


if __name__ == "__main__":
    main()
