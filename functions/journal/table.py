"""The journal table. Everything in it expires (TTL ``expires``), and nobody else's work depends on it.

| item    | pk            | sk                | index ``feed``                                         |
| entry   | OF#<subject>  | <time>#<event id> | feed = MINUTE#<yyyy-mm-ddThh:mm>#<0…3>, at = <time>#<id> |
| act     | ACT#<day>     | <time>#<event id> | none; for facts that somebody asked for                |
| summary | OF#<order>    | SUMMARY           | feed = ORDERS#<yyyy-mm-dd>#<0…3>, at = <placed at>#<order> |

A subject is an order, or whatever else a fact is about. The shard keeps a busy minute off one index partition.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from functions.journal.domain import Entry, OrderSummary, combined
from functions.shared.clock import epoch, parse, rfc3339
from functions.shared.dynamo import Item, Table, cursor, from_cursor

SHARDS = 4
KEPT = timedelta(days=30)


class JournalTable(Table):
    """Entries and order summaries."""

    def store(self, entry: Entry) -> None:
        """Store an entry; safe to repeat (its key follows from the fact)."""
        when = f"{entry.time}#{entry.id}"
        kept = {"entry": msgspec.json.encode(entry).decode(), "expires": epoch(parse(entry.time) + KEPT)}
        feed = {"feed": f"MINUTE#{entry.time[:16]}#{_shard(entry.id)}", "at": when}
        self.put({"pk": f"OF#{entry.subject}", "sk": when, **feed, **kept})
        if entry.actor:
            self.put({"pk": f"ACT#{entry.time[:10]}", "sk": when, **kept})

    def summarise(self, summary: OrderSummary, at: datetime) -> None:
        """Merge a fact's summary into the order's: the newest status, and what only the first fact tells.

        Safe to repeat and in any order; two at once are told apart by the condition, and the loser merges again.
        """
        while True:
            known = self.summary(summary.order_id)
            merged = combined(known, summary)
            if merged == known:
                return
            item = {
                "pk": f"OF#{merged.order_id}", "sk": "SUMMARY", "version": merged.version, "told": merged.told,
                "feed": f"ORDERS#{merged.placed_at[:10]}#{_shard(merged.order_id)}" if merged.placed_at else None,
                "at": f"{merged.placed_at}#{merged.order_id}" if merged.placed_at else None,
                "summary": msgspec.json.encode(merged).decode(), "expires": epoch(at + KEPT),
            }  # fmt: skip
            unchanged = "told = :told" if known else "attribute_not_exists(pk)"
            if self.put(item, unchanged, {":told": known.told} if known else None):
                return

    def summary(self, order_id: str) -> OrderSummary | None:
        """Return an order's summary, None where no fact of it has arrived."""
        item = self.get({"pk": f"OF#{order_id}", "sk": "SUMMARY"})
        return msgspec.json.decode(item["summary"], type=OrderSummary) if item else None

    def of(self, subject: str, limit: int, after: str | None) -> tuple[list[Entry], str | None]:
        """Return a page of what happened to a subject, oldest first, and the cursor of the next."""
        start = {"pk": f"OF#{subject}", **from_cursor(after, "sk")} if after else None
        items, last = self.query(
            "pk = :pk AND sk < :summary",
            {":pk": f"OF#{subject}", ":summary": "SUMMARY"},
            limit=limit,
            start=start,
        )
        return [_entry(item) for item in items], cursor(last, "sk")

    def acts(self, day: str, limit: int, before: str | None) -> tuple[list[Entry], str | None]:
        """Return a page of what people asked for on a day, newest first, and the cursor of the next."""
        start = {"pk": f"ACT#{day}", **from_cursor(before, "sk")} if before else None
        items, last = self.query("pk = :pk", {":pk": f"ACT#{day}"}, limit=limit, start=start, backwards=True)
        return [_entry(item) for item in items], cursor(last, "sk")

    def since(self, after: datetime, until: datetime, limit: int) -> list[Entry]:
        """Return the newest facts of a span of at most some minutes, oldest first."""
        low, high = rfc3339(after), f"{rfc3339(until)}~"
        found: list[Item] = []
        for minute in _minutes(after, until):
            for shard in range(SHARDS):
                items, _ = self.query(
                    "feed = :feed AND #at BETWEEN :low AND :high",
                    {":feed": f"MINUTE#{minute}#{shard}", ":low": low, ":high": high},
                    index="feed", limit=limit, backwards=True,
                )  # fmt: skip
                found += items
        return [_entry(item) for item in sorted(found, key=lambda item: str(item["at"]))[-limit:]]

    def orders_of(self, day: str, limit: int, before: str | None) -> tuple[list[OrderSummary], str | None]:
        """Return orders placed on a day (``2026-11-22``), newest first, and the cursor of the next page."""
        high = from_cursor(before, "at")["at"] if before else f"{day}~"
        found: list[Item] = []
        for shard in range(SHARDS):
            items, _ = self.query(
                "feed = :feed AND #at < :high", {":feed": f"ORDERS#{day}#{shard}", ":high": high},
                index="feed", limit=limit, backwards=True,
            )  # fmt: skip
            found += items
        page = sorted(found, key=lambda item: str(item["at"]), reverse=True)
        summaries = [msgspec.json.decode(item["summary"], type=OrderSummary) for item in page[:limit]]
        return summaries, cursor(page[limit - 1], "at") if len(page) > limit else None


def _entry(item: Item) -> Entry:
    return msgspec.json.decode(item["entry"], type=Entry)


def _shard(text: str) -> int:
    return zlib.crc32(text.encode()) % SHARDS


def _minutes(after: datetime, until: datetime) -> Iterator[str]:
    minute = after.replace(second=0, microsecond=0)
    while minute <= until:
        yield rfc3339(minute)[:16]
        minute += timedelta(minutes=1)
