"""LocalStack's interface of an execution environment, which is a container there, as a process (process.py)."""

from __future__ import annotations

import os
from typing import Any

from localstack import config
from localstack.services.lambda_.invocation.lambda_models import InvocationResult
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor

from tools.local.localstack.process import HOST, Runtime

PYTHON, CLIENT = os.environ["SOUK_FUNCTION_PYTHON"], os.environ["SOUK_RUNTIME_CLIENT"]
MAIL = os.environ["SOUK_NEIGHBOUR_URL"]
"""The interpreter of functions, the folder of the runtime client, and who takes mail (server.py)."""


class ProcessExecutor(RuntimeExecutor):  # type: ignore[misc]
    """One environment: it sees the code, the layers and the client; what ended is made anew at the next invocation."""

    _runtime: Runtime
    _variables: dict[str, str]

    def start(self, env_vars: dict[str, Any]) -> None:
        """Start the function."""
        function = self.function_version.config
        code = str(function.code.get_unzipped_code_location())
        layers = [f"{layer.code.get_unzipped_code_location()}/python" for layer in function.layers]
        self._variables = {
            **{name: str(value) for name, value in env_vars.items()},
            "PATH": "/usr/bin:/bin",
            "HOME": code,
            "PYTHONPATH": os.pathsep.join([code, *layers, CLIENT]),
            "LAMBDA_TASK_ROOT": code,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL_SESV2": MAIL,
        }
        self._spawn()

    def _spawn(self) -> None:
        function = self.function_version.config
        self._runtime = Runtime(PYTHON, function.handler, self._variables, function.timeout)
        self._runtime.wait_until_ready()

    def stop(self) -> None:
        """End the function."""
        self._runtime.stop()

    def invoke(self, payload: dict[str, str]) -> InvocationResult:
        """Run one invocation."""
        if not self._runtime.alive:
            self._runtime.stop()
            self._spawn()
        answer = self._runtime.invoke(payload)
        request_id = payload["invoke-id"]
        log = f"START RequestId: {request_id}\n{self._runtime.log().rstrip()}\nEND RequestId: {request_id}"
        return InvocationResult(request_id, answer.body, is_error=answer.failed, logs=log)

    def get_logs(self) -> str:
        """Return nothing: what a function says is in the results of its invocations."""
        return ""

    def get_address(self) -> str:
        """Return where the function runs."""
        return HOST

    def get_endpoint_from_executor(self) -> str:
        """Return where the function finds LocalStack."""
        return HOST

    def get_runtime_endpoint(self) -> str:
        """Return the address that LocalStack's own runtime client, which is not used, would call."""
        return f"http://{HOST}:{config.GATEWAY_LISTEN[0].port}/"

    @classmethod
    def prepare_version(cls, function_version: Any) -> None:
        """Unpack the code and the layers."""
        function_version.config.code.prepare_for_execution()
        for layer in function_version.config.layers:
            layer.code.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version: Any) -> None:
        """Leave what was unpacked: other versions may have the same layers."""
