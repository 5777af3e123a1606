"""Inventory's real handlers on a DynamoDB with AWS's documented limits, in virtual time: seconds pass, nobody waits.

What is documented, and where:

 - A partition takes 1,000 write units and 3,000 read units a second, and a new on-demand table has 4,000 and 12,000,
   so four partitions (developerguide/warm-throughput-scenarios.html). The limit is kept by a bucket of one second's
   units; burst capacity, which AWS does not promise, is not counted.
 - A transaction that meets another one on an item is cancelled with TransactionConflict, a single write with
   TransactionConflictException (developerguide/transaction-apis.html). Units are taken for what is cancelled as well:
   the dearer reading.
 - Lambda starts with five batches of a queue at once and adds up to 300 a minute, up to 1,000
   (https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html). Added evenly here: five a second.
 - botocore's standard mode makes a throttled call three times, with up to 1 and 2 seconds between
   (https://docs.aws.amazon.com/boto3/latest/guide/retries.html).

What AWS does not document is assumed, in one place (`Pace`). The seconds of a result stand on that; the counts of
sales, units and refusals hardly do.
"""

from __future__ import annotations

import heapq
import itertools
import json
import math
import os
import zlib
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from random import Random
from typing import Any, NamedTuple

from botocore.exceptions import ClientError
from greenlet import getcurrent, greenlet

from functions.shared import aws, context, log
from tests.bench.units import read_units, write_units
from tests.simulation import deployment as deployed
from tests.simulation.deployment import Deployment
from tests.simulation.fake_aws import Client
from tests.simulation.fake_dynamodb import FakeDynamoDB, client_error
from tests.simulation.fake_tables import Change, size_of
from tests.simulation.trace import START
from tests.simulation.workers import Machine

WRITES_A_SECOND, READS_A_SECOND = 1000.0, 3000.0
FIRST_BATCHES, MORE_A_SECOND, MOST_BATCHES = 5, 5.0, 1000
BATCH = 10
VISIBILITY, MAX_RECEIVES, TIMEOUT = 60.0, 60, 10.0
ATTEMPTS = 3

Handler = Callable[[dict[str, Any]], Any]
Bucket = tuple[str, int]


class Pace(NamedTuple):
    """Assumed: how long things take, in seconds; each takes between once and one and a half times as long."""

    read: float = 0.004
    write: float = 0.005
    transaction: float = 0.012
    conflict: float = 0.005
    publish: float = 0.01
    in_handler: float = 0.004
    """Of CPU, for a call: what botocore takes on a function of 512 MB."""
    invoke: float = 0.015
    cold_start: float = 0.5


class TimedOutError(BaseException):
    """The function has run out of time."""


class _Message(NamedTuple):
    body: str
    receives: int


class VirtualInventory:
    """Inventory's table, inbox and workers, on a clock of their own; `now` is in seconds since the first message."""

    def __init__(self, random: Random, handler: Handler, partitions: int, pace: Pace | None = None) -> None:
        self.random, self.handler, self.partitions, self.pace = random, handler, partitions, pace or Pace()
        made = Deployment()
        deployed._add(made, deployed._Template("inventory"))
        self.environment = next(function.environment for function in made.functions)
        self.database = FakeDynamoDB()
        for table in made.tables:
            self.database.create_table(**table)
        (self.table,) = self.database.tables.values()
        self.now = 0.0
        self.tally: Counter[str] = Counter()
        self.dead: list[str] = []
        self._queue: deque[_Message] = deque()
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._next_poll = math.inf
        self._running = self._warm = 0
        self._hub = getcurrent()
        self._started: dict[Any, float] = {}
        self._running_as: dict[Any, tuple[log.Invocation, context.Context]] = {}
        self._held: set[tuple[str, str]] = set()
        self._buckets: dict[Bucket, tuple[float, float]] = {}

    @contextmanager
    def open(self) -> Iterator[VirtualInventory]:
        """Have the handlers talk to this inventory, and live in its time."""
        environment = os.environ.copy()
        os.environ.update(self.environment)
        machine = Machine(Random(self.random.getrandbits(64)), self._sleep, lambda line: None)
        machine.install()
        self._machine = machine
        aws.use(lambda service: Client(service, self._call))
        try:
            yield self
        finally:
            aws.use(None)
            machine.remove()
            os.environ.clear()
            os.environ.update(environment)

    # --- queue and workers -------------------------------------------------------------------------------------------

    def send(self, event: Mapping[str, Any], delay: float = 0.0) -> None:
        """Put an event into the inbox."""
        message = _Message(json.dumps(event), 0)
        self._at(self.now + delay, lambda: self._enqueue(message))

    def run(self) -> None:
        """Let time pass until nothing is left to do."""
        while self._later:
            self.now, _, act = heapq.heappop(self._later)
            self._machine.set(START + self.now)
            act()

    def _at(self, moment: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._later, (moment, next(self._order), act))

    def _enqueue(self, message: _Message) -> None:
        self._queue.append(message)
        self._poll_at(self.now)

    def _poll_at(self, moment: float) -> None:
        if moment < self._next_poll or self._next_poll < self.now:
            self._next_poll = moment
            self._at(moment, self._poll)

    def _poll(self) -> None:
        """Start as many workers as Lambda may have by now."""
        self._next_poll = math.inf
        most = min(MOST_BATCHES, FIRST_BATCHES + int(self.now * MORE_A_SECOND))
        while self._queue and self._running < most:
            self._start([self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))])
        if self._queue:
            self._poll_at(self.now + 1 / MORE_A_SECOND)

    def _start(self, batch: Sequence[_Message]) -> None:
        cold = self._running >= self._warm
        self._running += 1
        self._warm = max(self._warm, self._running)
        worker = greenlet(lambda: self._work(batch))
        pause = self.pace.invoke + (self.pace.cold_start if cold else 0.0)
        self._at(self.now + self._about(pause), lambda: self._resume(worker))

    def _work(self, batch: Sequence[_Message]) -> None:
        self.tally["invocations"] += 1
        records = [
            {"messageId": str(number), "receiptHandle": "receipt", "body": message.body}
            for number, message in enumerate(batch)
        ]
        failed = {str(number) for number, _ in enumerate(batch)}
        with suppress(TimedOutError):
            answer = self.handler({"Records": records})
            failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        for number, message in enumerate(batch):
            if str(number) in failed:
                self._give_back(message)
        self._running -= 1
        self._poll_at(self.now)

    def _give_back(self, message: _Message) -> None:
        self.tally["given back"] += 1
        again = _Message(message.body, message.receives + 1)
        if again.receives >= MAX_RECEIVES:
            self.dead.append(message.body)
        else:
            self._at(self.now + VISIBILITY, lambda: self._enqueue(again))

    def _resume(self, worker: Any) -> None:
        self._started.setdefault(worker, self.now)
        known = self._running_as.setdefault(worker, (log.Invocation(), context.Context()))
        log.current, context.current = known
        if self.now - self._started[worker] > TIMEOUT:
            self.tally["timeouts"] += 1
            worker.throw(TimedOutError())
        else:
            worker.switch()
        if worker.dead:
            del self._started[worker], self._running_as[worker]

    def _wait(self, seconds: float) -> None:
        worker = getcurrent()
        self._at(self.now + seconds, lambda: self._resume(worker))
        self._hub.switch()

    def _sleep(self, seconds: float) -> None:
        if getcurrent() is not self._hub:
            self._wait(seconds)

    def _about(self, seconds: float) -> float:
        return seconds * self.random.uniform(1.0, 1.5)

    # --- DynamoDB ----------------------------------------------------------------------------------------------------

    def _call(self, service: str, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        if (service, operation) == ("events", "put_events"):
            self._wait(self.pace.in_handler + self._about(self.pace.publish))
            return {"FailedEntryCount": 0, "Entries": [{"EventId": "e"} for _ in request["Entries"]]}
        assert service == "dynamodb", f"{service}.{operation} in a flash sale"
        if getcurrent() is self._hub:  # the shop is being set up
            return getattr(self.database, operation)(**request)  # type: ignore[no-any-return]
        self._wait(self.pace.in_handler)
        for attempt in range(ATTEMPTS):
            try:
                return self._tried(operation, request)
            except ClientError as error:
                if error.response["Error"]["Code"] != "ProvisionedThroughputExceededException":
                    raise
                if attempt == ATTEMPTS - 1:
                    raise
            self._wait(self.random.random() * 2**attempt)
        raise AssertionError

    def _tried(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        if operation in ("get_item", "batch_get_item"):
            return self._read(operation, request)
        transaction = operation == "transact_write_items"
        actions = [next(iter(one.values())) for one in request["TransactItems"]] if transaction else [request]
        keys = [
            self.table.key_of(action["Item"] if "Item" in action else action["Key"]) for action in actions
        ]
        needs = self._needs(actions, keys, 2 if transaction else 1)
        if not self._take(needs, WRITES_A_SECOND):
            self.tally["throttled"] += 1
            self._wait(self._about(self.pace.conflict))
            raise _refused(
                operation, len(actions), "ThrottlingError", "ProvisionedThroughputExceededException"
            )
        if any(key in self._held for key in keys):
            self.tally["conflicts"] += 1
            self.tally[_kind(keys)] += sum(units for (where, _), units in needs.items() if where == "w")
            self._wait(self._about(self.pace.conflict))
            raise _refused(operation, len(actions), "TransactionConflict", "TransactionConflictException")
        held = set(keys) if transaction else set()
        self._held |= held
        try:
            self._wait(self._about(self.pace.transaction if transaction else self.pace.write))
            return self._write(operation, request, keys, transaction)
        finally:
            self._held -= held

    def _write(
        self, operation: str, request: Mapping[str, Any], keys: Sequence[tuple[str, str]], transaction: bool
    ) -> dict[str, Any]:
        before, wrote = [self.table.items.get(key) for key in keys], False
        try:
            answer: dict[str, Any] = getattr(self.database, operation)(**request)
            wrote = True
            return answer
        except ClientError:
            self.tally["conditions lost"] += 1
            raise
        finally:
            kind = _kind(keys)
            for key, old in zip(keys, before, strict=True):
                self.tally[kind] += write_units(
                    self.table, old, self.table.items.get(key), wrote=wrote, transaction=transaction
                )

    def _read(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        asked = (
            request["RequestItems"][self.table.name]
            if "RequestItems" in request
            else {"Keys": [request["Key"]]}
        )
        consistent = asked.get("ConsistentRead", request.get("ConsistentRead", False))
        needs: Counter[Bucket] = Counter()
        for key in asked["Keys"]:
            image = self.table.items.get(self.table.key_of(key))
            units = read_units(size_of(image) if image else 0, consistent=consistent)
            needs["r", self._partition(self.table.key_of(key)[0])] += units  # type: ignore[assignment]
        if not self._take(needs, READS_A_SECOND):
            self.tally["throttled"] += 1
            self._wait(self._about(self.pace.read))
            raise _refused(operation, 0, "", "ProvisionedThroughputExceededException")
        self.tally["read units"] += sum(needs.values())
        self._wait(self._about(self.pace.read))
        return getattr(self.database, operation)(**request)  # type: ignore[no-any-return]

    def _needs(
        self, actions: Sequence[Mapping[str, Any]], keys: Sequence[tuple[str, str]], times: int
    ) -> Counter[Bucket]:
        """Return the units each partition is asked for; an entry of the index that is made or removed is one."""
        needs: Counter[Bucket] = Counter()
        for action, key in zip(actions, keys, strict=True):
            needs["w", self._partition(key[0])] += times
            image = action.get("Item") or self.table.items.get(key) or {}
            moves = "open_shard" in action.get("Item", {}) or "open_shard" in action.get(
                "UpdateExpression", ""
            )
            if moves and "open_shard" in image:
                needs["i", self._partition(image["open_shard"]["S"])] += times
        return needs

    def _partition(self, key: str) -> int:
        return zlib.crc32(key.encode()) % self.partitions

    def _take(self, needs: Mapping[Bucket, float], a_second: float) -> bool:
        levels = {}
        for bucket in needs:
            level, since = self._buckets.get(bucket, (a_second, 0.0))
            levels[bucket] = min(a_second, level + (self.now - since) * a_second)
        if any(levels[bucket] < units for bucket, units in needs.items()):
            return False
        for bucket, units in needs.items():
            self._buckets[bucket] = (levels[bucket] - units, self.now)
        return True

    def watch(self, listener: Callable[[Change], None]) -> None:
        """Have every change of the table told."""
        self.database.listeners.append(listener)


def _refused(operation: str, actions: int, reason: str, alone: str) -> ClientError:
    if operation != "transact_write_items":
        return client_error(alone, "the partition is busy", operation)
    reasons = [{"Code": "None"}] * (actions - 1) + [{"Code": reason}]
    return client_error("TransactionCanceledException", "cancelled", operation, CancellationReasons=reasons)


def _kind(keys: Sequence[tuple[str, str]]) -> str:
    """Return what is tallied: a sale writes a level, a refusal nothing but its answer."""
    return "sale units" if any(sk in ("LEVEL", "SHARD") for _, sk in keys) else "refusal units"
