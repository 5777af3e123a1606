"""The world the handlers run in: workers, queues, the bus, streams, schedules and a clock, all moved by one seed.

Every invocation is a greenlet that stops before its AWS calls, so that invocations interleave at every point where
that makes a difference; nothing else runs at the same time. What belongs to a Lambda worker (environment, the request
Chalice holds, the log's state) is put in place whenever an invocation goes on.
"""

from __future__ import annotations

import itertools
import json
import os
import zlib
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

import msgspec
from botocore.exceptions import ClientError
from greenlet import GreenletExit, getcurrent, greenlet

from functions.orders.domain import PARTICIPANTS
from functions.shared import aws, context, log
from tests.simulation.calls import Struck, told
from tests.simulation.deployment import Deployment, Function, QueueSource, StreamSource
from tests.simulation.fake_aws import Client, FakeAWS
from tests.simulation.fake_dynamodb import Reads
from tests.simulation.fake_tables import Change
from tests.simulation.faults import Weather, is_provider
from tests.simulation.trace import START, Trace
from tests.simulation.workers import CrashedError, Invocation, Machine

SHARDS = 2
MAX_CONCURRENT_BATCHES = 5


@dataclass
class Message:
    """A message in a queue; `visible_at` in epoch seconds."""

    number: int
    body: str
    visible_at: float
    receives: int = 0
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Shard:
    """The records of a stream that its function has not had yet."""

    source: StreamSource
    records: deque[dict[str, Any]] = field(default_factory=deque)
    busy: bool = False
    failures: int = 0
    limit: int = 0
    ready_at: float = 0.0


class World:
    """Everything between the handlers and the seed."""

    def __init__(self, deployed: Deployment, random: Random, weather: Weather) -> None:
        self.deployed, self.random, self.weather = deployed, random, weather
        self.trace = Trace()
        self.now = START
        self.aws = FakeAWS(self._on_event, self._on_message)
        self._struck = Struck(self.aws, random)
        self.queues: dict[str, list[Message]] = {
            name: [] for name in [*deployed.queues, *deployed.dead_letters]
        }
        self.shards = [Shard(source) for source in deployed.streams for _ in range(SHARDS)]
        self.in_flight: dict[str, int] = dict.fromkeys(deployed.queues, 0)
        self.due = [START + random.uniform(0, schedule.seconds) for schedule in deployed.schedules]
        self.running: list[Invocation] = []
        self.clients: list[tuple[float, Any]] = []
        self.people: list[Any] = []
        self.observers: list[Callable[[str, Any], None]] = []
        self.pauses = random.choice([0.1, 0.5, 0.9])
        self.weights = [random.choice([1.0, 1.0, 3.0, 10.0]) for _ in range(5)]
        self.steps = 0
        self.begun = START
        self._numbers = itertools.count(1)
        self._current: Invocation | None = None
        self._hub = getcurrent()

    # --- setting up and tearing down ---

    def __enter__(self) -> World:
        for table in self.deployed.tables:
            self.aws.dynamodb.create_table(**table)
        self.aws.dynamodb.listeners.append(self._on_change)
        self.aws.dynamodb.reads = Reads(self._is_stale, self._kept_back)
        self._machine = Machine(Random(self.random.getrandbits(64)), self.sleep, self._printed)
        self._machine.install()
        aws.use(lambda name: Client(name, self.call))
        return self

    def __exit__(self, *_: object) -> None:
        for client in self.people:
            client.throw(GreenletExit)
        for invocation in self.running:
            self._enter(invocation)
            invocation.greenlet.throw(GreenletExit)
        aws.use(None)
        self._machine.remove()

    def _printed(self, line: str) -> None:
        if self._current is not None:
            self._current.lines.append(line)

    def tell(self, what: str, data: Any) -> None:
        """Tell the observers: ``change``, ``event``, ``done``…"""
        for observer in self.observers:
            observer(what, data)

    @property
    def elapsed(self) -> float:
        """Return seconds since the shop opened."""
        return self.now - self.begun

    def begin(self) -> None:
        """Open the shop: outages count from now."""
        self.begun = self.now

    def quiet(self) -> bool:
        """Tell whether everything there is to do waits for a schedule or for a person."""
        return (
            not self.running
            and not any(shard.records for shard in self.shards)
            and not any(self.queues[name] for name in self.deployed.queues)
        )

    def is_closed(self) -> bool:
        """Tell whether no table has open work."""
        tables = self.aws.dynamodb.tables.values()
        return not any("open_at" in image for table in tables for image in table.items.values())

    def sweep(self) -> None:
        """Have every schedule come due now."""
        self.due = [self.now] * len(self.due)
        for index, _ in enumerate(self.due):
            self._tick(index)

    def redrive(self, source: QueueSource, poison: set[str]) -> None:
        """Send dead letters back to their queue, as an operator does after a fault; poison stays."""
        for message in self.redrivable(source, poison):
            self.queues[source.dead_letters].remove(message)
            self.send(source.name, message.body)

    def redrivable(self, source: QueueSource, poison: set[str]) -> list[Message]:
        """Return the dead letters of a queue that can be read."""
        return [letter for letter in self.queues[source.dead_letters] if letter.body not in poison]

    # --- AWS calls -----------------------------------------------------------------------------------------------

    def call(self, service: str, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Make an AWS call for the invocation under way, with whatever befalls it."""
        invocation = self._current
        run = self.aws.operation(service, operation)
        if invocation is None:
            return run(request)
        if self.random.random() < self.pauses:
            self._pause(invocation)
        fault = self._outage(service, request, invocation) or self.weather.of_call(
            service, operation, request
        )
        outcome = "ok"
        try:
            if fault is None:
                return run(request)
            outcome = fault
            invocation.excuses.append(fault)
            return self._struck(fault, run, operation, request)
        except ClientError as error:
            outcome = f"{outcome if outcome != 'ok' else ''} {told(error)}".strip()
            raise
        finally:
            self.trace.add(self.now, invocation.number, f"{service}.{operation}", request, outcome=outcome)
            self.tell("called", invocation)

    def _outage(self, service: str, request: Mapping[str, Any], invocation: Invocation) -> str | None:
        if not self.weather.outages:
            return None
        if service == "dynamodb" and self.weather.out("table", invocation.function.service, self.elapsed):
            return "throttled"
        if service == "events" and self.weather.out("bus", "", self.elapsed):
            return "unreachable"
        if is_provider(request) and self.weather.out("provider", "", self.elapsed):
            return "provider_down"
        return None

    def _is_stale(self) -> bool:
        return self.weather.strikes("stale")

    def _kept_back(self, count: int) -> int:
        return self.random.randrange(count) if count > 1 and self.weather.strikes("short_page") else 0

    # --- what AWS does with changes, events and messages ---------------------------------------------------------

    def _on_change(self, change: Change) -> None:
        self.tell("change", change)
        record = {"dynamodb": {"NewImage": change.new} if change.new is not None else {}}
        for index, shard in enumerate(self.shards):
            source = shard.source
            if source.table != change.table or index % SHARDS != zlib.crc32(change.key[0].encode()) % SHARDS:
                continue
            if source.wants(record):
                keys = {"pk": {"S": change.key[0]}, "sk": {"S": change.key[1]}}
                name = "REMOVE" if change.new is None else "INSERT" if change.old is None else "MODIFY"
                shard.records.append(
                    {
                        "eventID": str(next(self._numbers)),
                        "eventName": name,
                        "eventSource": "aws:dynamodb",
                        "dynamodb": {"Keys": keys, **record["dynamodb"]},
                    }
                )

    def _on_event(self, entry: dict[str, Any]) -> None:
        event = {
            "version": "0",
            "id": f"bus-{next(self._numbers)}",
            "source": entry["Source"],
            "detail-type": entry["DetailType"],
            "detail": msgspec.json.decode(entry["Detail"]),
        }
        self.tell("event", event)
        body = msgspec.json.encode(event).decode()
        for rule in self.deployed.rules:
            if rule.queue in self.queues and rule.wants(event):
                if self._is_purged(rule.queue, entry["DetailType"]):
                    continue
                delay = self._delay()
                self.send(rule.queue, body, delay)
                if self.weather.strikes("duplicate"):
                    self.send(rule.queue, body, self.weather.random.choice([delay, self._delay()]))

    def _is_purged(self, queue: str, kind: str | None) -> bool:
        """Tell whether what orders says never reaches a participant: somebody emptied a queue."""
        heard = queue in {f"souk-local-{name}-inbox" for name in PARTICIPANTS}
        told = kind in ("OrderPlaced", "OrderConfirmed", "OrderCancelled")
        return heard and told and self.weather.strikes("purged")

    def _delay(self) -> float:
        if self.weather.strikes("late"):
            return self.weather.random.choice([1.0, 20.0, 150.0, 600.0]) * self.weather.random.random()
        return self.random.random() * 0.05

    def send(
        self, queue: str, body: str, delay: float = 0.0, attributes: Mapping[str, Any] | None = None
    ) -> None:
        """Put a message into a queue, visible after `delay` seconds."""
        message = Message(next(self._numbers), body, self.now + delay, attributes=attributes or {})
        self.queues[queue].append(message)

    def _on_message(self, queue: str, body: str, attributes: dict[str, Any]) -> None:
        self.tell("message", (queue, body, attributes))
        if queue in self.deployed.queues and self._is_purged(queue, json.loads(body).get("detail-type")):
            return
        delay = self._delay()
        self.send(queue, body, delay, attributes)
        if self.weather.strikes("duplicate"):
            self.send(queue, body, self._delay(), attributes)

    # --- invocations ---------------------------------------------------------------------------------------------

    def invoke(
        self, kind: str, function: Function, event: Any, done: Callable[[Invocation], None], *about: Any
    ) -> Invocation:
        """Start a function; it runs when the scheduler turns to it."""
        skew = (
            self.weather.random.gauss(0, 1) * self.weather.rate("skew") if self.weather.rate("skew") else 0.0
        )
        invocation = Invocation(next(self._numbers), kind, function, event, self.now, skew)
        invocation.done = done
        invocation.greenlet = greenlet(lambda: self._run(invocation), self._hub)
        self.running.append(invocation)
        self.trace.add(self.now, invocation.number, str(invocation), *about)
        return invocation

    def _run(self, invocation: Invocation) -> None:
        try:
            if invocation.kind == "http":
                invocation.event["requestContext"]["requestId"] = invocation.aws_request_id
            invocation.result = invocation.function.handler(invocation.event, invocation)
        except GreenletExit:
            raise
        except BaseException as error:  # noqa: BLE001 whatever ends a worker ends the invocation alone
            invocation.error = error

    def _enter(self, invocation: Invocation) -> None:
        function = invocation.function
        os.environ = function.environment  # type: ignore[assignment]  # noqa: B003 every function has its own
        log.current, context.current = invocation.log, invocation.context
        function.app.current_request = invocation.request
        function.app.lambda_context = invocation
        self._current = invocation
        self._machine.set(self.now + invocation.skew)

    def _resume(self, invocation: Invocation) -> None:
        self._enter(invocation)
        if not invocation.greenlet:  # not begun yet
            invocation.started = self.now
        if self.now - invocation.started > invocation.function.timeout:
            invocation.excuses.append("timed out")
            invocation.greenlet.throw(CrashedError("timed out"))
        else:
            invocation.greenlet.switch()
        invocation.request = invocation.function.app.current_request
        self._current = None
        if invocation.greenlet.dead:
            self.running.remove(invocation)
            self._finish(invocation)

    def _pause(self, invocation: Invocation, seconds: float = 0.0) -> None:
        invocation.wake = self.now + seconds
        self._hub.switch()

    def _finish(self, invocation: Invocation) -> None:
        error = invocation.error
        outcome = f"{type(error).__name__}: {error}" if error else _result(invocation.result)
        self.trace.add(self.now, invocation.number, "end", outcome=outcome)
        if error is not None and not isinstance(error, (Exception, CrashedError)):
            raise error
        self.tell("done", invocation)
        invocation.done(invocation)

    def sleep(self, seconds: float) -> None:
        """Stand in for time.sleep: the invocation waits, the others go on."""
        if self._current is not None:
            self._pause(self._current, seconds)

    # --- the scheduler -------------------------------------------------------------------------------------------

    def is_down(self, function: Function) -> bool:
        """Tell whether a function's service is in an outage."""
        return bool(self.weather.outages) and self.weather.out("service", function.service, self.elapsed)

    def step(self) -> bool:
        """Do one thing that can be done now, or move the clock to when something can; False when nothing ever will."""
        choices = self._choices()
        self.steps += 1
        if not choices:
            return self._wait()
        if self.weather.strikes("leap"):
            self.now += self.weather.random.choice([2.0, 30.0, 150.0, 400.0]) * self.weather.random.random()
        self.now += self.random.random() * 0.02
        weights = [self.weights[kind] for kind, _, _ in choices]
        _, act, what = choices[0] if len(choices) == 1 else self.random.choices(choices, weights)[0]
        act(what)
        return True

    def _choices(self) -> list[tuple[int, Callable[[Any], None], Any]]:
        """Return what can be done now: its kind, how, and with what."""
        now = self.now
        found: list[tuple[int, Callable[[Any], None], Any]]
        found = [(0, self._resume, one) for one in self.running if one.wake <= now]
        found += [
            (1, self._read_stream, shard)
            for shard in self.shards
            if shard.records
            and not shard.busy
            and shard.ready_at <= now
            and not self.is_down(shard.source.function)
        ]
        found += [
            (2, self._receive, source)
            for name, source in self.deployed.queues.items()
            if self.in_flight[name] < MAX_CONCURRENT_BATCHES
            and any(message.visible_at <= now for message in self.queues[name])
            and not self.is_down(source.function)
        ]
        found += [(3, self._client, entry) for entry in self.clients if entry[0] <= now]
        found += [(4, self._tick, index) for index, due in enumerate(self.due) if due <= now]
        return found

    def _wait(self) -> bool:
        """Move the clock to the next moment at which something can be done."""
        moments = [invocation.wake for invocation in self.running]
        moments += [shard.ready_at for shard in self.shards if shard.records and not shard.busy]
        moments += [m.visible_at for name in self.deployed.queues for m in self.queues[name]]
        moments += [wake for wake, _ in self.clients]
        moments += self.due
        moments += [self.begun + outage.end for outage in self.weather.outages if not self.weather.calm]
        later = [moment for moment in moments if moment > self.now]
        if not later:
            return False
        self.now = min(later)
        return True

    def _tick(self, index: int) -> None:
        schedule = self.deployed.schedules[index]
        self.due[index] = max(self.due[index] + schedule.seconds, self.now)
        if not self.is_down(schedule.function):
            self.invoke("schedule", schedule.function, {"source": "aws.events"}, lambda _: None)

    def _client(self, entry: tuple[float, Any]) -> None:
        self.clients.remove(entry)
        entry[1].switch()

    # --- streams ---

    def _read_stream(self, shard: Shard) -> None:
        source = shard.source
        most = shard.limit or self.random.choice([1, 3, source.batch])
        batch = [shard.records[index] for index in range(min(most, len(shard.records)))]
        shard.busy = True

        def done(invocation: Invocation) -> None:
            shard.busy = False
            if invocation.error is None:
                again = self.weather.strikes("stream_again")
                for _ in batch if not again else ():
                    shard.records.popleft()
                shard.failures = shard.limit = 0
                return
            shard.failures += 1
            shard.ready_at = self.now + min(60.0, 0.5 * 2**shard.failures)
            if source.bisects and len(batch) > 1:
                shard.limit = len(batch) // 2
            elif shard.failures > source.retries:
                for _ in batch:
                    self.send(source.dead_letters, json.dumps(shard.records.popleft()))
                shard.failures = shard.limit = 0

        self.invoke("stream", source.function, {"Records": batch}, done, f"{len(batch)} records")

    # --- queues ---

    def _receive(self, source: QueueSource) -> None:
        queue = self.queues[source.name]
        visible = [message for message in queue if message.visible_at <= self.now]
        self.random.shuffle(visible)
        batch: list[Message] = []
        for message in visible[: self.random.choice([1, 2, source.batch])]:
            message.receives += 1
            if message.receives > source.max_receives:
                queue.remove(message)
                self.tell("redriven", (source.name, message))
                self.trace.add(self.now, 0, f"{source.name} gives up on message", message.number)
                self.send(source.dead_letters, message.body)
            else:
                message.visible_at = self.now + source.visibility
                batch.append(message)
        if batch:
            self.in_flight[source.name] += 1
            self.invoke(
                "inbox",
                source.function,
                {"Records": [_record(message) for message in batch]},
                lambda invocation: self._received(source, batch, invocation),
                *(_named(m) for m in batch),
            )

    def _received(self, source: QueueSource, batch: list[Message], invocation: Invocation) -> None:
        self.in_flight[source.name] -= 1
        if invocation.error is not None:
            return
        failed = {failure["itemIdentifier"] for failure in invocation.result["batchItemFailures"]}
        for message in batch:
            handled = f"message-{message.number}" not in failed
            if handled:
                self.tell("handled", (source, message))
            kept = not handled or self.weather.strikes("undeleted")
            if not kept and message in self.queues[source.name]:
                self.queues[source.name].remove(message)


def _result(result: Any) -> str:
    if isinstance(result, dict) and "statusCode" in result:
        return f"{result['statusCode']} {result['body'][:300]}"
    return str(result)[:200]


def _record(message: Message) -> dict[str, Any]:
    return {
        "messageId": f"message-{message.number}",
        "receiptHandle": "receipt",
        "body": message.body,
        "attributes": {"ApproximateReceiveCount": str(message.receives)},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "awsRegion": "eu-west-1",
    }


def _named(message: Message) -> str:
    start = message.body.find('"detail":{"id":"') + 16
    return f"message-{message.number} {message.body[start : message.body.find(chr(34), start)]}"
