"""Stripe's HTTP API, as much of it as the adapter uses: form fields in, JSON out, over urllib3 with timeouts.

Nothing of an error's message is kept: it may quote what was sent.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import urlencode

import msgspec
import urllib3
from msgspec import Struct

from functions.payments.providers.domain import ProviderRefusedError, ProviderUnavailableError

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

T = TypeVar("T")

OTHER_FIELDS = "idempotency_error"
"""The refusal of a key that was used with other fields: so there is something."""

_VERSION = "2024-06-20"
_TIMEOUT = urllib3.Timeout(connect=2, read=6)


class Reason(Struct, frozen=True):
    """Why Stripe, or the bank, did not do it."""

    code: str | None = None
    decline_code: str | None = None
    type: str | None = None


class Redirect(Struct, frozen=True):
    """Where the buyer's bank asks."""

    url: str


class NextAction(Struct, frozen=True):
    """What the buyer is to do; without an address it is for Stripe's own code on the page."""

    redirect_to_url: Redirect | None = None


class Intent(Struct, frozen=True):
    """A PaymentIntent; the secret is for its buyer alone."""

    id: str
    status: str
    last_payment_error: Reason | None = None
    metadata: dict[str, str] | None = None
    next_action: NextAction | None = None
    client_secret: str | None = None


class StripeRefund(Struct, frozen=True):
    """A Refund; `amount` in Stripe's units."""

    id: str
    amount: int
    currency: str
    status: str | None = None
    failure_reason: str | None = None
    metadata: dict[str, str] | None = None


class Moved(Struct, frozen=True):
    """What a dispute did to the shop's balance, in the units and the currency of that."""

    amount: int


class StripeDispute(Struct, frozen=True):
    """A Dispute; `amount` in Stripe's units."""

    id: str
    amount: int
    currency: str
    status: str
    reason: str = "general"
    balance_transactions: list[Moved] = []


class _Page(Struct, Generic[T], frozen=True):
    data: list[T]
    has_more: bool = False


class _Failure(Struct, frozen=True):
    error: Reason = Reason()


class CardDeclinedError(Exception):
    """The bank said no (402)."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.code)
        self.reason = reason


class StripeApi:
    """Stripe at an address; the secret key is asked for with each call, so that it can be rotated."""

    def __init__(self, url: str, key: Callable[[], str]) -> None:
        self._url = url.rstrip("/")
        self._key = key

    def get(self, path: str, kind: type[T]) -> T:
        """Return what is at a path."""
        return _read(self._send("GET", path), kind)

    def post(
        self, path: str, kind: type[T], fields: Mapping[str, Any] | None = None, key: str | None = None
    ) -> T:
        """Return the answer to a command; `key` is its idempotency key."""
        return _read(self._send("POST", path, fields, key), kind)

    def all(self, path: str, query: Mapping[str, str], kind: type[T]) -> list[T]:
        """Return all items of a list, page by page."""
        found: list[T] = []
        after: dict[str, str] = {}
        while True:
            given = urlencode({**query, "limit": 100, **after})
            page = self.get(f"{path}?{given}", _Page[kind])  # type: ignore[valid-type]
            found += page.data
            if not (page.has_more and page.data):
                return found
            after = {"starting_after": page.data[-1].id}  # type: ignore[attr-defined]

    def create(self, path: str, fields: Mapping[str, Any], key: str) -> Intent:
        """Return the intent made under a key, as it is now and not as it was when it was made."""
        answer = self._send("POST", path, fields, key)
        intent = _read(answer, Intent)
        return self.get(f"{path}/{intent.id}", Intent) if "idempotent-replayed" in answer.headers else intent

    def _send(
        self, method: str, path: str, fields: Mapping[str, Any] | None = None, key: str | None = None
    ) -> BaseHTTPResponse:
        headers = {"Authorization": f"Bearer {self._key()}", "Stripe-Version": _VERSION}
        headers |= {"Idempotency-Key": key} if key else {}
        headers |= {"Content-Type": "application/x-www-form-urlencoded"} if method == "POST" else {}
        try:
            answer = _pool().request(
                method,
                f"{self._url}/v1/{path}",
                headers=headers,
                timeout=_TIMEOUT,
                retries=False,
                redirect=False,
                body=urlencode(fields or {}) if method == "POST" else None,
            )
        except urllib3.exceptions.HTTPError as error:
            raise ProviderUnavailableError(type(error).__name__) from None
        if not 200 <= answer.status < 300:
            raise _failure(answer)
        return answer


@functools.cache
def _pool() -> urllib3.PoolManager:
    return urllib3.PoolManager(maxsize=2)


def _failure(answer: BaseHTTPResponse) -> Exception:
    """Return what a status other than 2xx means."""
    try:
        reason = msgspec.json.decode(answer.data, type=_Failure).error
    except msgspec.MsgspecError:
        reason = Reason()
    if answer.status == 402:
        return CardDeclinedError(reason)
    # 409: the same key is being worked on; 401 and 403: our own key, which an operator can put right.
    if answer.status >= 500 or answer.status in (401, 403, 409, 429):
        return ProviderUnavailableError(f"stripe answered {answer.status} {reason.code or ''}".strip())
    return ProviderRefusedError(
        OTHER_FIELDS if reason.type == OTHER_FIELDS else reason.code or str(answer.status)
    )


def _read(answer: BaseHTTPResponse, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(answer.data, type=kind)
    except msgspec.MsgspecError:
        raise ProviderUnavailableError("stripe answered something else than documented") from None
