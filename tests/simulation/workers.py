"""What a Lambda worker is made of: an invocation under way, and the machine under it, made deterministic."""

from __future__ import annotations

import copy
import os
import random as global_random
import sys
import time
from collections.abc import Callable
from random import Random
from typing import Any

import time_machine

from functions.shared import context, log
from tests.simulation.deployment import Function
from tests.simulation.trace import START


class CrashedError(BaseException):
    """The worker died: no `except Exception` of the code under test may catch it."""


class Invocation:
    """One run of a function's handler."""

    def __init__(
        self, number: int, kind: str, function: Function, event: Any, started: float, skew: float
    ) -> None:
        self.number, self.kind, self.function, self.event = number, kind, function, event
        self.aws_request_id = f"request-{number:06d}"
        self.function_name = function.name
        self.started, self.skew = started, skew
        self.wake = 0.0
        self.log, self.context = log.Invocation(), context.Context()
        self.lines: list[str] = []
        self.request: Any = None
        self.result: Any = None
        self.error: BaseException | None = None
        self.excuses: list[str] = []
        self.done: Callable[[Invocation], None] = lambda _: None
        self.greenlet: Any = None

    def __str__(self) -> str:
        return f"{self.kind} {self.function.name}"


class Machine:
    """The machine under the handlers, made deterministic: its clock, its randomness, its standard output."""

    def __init__(
        self, entropy: Random, sleep: Callable[[float], None], printed: Callable[[str], object]
    ) -> None:
        self.entropy, self.sleep, self.printed = entropy, sleep, printed
        self.travel = time_machine.travel(START, tick=False)
        self.moment = START

    def install(self) -> None:
        self.traveller = self.travel.start()
        self.kept = (global_random._urandom, os.urandom, time.sleep, time.monotonic, sys.stdout, os.environ)  # type: ignore[attr-defined]
        global_random._urandom = os.urandom = self.entropy.randbytes  # type: ignore[attr-defined]
        global_random.seed(self.entropy.getrandbits(64))
        time.sleep, time.monotonic = self.sleep, lambda: self.moment
        sys.stdout = _Printed(self.printed)
        for module in list(sys.modules.values()):
            if getattr(module, "__name__", "").startswith("functions."):
                _forget(module)

    def remove(self) -> None:
        global_random._urandom, os.urandom, time.sleep, time.monotonic, sys.stdout, os.environ = self.kept  # type: ignore[attr-defined]
        self.travel.stop()

    def set(self, moment: float) -> None:
        self.moment = moment
        self.traveller.move_to(moment)


class _Printed:
    """Where the log lines of the invocations go."""

    def __init__(self, printed: Callable[[str], object]) -> None:
        self.printed = printed

    def write(self, text: str) -> int:
        self.printed(text)
        return len(text)

    def flush(self) -> None:
        pass


_fresh: dict[tuple[str, str], Any] = {}
"""What the modules under test hold when they are first imported: where every run begins."""


def _forget(module: Any) -> None:
    """Empty what a module keeps between invocations, as in a new worker."""
    for name, value in list(vars(module).items()):
        if hasattr(value, "cache_clear") and getattr(value, "__module__", "") == module.__name__:
            value.cache_clear()
        if isinstance(value, dict | set | list) and name == name.lower() and not name.startswith("__"):
            fresh = _fresh.setdefault((module.__name__, name), copy.copy(value))
            if value != fresh:
                value.clear()
                value.extend(fresh) if isinstance(value, list) else value.update(fresh)
