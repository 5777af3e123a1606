"""Start and stop one MiniStack process: the AWS of the local stack, on loopback only."""

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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tools import ROOT
from tools.report import ToolError

PROGRAM = ROOT / ".local" / "emulator" / "bin" / "ministack"
REGION = "eu-west-1"
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Emulator:
    """One emulator: its port, the directory of its state, and whether it enforces IAM.

    The state directory also holds its log and the id of its process, so another command can find and stop it.
    """

    port: int
    state: Path
    auth: bool = False

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
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
        }

    def start(self, *, seconds: float = 60) -> bool:
        """Start it and wait until it answers; return False, having done nothing, if it is running already.

        Raises ToolError if the port is taken by something else or it does not come up.
        """
        if self.running():
            return False
        require_free_port(self.port, "ENDPOINT_PORT")
        if not PROGRAM.exists():
            raise ToolError("the emulator is not installed; run: make setup")
        self.state.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [str(PROGRAM)],
                env=self._process_environment(),
                cwd=self.state,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._pid_file.write_text(str(process.pid))
        until = time.monotonic() + seconds
        while not self._healthy():
            if process.poll() is not None or time.monotonic() > until:
                raise ToolError(f"the emulator did not start; its log says why: {self.log}")
            time.sleep(0.05)
        return True

    def running(self) -> bool:
        """Tell whether the process this state directory knows of is alive and answers."""
        return self.pid() is not None and self._healthy()

    def pid(self) -> int | None:
        """Return the id of its process, None when it does not run."""
        return living_process(self._pid_file, "ministack")

    def stop(self, *, seconds: float = 30) -> None:
        """Stop it gracefully, which is when it saves its state; nothing happens if it does not run."""
        stop_process(self._pid_file, "ministack", seconds=seconds)

    @property
    def _pid_file(self) -> Path:
        return self.state / "emulator.pid"

    def _healthy(self) -> bool:
        try:
            return "services" in self.get("/_ministack/health")
        except (httpx.HTTPError, ValueError):
            return False

    def get(self, path: str) -> dict[str, Any]:
        """Return the JSON answer of one of the emulator's own pages, such as /_ministack/ses/messages."""
        body: dict[str, Any] = loopback().get(self.endpoint + path).raise_for_status().json()
        return body

    def _process_environment(self) -> dict[str, str]:
        """Return a clean environment: the functions inherit it, and the caller's own AWS settings must not leak."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        return {
            **kept,
            **{name: value for name, value in self.environment.items() if name != "AWS_ENDPOINT_URL"},
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": HOST,
            "MINISTACK_HOST": HOST,
            "MINISTACK_REGION": REGION,
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "PERSIST_STATE": "1",
            "STATE_DIR": str(self.state / "aws"),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(self.state / "s3"),
            "AUTH": "true" if self.auth else "false",
        }


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
