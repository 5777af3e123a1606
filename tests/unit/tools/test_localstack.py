"""What EMULATOR=localstack is put together from, each part without LocalStack itself."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tools.local import bootstrap
from tools.local.localstack.process import Answer, Runtime
from tools.local.runtime import plain_python, runtime_client
from tools.local.stack import local_stack
from tools.report import ToolError

HANDLERS = """
import json, os, sys, time

def echo(event, context):
    print(json.dumps({"at": "work", "id": context.aws_request_id}))
    return {"event": event, "arn": context.invoked_function_arn, "left": context.get_remaining_time_in_millis()}

def raises(event, context):
    raise ValueError("not today")

def ends(event, context):
    os._exit(3)

def sleeps(event, context):
    time.sleep(60)

def talks(event, context):
    print("x" * 1_000_000)
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Runtime]]:
    """Return a function that starts a handler of the above, in a folder with a layer beside it."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "app.py").write_text(HANDLERS)
    started: list[Runtime] = []

    def make(handler: str, seconds: float = 30) -> Runtime:
        variables = {
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": os.pathsep.join([str(tmp_path / "code"), str(runtime_client())]),
            "LAMBDA_TASK_ROOT": str(tmp_path / "code"),
            "AWS_LAMBDA_FUNCTION_NAME": "f",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        }
        runtime = Runtime(plain_python(), handler, variables, seconds)
        started.append(runtime)
        return runtime

    yield make
    for runtime in started:
        runtime.stop()


def work(event: Any, number: int = 1) -> dict[str, str]:
    return {
        "invoke-id": f"request-{number}",
        "payload": json.dumps(event),
        "invoked-function-arn": "arn:aws:lambda:eu-west-1:000000000000:function:f",
        "trace-id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1",
    }


def said(answer: Answer) -> Any:
    return json.loads(answer.body)


def test_a_function_answers_one_invocation_after_the_other_in_one_process(
    start: Callable[..., Runtime],
) -> None:
    runtime = start("app.echo")
    runtime.wait_until_ready()
    for number in (1, 2):
        answer = runtime.invoke(work({"say": "é"}, number))
        assert (answer.failed, said(answer)["event"]) == (False, {"say": "é"})
        assert said(answer)["arn"].endswith(":function:f")
        assert 0 < said(answer)["left"] <= 30_000
        assert json.loads(runtime.log()) == {"at": "work", "id": f"request-{number}"}
    assert runtime.alive


def test_what_a_function_raises_is_its_answer_and_it_goes_on(start: Callable[..., Runtime]) -> None:
    runtime = start("app.raises")
    runtime.wait_until_ready()
    for number in (1, 2):
        answer = runtime.invoke(work({}, number))
        assert (answer.failed, said(answer)["errorType"]) == (True, "ValueError")
    assert runtime.alive


def test_a_function_that_ends_fails_its_invocation(start: Callable[..., Runtime]) -> None:
    runtime = start("app.ends")
    runtime.wait_until_ready()
    answer = runtime.invoke(work({}))
    assert (answer.failed, said(answer)["errorType"]) == (True, "Runtime.ExitError")
    assert not runtime.alive


def test_a_function_that_takes_too_long_is_ended(start: Callable[..., Runtime]) -> None:
    runtime = start("app.sleeps", seconds=0.2)
    runtime.wait_until_ready()
    answer = runtime.invoke(work({}))
    assert (answer.failed, said(answer)["errorType"]) == (True, "Sandbox.Timedout")
    assert not runtime.alive


def test_a_function_may_say_more_than_a_pipe_holds(start: Callable[..., Runtime]) -> None:
    runtime = start("app.talks")
    runtime.wait_until_ready()
    assert not runtime.invoke(work({})).failed
    assert len(runtime.log()) > 1_000_000
    assert runtime.log() == ""


def test_a_function_that_cannot_be_loaded_says_why(start: Callable[..., Runtime]) -> None:
    runtime = start("app.nothing")
    with pytest.raises(RuntimeError, match="nothing"):
        runtime.wait_until_ready()
    assert not runtime.alive


@pytest.fixture
def options(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Return a function that gives the Makefile's options; STATE is an empty folder."""
    for name in ("EMULATOR", "GATEWAY", "PORT", "ENDPOINT_PORT", "AUTH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("STATE", str(tmp_path))

    def give(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    return give


def test_each_emulator_has_its_gateway_and_its_own_state(options: Callable[..., None]) -> None:
    there = {}
    for make in ("ministack", "localstack"):
        options(EMULATOR=make)
        there[make] = local_stack()
    assert {make: stack.gateway for make, stack in there.items()} == {
        "ministack": "http",
        "localstack": "rest",
    }
    assert there["ministack"].emulator.state != there["localstack"].emulator.state


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"EMULATOR": "moto"}, "EMULATOR is ministack or localstack, not 'moto'"),
        ({"EMULATOR": "localstack", "GATEWAY": "http"}, "GATEWAY is rest on localstack, not 'http'"),
        ({"GATEWAY": "soap"}, "GATEWAY is http or rest on ministack, not 'soap'"),
    ],
)
def test_what_an_emulator_has_not_is_refused(
    options: Callable[..., None], given: dict[str, str], line: str
) -> None:
    options(**given)
    with pytest.raises(ToolError, match=line):
        local_stack()


def test_without_the_option_it_is_the_emulator_that_runs_there(options: Callable[..., None]) -> None:
    options(EMULATOR="localstack")
    state = local_stack().emulator.state
    options(EMULATOR="")
    assert local_stack().make == "ministack"
    state.mkdir(parents=True)
    (state / "emulator.pid").write_text(str(os.getpid()))
    assert local_stack().make == "ministack", "another program has its number now"
    text = "import time; print(flush=True); time.sleep(600)  # tools.local.localstack.server"
    with subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline(), "it has begun, and its command line can be read"
        (state / "emulator.pid").write_text(str(process.pid))
        found = local_stack().make
        process.kill()
    assert found == "localstack"


def test_localstack_gets_a_python_that_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Pyenv has commands in PATH for versions that are switched off, and others under its own folder."""
    if sys.version_info[:2] in ((3, 12), (3, 13)):
        pytest.skip("the Python that runs this will do")
    off, pyenv = (
        tmp_path / "bin" / "python3.13",
        tmp_path / "pyenv" / "versions" / "3.12.1" / "bin" / "python3.12",
    )
    script(off, "echo 'pyenv: python3.13: command not found' >&2; exit 127")
    monkeypatch.setenv("PATH", f"{off.parent}:/usr/bin:/bin")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    bootstrap.python_of_localstack.cache_clear()
    try:
        none = bootstrap.python_of_localstack()
        bootstrap.python_of_localstack.cache_clear()
        script(pyenv, "printf '/opt/python\\n3\\n12\\n1\\n'")
        assert (none, bootstrap.python_of_localstack()) == (None, ("/opt/python", "3.12.1"))
    finally:
        bootstrap.python_of_localstack.cache_clear()


def script(path: Path, line: str) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
