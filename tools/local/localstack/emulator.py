"""LocalStack's open core as the emulator of a local stack (EMULATOR=localstack)."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from tools import ROOT
from tools.local.emulator import HOST, Emulator, free_port
from tools.local.ministack import MiniStack
from tools.local.runtime import plain_python, runtime_client
from tools.report import ToolError

HOME = ROOT / ".local" / "localstack"
SERVER = "tools.local.localstack.server"
POLL_SECONDS = "0.05"
"""How long an event source mapping rests before it waits for more (server.py); LocalStack's own is a second."""


class LocalStack(Emulator):
    """One LocalStack, with a MiniStack beside it for tables and mail; its open core keeps nothing over a stop."""

    program = SERVER
    gateway = "rest"
    gateways = frozenset({"rest"})
    calm_seconds = 2.0
    keeps_state = False
    throttled = (502, "service_failed")  # as of any error of a function; a REST API on AWS gives a 500 here

    def prepare(self) -> None:
        """Install it, start the neighbour, and remove what another run left."""
        install()
        self.neighbour.stop()
        for left in (self.neighbour.state, self._files):
            shutil.rmtree(left, ignore_errors=True)
        self.neighbour.state.mkdir(parents=True)
        self._files.mkdir()
        self._neighbour_port_file.write_text(str(free_port()))
        self.neighbour.start()

    def command(self) -> list[str]:
        """Return its command line: on its own Python, with our side of it from this repository."""
        return [str(HOME / "bin" / "python"), "-m", SERVER]

    def settings(self) -> dict[str, str]:
        """Return its variables."""
        return {
            "PATH": f"{HOME / 'bin'}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self._files),
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
            "FILESYSTEM_ROOT": str(self._files),
            "OVERRIDE_IN_DOCKER": "0",
            "GATEWAY_LISTEN": f"{HOST}:{self.port}",
            "LOCALSTACK_HOST": f"{HOST}:{self.port}",
            "DNS_ADDRESS": "0",
            "DISABLE_EVENTS": "1",
            "SKIP_SSL_CERT_DOWNLOAD": "1",
            "PROVIDER_OVERRIDE_DYNAMODB": "v2",
            "LAMBDA_EVENT_SOURCE_MAPPING_POLL_INTERVAL_SEC": POLL_SECONDS,
            "LAMBDA_EVENT_SOURCE_MAPPING_MAX_BACKOFF_ON_EMPTY_POLL_SEC": POLL_SECONDS,
            "LAMBDA_EVENT_SOURCE_MAPPING_MAX_BACKOFF_ON_ERROR_SEC": "2",
            "SOUK_NEIGHBOUR_URL": self.neighbour.endpoint,
            "SOUK_FUNCTION_PYTHON": plain_python(),
            "SOUK_RUNTIME_CLIENT": str(runtime_client()),
        }

    def healthy(self) -> bool:
        """Tell whether it answers."""
        try:
            return "services" in self.get("/_localstack/health")
        except (httpx.HTTPError, ValueError):
            return False

    def started(self) -> None:
        """Do nothing: it has nothing to go on with."""

    def stop(self, *, seconds: float = 30) -> None:
        """End it, its functions and its neighbour; its own way to the end takes half a minute, to save nothing."""
        if (pid := self.pid()) is not None:
            os.killpg(pid, signal.SIGKILL)
        super().stop(seconds=seconds)
        self.neighbour.stop(seconds=seconds)

    def memory(self) -> int | None:
        """Return the resident bytes of it, its functions and its neighbour."""
        own, beside = super().memory(), self.neighbour.memory()
        return None if own is None or beside is None else own + beside

    def waiting(self) -> Counter[str]:
        """Return how many messages each queue holds."""
        sqs = self.client("sqs")
        names = [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        ]

        def count(url: str) -> int:
            found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
            return sum(int(found[name]) for name in names)

        urls = sqs.list_queues().get("QueueUrls", [])
        with ThreadPoolExecutor(4) as pool:
            counted = zip(urls, pool.map(count, urls), strict=True)
            return Counter({url.rpartition("/")[2]: messages for url, messages in counted if messages})

    def mails(self) -> list[dict[str, Any]]:
        """Return the e-mails sent."""
        return self.neighbour.mails()

    def prove_sender(self, address: str) -> None:
        """Have the neighbour send from an address."""
        self.neighbour.prove_sender(address)

    @property
    def neighbour(self) -> MiniStack:
        """Return the MiniStack that holds the tables and takes the mail."""
        known = self._neighbour_port_file
        port = int(known.read_text()) if known.exists() else 0
        return MiniStack(port=port, state=self.state / "neighbour")

    @property
    def _neighbour_port_file(self) -> Path:
        return self.state / "neighbour.port"

    @property
    def _files(self) -> Path:
        """Return the folder LocalStack takes for the whole disk."""
        return self.state / "files"


def install() -> None:
    """Make LocalStack's environment from its lock, unless it is there and up to date."""
    program = [sys.executable, str(ROOT / "tools" / "local" / "bootstrap.py"), "localstack"]
    done = subprocess.run(program, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise ToolError(done.stderr.strip().removeprefix("souk: ") or "could not install LocalStack")
