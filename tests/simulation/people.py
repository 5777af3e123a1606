"""Clients of the shop: each is a greenlet that sends requests, waits and thinks, written as straight code."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from greenlet import getcurrent, greenlet

from tests.simulation.workers import Invocation
from tests.simulation.world import World
from tests.support.lambda_events import api_event

GIVE_UP_SECONDS = 29.0


class Answer(NamedTuple):
    """What a client got; status 0 when no answer came."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def is_sure(self) -> bool:
        """Tell whether the client knows what happened: an answer, and none of the server's failures."""
        return 0 < self.status < 500


NOTHING = Answer(0, None, {})


class People:
    """Starts clients and carries their requests."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.active = 0

    def start(self, life: Callable[[], None], at: float) -> None:
        """Have a client begin its life at a time."""

        def run() -> None:
            life()
            self.active -= 1

        client = greenlet(run, self.world._hub)
        self.active += 1
        self.world.people.append(client)
        self.world.clients.append((at, client))

    def sleep(self, seconds: float) -> None:
        """Let a client wait."""
        self.world.clients.append((self.world.now + seconds, getcurrent()))
        self.world._hub.switch()

    def send(self, method: str, resource: str, body: Any = None, **options: Any) -> Answer:
        """Send a request and wait for its answer, or for nothing."""
        return self.join(self.post(method, resource, body, **options))

    def post(self, method: str, resource: str, body: Any = None, **options: Any) -> Pending:
        """Send a request without waiting: what a second click does."""
        world = self.world
        function = world.deployed.routes[method, resource]
        pending = Pending(world)
        if world.is_down(function):
            pending.arrive(Answer(503, None, {}), 0.1)
            return pending
        event = api_event(method, resource, body, **options)
        lost = world.weather.strikes("unanswered")
        if lost:
            pending.arrive(NOTHING, world.weather.random.choice([0.5, GIVE_UP_SECONDS]))

        def done(invocation: Invocation) -> None:
            pending.arrive(_answer(invocation), 0.0)

        world.invoke(
            "http",
            function,
            event,
            done,
            f"{method} {event['rawPath']}",
            options.get("subject", "guest"),
            body or "",
        )
        return pending

    def join(self, pending: Pending) -> Answer:
        """Wait for the answer of a request."""
        while not pending.ready():
            pending.waiting = getcurrent()
            if pending.at is not None:
                self.world.clients.append((pending.at, pending.waiting))
                pending.waiting = None
            self.world._hub.switch()
        assert pending.answer is not None
        return pending.answer


class Pending:
    """A request on its way; the first answer to arrive is the one."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.answer: Answer | None = None
        self.at: float | None = None
        self.waiting: Any = None

    def arrive(self, answer: Answer, after: float) -> None:
        if self.answer is not None:
            return
        self.answer, self.at = answer, self.world.now + after
        if self.waiting is not None:
            self.world.clients.append((self.at, self.waiting))
            self.waiting = None

    def ready(self) -> bool:
        return self.at is not None and self.at <= self.world.now


def _answer(invocation: Invocation) -> Answer:
    if invocation.error is not None:
        return Answer(502, None, {})
    result = invocation.result
    headers = {name.lower(): str(value) for name, value in result["headers"].items()}
    body = (
        json.loads(result["body"]) if result["body"] and "json" in headers.get("content-type", "") else None
    )
    return Answer(result["statusCode"], body, headers)
