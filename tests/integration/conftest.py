"""The whole shop on an emulator of its own: every stack deployed from the real templates, with IAM enforced.

`make test EMULATOR=localstack` has it on LocalStack's open core, GATEWAY=rest with a REST API for each service.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support.patience import eventually
from tools import options
from tools.build import sam
from tools.local import drain, seed
from tools.local.buyer import Buyer, Session
from tools.local.emulator import free_port
from tools.local.shop import Shop
from tools.local.stack import EMULATORS, Stack

KEPT = os.environ.get("SOUK_TEST_STATE")
"""A folder for the stack's state: the stack is then left running, and the next run of the tests uses it."""


PORT = int(os.environ.get("SOUK_TEST_PORT") or (8170 if KEPT else free_port()))
ENDPOINT_PORT = int(os.environ.get("SOUK_TEST_ENDPOINT_PORT") or (4670 if KEPT else free_port()))
MAKE = options.choice("EMULATOR", EMULATORS) or "ministack"
GATEWAY = options.text("GATEWAY") or EMULATORS[MAKE].gateway
BEYOND = {
    "localstack": {
        "test_least_privilege.py": "enforces no IAM policy without an account",
        "test_files.py::test_a_file_in_the_encoding_of_a_spreadsheet_"
        "arrives_as_it_was_where_it_is_sent_to_an_address": (
            "has a gateway that hands every byte over: nothing is lost that had to be refused"
        ),
        "test_files.py::test_a_product_of_2048_variants_is_sold_from_its_last_one": (
            "feeds a queue's messages to one function at a time: 2,048 counts of stock take longer than tests wait"
        ),
        "test_replay.py": (
            "answers StartReplay with an error of its own: it takes the times in its archive, which are texts,"
            " for times"
        ),
        **dict.fromkeys(
            (
                "test_after_the_order.py::test_an_order_called_off_before_its_decision_holds_nothing",
                "test_deadlines.py",
            ),
            "gives a message that met a function without calls back after the queue's visibility timeout, as AWS does:"
            " later than tests wait",
        ),
    }
}
"""What an emulator cannot do, by make: a test's file, or its file and name, and why. These tests are skipped there."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder; the books are looked at last."""
    items.sort(key=lambda item: item.path.name == "test_books.py")
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.integration)
            if reason := beyond(item):
                item.add_marker(pytest.mark.skip(reason=f"{MAKE} {reason}"))
            # The emulator and the edge outlive the objects that started them.
            item.add_marker(
                pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
            )


def beyond(item: pytest.Item) -> str | None:
    """Return why the emulator at hand is not up to a test, None where it is."""
    missing, file = BEYOND.get(MAKE, {}), item.path.name
    return missing.get(file) or missing.get(f"{file}::{getattr(item, 'originalname', item.name)}")


@pytest.fixture(scope="session")
def deploy_order() -> list[str]:
    """The services in the order in which they were deployed, another one each time."""
    names = [stack.name for stack in sam.all_stacks() if stack.name != sam.PLATFORM]
    random.shuffle(names)
    return names


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, deploy_order: list[str]) -> Iterator[Stack]:
    """The running shop."""
    # Always the same folder: the browser tests come to this fixture too, and find the stack running.
    state = Path(KEPT) if KEPT else tmp_path_factory.getbasetemp() / "stack"
    state.mkdir(exist_ok=True)
    made = Stack(port=PORT, endpoint_port=ENDPOINT_PORT, state=state, auth=True, gateway=GATEWAY, make=MAKE)
    print(f"deployed in this order: {' '.join(deploy_order)}")
    try:
        made.start_emulator()
        made.deploy([sam.PLATFORM])
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda name: made.deploy([name]), deploy_order))
        made.start_edge()
        yield made
    finally:
        if not KEPT:
            made.stop_edge()
            made.emulator.stop()


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An emulator with the platform alone."""
    made = Stack(endpoint_port=free_port(), state=tmp_path_factory.mktemp("bare"), make="ministack")
    try:
        made.start_emulator()
        made.deploy([sam.PLATFORM])
        yield made
    finally:
        made.emulator.stop()


def logged_in(stack: Stack, who: seed.Account, name: str, *roles: str) -> Session:
    """Return the session of somebody with a confirmed account and these roles."""
    return Session(
        lambda: seed.ensure_account(stack, seed.Shop(stack.url), who, name, roles=list(roles) or None)
    )


@pytest.fixture(scope="session")
def account(stack: Stack) -> Callable[..., Buyer]:
    """Return a function that makes an account, verified and logged in."""
    numbers = itertools.count(int(time.time()))

    def make(*roles: str) -> Buyer:
        who = seed.Account(f"buyer-{next(numbers)}@souk.example", "a password for tests")
        return Buyer(Shop(stack.url), session=logged_in(stack, who, "Test Buyer", *roles))

    return make


@pytest.fixture(scope="session")
def admin(account: Callable[..., Buyer]) -> Buyer:
    """Somebody who may do everything."""
    return account("admin", "staff")


@pytest.fixture(scope="session")
def _accounts(account: Callable[..., Buyer]) -> tuple[Buyer, Buyer]:
    return account(), account()


@pytest.fixture
def amira(_accounts: tuple[Buyer, Buyer]) -> Buyer:
    """A customer."""
    return _accounts[0]


@pytest.fixture
def ben(_accounts: tuple[Buyer, Buyer]) -> Buyer:
    """Another customer."""
    return _accounts[1]


@pytest.fixture
def guest(stack: Stack) -> Buyer:
    """Somebody without an account."""
    return Buyer(Shop(stack.url))


@pytest.fixture(scope="session")
def goods(stack: Stack, admin: Buyer) -> Callable[..., str]:
    """Return a function that puts a new product on sale, with so many units in stock, and returns its SKU."""
    numbers = itertools.count(int(time.time()))

    def make(units: int = 10, price: int = 1999) -> str:
        sku = f"TEST{next(numbers)}"
        product = {
            "title": f"Thing {sku}",
            "status": "published",
            "variants": [{"sku": sku, "price": {"amount": price, "currency": "EUR"}}],
        }
        created = admin.send("POST", "/catalog/products", product)
        assert created.status == 201, created
        if units:
            change = {"delta": units, "reason": "received"}
            adjusted = admin.send("POST", f"/inventory/stock/{sku}/adjustments", change)
            assert adjusted.status == 201, adjusted
        return sku

    return make


@pytest.fixture
def stock(admin: Buyer) -> Callable[[str], tuple[int, int]]:
    """Return a function that returns the units of a SKU on hand and available."""

    def read(sku: str) -> tuple[int, int]:
        level = admin.get(f"/inventory/admin/stock/{sku}")
        return level["onHand"], level["available"]

    return read


@pytest.fixture
def payment(admin: Buyer) -> Callable[[str], dict[str, Any]]:
    """Return a function that returns the payment of an order."""

    def read(order_id: str) -> dict[str, Any]:
        found: dict[str, Any] = admin.get(f"/payments/{order_id}")
        return found

    return read


@pytest.fixture
def silenced(stack: Stack) -> Callable[[str], contextlib.AbstractContextManager[None]]:
    """Return a context in which a function does not run: calls fail, its queue waits."""

    @contextlib.contextmanager
    def silence(function: str) -> Iterator[None]:
        functions, name = stack.client("lambda"), f"souk-local-{function}"
        functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
        try:
            yield
        finally:
            functions.delete_function_concurrency(FunctionName=name)

    return silence


@pytest.fixture
def invoke(stack: Stack) -> Callable[..., Any]:
    """Return a function that invokes a deployed function by its short name and returns its answer."""

    def run(function: str, event: Any = None) -> Any:
        answer = stack.client("lambda").invoke(
            FunctionName=f"souk-local-{function}", Payload=json.dumps(event or {}).encode()
        )
        assert "FunctionError" not in answer, answer["Payload"].read()
        return json.loads(answer["Payload"].read() or b"null")

    return run


@pytest.fixture
def over_at_once(stack: Stack) -> Callable[[], contextlib.AbstractContextManager[None]]:
    """Return a context in which an order is over its deadline as soon as it is placed, once somebody sweeps.

    Nobody does but the test, and the others have the two minutes of a shop, which no busy machine exceeds.
    """

    @contextlib.contextmanager
    def shorten() -> Iterator[None]:
        functions, rules = stack.client("lambda"), stack.client("events")
        name = "souk-local-orders-http"
        variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        sweep = functions.get_function(FunctionName="souk-local-orders-sweep")["Configuration"]
        (rule,) = rules.list_rule_names_by_target(TargetArn=sweep["FunctionArn"])["RuleNames"]
        rules.disable_rule(Name=rule)
        short = {**variables, "ORDER_DEADLINE_SECONDS": "1"}
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": short})
        try:
            yield
        finally:
            functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
            rules.enable_rule(Name=rule)

    return shorten


class Tap:
    """Everything that passes the bus, kept in the order of its arrival."""

    def __init__(self, stack: Stack) -> None:
        self._sqs, self._events = stack.client("sqs"), stack.client("events")
        self._url = self._sqs.create_queue(QueueName="souk-test-tap")["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])["Attributes"][
            "QueueArn"
        ]
        pattern = json.dumps({"source": [{"prefix": "souk."}]})
        self._events.put_rule(Name="souk-test-tap", EventBusName="souk-local", EventPattern=pattern)
        self._events.put_targets(
            Rule="souk-test-tap", EventBusName="souk-local", Targets=[{"Id": "tap", "Arn": arn}]
        )
        self._seen: list[dict[str, Any]] = []

    def empty(self) -> None:
        """Take what has arrived out of the queue."""
        while found := self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages"):
            for message in found:
                self._seen.append(json.loads(message["Body"]))
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])

    def of(self, order_id: str) -> list[dict[str, Any]]:
        """Return the events about an order so far."""
        self.empty()
        return [event for event in self._seen if event["detail"].get("data", {}).get("orderId") == order_id]

    def put(self, *events: dict[str, Any]) -> None:
        """Put events on the bus, as they are or changed."""
        for event in events:
            answer = self._events.put_events(
                Entries=[
                    {
                        "Source": event["source"],
                        "DetailType": event["detail-type"],
                        "Detail": json.dumps(event["detail"]),
                        "EventBusName": "souk-local",
                    }
                ]
            )
            assert answer["FailedEntryCount"] == 0


@pytest.fixture(scope="session")
def tap(stack: Stack) -> Tap:
    """What passes the bus."""
    return Tap(stack)


@pytest.fixture
def calm(stack: Stack, tap: Tap) -> Callable[[], None]:
    """Return a function that waits until nothing is on its way."""

    def settled() -> bool:
        tap.empty()
        return not drain.drain(stack, seconds=1.5)

    def wait() -> None:
        assert eventually(settled), drain.waiting(stack)

    return wait


@pytest.fixture
def dead_letters(stack: Stack) -> Callable[[str], list[dict[str, Any]]]:
    """Return a function that takes the messages out of a dead-letter queue and returns them."""
    sqs = stack.client("sqs")

    def take(queue: str) -> list[dict[str, Any]]:
        url = sqs.get_queue_url(QueueName=f"souk-local-{queue}")["QueueUrl"]
        found: list[dict[str, Any]] = []
        while some := sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages"):
            found += some
            for message in some:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    return take
