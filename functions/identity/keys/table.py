"""The signing keys as an item of the identity table (functions/identity/table.py).

| item     | pk   | sk   | holds                                                          |
| key set  | KEYS | RING | signing keys over time (domain.py)                             |
| made key | KEYS | MADE | KMS's id of the key made last, before it came into the key set |
"""

from __future__ import annotations

from functions.identity.keys.domain import KeySet
from functions.shared.dynamo import Table, from_item, to_item

_RING = {"pk": "KEYS", "sk": "RING"}
_MADE = {"pk": "KEYS", "sk": "MADE"}


class KeysTable(Table):
    """The key set, each change of it under its version."""

    def key_set(self) -> tuple[KeySet | None, bool]:
        """Return the signing keys, None before the first, and whether this state of them was published."""
        item = self.get(_RING)
        if item is None:
            return None, True
        key_set = from_item(item, KeySet)
        return key_set, item.get("published") == key_set.version

    def store_key_set(self, before: KeySet | None, after: KeySet, outbox: str) -> bool:
        """Replace the signing keys, with the fact of it; False when they have changed."""
        item = {**_RING, **to_item(after), "outbox": outbox}
        if before is None:
            return self.put(item, "attribute_not_exists(pk)")
        return self.put(item, "version = :read", {":read": before.version})

    def mark_published(self, key_set: KeySet) -> None:
        """Remember that this state of the keys was published; nothing happens when it has changed."""
        self.update(
            _RING,
            "SET published = :version REMOVE outbox",
            {":version": key_set.version},
            condition="version = :version",
        )

    def made_key(self) -> str | None:
        """Return KMS's id of the key that was made last, None where none was."""
        item = self.get(_MADE)
        return None if item is None else str(item["kms_id"])

    def record_made_key(self, kms_id: str, *, instead_of: str | None) -> str:
        """Remember a key just made in place of the last one; return its id, or another's that was quicker."""
        item, nothing = {**_MADE, "kms_id": kms_id}, "attribute_not_exists(pk)"
        stored = (
            self.put(item, nothing)
            if instead_of is None
            else self.put(item, "kms_id = :last", {":last": instead_of})
        )
        return kms_id if stored else self.made_key() or kms_id

    def drop_made_key(self, kms_id: str) -> None:
        """Forget a key that no longer exists; nothing happens when another was made since."""
        self.delete(_MADE, "kms_id = :last", {":last": kms_id})
