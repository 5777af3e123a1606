"""Every function starts on Lambda's own runtime client, with nothing but its artifact and its layer on the path."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support.templates import ROOT
from tools.build import recipe, sam
from tools.local import invoke
from tools.local.emulator import Emulator, free_port
from tools.local.ministack import MiniStack
from tools.services import services

# The SAM CLI's own.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

EVENTS = ROOT / "events"
NOT_STARTED = re.compile(r"Runtime\.\w+|ImportModuleError|HandlerNotFound|No module named|MalformedHandler")


def event_of(service: str, name: str) -> Any:
    """Return an event for a function by its physical name."""
    kind = name.removeprefix("souk-local-").removeprefix(f"{service}-")
    path = EVENTS / ("http" if kind == "http" else "lambda") / service
    return json.loads((path / ("health.json" if kind == "http" else f"{kind}.json")).read_text())


@pytest.fixture(scope="module")
def built() -> list[tuple[str, invoke.Function]]:
    """Every function of every template, built."""

    def build_one(service: str) -> Iterator[tuple[str, invoke.Function]]:
        (template,) = sam.select([service])
        sam.build_stack(template)
        return ((service, function) for function in invoke.functions(template).values())

    return [found for service in services() for found in build_one(service)]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """An AWS without anything in it: what the events tell of must not reach the shop of the other tests."""
    emulator = MiniStack(port=free_port(), state=tmp_path_factory.mktemp("empty"))
    emulator.start()
    yield emulator
    emulator.stop()


def test_every_function_starts_and_answers_an_event(
    built: list[tuple[str, invoke.Function]], empty: Emulator
) -> None:
    """The answer may be an error, as the tables are missing; but it is the function's own."""

    def start(found: tuple[str, invoke.Function]) -> tuple[str, invoke.Invocation]:
        service, function = found
        return function.name, invoke.invoke(
            function, event_of(service, function.name), {"AWS_ENDPOINT_URL": empty.endpoint}
        )

    with ThreadPoolExecutor(2) as pool:
        done = dict(pool.map(start, built))
    assert len(done) == len(built) >= 20
    for name, invocation in done.items():
        assert not NOT_STARTED.search(invocation.error or ""), f"{name}: {invocation.error}\n{invocation.log}"
        if name.endswith("-http"):
            assert invocation.answer["statusCode"] == 200, f"{name}: {invocation.answer}\n{invocation.log}"


def test_everything_a_service_ever_imports_is_in_its_bundle(built: list[tuple[str, invoke.Function]]) -> None:
    """Also what is imported only when it is needed: a provider's adapter, the hash of passwords."""

    def load(found: tuple[str, invoke.Function]) -> str:
        service, function = found
        sources = (ROOT / "functions" / service).rglob("*.py")
        modules = sorted({name for path in sources for name in (_dotted(path), *_imports(path))})
        path = [function.artifact, *(layer / "python" for layer in function.layers)]
        done = subprocess.run(
            [str(Path(sys.executable).resolve()), "-S", "-s", "-c", f"import {', '.join(modules)}"],
            env={"PYTHONPATH": ":".join(map(str, path)), "AWS_REGION": "eu-west-1", **function.variables},
            cwd=function.artifact,
            capture_output=True,
            text=True,
            check=False,
        )
        return f"{function.name}: {done.stderr}" if done.returncode else ""

    with ThreadPoolExecutor(2) as pool:
        assert [problem for problem in pool.map(load, built) if problem] == []


ONE_CALL = {
    "dynamodb": "list_tables()",
    "eventbridge": "list_event_buses()",
    "kms": "list_keys()",
    "lambda_": "list_functions()",
    "logs": "describe_log_groups()",
    "s3": "list_buckets()",
    "secretsmanager": "list_secrets()",
    "ses": "list_email_identities()",
    "sqs": "list_queues()",
    "ssm": "put_parameter(Name='/one', Value='1', Type='String')",
}


def test_each_client_of_the_layer_makes_a_call(
    built: list[tuple[str, invoke.Function]], empty: Emulator
) -> None:
    """The models are shipped trimmed: what botocore reads of them when a client is made and used has to be left."""
    made = re.findall(r'_client\("(\w+)"\)', (ROOT / "functions/shared/aws.py").read_text())
    assert len(made) == len(ONE_CALL) == len(recipe.AWS_MODELS)
    _, function = built[0]
    lines = [
        "from functions.shared import aws",
        *(f"aws.{door}().{call}" for door, call in ONE_CALL.items()),
    ]
    lines.append("aws.s3().generate_presigned_url('put_object', Params={'Bucket': 'b', 'Key': 'k'})")
    path = [function.artifact, *(layer / "python" for layer in function.layers)]
    done = subprocess.run(
        [str(Path(sys.executable).resolve()), "-S", "-s", "-c", "\n".join(lines)],
        env={
            "PYTHONPATH": ":".join(map(str, path)),
            "AWS_REGION": "eu-west-1",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_ENDPOINT_URL": empty.endpoint,
        },
        cwd=function.artifact,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def _dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _imports(path: Path) -> set[str]:
    """Return the modules that a file imports anywhere when it runs, and not for type checkers alone."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    plain = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return plain | {
        node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module
    }
