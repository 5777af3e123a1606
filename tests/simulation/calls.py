"""AWS calls with what befalls them: lost answers, throttling, conflicts, crashes (faults.py says when)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from tests.simulation.fake_aws import FakeAWS
from tests.simulation.fake_dynamodb import client_error
from tests.simulation.workers import CrashedError

Run = Callable[[Any], dict[str, Any]]


class Struck:
    """Makes calls that a fault befalls."""

    def __init__(self, aws: FakeAWS, random: Random) -> None:
        self.aws, self.random = aws, random

    def __call__(self, fault: str, run: Run, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Make a call with its fault."""
        if fault in ("crash_after", "lost_answer", "provider_lost"):
            _regardless(run, request)
        if fault in _ERRORS:
            raise _ERRORS[fault](operation)
        if fault == "conflict":
            return self._conflict(run, operation, request)
        if fault == "partly_published":
            return self._partly_published(run, request)
        assert fault == "resent"
        # botocore sends again when an answer is lost; a transaction carries a token that makes it one.
        answer = run(request)
        return answer if operation == "transact_write_items" else run(request)

    def _conflict(self, run: Run, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        if operation != "transact_write_items":
            raise client_error("TransactionConflictException", "simulated", operation)
        reasons: list[dict[str, Any]] = [{"Code": "None"} for _ in request["TransactItems"]]
        try:
            self.aws.dynamodb.check_transaction(**request)
        except ClientError as error:
            reasons = list(error.response["CancellationReasons"])  # type: ignore[arg-type]
        passed = [index for index, reason in enumerate(reasons) if reason["Code"] == "None"]
        if not passed:
            return run(request)
        reasons[self.random.choice(passed)] = {"Code": "TransactionConflict"}
        raise client_error(
            "TransactionCanceledException", "simulated", operation, CancellationReasons=reasons
        )

    def _partly_published(self, run: Run, request: Mapping[str, Any]) -> dict[str, Any]:
        entries = request["Entries"]
        refused = {index for index, _ in enumerate(entries) if self.random.random() < 0.5} or {0}
        taken = [entry for index, entry in enumerate(entries) if index not in refused]
        if taken:
            run({**request, "Entries": taken})
        answers = [
            {"ErrorCode": "InternalFailure", "ErrorMessage": "simulated"}
            if index in refused
            else {"EventId": "x"}
            for index, _ in enumerate(entries)
        ]
        return {"FailedEntryCount": len(refused), "Entries": answers}


def _regardless(run: Callable[[Any], Any], request: Mapping[str, Any]) -> None:
    with contextlib.suppress(ClientError):  # nobody will hear of it
        run(request)


def _provider_unavailable(_: str) -> Exception:
    from functions.payments.providers.domain import ProviderUnavailableError

    return ProviderUnavailableError("simulated")


_ERRORS: dict[str, Callable[[str], BaseException]] = {
    "crash_before": lambda operation: CrashedError(f"before {operation}"),
    "crash_after": lambda operation: CrashedError(f"after {operation}"),
    "lost_answer": lambda _: ReadTimeoutError(endpoint_url="simulated"),
    "unreachable": lambda _: EndpointConnectionError(endpoint_url="simulated"),
    "throttled": lambda operation: client_error("ThrottlingException", "simulated", operation),
    "provider_lost": _provider_unavailable,
    "provider_down": _provider_unavailable,
}


def told(error: ClientError) -> str:
    """Return an error's codes, for the trace."""
    reasons = [reason["Code"] for reason in error.response.get("CancellationReasons", [])]
    return f"{error.response['Error']['Code']} {reasons or ''}".strip()
