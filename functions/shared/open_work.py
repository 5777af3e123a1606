"""Work that is still open: the sparse index ``open`` of a table holds nothing else.

An item stands there by two attributes: ``open_shard`` (``<state>#<0…7>``) and ``open_at`` (RFC 3339), when it is to be
looked at. Whoever ends the work removes both.
"""

from __future__ import annotations

import zlib
from datetime import datetime

from functions.shared.clock import rfc3339
from functions.shared.dynamo import Item, Table

SHARDS = 8  # enough that sweeps and writes never meet on one partition of the index


def opened(item_id: str, at: str, state: str = "OPEN") -> dict[str, str]:
    """Return the attributes by which an item stands in the index."""
    return {"open_shard": f"{state}#{zlib.crc32(item_id.encode()) % SHARDS}", "open_at": at}


def due(table: Table, at: datetime, limit: int) -> list[Item]:
    """Return the keys of what is open and due, at most `limit` of each shard, oldest first."""
    found: list[Item] = []
    for shard in range(SHARDS):
        values = {":shard": f"OPEN#{shard}", ":at": rfc3339(at)}
        items, _ = table.query("open_shard = :shard AND open_at <= :at", values, index="open", limit=limit)
        found += items
    return found


def first(table: Table, state: str, limit: int) -> list[Item]:
    """Return the keys of what stands under a state, due or not: at most `limit` of each shard, the earliest first."""
    found: list[Item] = []
    for shard in range(SHARDS):
        items, _ = table.query(
            "open_shard = :shard", {":shard": f"{state}#{shard}"}, index="open", limit=limit
        )
        found += items
    earliest = sorted(found, key=lambda item: (item["open_at"], item["pk"]))
    return [{"pk": item["pk"], "sk": item["sk"]} for item in earliest]
