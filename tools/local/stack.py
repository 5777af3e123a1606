"""One whole local stack: emulator, deployed services and edge, with its own ports and its own state.

Several can run side by side. Scripts and integration tests use it like this::

    with Stack(port=8090, endpoint_port=4590, state=tmp_path, auth=True).running(
        {"orders": {"OrderDeadlineSeconds": "5"}}
    ) as stack:
        Shop(stack.url).must(200, "GET", "/orders/health")
        stack.client("dynamodb").scan(TableName="souk-local-orders")
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tools import ROOT, options, templates
from tools.build import pages, recipe, sam
from tools.local import archive, live
from tools.local.emulator import Emulator, living_process, loopback, require_free_port, stop_process
from tools.local.localstack.emulator import LocalStack
from tools.local.ministack import MiniStack
from tools.report import ToolError
from tools.services import PLATFORM, segments

ENVIRONMENT = "local"
STATE = ROOT / ".local"
EMULATORS: dict[str, type[Emulator]] = {"ministack": MiniStack, "localstack": LocalStack}


@dataclass(frozen=True)
class Stack:
    """A local stack: where it listens, where it keeps its state, and what stands in front of the services.

    `auth` has the emulator enforce IAM, where it can; `gateway` is ``http`` or ``rest``, the templates' parameter;
    `make` names the emulator, one of EMULATORS.
    """

    port: int = 8080
    endpoint_port: int = 4566
    state: Path = STATE
    auth: bool = False
    gateway: str = "http"
    make: str = "ministack"

    @property
    def name(self) -> str:
        """Return the environment that its resources are named by."""
        return ENVIRONMENT

    @property
    def variables(self) -> dict[str, str]:
        """Return the variables that point AWS tools at it."""
        return self.emulator.environment

    @property
    def url(self) -> str:
        """Return the address of the shop, the edge."""
        return f"http://localhost:{self.port}"

    @property
    def emulator(self) -> Emulator:
        """Return the AWS under it."""
        folder = "state" if self.make == "ministack" else f"state-{self.make}"
        return EMULATORS[self.make](port=self.endpoint_port, state=self.state / folder, auth=self.auth)

    @property
    def endpoint(self) -> str:
        """Return the address of the AWS under it."""
        return self.emulator.endpoint

    @property
    def summary(self) -> Path:
        """Return the file that tells scripts the addresses and the accounts."""
        return self.state / "stack.json"

    def client(self, service: str) -> Any:
        """Return a boto3 client of one AWS service of this stack."""
        return self.emulator.client(service)

    @contextlib.contextmanager
    def running(self, parameters: Mapping[str, sam.Parameters] | None = None) -> Iterator[Stack]:
        """Start everything, hand over the stack, and stop everything."""
        try:
            self.start_emulator()
            self.deploy(parameters=parameters)
            self.start_edge()
            yield self
        finally:
            self.stop_edge()
            self.emulator.stop()

    def start_emulator(self) -> bool:
        """Start the AWS, with the state it was stopped with if it keeps any; return False if it is running already."""
        return self.emulator.start()

    # --- stacks -----------------------------------------------------------------------------------------------

    def deploy(
        self, names: list[str] | None = None, parameters: Mapping[str, sam.Parameters] | None = None
    ) -> list[str]:
        """Build and deploy the named stacks, all without names, in parallel; return those that had changed.

        `parameters` are template parameter values for each stack. Safe to repeat: what is deployed already, from the
        same inputs and with the same parameters, is left alone.
        """
        common = {"PublicUrl": self.url, "Gateway": self.gateway}
        target = sam.Target(ENVIRONMENT, self.emulator.environment, common, parameters or {})
        deployed = self._deployed()
        changed: list[str] = []

        def deploy(stack: sam.StackTemplate, inputs: str) -> None:
            overrides = sorted(f"{name}={value}" for name, value in target.overrides(stack).items())
            mark = f"{inputs} {' '.join(overrides)}"
            if deployed.get(stack.name) == mark:
                return
            sam.deploy_stack(stack, target)
            if deployed.get(stack.name) == _EDITED:  # which CloudFormation does not know of
                self._replace_code(stack.name)
            self._remember(stack.name, mark)
            changed.append(stack.name)

        sam.build_and_deploy(sam.select(names), deploy)
        if PLATFORM in changed:
            archive.ensure(self.client("events"), ENVIRONMENT)
        self.emulator.prove_sender(templates.template("identity")["Parameters"]["MailSender"]["Default"])
        return sorted(changed)

    def _deployed(self) -> dict[str, str]:
        """Return what each stack was deployed from; kept in the emulator, so it is lost when the stacks are."""
        pages = self.client("ssm").get_paginator("get_parameters_by_path").paginate(Path=_DEPLOYED)
        return {
            item["Name"].removeprefix(_DEPLOYED): item["Value"]
            for page in pages
            for item in page["Parameters"]
        }

    def _remember(self, name: str, mark: str) -> None:
        self.client("ssm").put_parameter(Name=_DEPLOYED + name, Value=mark, Type="String", Overwrite=True)

    def mark_edited(self, name: str) -> None:
        """Note that a stack's functions run other code than was deployed, so that the next deploy replaces it."""
        self._remember(name, _EDITED)

    def _replace_code(self, name: str) -> None:
        live.push_shared(self.client, [name])
        live.push_service(self.client, name)

    # --- edge -------------------------------------------------------------------------------------------------

    def start_edge(self, *, seconds: float = 15) -> None:
        """Start the edge and wait until it answers; nothing happens if the same one is running already.

        One that was started from other code is replaced: it may not know a service that was added since.
        """
        code = edge_code()
        if self.edge_pid() is not None and _answers(self.url) and self._edge_runs(code):
            return
        self.stop_edge()
        require_free_port(self.port, "PORT")
        with (self.state / "edge.log").open("ab") as log:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "tools.local.edge",
                    "--port",
                    str(self.port),
                    "--endpoint-port",
                    str(self.endpoint_port),
                ],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._edge_pid_file.write_text(str(process.pid))
        self._edge_code_file.write_text(code)
        until = time.monotonic() + seconds
        while not _answers(self.url):
            if process.poll() is not None or time.monotonic() > until:
                raise ToolError(f"the edge did not start; its log says why: {self.state / 'edge.log'}")
            time.sleep(0.05)

    def edge_pid(self) -> int | None:
        """Return the id of the edge's process, None when it does not run."""
        return living_process(self._edge_pid_file, "tools.local.edge")

    def stop_edge(self) -> None:
        """Stop the edge; nothing happens if it does not run."""
        stop_process(self._edge_pid_file, "tools.local.edge", seconds=5)

    def _edge_runs(self, code: str) -> bool:
        """Tell whether the edge was started from this code."""
        return self._edge_code_file.exists() and self._edge_code_file.read_text() == code

    @property
    def _edge_pid_file(self) -> Path:
        return self.state / "edge.pid"

    @property
    def _edge_code_file(self) -> Path:
        return self.state / "edge.code"


_EDITED = "edited"
_DEPLOYED = f"/souk-tools/{ENVIRONMENT}/deployed/"


def local_stack() -> Stack:
    """Return the local stack that PORT, ENDPOINT_PORT, STATE, AUTH, EMULATOR and GATEWAY describe.

    Without EMULATOR it is the one that runs there, so that `make stop` and the others find it.
    """
    state = (ROOT / (options.text("STATE") or ".local")).resolve()
    make = options.choice("EMULATOR", EMULATORS) or _running_make(state) or "ministack"
    emulator = EMULATORS[make]
    gateway = options.text("GATEWAY") or emulator.gateway
    if gateway not in emulator.gateways:
        raise ToolError(f"GATEWAY is {' or '.join(sorted(emulator.gateways))} on {make}, not {gateway!r}")
    return Stack(
        port=options.port("PORT", 8080),
        endpoint_port=options.port("ENDPOINT_PORT", 4566),
        state=state,
        auth=options.text("AUTH").lower() in ("1", "true", "yes"),
        gateway=gateway,
        make=make,
    )


def _running_make(state: Path) -> str | None:
    """Return the make of the emulator that runs with this state, None if none does."""
    every = (Stack(state=state, make=make) for make in EMULATORS)
    return next((stack.make for stack in every if stack.emulator.pid() is not None), None)


def running_stack() -> Stack:
    """Return the local stack, or say how to start it when it is not running."""
    stack = local_stack()
    if not stack.emulator.running():
        raise ToolError("the stack is not running; start it with: make run")
    return stack


def edge_code() -> str:
    """Return a hash of what decides what an edge does: its modules, what prices include, which services there are."""
    modules = [Path(__file__).with_name(f"{name}.py") for name in ("edge", "stack", "emulator")]
    known = (f"{segment}: {service}" for segment, service in segments().items())
    return recipe.digest([*modules, Path(pages.__file__)], pages.prices({}), *known)


def _answers(url: str) -> bool:
    try:
        loopback().get(url, timeout=2)
    except httpx.TransportError:
        return False
    return True
