"""Transactions of moto that remember what they change, instead of copying the whole table for each of their items.

To be able to take a transaction back, moto copies its table once for every item of it: a hundred items on a table of a
thousand are a hundred thousand copies. Here the items that the transaction names are kept, and put back in that case.
"""

from __future__ import annotations

import copy
from typing import Any

from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table

_moto_transaction = DynamoDBBackend.transact_write_items


class _Before:
    """One item of a table as it is now, None where there is none."""

    def __init__(self, table: Table, named: dict[str, Any]) -> None:
        self._table = table
        self._hash = DynamoType(named[table.hash_key_attr])
        self._range = DynamoType(named[table.range_key_attr]) if table.range_key_attr else None
        self._item = copy.deepcopy(table.get_item(self._hash, self._range))

    def put_back(self) -> None:
        """Have the table hold that item again, without a word to its stream."""
        place, key = (
            (self._table.items[self._hash], self._range) if self._range else (self._table.items, self._hash)
        )
        if self._item is None:
            place.pop(key, None)
        else:
            place[key] = self._item


def _transact(backend: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
    """Do as DynamoDB does: all of the items are written, or none."""
    writes = [
        write
        for item in transact_items
        for write in item.values()
        if write.get("TableName") in backend.tables
    ]
    before = [
        _Before(backend.tables[write["TableName"]], write.get("Key") or write["Item"]) for write in writes
    ]
    streams = [backend.tables[write["TableName"]].stream_shard for write in writes]
    streamed = [len(stream.items) if stream else 0 for stream in streams]
    try:
        _moto_transaction(backend, transact_items)
    except Exception:
        for kept in before:
            kept.put_back()
        for stream, length in zip(streams, streamed, strict=True):
            if stream:
                del stream.items[length:]
        raise


def install() -> None:
    """Have moto's DynamoDB use these transactions from now on; backups of its tables are no copies then."""
    Table.__deepcopy__ = lambda table, _memo: table  # type: ignore[attr-defined]  # what moto goes back to
    DynamoDBBackend.transact_write_items = _transact  # type: ignore[method-assign]
