"""The hottest handlers of a warm worker: what they compute, on the artifacts that are shipped.

Each is run once in the account in memory, and what AWS answered is kept. A replay hands the same event and the same
answers to the built function, at botocore's hook ``before-send``: all is there but the network (routing, validation,
signing, parsing, the log line). Counted are instructions in user space, as the difference between few and many
repetitions (valgrind); ``python -m tests.bench.warm`` profiles the same loop as well.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import botocore.parsers
import botocore.session

from functions.shared import answers
from tests.bench.account import Account
from tests.bench.coldstart import _built
from tests.bench.journeys import Shop
from tests.support.lambda_events import api_event, sqs_event
from tests.support.tokens import callers, published
from tools.local import invoke

FEW, MANY = 10, 30
QUIET, PAGE = "routing, JSON and a log line", "24 products of the catalog"
REPLAY = """
import importlib, io, json, os, sys
recording, rounds, profiled = json.load(open(sys.argv[1])), int(sys.argv[2]), len(sys.argv) > 3
os.environ.update(recording["environment"])
handler = getattr(importlib.import_module(recording["module"]), recording["name"])
from botocore.awsrequest import AWSResponse
from functions.shared import aws
class Context: aws_request_id = function_name = "bench"
def answer(request, **_):
    asked = request.headers["X-Amz-Target"].decode()
    others = {"secretsmanager.GetSecretValue": "secret", "AmazonSSM.GetParameter": "keys"}
    body = recording[others[asked]] if asked in others else next(bodies)
    response = AWSResponse("https://aws", 200, {"x-amzn-RequestId": "bench"}, None)
    response._content = body.encode()
    return response
for client in (aws.dynamodb(), aws.secretsmanager(), aws.ssm()):
    client.meta.events.register("before-send", answer)
if recording["name"] == "recognise":
    from functions.shared import tokens
    def handler(event, _):
        if recording["fresh"]: tokens.keys()._known._proven.clear()
        return tokens.recognise(event["headers"]["authorization"], guests=False) or {}
def run(rounds):
    global bodies
    for _ in range(rounds):
        bodies = iter(recording["bodies"])
        answered = handler(recording["event"], Context())
        assert answered.get("statusCode", 200) < 300 and not answered.get("batchItemFailures"), answered
        assert next(bodies, None) is None, "not all answers were asked for"
shown, sys.stdout = sys.stdout, io.StringIO()
if profiled:
    import cProfile, pstats
    run(10)
    profile = cProfile.Profile()
    profile.runcall(run, rounds)
    pstats.Stats(profile, stream=shown).strip_dirs().sort_stats("tottime").print_stats(22)
else:
    run(rounds)
"""


class Recording(NamedTuple):
    """An invocation: its handler, its environment and event, and what AWS answered to its calls, in their order."""

    service: str
    module: str
    name: str
    environment: Mapping[str, str]
    event: Any
    bodies: list[str]
    secret: str = json.dumps({"SecretString": "k" * 64})
    keys: str = json.dumps({"Parameter": {"Value": json.dumps(published(callers()))}})
    fresh: bool = False


class _Recorder(Account):
    """Keeps what AWS answers."""

    def __init__(self) -> None:
        super().__init__()
        self.bodies: list[str] = []

    def _call(self, service: str, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        answer = super()._call(service, operation, request)
        if service == "dynamodb":
            given = {name: value for name, value in answer.items() if name != "ResponseMetadata"}
            self.bodies.append(json.dumps(given))
        return answer


def record() -> dict[str, Recording]:
    """Return the hottest invocations, by name."""
    account = _Recorder()
    with account.open():
        shop = Shop(account)
        before, quote = shop.quotes(1, 2)
        account.settle()
        shop.place(before)
        account.settle(1, frozenset({"StockReserved", "PaymentAuthorized"}))
        vote = account.queues["souk-local-orders-inbox"][0]
        (customer,) = [
            key[0].partition("#")[2]
            for key in account.aws.dynamodb.tables["souk-local-identity"].items
            if key[1] == "ACCOUNT"
        ]
        body = {"quote": quote["quote"], "payment": {"token": "tok_visa"}}
        key = {"Idempotency-Key": quote["quoteId"]}
        events = {
            QUIET: ("orders", "app", api_event("GET", "/orders/health")),
            "POST /orders": (
                "orders",
                "app",
                api_event("POST", "/orders", body, headers=key, subject=customer),
            ),
            "orders inbox, one vote": ("orders", "on_inbox", sqs_event(vote)),
            PAGE: ("catalog", "app", api_event("GET", "/catalog/products", query={"limit": "24"})),
        }
        found = {name: _recorded(account, *event) for name, event in events.items()}
        check = found["POST /orders"]._replace(module="functions.shared.tokens", name="recognise", bodies=[])
        return found | {"a token seen before": check, "a token seen first": check._replace(fresh=True)}


def _recorded(account: _Recorder, service: str, name: str, event: Any) -> Recording:
    (function,) = [
        one
        for one in account.deployed.functions
        if one.service == service and one.name.endswith("-http" if name == "app" else "-inbox")
    ]
    account.bodies = []
    account._invoke(function, "bench", event)
    module = f"functions.{service}.app"
    return Recording(service, module, name, function.environment, event, account.bodies)


def instructions() -> dict[str, int] | None:
    """Return the instructions of one invocation, by name; None where valgrind is not installed."""
    if shutil.which("valgrind") is None:
        return None
    return {name: _difference(recording) for name, recording in record().items()}


def reading(times: int = 300) -> tuple[float, float, float]:
    """Return the CPU time of reading a page of 25 items, ours and botocore's, in milliseconds, and ours by botocore's.

    Medians; the two take turns, so that the ratio holds on a machine that is busy.
    """
    bodies = record()[PAGE].bodies
    items = [item for body in bodies for item in json.loads(body)["Items"]][:25]
    page = json.dumps({"Items": items, "Count": len(items), "ScannedCount": len(items)}).encode()
    parser, model = botocore.parsers.create_parser("json"), botocore.session.get_session()
    shape = model.get_service_model("dynamodb").operation_model("Query").output_shape

    def read(*, ours: bool) -> float:
        response = {"status_code": 200, "headers": {}, "body": page, "context": {}}
        begun, taken = time.thread_time(), {}  # type: ignore[var-annotated]
        if ours:
            answers.take_items(response, taken)
        assert len({**parser.parse(response, shape), **taken}["Items"]) == 25
        return (time.thread_time() - begun) * 1000

    read(ours=True)
    both = [(read(ours=True), read(ours=False)) for _ in range(times)]
    return (
        statistics.median(ours for ours, _ in both),
        statistics.median(theirs for _, theirs in both),
        statistics.median(ours / theirs for ours, theirs in both),
    )


def _difference(recording: Recording) -> int:
    few, many = (
        int(
            re.sub(
                r"\D",
                "",
                _found(
                    r"I +refs: +([\d,]+)",
                    _replay(
                        recording,
                        [
                            "valgrind",
                            "--tool=cachegrind",
                            "--cache-sim=no",
                            "--cachegrind-out-file=/dev/null",
                        ],
                        rounds,
                    ).stderr,
                ),
            )
        )
        for rounds in (FEW, MANY)
    )
    return (many - few) // (MANY - FEW)


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found is not None, text[-2000:]
    return found[1]


def _replay(
    recording: Recording, under: list[str], rounds: int, *more: str
) -> subprocess.CompletedProcess[str]:
    function = _built(recording.service, "HttpFunction")
    variables = {
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_ENDPOINT_URL": "https://aws.invalid",
    }
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "recording.json"
        file.write_text(json.dumps(recording._asdict()))
        return subprocess.run(
            [*under, invoke.plain_python(), "-S", "-s", "-c", REPLAY, str(file), str(rounds), *more],
            env=invoke._environment(function, variables),
            cwd=scratch,
            capture_output=True,
            text=True,
            check=True,
        )


def main() -> None:
    """Print the profile of each handler, and its instructions where they can be counted."""
    rounds = int(os.environ.get("ROUNDS") or 500)
    for name, recording in record().items():
        print(f"\n=== {name}, {rounds} times\n{_replay(recording, [], rounds, 'profile').stdout}")
    for name, number in (instructions() or {}).items():
        print(f"{name:40} {number / 1000:>10,.0f} thousand instructions")


if __name__ == "__main__":
    main()
