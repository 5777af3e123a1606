"""One AWS account in memory that runs the real handlers and counts what AWS would bill.

Functions, routes, rules, filters and batch sizes come from the templates (tests/simulation/deployment.py), tables and
their conditions from the simulation's DynamoDB. Nothing fails and nothing is late here: it is the simulation's
laboratory without its weather.
"""

from __future__ import annotations

import functools
import io
import json
import math
import os
import re
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from functions.shared import aws
from tests.bench.units import page_bytes, read_units, write_units
from tests.bench.windowed import WindowedDynamoDB
from tests.simulation import deployment as deployed
from tests.simulation.deployment import Deployment, Function
from tests.simulation.fake_aws import Client, FakeAWS
from tests.simulation.fake_tables import Change, Table, size_of
from tests.support.lambda_events import Context, api_event, sqs_event
from tests.support.templates import resources
from tests.support.tokens import PARAMETER, callers, published, rsa_key
from tools.services import services

READS = ("get_item", "batch_get_item", "query")
CORE = deployed.SERVICES
SERVICES = (*CORE, *(one for one in services() if one not in CORE))

CHUNK = 64 * 1024
"""EventBridge and SQS bill by 64 KB."""
LOG_ENTRY_BYTES = 26
"""What CloudWatch Logs adds to each entry (its pricing page)."""
HEADER_BYTES = 500
"""Of an answer's headers, about."""
COMPRESSED_FROM, COMPRESSED_TO = 1000, 0.3
"""CloudFront compresses from so many bytes on, to so large a part: what gzip makes of data/catalog.csv."""
STORED_BYTES = 100
"""What DynamoDB adds to each item, and to each entry of an index, that is stored ("Item sizes and formats")."""
DAY_SECONDS = 24 * 3600

Tally = Counter[tuple[str, str]]
"""How many of what, by service: ``("orders", "write_units")``.

Lambda's time depends on a function's memory, so what takes time is counted by function: ``ran:orders-http:invocation``,
``ran:orders-http:dynamodb`` for each call, ``ran:payments-inbox:provider`` for each request to the payment provider.
``inbox:<queue>`` counts the messages that were taken from a queue.
"""


class Answer(NamedTuple):
    """An HTTP answer."""

    status: int
    body: Any


class _AWS(FakeAWS):
    """The simulation's, and KMS, which only identity uses."""

    def _kms_create_key(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return {"KeyMetadata": {"KeyId": "key-1"}}

    def _kms_get_public_key(self, request: Mapping[str, Any]) -> dict[str, Any]:
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return {"PublicKey": rsa_key().public_key().public_bytes(serialization.Encoding.DER, form)}

    def _kms_sign(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return {"Signature": rsa_key().sign(request["Message"], padding.PKCS1v15(), hashes.SHA256())}


class Account:
    """Runs invocations one after another; `batch` caps what one of them is handed (None: what the templates say)."""

    def __init__(self, services: Iterable[str] = SERVICES) -> None:
        self.deployed = Deployment()
        for service in services:
            deployed._add(self.deployed, deployed._Template(service))
        self.aws = _AWS(self._on_event, self._on_message)
        self.aws.dynamodb = WindowedDynamoDB()
        self.tally: Tally = Counter()
        self.events: list[dict[str, Any]] = []
        self.queues: dict[str, deque[str]] = {name: deque() for name in self.deployed.queues}
        self.streams: list[deque[dict[str, Any]]] = [deque() for _ in self.deployed.streams]
        self.connections = 0
        self.public: list[tuple[str, int]] = []
        """Paths that were asked for, and for how many seconds a shared cache may keep each answer."""
        self._held: frozenset[str] = frozenset()
        self._on_hold: Tally = Counter()
        self._running: list[Function] = []

    @contextmanager
    def open(self) -> Iterator[Account]:
        """Have the handlers talk to this account."""
        environment, printed = os.environ.copy(), sys.stdout
        for table in self.deployed.tables:
            self.aws.dynamodb.create_table(**table)
        self.aws.dynamodb.listeners.append(self._on_change)
        self.aws.secrets["souk-local-signing"] = "k" * 64
        self.aws.parameters[PARAMETER] = json.dumps(published(callers()))
        for module in [one for name, one in sys.modules.items() if name.startswith("functions.")]:
            for value in list(vars(module).values()):
                if hasattr(value, "cache_clear"):
                    value.cache_clear()
        aws.use(lambda name: Client(name, self._call))
        _watch(self)
        try:
            yield self
        finally:
            _watch(None)
            aws.use(None)
            os.environ.clear()
            os.environ.update(environment)
            sys.stdout = printed

    # --- what people do ---

    def request(
        self,
        method: str,
        resource: str,
        body: Any = None,
        *,
        token: str | None = None,
        status: int = 200,
        **options: Any,
    ) -> Answer:
        """Send a request through API Gateway; AssertionError for another status than expected."""
        function = self.deployed.routes[method, resource]
        self.count(function.service, "requests")
        headers = {**options.pop("headers", {}), **({"Authorization": f"Bearer {token}"} if token else {})}
        event = api_event(method, resource, body, headers=headers, **options)
        answer = self._invoke(function, "http", event)
        assert answer["statusCode"] == status, f"{method} {resource}: {answer}"
        self.count(function.service, "transfer_bytes", transferred(answer["body"]))
        self.public.append((resource, shared_seconds(answer)))
        return Answer(answer["statusCode"], json.loads(answer["body"]) if answer["body"] else None)

    def as_staff(self, method: str, resource: str, body: Any = None, **options: Any) -> None:
        """Send a request of an admin."""
        event = api_event(method, resource, body, subject="cus_admin", roles="admin", **options)
        answer = self._invoke(self.deployed.routes[method, resource], "http", event)
        assert answer["statusCode"] < 300, f"{method} {resource}: {answer}"

    # --- what AWS does ---

    def settle(self, batch: int | None = None, held: frozenset[str] = frozenset()) -> None:
        """Deliver everything; facts of the types in `held` stay on the bus, and are not counted as delivered yet."""
        self._held = held
        if not held:
            self.tally.update(self._on_hold)
            self._on_hold.clear()
        while self._deliver_streams(batch) or self._deliver_queues(batch, held):
            pass

    def _deliver_streams(self, batch: int | None) -> bool:
        busy = False
        for source, records in zip(self.deployed.streams, self.streams, strict=True):
            if records:
                busy = True
                most = min(len(records), batch or source.batch)
                self._invoke(
                    source.function, "publish", {"Records": [records.popleft() for _ in range(most)]}
                )
        return busy

    def _deliver_queues(self, batch: int | None, held: frozenset[str]) -> bool:
        for name, source in self.deployed.queues.items():
            ready = [body for body in self.queues[name] if json.loads(body).get("detail-type") not in held]
            if not ready:
                continue
            taken = ready[: batch or source.batch]
            for body in taken:
                self.queues[name].remove(body)
            self.count(source.function.service, f"inbox:{name.removeprefix('souk-local-')}", len(taken))
            self.count(source.function.service, "receives")
            self.count(source.function.service, "deletes")
            answer = self._invoke(source.function, "inbox", sqs_event(*taken))
            assert not (answer or {}).get("batchItemFailures"), f"{name}: {answer}"
            return True
        return False

    def _invoke(self, function: Function, kind: str, event: Any) -> Any:
        os.environ.update(function.environment)
        self._running.append(function)
        printed, sys.stdout = sys.stdout, io.StringIO()
        try:
            return function.handler(event, Context())
        finally:
            text = sys.stdout.getvalue()
            sys.stdout = printed
            self._running.pop()
            self.count(function.service, "invocations")
            self.count(function.service, f"invocations:{kind}")
            self.count(function.service, f"ran:{function.name}:invocation")
            lines = text.count("\n")
            self.count(function.service, "log_bytes", len(text.encode()) + LOG_ENTRY_BYTES * lines)

    def _call(self, service: str, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        function = self._running[-1]
        owner, run = function.service, self.aws.operation(service, operation)
        if service == "dynamodb" and is_provider(operation, request):
            return self._provider(function, operation, run, request)
        self.count(owner, "aws_calls")
        self.count(owner, f"calls:{service}")
        self.count(owner, f"ran:{function.name}:{service}")
        if service != "dynamodb":
            self._count_request(owner, service, operation, request)
            return run(request)
        if operation in READS:
            answer = run(request)
            self.count(owner, "read_units", _read(operation, request, answer))
            return answer
        return self._write(owner, operation, run, request)

    def _count_request(self, owner: str, service: str, operation: str, request: Mapping[str, Any]) -> None:
        if service == "sqs":
            sent = request.get("Entries", [request])
            self.count(owner, "messages", sum(-(-len(one["MessageBody"]) // CHUNK) for one in sent))
        if (service, operation) == ("kms", "sign"):
            self.count(owner, f"kms:{'RSA' if request['SigningAlgorithm'].startswith('RSA') else 'ECC'}")

    def _provider(self, function: Function, operation: str, run: Any, request: Mapping[str, Any]) -> Any:
        """Run a call of the simulated provider's: elsewhere its own system, asked once where this writes."""
        if operation not in READS:
            self.count(function.service, f"ran:{function.name}:provider")
        return run(request)

    def _write(
        self, owner: str, operation: str, run: Callable[[Any], Any], request: Mapping[str, Any]
    ) -> Any:
        transaction, actions = operation == "transact_write_items", actions_of(operation, request)
        before = [self._image(action) for action in actions]
        wrote = False
        try:
            answer = run(request)
            wrote = True
            return answer
        finally:
            for action, old in zip(actions, before, strict=True):
                table, new = self.aws.dynamodb.tables[action["TableName"]], self._image(action)
                units = write_units(table, old, new, wrote=wrote, transaction=transaction)
                self.count(owner, "write_units", units)

    def _image(self, action: Mapping[str, Any]) -> Any:
        table = self.aws.dynamodb.tables[action["TableName"]]
        return table.items.get(table.key_of(action["Item"] if "Item" in action else action["Key"]))

    def stored(self) -> Tally:
        """Return the bytes that lie in the tables: ``item_bytes`` and ``index_bytes`` are of what has no end.

        What expires is told with the days until then, rounded up: ``item_bytes:30``.
        """
        found: Tally = Counter()
        for service in self.deployed.services:
            expiry = time_to_live(service)
            table = self.aws.dynamodb.tables[f"souk-local-{service}"]
            for image in table.items.values():
                if is_provider_key(image):
                    continue
                ends = (
                    math.ceil((int(image[expiry]["N"]) - time.time()) / DAY_SECONDS)
                    if expiry in image
                    else None
                )
                days = "" if ends is None else f":{ends}"
                found[service, f"item_bytes{days}"] += size_of(image) + STORED_BYTES
                found[service, f"index_bytes{days}"] += index_bytes(table, image)
        return found

    def count(self, service: str, what: str, number: float = 1) -> None:
        """Add to the tally."""
        self.tally[service, what] += number  # type: ignore[assignment]

    def _on_change(self, change: Change) -> None:
        record = {"dynamodb": {"NewImage": change.new} if change.new is not None else {}}
        keys = {"pk": {"S": change.key[0]}, "sk": {"S": change.key[1]}}
        name = "REMOVE" if change.new is None else "INSERT" if change.old is None else "MODIFY"
        for source, records in zip(self.deployed.streams, self.streams, strict=True):
            if source.table == change.table and source.wants(record):
                records.append(
                    {
                        "eventID": "1",
                        "eventName": name,
                        "eventSource": "aws:dynamodb",
                        "dynamodb": {"Keys": keys, **record["dynamodb"]},
                    }
                )

    def _on_event(self, entry: dict[str, Any]) -> None:
        event = {
            "version": "0",
            "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
            "source": entry["Source"],
            "detail-type": entry["DetailType"],
            "account": "000000000000",
            "time": "2026-11-22T17:05:09Z",
            "region": "eu-west-1",
            "resources": [],
            "detail": json.loads(entry["Detail"]),
        }
        self.events.append(event)
        publisher, body = event["source"].partition(".")[2], json.dumps(event, separators=(",", ":"))
        self.count(publisher, "events", -(-len(entry["Detail"].encode()) // CHUNK))
        self.count(publisher, "event_bytes", len(body.encode()))
        for rule in self.deployed.rules:
            if rule.queue in self.queues and rule.wants(event):
                owner = self.deployed.queues[rule.queue].function.service
                counted = self._on_hold if event["detail-type"] in self._held else self.tally
                counted[owner, "messages"] += -(-len(body) // CHUNK)
                self.queues[rule.queue].append(body)

    def _on_message(self, queue: str, body: str, attributes: Mapping[str, Any]) -> None:
        self.queues[queue].append(body)


def _read(operation: str, request: Mapping[str, Any], answer: Mapping[str, Any]) -> float:
    match operation:
        case "get_item":
            size = size_of(answer["Item"]) if "Item" in answer else 0
            return read_units(size, consistent=request.get("ConsistentRead", False))
        case "query":
            return read_units(page_bytes(answer), consistent=request.get("ConsistentRead", False))
    total = 0.0
    for name, asked in request["RequestItems"].items():
        found, consistent = answer["Responses"].get(name, []), asked.get("ConsistentRead", False)
        total += sum(read_units(size_of(item), consistent=consistent) for item in found)
        total += (len(asked["Keys"]) - len(found)) * read_units(0, consistent=consistent)
    return total


def is_provider(operation: str, request: Mapping[str, Any]) -> bool:
    """Tell whether a call is the simulated payment provider's: elsewhere its own system, not the shop's."""
    if operation in READS:
        return "Key" in request and is_provider_key(request["Key"])
    return all(
        is_provider_key(action.get("Key") or action["Item"]) for action in actions_of(operation, request)
    )


def is_provider_key(image: Mapping[str, Any]) -> bool:
    """Tell whether an item is the simulated provider's: an intent, or what an operator puts it through."""
    return str(image["pk"]["S"]).partition("#")[0] == "SIM"


def index_bytes(table: Table, image: Mapping[str, Any]) -> int:
    """Return what the index entries of an item take."""
    keys = [name for name in (table.hash_name, table.range_name) if name]
    entries = [
        index.project(dict(image), keys) for index in table.indexes.values() if index.place(dict(image))
    ]
    return sum(size_of(entry) + STORED_BYTES for entry in entries)


@functools.cache
def time_to_live(service: str) -> str:
    """Return the attribute that says when an item of a service's table expires; "" without one."""
    ((_, table),) = resources(service, "AWS::DynamoDB::Table").items()
    return str(table.get("TimeToLiveSpecification", {}).get("AttributeName", ""))


def transferred(body: str) -> float:
    """Return the bytes of an answer on its way from the edge to a browser."""
    size = len(body.encode())
    return HEADER_BYTES + size * (COMPRESSED_TO if size >= COMPRESSED_FROM else 1)


def shared_seconds(answer: Mapping[str, Any]) -> int:
    """Return for how long a shared cache may keep an answer, by its Cache-Control (RFC 9111, 5.2.2)."""
    headers = {name.lower(): value for name, value in (answer.get("headers") or {}).items()}
    said = headers.get("cache-control", "")
    found = re.search(r"s-maxage=(\d+)", said) or re.search(r"max-age=(\d+)", said)
    return int(found[1]) if found and "public" in said else 0


_watched: list[Account | None] = []


def _watch(account: Account | None) -> None:
    """Have an account told of every network connection of this process: its handlers must not make one."""
    if not _watched:
        sys.addaudithook(_connected)
    _watched[:] = [account]


def _connected(event: str, arguments: object) -> None:
    if event == "socket.connect" and _watched and _watched[0] is not None:
        _watched[0].connections += 1


def actions_of(operation: str, request: Mapping[str, Any]) -> list[Any]:
    """Return the single writes that a call asks for."""
    match operation:
        case "transact_write_items":
            return [next(iter(one.values())) for one in request["TransactItems"]]
        case "batch_write_item":
            ((table, puts),) = request["RequestItems"].items()
            return [{"TableName": table, "Item": put["PutRequest"]["Item"]} for put in puts]
    return [request]
