"""A function as a process of this machine: AWS's own runtime client, asking us for work by the Lambda Runtime API.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

HOST = "127.0.0.1"
START_SECONDS = 30


class Answer(NamedTuple):
    """What came of an invocation; `failed` is told to the caller as a FunctionError."""

    body: bytes
    failed: bool


class Runtime:
    """One process of a function, idle or at work on one invocation; it is of no use after `alive` is false."""

    def __init__(self, python: str, handler: str, variables: Mapping[str, str], seconds: float) -> None:
        """Start it on an interpreter, in the folder that LAMBDA_TASK_ROOT names; work may take `seconds`."""
        self._seconds = seconds
        self._work: queue.SimpleQueue[dict[str, str] | None] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self._ready = threading.Event()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  a file, not a pipe: what was written is there at once
        self._last_words = ""
        self._logging = threading.Lock()
        self._server = _Server((HOST, 0), _RuntimeApi)
        self._server.runtime = self
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self._process = subprocess.Popen(
            [python, "-S", "-s", "-m", "awslambdaric", handler],
            cwd=variables["LAMBDA_TASK_ROOT"],
            env={**variables, "AWS_LAMBDA_RUNTIME_API": f"{HOST}:{self._server.server_port}"},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        threading.Thread(target=self._watch, daemon=True).start()

    @property
    def alive(self) -> bool:
        """Tell whether its process runs."""
        return self._process.poll() is None

    def wait_until_ready(self) -> None:
        """Wait until it asks for work; raise RuntimeError with what it said where it does not."""
        if not self._ready.wait(START_SECONDS) or not self.alive:
            self.stop()
            raise RuntimeError(f"the function did not start: {self.log()}")

    def invoke(self, payload: dict[str, str]) -> Answer:
        """Give it an invocation and wait for its answer; it is ended where it takes longer than it may."""
        self._work.put(payload)
        try:
            return self._answers.get(timeout=self._seconds)
        except queue.Empty:
            self.stop()
            return _error(
                "Sandbox.Timedout", f"{payload['invoke-id']} Task timed out after {self._seconds:.2f} seconds"
            )

    def log(self) -> str:
        """Return what it has written since the last call."""
        with self._logging:
            said, self._last_words = self._last_words + self._read(), ""
        return said

    def _read(self) -> str:
        if self._log.closed:
            return ""
        self._log.seek(0)
        text = self._log.read().decode(errors="replace")
        os.truncate(self._log.fileno(), 0)
        self._log.seek(0)  # which is where the process writes: it has the same open file
        return text

    def stop(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.wait()
        with self._logging:
            self._last_words += self._read()
            self._log.close()

    def next_work(self) -> dict[str, str] | None:
        """Wait for an invocation; None when the process has ended."""
        self._ready.set()
        return self._work.get()

    def deadline(self) -> int:
        """Return when work taken now has to be done, in milliseconds since 1970."""
        return int((time.time() + self._seconds) * 1000)

    def answer(self, answer: Answer) -> None:
        """Take the answer to an invocation."""
        self._answers.put(answer)

    def _watch(self) -> None:
        status = self._process.wait()
        self._answers.put(_error("Runtime.ExitError", f"Runtime exited with status {status}"))
        self._work.put(None)
        self._ready.set()
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    runtime: Runtime

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: the other side is a process that was ended."""


class _RuntimeApi(BaseHTTPRequestHandler):
    """The Lambda Runtime API, 2018-06-01."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        """Answer /runtime/invocation/next: wait for work and hand it over."""
        runtime = self.server.runtime
        if (work := runtime.next_work()) is None:
            self.close_connection = True
            return
        self._reply(
            200,
            work["payload"].encode(),
            {
                "Content-Type": "application/json",
                "Lambda-Runtime-Aws-Request-Id": work["invoke-id"],
                "Lambda-Runtime-Deadline-Ms": str(runtime.deadline()),
                "Lambda-Runtime-Invoked-Function-Arn": work["invoked-function-arn"],
                "Lambda-Runtime-Trace-Id": work["trace-id"],
            },
        )

    def do_POST(self) -> None:
        """Take an answer or an error of an invocation; after an error of the start the process ends by itself."""
        body = self._body()
        if not self.path.endswith("/init/error"):
            self.server.runtime.answer(Answer(body, failed=self.path.endswith("/error")))
        self._reply(202, b"", {})

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _reply(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing of calls."""


def _error(kind: str, message: str) -> Answer:
    return Answer(json.dumps({"errorType": kind, "errorMessage": message}).encode(), failed=True)
