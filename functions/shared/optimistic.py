"""Optimistic changes: read, apply a rule, store under the version that was read; again where others were faster."""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from functions.shared.errors import ConflictError

P = ParamSpec("P")
T = TypeVar("T")

TRIES = 12
_LONGER = 0.004
"""Seconds that each pause may be longer than the one before."""


class BusyError(ConflictError):
    """Others were faster each time we tried: a request may come again, a message does."""

    def __init__(self, code: str) -> None:
        super().__init__(code, "This is being changed by others right now; try again.", retry_after=1)


def optimistic(code: str) -> Callable[[Callable[P, T | None]], Callable[P, T]]:
    """Have a function called again, a random moment later, while it returns None or False.

    It reads, applies a rule and stores under the version that it read; None or False says that others were faster.

    Raises
    ------
    BusyError
        With this code, after the last try.
    """

    def decorate(attempt: Callable[P, T | None]) -> Callable[P, T]:
        @functools.wraps(attempt)
        def run(*args: P.args, **kwargs: P.kwargs) -> T:
            for number in range(TRIES):
                if number:
                    time.sleep(random.uniform(0, _LONGER * number))
                done = attempt(*args, **kwargs)
                if done is not None and done is not False:
                    return done
            raise BusyError(code)

        return run

    return decorate
