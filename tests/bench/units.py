"""DynamoDB's capacity units, computed from item sizes as its Developer Guide defines them.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html: a write of up to 1 KB is
one unit, a strongly consistent read of up to 4 KB is one, an eventually consistent one half, transactions take both
twice. A global index takes a write for each entry that is made, removed or changed, and no second one for a
transaction: the guide leaves that open, DynamoDB itself says it in ConsumedCapacity, as others found who asked it
(https://github.com/nubo-db/dynoxide/pull/188).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.simulation.expressions import Image
from tests.simulation.fake_tables import Index, Table, size_of

WRITE_BYTES, READ_BYTES = 1024, 4096


def write_units(
    table: Table, old: Image | None, new: Image | None, *, wrote: bool = True, transaction: bool = False
) -> int:
    """Return what one write costs; `wrote` is False where its condition did not hold."""
    item = _writes(max(_size(old), _size(new))) * (2 if transaction else 1)
    if not wrote:
        return item
    return item + sum(_index_writes(index, table, old, new) for index in table.indexes.values())


def read_units(size: int, *, consistent: bool) -> float:
    """Return what it costs to read one item, or one page of a query, of `size` bytes."""
    return max(1, -(-size // READ_BYTES)) * (1.0 if consistent else 0.5)


def page_bytes(answer: Mapping[str, Any]) -> int:
    """Return the bytes that a query read; what its filter left out counts like the rest, on average."""
    read = sum(map(size_of, answer["Items"]))
    return read * answer["ScannedCount"] // answer["Count"] if answer["Count"] else READ_BYTES


def _size(image: Image | None) -> int:
    return size_of(image) if image else 0


def _writes(size: int) -> int:
    return max(1, -(-size // WRITE_BYTES))


def _index_writes(index: Index, table: Table, old: Image | None, new: Image | None) -> int:
    keys = [name for name in (table.hash_name, table.range_name) if name]
    before = index.project(old, keys) if old and index.place(old) else None
    after = index.project(new, keys) if new and index.place(new) else None
    if before == after:
        return 0
    if before and after and index.place(old) == index.place(new):
        return _writes(max(_size(before), _size(after)))
    return sum(_writes(_size(entry)) for entry in (before, after) if entry)
