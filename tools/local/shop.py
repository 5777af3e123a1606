"""The client of the shop's public HTTP face, for tools and tests: JSON in, JSON out, one line of progress a call."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import httpx

from tools.local.emulator import loopback
from tools.report import ToolError, step


class Answer(NamedTuple):
    """What a call gave; `body` is parsed JSON, or None when there was none; names of headers are in lower case."""

    status: int
    body: Any
    headers: Mapping[str, str] = {}

    @property
    def code(self) -> str | None:
        """Return the code of a problem."""
        return self.body.get("code") if isinstance(self.body, dict) else None


class Shop:
    """The shop at one address; `say` prints each call, the service that answered it, and how long it took."""

    def __init__(self, url: str, *, say: bool = False) -> None:
        self.url = url
        self._say = say

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: dict[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Answer:
        """Make one call and return its answer, whatever the status; raise ToolError if nobody answers."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
        sent = httpx.Headers({"Content-Type": content_type} if data is not None else {}, encoding="latin-1")
        for name, value in (headers or {}).items():
            sent[name] = value  # whatever its case
        started = time.monotonic()
        try:
            response = loopback().request(
                method,
                self.url + path,
                content=data,
                headers=sent,
                timeout=35,
                follow_redirects=method == "GET",
            )
        except httpx.TransportError as error:
            raise ToolError(
                f"{method} {path}: no answer from {self.url} ({error}); try: make status"
            ) from None
        answer = Answer(response.status_code, _parsed(response.content), dict(response.headers))
        if self._say:
            milliseconds = (time.monotonic() - started) * 1000
            step(f"  {method:5} {path.partition('?')[0]} -> {answer.status}  ({milliseconds:.0f} ms)")
        return answer

    def must(self, expected: int, method: str, path: str, body: object = None, **options: Any) -> Any:
        """Make one call that has to succeed and return the body of its answer."""
        return self.expected(expected, method, path, self.call(method, path, body, **options)).body

    def expected(self, status: int, method: str, path: str, answer: Answer) -> Answer:
        """Return the answer of a call; raise ToolError, with what to do, where its status is another one."""
        if answer.status != status:
            service = path.split("/")[1]
            raise ToolError(
                f"{method} {path} gave {answer.status}: {reason(answer)}; try: make logs SERVICE={service}"
            )
        return answer


def reason(answer: Answer) -> str:
    """Return what an answer says is wrong."""
    if isinstance(answer.body, dict):
        return str(answer.body.get("detail") or answer.body.get("title") or answer.body)[:200]
    return str(answer.body)[:200]


def bearer(token: str) -> dict[str, str]:
    """Return the header that carries an access token."""
    return {"Authorization": f"Bearer {token}"}


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return raw.decode(errors="replace")
