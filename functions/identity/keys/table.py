"""The signing keys as an item of the identity table (functions/identity/table.py).

| item    | pk   | sk   | holds                                |
| key set | KEYS | RING | signing keys over time (domain.py)   |
"""

from __future__ import annotations

from functions.identity.keys.domain import KeySet
from functions.shared.dynamo import Table, from_item, to_item

_RING = {"pk": "KEYS", "sk": "RING"}


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
