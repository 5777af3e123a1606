"""Every order of the calls of concurrent deliveries about one order, crashes included: nothing is lost or leaks.

The real handlers run on the simulation's DynamoDB, one call at a time: a handler is run again from its beginning, is
given the answers that its calls have had so far, and stops after the next. What it has seen is all that it knows, so a
state is what the table holds and what each handler has seen, and all states are visited once.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from botocore.exceptions import ClientError

from functions.inventory import service
from functions.inventory.events import OrderCancelled, OrderConfirmed, OrderedLine, OrderPlaced
from functions.inventory.table import InventoryTable, holds_of, reservation_of
from functions.shared import aws
from functions.shared.dynamo import decode_item
from functions.shared.errors import PreconditionFailedError
from functions.shared.inbox import Fact
from functions.shared.outbox import Aggregate
from tests.simulation.fake_dynamodb import FakeDynamoDB
from tests.support import templates

NAME, ORDER, SKU = "inventory", "ord_1", "MUG"
AT = datetime(2026, 11, 22, 17, 5, 10, tzinfo=UTC)
LINES = (OrderedLine(SKU, 1),)
TIMES = {
    "OrderPlaced": AT,
    "OrderConfirmed": AT + timedelta(seconds=1),
    "OrderCancelled": AT + timedelta(seconds=2),
}


class PauseError(BaseException):
    """The next call was made; the handler goes on from here another time."""


class Crew(NamedTuple):
    """A delivery under way: what it is of, and the answers that its calls have had."""

    kind: str
    seen: tuple[str, ...] = ()
    is_done: bool = False


class State(NamedTuple):
    """What the table holds (wire items as JSON), the deliveries, what was decided, and how often one may still die.

    ``known`` is what orders has heard: the types of inventory's facts.
    """

    items: frozenset[str]
    crews: tuple[Crew, ...]
    decided: str = ""
    crashes: int = 0
    known: frozenset[str] = frozenset()


class Scenario(NamedTuple):
    """Units on hand at first, and what orders decides where inventory says yes."""

    units: int
    decision: str


class Stepped:
    """DynamoDB's client that gives the answers of before, makes one call, and stops at the next."""

    def __init__(self, real: FakeDynamoDB, seen: tuple[str, ...]) -> None:
        self.real, self.seen = real, list(seen)
        self.made: str | None = None

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**request: Any) -> Any:
            if self.seen:
                return self._again(json.loads(self.seen.pop(0)))
            if self.made is not None:
                raise PauseError
            try:
                answer = {"answer": getattr(self.real, name)(**request)}
            except ClientError as error:
                answer = {"error": error.response, "operation": error.operation_name}
            self.made = json.dumps(answer, sort_keys=True)
            return self._again(json.loads(self.made))

        return call

    def _again(self, answer: dict[str, Any]) -> Any:
        if "error" in answer:
            raise ClientError(answer["error"], answer["operation"])
        return answer["answer"]


def a_fact(kind: str) -> Fact[Any]:
    """Return one of the order's facts."""
    at = TIMES[kind]
    data: Any = {
        "OrderPlaced": OrderPlaced(ORDER, LINES),
        "OrderConfirmed": OrderConfirmed(ORDER, LINES),
        "OrderCancelled": OrderCancelled(ORDER, LINES),
    }[kind]
    time = at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return Fact(f"{ORDER}.1.{kind}", time, Aggregate(ORDER, 1), data, "a-purchase")


def handle(table: InventoryTable, kind: str) -> list[str]:
    """Run a handler to its end; return the types of what it tells."""
    at = TIMES.get(kind, AT)
    match kind:
        case "OrderPlaced":
            told = service.on_orders_placed(table, [a_fact(kind)], at)
        case "OrderConfirmed":
            told = service.on_orders_confirmed(table, [a_fact(kind)], at)
        case "OrderCancelled":
            told = service.on_orders_cancelled(table, [a_fact(kind)], at)
        case "split":
            with contextlib.suppress(PreconditionFailedError):
                service.set_shards(table, SKU, 2, service.level(table, SKU).version, AT)
            told = []
        case _:
            service.adjust(table, SKU, 1, "received", adjustment_id="adj_1", by="cus_admin", at=AT)
            told = []
    return [one.detail.type for one in told]


class Explorer:
    """Visits every state of a scenario and checks what must hold in each, and after its end."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.ends = 0
        self.db = FakeDynamoDB()
        self.request = templates.table_request(NAME)
        self.table = InventoryTable(str(self.request["TableName"]))

    def run(self, *kinds: str, crashes: int = 1) -> int:
        """Explore from the beginning; return how many states there were."""
        self._load(frozenset())
        aws.use(lambda name: self.db)
        if self.scenario.units:
            service.adjust(
                self.table, SKU, self.scenario.units, "received", adjustment_id="first", by="a", at=AT
            )
        start = State(self._items(), tuple(Crew(kind) for kind in kinds), crashes=crashes)
        known, waiting = {start}, [start]
        while waiting:
            state = waiting.pop()
            following = set(self._following(state))
            if not following:
                self._end(state)
            waiting += following - known
            known |= following
        return len(known)

    def _load(self, items: frozenset[str]) -> None:
        self.db.create_table(**self.request)
        table = self.db.tables[self.table.name]
        for text in items:
            image = json.loads(text)
            table.store(table.key_of(image), image)

    def _items(self) -> frozenset[str]:
        return frozenset(
            json.dumps(image, sort_keys=True) for image in self.db.tables[self.table.name].items.values()
        )

    def _following(self, state: State) -> Iterator[State]:
        for number, crew in enumerate(state.crews):
            if crew.is_done or not self._may_come(crew.kind, state):
                continue
            yield self._stepped(state, number, crew)
            if crew.seen and state.crashes:
                crews = (*state.crews[:number], Crew(crew.kind), *state.crews[number + 1 :])
                yield state._replace(crews=crews, crashes=state.crashes - 1)

    def _may_come(self, kind: str, state: State) -> bool:
        """Tell whether orders may have said so by now; it cancels on its own too, at the deadline."""
        if kind == "OrderConfirmed":
            return state.decided in ("confirmed", "both")
        if kind == "OrderCancelled":
            return state.decided in ("cancelled", "both") or self.scenario.decision == "cancelled"
        return True

    def _stepped(self, state: State, number: int, crew: Crew) -> State:
        self._load(state.items)
        client = Stepped(self.db, crew.seen)
        aws.use(lambda name: client)
        decided, known = state.decided, state.known
        try:
            told = handle(self.table, crew.kind)
            known |= set(told)
            after = Crew(crew.kind, (), is_done=True)
            if not decided and "StockReserved" in told:
                decided = self.scenario.decision
            elif not decided and "StockRejected" in told:
                decided = "cancelled"
        except PauseError:
            assert client.made
            after = Crew(crew.kind, (*crew.seen, client.made))
        if crew.kind == "OrderCancelled" and not decided:
            decided = "cancelled"
        aws.use(lambda name: self.db)
        self._check()
        return state._replace(
            items=self._items(),
            crews=(*state.crews[:number], after, *state.crews[number + 1 :]),
            decided=decided,
            known=known,
        )

    def _books(self) -> tuple[int, int, int, dict[str, Any]]:
        """Return units on hand, available and promised, and the order's record."""
        items = [decode_item(image) for image in self.db.tables[self.table.name].items.values()]
        places = [item for item in items if item["sk"] in ("LEVEL", "SHARD")]
        records = [item for item in items if item["sk"] == "RESERVATION"]
        promised = sum(
            sum(reservation_of(one).places.values()) for one in records if one["status"] == "reserved"
        )
        promised += sum(sum(held.lines.values()) for one in places for held in holds_of(one).values())
        on_hand, available = (sum(one[name] for one in places) for name in ("on_hand", "available"))
        return on_hand, available, promised, records[0] if records else {}

    def _check(self) -> None:
        on_hand, available, promised, _ = self._books()
        assert available == on_hand - promised, (on_hand, available, promised)
        assert available >= 0

    def _end(self, state: State) -> None:
        """Have orders tell its decision again where it knows of none who followed it; then all must be as it says."""
        self.ends += 1
        self._load(state.items)
        aws.use(lambda name: self.db)
        _, _, promised, record = self._books()
        # Only what was refused and held at once, by deliveries that came twice, waits until it is asked about.
        assert not promised or record["status"] == "rejected", (state, record, promised)
        for kind in ("OrderConfirmed", "OrderCancelled") if self._is_open(state) else ():
            if self._may_come(kind, state) and state.decided:
                handle(self.table, kind)
        self._check()
        on_hand, available, promised, record = self._books()
        expected = self.scenario.units + ("adjust" in {crew.kind for crew in state.crews})
        if state.decided == "confirmed":
            assert record["status"] == "committed", (state, record)
            expected -= 1
        assert (on_hand, available, promised) == (expected, expected, 0), (state, record)

    def _is_open(self, state: State) -> bool:
        """Tell whether orders has not heard yet that its last decision was followed."""
        if state.decided == "confirmed":
            return "StockCommitted" not in state.known
        return "StockReleased" not in state.known and ("StockReserved" in state.known or not state.known)


@pytest.fixture(autouse=True)
def _real_aws_again() -> Iterator[None]:
    yield
    aws.use(None)


PLACED_TWICE = ("OrderPlaced", "OrderPlaced")
ENDS = {
    "confirmed": ("OrderConfirmed", "OrderCancelled"),  # the second where inventory says no
    "cancelled": ("OrderCancelled",),
    "both": ("OrderConfirmed", "OrderCancelled"),
}


@pytest.mark.parametrize("decision", ENDS)
@pytest.mark.parametrize("units", [0, 1, 2])
def test_whatever_comes_twice_or_dies_stock_ends_where_the_order_says(decision: str, units: int) -> None:
    explorer = Explorer(Scenario(units, decision))
    assert explorer.run(*PLACED_TWICE, *ENDS[decision], crashes=1) > 20
    assert explorer.ends


@pytest.mark.parametrize("decision", ENDS)
@pytest.mark.parametrize(("units", "beside"), [(0, "adjust"), (1, "adjust"), (1, "split")])
def test_whatever_people_change_meanwhile_stock_ends_where_the_order_says(
    decision: str, units: int, beside: str
) -> None:
    explorer = Explorer(Scenario(units, decision))
    assert explorer.run("OrderPlaced", *ENDS[decision], beside, crashes=1) > 20
    assert explorer.ends


@pytest.mark.parametrize("decision", ENDS)
def test_an_end_that_is_told_twice_ends_once(decision: str) -> None:
    explorer = Explorer(Scenario(1, decision))
    assert explorer.run("OrderPlaced", *ENDS[decision], *ENDS[decision], crashes=1) > 20
    assert explorer.ends


def test_three_answers_that_differ_end_as_the_order_heard_first() -> None:
    explorer = Explorer(Scenario(0, "confirmed"))
    assert explorer.run(*PLACED_TWICE, "OrderPlaced", "OrderConfirmed", "adjust", crashes=0) > 20
    assert explorer.ends
