"""LocalStack's open core is a second home of the shop: what `make run EMULATOR=localstack` does, and what differs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import MAKE
from tests.integration.test_outages import takes_no_calls_for_a_while
from tests.support.patience import eventually
from tools import ROOT
from tools.local import bootstrap, drain, seed
from tools.local.emulator import free_port
from tools.local.stack import Stack


@pytest.fixture(scope="module")
def localstack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The shop on a LocalStack of its own; that of all tests, where they run on it."""
    if MAKE == "localstack":
        yield request.getfixturevalue("stack")
        return
    if bootstrap.python_of_localstack() is None:
        pytest.skip("LocalStack needs Python 3.12 or 3.13, and there is none")
    state = tmp_path_factory.mktemp("localstack")
    made = Stack(free_port(), free_port(), state, gateway="rest", make="localstack")
    with made.running():
        yield made


@pytest.fixture(scope="module")
def one_product(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog of one product."""
    name, *lines = (ROOT / "data" / "catalog.csv").read_text().splitlines(keepends=True)
    slug = lines[0].partition(",")[0]
    file = tmp_path_factory.mktemp("catalog") / "one.csv"
    file.write_text("".join([name, *(line for line in lines if line.startswith(f"{slug},"))]))
    return file


def test_a_purchase_is_confirmed_and_its_mail_is_sent(localstack: Stack, one_product: Path) -> None:
    accounts = seed.seed(localstack, one_product)
    mails = localstack.emulator.mails
    assert eventually(
        lambda: [
            mail
            for mail in mails()
            if mail["To"] == [accounts.customer.email] and "confirmed" in mail["Subject"]
        ]
    )


def test_it_listens_on_this_machine_only(localstack: Stack) -> None:
    """State 0A is LISTEN; addresses are hexadecimal, the number back to front."""
    sockets = [line.split()[1:4] for file in ("tcp", "tcp6") for line in listening(file)]
    ours = {
        address
        for address, _, state in sockets
        if state == "0A" and port_of(address) == localstack.endpoint_port
    }
    assert ours == {f"0100007F:{localstack.endpoint_port:04X}"}


def listening(file: str) -> list[str]:
    table = Path("/proc/net") / file
    return table.read_text().splitlines()[1:] if table.exists() else []


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2], 16)


def test_a_function_that_takes_no_calls_fails_as_a_problem_and_then_answers_again(localstack: Stack) -> None:
    takes_no_calls_for_a_while(localstack)


def test_what_a_function_raises_is_told_to_who_invokes_it(localstack: Stack) -> None:
    answer = localstack.client("lambda").invoke(
        FunctionName="souk-local-identity-admin", Payload=json.dumps({"action": "open sesame"}).encode()
    )
    assert answer["FunctionError"] == "Unhandled"
    assert "errorType" in json.loads(answer["Payload"].read())


def tool(localstack: Stack, command: str, **options: str) -> str:
    """Run an operator's command as for an environment on AWS, with the address of this one; return what it says."""
    to = {"ENV": "local", "AWS_ENDPOINT_URL": localstack.endpoint}
    done = subprocess.run(
        [sys.executable, "-m", "tools", command],
        cwd=ROOT,
        env={**os.environ, **to, **options},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_operators_tools_work_at_its_address(localstack: Stack) -> None:
    assert eventually(lambda: not drain.waiting(localstack))
    assert " 0 differences" in tool(localstack, "audit")
    assert "orders-http" in tool(localstack, "logs", SERVICE="orders")
    queue, sqs = "souk-local-cart-inbox-dlq", localstack.client("sqs")
    fact = (ROOT / "events" / "samples" / "orders" / "OrderCancelled.v1.json").read_text()
    sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName=queue)["QueueUrl"], MessageBody=fact)
    assert f"1  {queue}" in tool(localstack, "dlq")
    assert "OrderCancelled" in tool(localstack, "dlq", QUEUE=queue)
    assert f"drained; 0 left in {queue}" in tool(localstack, "dlq", QUEUE=queue, REDRIVE="all")
    assert eventually(lambda: not drain.waiting(localstack))
    assert " 0 differences" in tool(localstack, "audit")
