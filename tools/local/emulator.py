"""The AWS of a local stack, a process of this machine on loopback only: what every make of it has in common."""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import random
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import httpx
from localstack_client.session import Session  # type: ignore[import-untyped]

from tools.report import ToolError

REGION = "eu-west-1"
HOST = "127.0.0.1"
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
"""An emulator takes any."""


@dataclass(frozen=True)
class Emulator(ABC):
    """The AWS of a local stack, of whatever make: its port, the directory of its state, and whether it enforces IAM.

    The state directory also holds its log and the id of its process, so another command can find and stop it. What only
    one make has (private addresses, habits) is behind the abstract methods; nothing else knows which one runs.
    """

    port: int
    state: Path
    auth: bool = False

    program: ClassVar[str]
    """What its process has in its command line."""
    gateway: ClassVar[str]
    """The form of API Gateway that services have on it unless another is asked for: ``http`` or ``rest``."""
    gateways: ClassVar[frozenset[str]]
    """The forms that it has."""
    keeps_state: ClassVar[bool]
    """Whether it goes on after a stop where it was."""
    throttled: ClassVar[tuple[int, str]]
    """Status and code of what the edge says of a function that takes no calls."""
    calm_seconds: ClassVar[float]
    """After so long without a message in any queue nothing is on its way: no record of a stream either."""

    @property
    def endpoint(self) -> str:
        """Return the AWS endpoint it serves."""
        return f"http://{HOST}:{self.port}"

    @property
    def log(self) -> Path:
        """Return the file it logs to."""
        return self.state / "emulator.log"

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables that point AWS tools, the SAM CLI among them, at this emulator."""
        return {"AWS_ENDPOINT_URL": self.endpoint, **KEYS, "AWS_DEFAULT_REGION": REGION, "AWS_REGION": REGION}

    def start(self, *, seconds: float = 120) -> bool:
        """Start it and wait until it answers; return False, having done nothing, if it is running already.

        Raises ToolError if the port is taken by something else or it does not come up.
        """
        if self.running():
            return False
        require_free_port(self.port, "ENDPOINT_PORT")
        self.state.mkdir(parents=True, exist_ok=True)
        self.prepare()
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                self.command(),
                env={**_kept_variables(), **self.settings()},
                cwd=self.state,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._pid_file.write_text(str(process.pid))
        until = time.monotonic() + seconds
        while not self.healthy():
            if process.poll() is not None or time.monotonic() > until:
                raise ToolError(f"the emulator did not start; its log says why: {self.log}")
            time.sleep(0.05)
        self.started()
        return True

    def running(self) -> bool:
        """Tell whether the process this state directory knows of is alive and answers."""
        return self.pid() is not None and self.healthy()

    def pid(self) -> int | None:
        """Return the id of its process, None when it does not run."""
        return living_process(self._pid_file, self.program)

    def stop(self, *, seconds: float = 30) -> None:
        """Stop it gracefully, which is when it saves what it keeps; nothing happens if it does not run."""
        stop_process(self._pid_file, self.program, seconds=seconds)

    def memory(self) -> int | None:
        """Return the resident bytes of it and its functions; None where the system does not tell, or nothing runs."""
        pid = self.pid()
        return resident_bytes(pid) if pid is not None and Path("/proc/self/stat").exists() else None

    @property
    def _pid_file(self) -> Path:
        return self.state / "emulator.pid"

    def get(self, path: str) -> dict[str, Any]:
        """Return the JSON answer of one of the emulator's own pages."""
        body: dict[str, Any] = loopback().get(self.endpoint + path).raise_for_status().json()
        return body

    def client(self, service: str) -> Any:
        """Return a boto3 client of one AWS service."""
        return aws_session(self.port).client(service)

    @abstractmethod
    def prepare(self) -> None:
        """Do what must be done before the process starts; raise ToolError where it is not installed."""

    @abstractmethod
    def command(self) -> list[str]:
        """Return the command line of the process."""

    @abstractmethod
    def settings(self) -> dict[str, str]:
        """Return the variables of the process: of AWS it sees no others, whatever the caller's environment has."""

    @abstractmethod
    def healthy(self) -> bool:
        """Tell whether it answers."""

    @abstractmethod
    def started(self) -> None:
        """Do what must be done after each start."""

    @abstractmethod
    def waiting(self) -> Counter[str]:
        """Return how many messages each queue holds, by its name, in flight or not; queues without any are left out."""

    @abstractmethod
    def mails(self) -> list[dict[str, Any]]:
        """Return the e-mails sent: Source, To, Subject, BodyText, BodyHtml, Timestamp in seconds since 1970."""

    @abstractmethod
    def prove_sender(self, address: str) -> None:
        """Have SES send from an address, which it otherwise wants proof of. Safe to repeat."""


def prove_sender(ses: Any, address: str) -> None:
    """Make the SES identity of an address, which an emulator holds for proven at once. Safe to repeat."""
    with contextlib.suppress(ses.exceptions.AlreadyExistsException):
        ses.create_email_identity(EmailIdentity=address)


def aws_session(port: int) -> Session:
    """Return the session for the emulator at a port; localstack-client knows the dialect."""
    return Session(
        aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
        region_name=REGION,
        localstack_host=f"{HOST}:{port}",
    )


def _kept_variables() -> dict[str, str]:
    """Return what a process keeps of the caller's environment: nothing of AWS."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}


@functools.cache
def loopback() -> httpx.Client:
    """Return the HTTP client for servers of this machine; each call is a connection of its own, as of many people.

    One that was kept would be stale after a server's restart. Raises httpx.TransportError where nobody answers.
    """
    limits = httpx.Limits(max_keepalive_connections=0)
    return httpx.Client(headers={"Accept-Encoding": "identity"}, limits=limits, timeout=5, trust_env=False)


FIRST_PORT = 15_000
_ports = itertools.count(random.randrange(10_000))


def free_port() -> int:
    """Return a port that nobody listens on, another one at each call.

    It lies below those that the system hands to outgoing connections (from 32768 on Linux, 49152 on macOS): one of
    these may be taken by any connection before its server is started.
    """
    while True:
        port = FIRST_PORT + next(_ports) % 15_000
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind((HOST, port))
                return port


def require_free_port(port: int, option: str) -> None:
    """Raise ToolError when something listens on the port already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise ToolError(
                f"port {port} is taken; free it or choose another: make run {option}={port + 10}"
            ) from None


def living_process(pid_file: Path, program: str) -> int | None:
    """Return the process id in `pid_file` if that process lives and still is `program`, else None."""
    try:
        pid = int(pid_file.read_text())
        os.kill(pid, 0)
    except (FileNotFoundError, ValueError, ProcessLookupError):
        return None
    command = Path(f"/proc/{pid}/cmdline")
    if command.exists() and program not in command.read_text(errors="replace"):
        return None  # the number was given to another process since
    return pid


def resident_bytes(session: int) -> int:
    """Return the resident bytes of all processes of a session, by the number of its first one."""
    found = 0
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended
            if int((process / "stat").read_text().rpartition(")")[2].split()[3]) == session:
                found += int((process / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return found


def stop_process(pid_file: Path, program: str, *, seconds: float) -> None:
    """Ask the process in `pid_file` to end, wait for it, and end it by force after `seconds`."""
    pid = living_process(pid_file, program)
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
        until = time.monotonic() + seconds
        while living_process(pid_file, program) is not None and time.monotonic() < until:
            _reap(pid)
            time.sleep(0.05)
        if living_process(pid_file, program) is not None:
            os.kill(pid, signal.SIGKILL)
    pid_file.unlink(missing_ok=True)


def _reap(pid: int) -> None:
    """Collect the process if it is this one's child, so that it does not count as living."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
