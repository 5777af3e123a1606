"""Cold starts: from the start of the process to the first answer, ours against the naive build of the same function.

The naive build is what `pip install chalice boto3 msgspec` and a copy of the sources give: no .pyc, nothing pruned.
Times are ratios of interleaved runs, because a machine that is shared is never equally fast twice; what is compared
with other machines is instructions in user space, counted by valgrind where that is installed.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.bench.artifacts import Artifact, weigh
from tests.support.lambda_events import api_event
from tests.support.tokens import PARAMETER, callers, published
from tools.build import recipe, sam
from tools.local import invoke

ROUNDS = 5
ULID = "01kaqz5r7b8v0w3m2x4y6t9n1d"
STAFF = {"subject": f"cus_{ULID}", "roles": "staff"}
EVENTS = {
    "orders": api_event("GET", "/orders/{orderId}", path={"orderId": f"ord_{ULID}"}, **STAFF),
    "cart": api_event("GET", "/carts/{cartId}", path={"cartId": f"crt_{ULID}"}, **STAFF),
    "catalog": api_event("GET", "/catalog/products/{id}", path={"id": f"prd_{ULID}"}),
    "identity": api_event("GET", "/identity/me", **STAFF),
    "inventory": api_event(
        "GET", "/inventory/reservations/{orderId}", path={"orderId": f"ord_{ULID}"}, **STAFF
    ),
    "payments": api_event("GET", "/payments/{orderId}", path={"orderId": f"ord_{ULID}"}, **STAFF),
}
"""By service: reads one item that is not there: the answer is 404, after the DynamoDB client was made and used.

All but the catalog's come with a token, for which the keys are read before.
"""
KEYS = json.dumps({"Parameter": {"Name": PARAMETER, "Value": json.dumps(published(callers()))}}).encode()
STATUS = 404
REFERENCE = 'import boto3; boto3.client("dynamodb", region_name="eu-west-1")'
FIRST_ANSWER = """
import json, sys
from {module} import {name} as handler
class Context: aws_request_id = function_name = "bench"
assert handler(json.load(open(sys.argv[1])), Context())["statusCode"] == {status}
"""


IMPORT = """
import resource
def used(): return sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
before = used()
import {module}
print(used() - before)
"""


class ColdStart(NamedTuple):
    """Milliseconds from process start to first answer, medians, and the median of the ratios round by round."""

    ours: float
    naive: float
    ratio: float
    rounds: int
    naive_artifact: Artifact


class Instructions(NamedTuple):
    """Instructions in user space: of import and first answer, and of making a boto3 client with .pyc."""

    ours: int
    reference: int
    each: dict[str, int]


def time_it(rounds: int = ROUNDS) -> ColdStart:
    """Start both builds of the order-placing function in turns, on Lambda's own runtime client."""
    function = _built("orders", "HttpFunction")
    with _dynamodb() as endpoint, tempfile.TemporaryDirectory() as scratch:
        naive = _naive(function, Path(scratch))
        both = [(_start(function, endpoint), _start(naive, endpoint)) for _ in range(rounds)]
        whole = Path(scratch) / "whole"
        shutil.copytree(naive.artifact, whole)
        shutil.copytree(naive.layers[0] / "python", whole, dirs_exist_ok=True)
        artifact = weigh("naive build", whole)
    return ColdStart(
        statistics.median(ours for ours, _ in both),
        statistics.median(theirs for _, theirs in both),
        statistics.median(ours / theirs for ours, theirs in both),
        rounds,
        artifact,
    )


def time_each(services: Sequence[str], rounds: int = 3) -> dict[str, float]:
    """Return, by service, how long its HTTP function takes to a first answer against its naive build.

    Both start in turns; the other functions of a service import the same.
    """
    ratios = {}
    with _dynamodb() as endpoint:
        for service in services:
            function = _built(service, "HttpFunction")
            with tempfile.TemporaryDirectory() as scratch:
                naive = _naive(function, Path(scratch))
                both = [
                    (_start(function, endpoint, service), _start(naive, endpoint, service))
                    for _ in range(rounds)
                ]
            ratios[service] = statistics.median(ours / theirs for ours, theirs in both)
    return ratios


def import_cpu(service: str = "orders", processes: int = 10) -> float:
    """Return the CPU time of importing a function, user and system, in milliseconds: the median of processes."""
    function = _built(service, "HttpFunction")
    code = IMPORT.format(module=function.handler.rpartition(".")[0])
    environment = invoke._environment(function, {"PYTHONDONTWRITEBYTECODE": "1"})
    used = [
        float(
            subprocess.run(
                [invoke.plain_python(), "-S", "-s", "-c", code],
                env=environment,
                cwd=function.artifact,
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )
        for _ in range(processes)
    ]
    return statistics.median(used) * 1000


def count_instructions() -> Instructions | None:
    """Count with valgrind; None where it is not installed."""
    if shutil.which("valgrind") is None:
        return None
    with _dynamodb() as endpoint, tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        variables = {"AWS_ENDPOINT_URL": endpoint, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
        each = {service: _first_answer(service, variables, scratch) for service in EVENTS}
        compiled = scratch / "compiled"
        shutil.copytree(_naive_dependencies() / "python", compiled)
        subprocess.run(
            [
                invoke.plain_python(),
                "-m",
                "compileall",
                "-q",
                "--invalidation-mode",
                "unchecked-hash",
                str(compiled),
            ],
            check=False,
            stdout=subprocess.DEVNULL,
        )
        environment = invoke._environment(_built("orders", "HttpFunction"), variables)
        reference = _counted([REFERENCE], {**environment, "PYTHONPATH": str(compiled)}, scratch)
    return Instructions(each.pop("orders"), reference, each)


def _first_answer(service: str, variables: dict[str, str], scratch: Path) -> int:
    function = _built(service, "HttpFunction")
    module, _, name = function.handler.rpartition(".")
    path = scratch / "event.json"
    path.write_text(json.dumps(EVENTS[service]))
    code = FIRST_ANSWER.format(module=module, name=name, status=STATUS)
    return _counted([code, str(path)], invoke._environment(function, variables), scratch)


def _counted(arguments: list[str], environment: dict[str, str], scratch: Path) -> int:
    done = subprocess.run(
        [
            "valgrind",
            "--tool=callgrind",
            f"--callgrind-out-file={scratch}/out",
            invoke.plain_python(),
            "-S",
            "-s",
            "-c",
            *arguments,
        ],
        env=environment,
        cwd=scratch,
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"Collected : (\d+)", done.stderr)
    assert found is not None, done.stderr[-2000:]
    assert done.returncode == 0, done.stderr[-2000:]
    return int(found[1])


def _start(function: invoke.Function, endpoint: str, service: str = "orders") -> float:
    """Return milliseconds from the start of the runtime's process to its first answer, as the emulator reports it."""
    done = invoke.invoke(
        function, EVENTS[service], {"AWS_ENDPOINT_URL": endpoint, "PYTHONDONTWRITEBYTECODE": "1"}
    )
    assert done.error is None, done
    assert done.answer["statusCode"] == STATUS, done
    found = re.search(r"\tDuration: ([\d.]+) ms", done.log)
    assert found is not None, done.log
    return float(found[1])


def _built(service: str, logical_id: str) -> invoke.Function:
    template = sam.select([service])[0]
    sam.build_stack(template)
    return invoke.functions(template)[logical_id]


def _naive(function: invoke.Function, folder: Path) -> invoke.Function:
    """Return the function as it is without our build: its own dependencies, where it has any, are left as they are."""
    service = function.handler.split(".")[1]
    if (recipe.REQUIREMENTS / f"{service}.txt").exists():
        shutil.copytree(function.artifact, folder / "task", ignore=shutil.ignore_patterns("functions"))
    for package in (service, "shared"):
        shutil.copytree(
            recipe.FUNCTIONS / package, folder / "task/functions" / package, ignore=recipe.NOT_SHIPPED
        )
    return function._replace(artifact=folder / "task", layers=(_naive_dependencies(),))


def _naive_dependencies() -> Path:
    """Return a layer with what pip installs, in the versions that we ship; made once and kept in .local/cache."""
    lock = (recipe.REQUIREMENTS / "layer.txt").read_text()
    wanted = [f"{name}=={_version(name, lock)}" for name in ("chalice", "boto3", "botocore", "msgspec")]
    kept = recipe.CACHE / f"naive-{recipe.python_tag()}-{recipe.digest([recipe.REQUIREMENTS / 'layer.txt'])}"
    if not kept.exists():
        recipe.CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=recipe.CACHE) as scratch:
            tree = Path(scratch) / "layer"
            subprocess.run(
                [
                    sys.executable,
                    "-m",
                    "pip",
                    "install",
                    "-qq",
                    "--no-compile",
                    "--no-warn-conflicts",
                    "--disable-pip-version-check",
                    "--target",
                    str(tree / "python"),
                    *wanted,
                ],
                check=True,
            )
            tree.rename(kept)
    return kept


def _version(name: str, lock: str) -> str:
    found = re.search(rf"^{name}==(\S+)", lock, re.MULTILINE)
    assert found is not None, name
    return found[1]


class _Empty(http.server.BaseHTTPRequestHandler):
    """A DynamoDB that holds nothing, and the keys of callers."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        content = KEYS if self.headers["X-Amz-Target"] == "AmazonSSM.GetParameter" else b'{"Responses":{}}'
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def _dynamodb() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Empty)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
