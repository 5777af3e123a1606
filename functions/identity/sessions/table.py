"""Sessions as items of the identity table (functions/identity/table.py).

| item    | pk                 | sk           | holds                                            |
| session | ACCOUNT#<customer> | SESSION#<id> | digests of the newest refresh token and the last |
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from functions.identity.accounts.table import NOT_THERE, AccountsTable
from functions.identity.sessions.domain import UNCOUNTED, Session
from functions.shared.clock import epoch, parse, rfc3339
from functions.shared.dynamo import from_item, to_item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef


class SessionsTable(AccountsTable):
    """Sessions, beside the accounts they belong to."""

    def session(self, customer_id: str, session_id: str) -> Session | None:
        """Return a session."""
        item = self.get(_session_key(customer_id, session_id))
        return from_item({"rotations": UNCOUNTED, **item}, Session) if item else None

    def open_session(self, session: Session) -> None:
        """Store a new session."""
        item = {
            **_session_key(session.account_id, session.id),
            **to_item(session),
            "expires": epoch(parse(session.ends_at)),
        }
        self.put(item, NOT_THERE)

    def rotate(self, session: Session, next_digest: str, ends_at: datetime, at: datetime) -> bool:
        """Replace a session's refresh token; False when that has happened already."""
        changed = self.update(
            _session_key(session.account_id, session.id),
            "SET #current = :next, #previous = :current, rotated_at = :at, ends_at = :ends, expires = :expires, "
            "rotations = if_not_exists(rotations, :none) + :one",
            {
                ":next": next_digest,
                ":current": session.current,
                ":at": rfc3339(at),
                ":ends": rfc3339(ends_at),
                ":expires": epoch(ends_at),
                ":none": UNCOUNTED,
                ":one": 1,
            },
            condition="#current = :current",
        )
        return changed is not None

    def keeping_session(self, customer_id: str, session_id: str, new_epoch: int) -> TransactWriteItemTypeDef:
        """Return the action that lets a session outlive the end of all others."""
        return self.updating(
            _session_key(customer_id, session_id),
            "SET #epoch = :epoch",
            {":epoch": new_epoch},
            condition="attribute_exists(pk)",
        )

    def end_session(self, customer_id: str, session_id: str) -> None:
        """Delete a session; nothing happens where there is none."""
        self.delete(_session_key(customer_id, session_id))


def _session_key(customer_id: str, session_id: str) -> dict[str, str]:
    return {"pk": f"ACCOUNT#{customer_id}", "sk": f"SESSION#{session_id}"}
