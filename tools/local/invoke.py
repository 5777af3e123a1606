"""`make invoke`: run a built function on Lambda's own runtime client, without Docker.

The SAM CLI brings AWS's runtime interface emulator, which starts the function as Lambda does. The function sees its
artifact, its layer and the runtime client, nothing else, so a dependency missing from a bundle fails here as on AWS.
"""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from tools import REGION, ROOT, options, templates
from tools.build import sam
from tools.intrinsics import Resolver
from tools.local import seed
from tools.local.emulator import HOST, free_port, loopback
from tools.local.runtime import plain_python, runtime_client
from tools.local.shop import Shop
from tools.local.stack import Stack, local_stack
from tools.report import ToolError


class Function(NamedTuple):
    """A built function as its template describes it."""

    name: str
    handler: str
    timeout: int
    artifact: Path
    layers: tuple[Path, ...]
    variables: dict[str, str]


class Invocation(NamedTuple):
    """What one call gave: the function's answer, parsed, and everything it and the runtime logged."""

    answer: Any
    log: str

    @property
    def error(self) -> str | None:
        """Return what the function raised, None if it answered."""
        if isinstance(self.answer, dict) and "errorType" in self.answer:
            return f"{self.answer['errorType']}: {self.answer.get('errorMessage', '')}"
        return None


def main() -> None:
    """Invoke FUNCTION with the content of EVENT; against the local stack's AWS if that runs."""
    service, _, logical_id = options.text("FUNCTION").partition("/")
    if not logical_id:
        raise ToolError(
            "say which: make invoke FUNCTION=orders/HttpFunction EVENT=events/http/orders/place.json"
        )
    if not options.text("EVENT"):
        raise ToolError("say with what: EVENT=events/http/orders/place.json")
    event = options.file("EVENT", ROOT).read_text()
    template = sam.select([service])[0]
    sam.build_stack(template)
    function = functions(template).get(logical_id)
    if function is None:
        raise ToolError(f"{service} has no function {logical_id}; there are: {' '.join(functions(template))}")
    stack = local_stack()
    variables: dict[str, str] = {}
    if stack.emulator.running():
        variables = _of_the_running_stack(stack, template, logical_id)
        event = _with_token(event, Shop(stack.url))
    done = invoke(function, json.loads(event), variables)
    print("\n".join(line for line in done.log.splitlines() if "(rapid)" not in line), file=sys.stderr)
    print(json.dumps(done.answer, indent=2))
    sys.exit(1 if done.error else 0)


def _with_token(event: str, shop: Shop) -> str:
    """Return an event with an access token of a demo account in the place that names a caller and their roles."""

    def token(found: re.Match[str]) -> str:
        accounts = seed.Accounts()
        person = accounts.customer if found[1] == "customer" else accounts.admin
        return f"Bearer {seed.access_token(shop, person)}"

    return re.sub(r"Bearer <\S+ (\S+)>", token, event)


def functions(template: sam.StackTemplate) -> dict[str, Function]:
    """Return the functions of a built stack by logical id, with the values they have on the local stack."""
    built = templates.read(template.built)
    resolver, every = Resolver(built), built["Resources"]
    return {
        logical_id: _function(template, resolver, logical_id)
        for logical_id, resource in every.items()
        if resource["Type"] == "AWS::Serverless::Function"
    }


def _function(template: sam.StackTemplate, resolver: Resolver, logical_id: str) -> Function:
    resources = resolver.template["Resources"]
    shared = resolver.template.get("Globals", {}).get("Function", {})
    own = {**shared, **resources[logical_id]["Properties"]}
    layers = [resources[layer["Ref"]]["Properties"]["ContentUri"] for layer in own.get("Layers", [])]
    return Function(
        name=resolver.name(logical_id),
        handler=own["Handler"],
        timeout=own.get("Timeout", 3),
        artifact=_inside(template, own["CodeUri"]),
        layers=tuple(_inside(template, layer) for layer in layers),
        variables=resolver.variables(logical_id),
    )


def invoke(
    function: Function, event: object, variables: Mapping[str, str] | None = None, *, seconds: float = 60
) -> Invocation:
    """Start the function as Lambda does, call it once and end it.

    `variables` are added to its environment, for example AWS_ENDPOINT_URL. Without it, AWS calls fail at once.
    """
    invocations, runtime = free_port(), free_port()
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [
                *(
                    str(_interface_emulator()),
                    "--runtime-interface-emulator-address",
                    f"{HOST}:{invocations}",
                ),
                *("--runtime-api-address", f"{HOST}:{runtime}"),
                *(plain_python(), "-S", "-s", "-m", "awslambdaric", function.handler),
            ],
            cwd=function.artifact,
            env=_environment(function, variables or {}),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            answer = _call(process, invocations, event, seconds)
        except ToolError as failed:
            log.seek(0)
            raise ToolError(f"{failed}\n{log.read()}") from None
        finally:
            process.terminate()
            process.wait(10)
        log.seek(0)
        return Invocation(answer, log.read())


def _call(process: subprocess.Popen[bytes], port: int, event: object, seconds: float) -> Any:
    until = time.monotonic() + 60
    while not _listening(port):
        if process.poll() is not None or time.monotonic() > until:
            raise ToolError("the Lambda runtime emulator did not start")
        time.sleep(0.02)
    url = f"http://{HOST}:{port}/2015-03-31/functions/function/invocations"
    try:
        text = loopback().post(url, content=json.dumps(event), timeout=seconds).text
    except httpx.TimeoutException:
        raise ToolError(f"the function did not answer within {seconds:.0f} seconds") from None
    try:
        return json.loads(text)
    except ValueError:  # the runtime's own words: the function ended or took too long
        return {"errorType": "Runtime.Failed", "errorMessage": text}


def _environment(function: Function, variables: Mapping[str, str]) -> dict[str, str]:
    path = [function.artifact, *(layer / "python" for layer in function.layers), runtime_client()]
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": str(function.artifact),
        "PYTHONPATH": os.pathsep.join(map(str, path)),
        "LAMBDA_TASK_ROOT": str(function.artifact),
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        # The clock includes the start of the function, which may be slow on a busy machine.
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(max(function.timeout, 30)),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": f"http://{HOST}:9",  # the discard port: without a stack, no call leaves the machine
        **function.variables,
        **variables,
    }


def _of_the_running_stack(stack: Stack, template: sam.StackTemplate, logical_id: str) -> dict[str, str]:
    """Return the environment the deployed function has, so that it finds the stack's tables and queues."""
    name = stack.client("cloudformation").describe_stack_resource(
        StackName=f"souk-local-{template.name}", LogicalResourceId=logical_id
    )["StackResourceDetail"]["PhysicalResourceId"]
    deployed = stack.client("lambda").get_function_configuration(FunctionName=name)
    return {**deployed.get("Environment", {}).get("Variables", {}), "AWS_ENDPOINT_URL": stack.endpoint}


def _interface_emulator() -> Path:
    package = importlib.util.find_spec("samcli")
    if package is None or package.origin is None:
        raise ToolError("the SAM CLI is not installed; run: make setup")
    machine = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"
    return Path(package.origin).parent / "local" / "rapid" / f"aws-lambda-rie-{machine}"


def _inside(template: sam.StackTemplate, path: str) -> Path:
    return (template.built.parent / path).resolve()


def _listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0
