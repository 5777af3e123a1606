"""``Idempotency-Key``: the same key and body get the stored answer again, however often they are sent.

One record per key in the service's own table (draft-ietf-httpapi-idempotency-key-header). What runs under a key must
itself be safe to repeat: a worker that dies between the work and the record leaves the key to be tried again.

| item            | pk                         | sk   | attributes                                                |
| idempotency key | IDEM#<digest of scope,key> | IDEM | fingerprint, status, body, headers, locked_until, expires |
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec
from chalice.app import Response

from functions.shared.clock import epoch
from functions.shared.dynamo import Table
from functions.shared.errors import ConflictError, DomainError
from functions.shared.http import Service
from functions.shared.ids import KEY_KEPT, fingerprint

LOCKED_SECONDS = 30


def answered_once(
    app: Service,
    table: Table,
    scope: str,
    at: datetime,
    run: Callable[[], Response],
    *,
    key: str | None,
    told_apart_by: bytes | None = None,
) -> Response:
    """Return the answer of `run`, or the stored one where the request's key has been answered before.

    Without a key, `run` simply runs. A DomainError is not stored: the request has changed nothing.

    Parameters
    ----------
    scope
        Whose keys they are: the caller's subject (or the capability that stands for it) and the operation.
    key
        The request's, None without one: what `http.IDEMPOTENCY_KEY` gives the view.
    told_apart_by
        What of the body tells two requests apart, where the whole must not leave a digest behind (passwords).

    Raises
    ------
    ConflictError
        The key was used with another body, or its first request is still under way (with Retry-After).
    """
    if key is None:
        return run()
    request = app.request
    # Chalice's path is the route's, with {names}: what they stand for tells requests apart as well.
    # A parameter of the query says another thing too: a dry run is no import.
    pairs = [*sorted((request.uri_params or {}).items()), *sorted((request.query_params or {}).items())]
    parameters = [part for pair in pairs for part in pair]
    body = request.raw_body or b"" if told_apart_by is None else told_apart_by
    print_ = fingerprint(request.method, request.path, *parameters, body)
    record = {"pk": "IDEM#" + fingerprint(scope, key), "sk": "IDEM"}
    seconds = epoch(at)
    locked = table.put(
        {
            **record,
            "fingerprint": print_,
            "locked_until": seconds + LOCKED_SECONDS,
            "expires": epoch(at + KEY_KEPT),
        },
        "attribute_not_exists(pk) OR expires < :now OR (locked_until < :now AND fingerprint = :same)",
        {":now": seconds, ":same": print_},
    )
    if not locked:
        return _stored(table, record, print_)
    try:
        answer = run()
    except DomainError:
        table.delete(record)
        raise
    table.update(
        record,
        "SET #status = :status, body = :body, headers = :headers REMOVE locked_until",
        {
            ":status": answer.status_code,
            ":body": answer.body,
            ":headers": msgspec.json.encode(answer.headers).decode(),
        },
    )
    return answer


def _stored(table: Table, record: dict[str, str], print_: str) -> Response:
    found = table.get(record)
    if found is None or (found["fingerprint"] == print_ and "status" not in found):
        raise ConflictError(
            "request_in_flight",
            "The first request with this Idempotency-Key is still running.",
            retry_after=2,
        )
    if found["fingerprint"] != print_:
        raise ConflictError(
            "idempotency_key_reused", "This Idempotency-Key was used with another request; take a new one."
        )
    headers = msgspec.json.decode(found["headers"], type=dict[str, str | list[str]])
    return Response(
        found["body"], headers={**headers, "Idempotency-Replayed": "true"}, status_code=found["status"]
    )
