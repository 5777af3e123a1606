"""The journal table. Everything in it expires (TTL ``expires``), and nobody else's work depends on it.

| item    | pk            | sk                | index ``feed``                                         |
| entry   | OF#<subject>  | <time>#<event id> | feed = MINUTE#<yyyy-mm-ddThh:mm>#<0…3>, at = <time>#<id> |
| act     | ACT#<day>     | <time>#<event id> | none; for facts that somebody asked for                |
| summary | OF#<order>    | SUMMARY           | feed = ORDERS#<yyyy-mm-dd>#<0…3>, at = <placed at>#<order> |
| naming  | NAMES#<customer> | <time>#<event id> | none; ``subject`` of an entry that names the customer |
| erased  | NAMES#<customer> | ERASED            | none; nothing that comes late may name them            |
| told    | TOLD#<act>       | TOLD              | none; ``outbox``: what an operator does through the journal |

A subject is an order, or whatever else a fact is about. The shard keeps a busy minute off one index partition.

A naming is written before its entry, and who has written an entry looks whether somebody it names was erased. An
erasure is noted before the namings are read. So of an entry and an erasure at once, one sees the other.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from functions.journal.domain import (
    ERASED,
    JournalEntry,
    OrderSummary,
    combined,
    is_of_erased,
    people,
    without,
)
from functions.shared.clock import epoch, parse, rfc3339
from functions.shared.dynamo import Item, Table, cursor, from_cursor
from functions.shared.ids import new_id

SHARDS = 4
KEPT = timedelta(days=30)


class JournalTable(Table):
    """Entries and order summaries."""

    def act(self, outbox: str, at: datetime) -> None:
        """Have an operator's act told: written before it is done, so that none is done untold."""
        self.put(
            {"pk": f"TOLD#{new_id('act', at)}", "sk": "TOLD", "outbox": outbox, "expires": epoch(at + KEPT)}
        )

    def store(self, entry: JournalEntry) -> None:
        """Store an entry, without the people in it who were erased; safe to repeat (its key follows from the fact)."""
        for item in (*_namings(entry), *_items(entry)):
            self.put(item)
        for customer_id in sorted(people(entry)):
            if self.get({"pk": f"NAMES#{customer_id}", "sk": "ERASED"}):
                entry = self._forget(entry, customer_id)

    def erase(self, customer_id: str, at: datetime) -> None:
        """Have no entry name a customer any more, neither one that is here nor one that comes late. Safe to repeat."""
        names = f"NAMES#{customer_id}"
        self.put({"pk": names, "sk": "ERASED", "expires": epoch(at + KEPT)}, "attribute_not_exists(pk)")
        for naming in self.query_all("pk = :pk AND sk < :erased", {":pk": names, ":erased": "ERASED"}):
            when = naming["sk"]
            entry = self.get({"pk": f"OF#{naming['subject']}", "sk": when})
            entry = entry or self.get({"pk": f"ACT#{when[:10]}", "sk": when})
            if entry:
                self._forget(_entry(entry), customer_id)
            else:
                self.delete({"pk": names, "sk": when})

    def _forget(self, entry: JournalEntry, customer_id: str) -> JournalEntry:
        """Replace an entry by one that does not name a customer, and return that. Safe to repeat."""
        after = without(entry, customer_id)
        items = _items(after)
        if is_of_erased(after):  # acts of others stay, told of nobody
            items = [item for item in items[1:] if after.actor != ERASED]
        new = [*(_namings(after) if items else ()), *items]
        for item in new:
            self.put(item)
        kept = [(item["pk"], item["sk"]) for item in new]
        # Last goes what leads here, so that a repeat finds what a crash has left.
        namings = sorted(_namings(entry), key=lambda item: bool(item["pk"] == f"NAMES#{customer_id}"))
        for item in (*namings[:-1], *reversed(_items(entry)), *namings[-1:]):
            if (item["pk"], item["sk"]) not in kept:
                self.delete({"pk": item["pk"], "sk": item["sk"]})
        return after

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
                "pk": f"OF#{merged.order_id}",
                "sk": "SUMMARY",
                "version": merged.version,
                "told": merged.told,
                "feed": f"ORDERS#{merged.placed_at[:10]}#{_shard(merged.order_id)}"
                if merged.placed_at
                else None,
                "at": f"{merged.placed_at}#{merged.order_id}" if merged.placed_at else None,
                "summary": msgspec.json.encode(merged).decode(),
                "expires": epoch(at + KEPT),
            }
            unchanged = "told = :told" if known else "attribute_not_exists(pk)"
            if self.put(item, unchanged, {":told": known.told} if known else None):
                return

    def summary(self, order_id: str) -> OrderSummary | None:
        """Return an order's summary, None where no fact of it has arrived."""
        item = self.get({"pk": f"OF#{order_id}", "sk": "SUMMARY"})
        return msgspec.json.decode(item["summary"], type=OrderSummary) if item else None

    def of(self, subject: str, limit: int, after: str | None) -> tuple[list[JournalEntry], str | None]:
        """Return a page of what happened to a subject, oldest first, and the cursor of the next."""
        start = {"pk": f"OF#{subject}", **from_cursor(after, "sk")} if after else None
        items, last = self.query(
            "pk = :pk AND sk < :summary",
            {":pk": f"OF#{subject}", ":summary": "SUMMARY"},
            limit=limit,
            start=start,
        )
        return [_entry(item) for item in items], cursor(last, "sk")

    def acts(self, day: str, limit: int, before: str | None) -> tuple[list[JournalEntry], str | None]:
        """Return a page of what people asked for on a day, newest first, and the cursor of the next."""
        start = {"pk": f"ACT#{day}", **from_cursor(before, "sk")} if before else None
        items, last = self.query("pk = :pk", {":pk": f"ACT#{day}"}, limit=limit, start=start, backwards=True)
        return [_entry(item) for item in items], cursor(last, "sk")

    def since(self, after: datetime, until: datetime, limit: int) -> list[JournalEntry]:
        """Return the newest facts of a span of at most some minutes, oldest first."""
        low, high = rfc3339(after), f"{rfc3339(until)}~"
        found: list[Item] = []
        for minute in _minutes(after, until):
            for shard in range(SHARDS):
                items, _ = self.query(
                    "feed = :feed AND #at BETWEEN :low AND :high",
                    {":feed": f"MINUTE#{minute}#{shard}", ":low": low, ":high": high},
                    index="feed",
                    limit=limit,
                    backwards=True,
                )
                found += items
        return [_entry(item) for item in sorted(found, key=lambda item: str(item["at"]))[-limit:]]

    def orders_of(self, day: str, limit: int, before: str | None) -> tuple[list[OrderSummary], str | None]:
        """Return orders placed on a day (``2026-11-22``), newest first, and the cursor of the next page."""
        high = from_cursor(before, "at")["at"] if before else f"{day}~"
        found: list[Item] = []
        for shard in range(SHARDS):
            items, _ = self.query(
                "feed = :feed AND #at < :high",
                {":feed": f"ORDERS#{day}#{shard}", ":high": high},
                index="feed",
                limit=limit,
                backwards=True,
            )
            found += items
        page = sorted(found, key=lambda item: str(item["at"]), reverse=True)
        summaries = [msgspec.json.decode(item["summary"], type=OrderSummary) for item in page[:limit]]
        return summaries, cursor(page[limit - 1], "at") if len(page) > limit else None


def _when(entry: JournalEntry) -> str:
    return f"{entry.time}#{entry.id}"


def _items(entry: JournalEntry) -> list[Item]:
    """Return the items that hold an entry: by its subject, and as an act where somebody asked for it."""
    when = _when(entry)
    kept = {"entry": msgspec.json.encode(entry).decode(), "expires": epoch(parse(entry.time) + KEPT)}
    feed = {"feed": f"MINUTE#{entry.time[:16]}#{_shard(entry.id)}", "at": when}
    act = [{"pk": f"ACT#{entry.time[:10]}", "sk": when, **kept}] if entry.actor else []
    return [{"pk": f"OF#{entry.subject}", "sk": when, **feed, **kept}, *act]


def _namings(entry: JournalEntry) -> list[Item]:
    expires = epoch(parse(entry.time) + KEPT)
    return [
        {
            "pk": f"NAMES#{customer_id}",
            "sk": _when(entry),
            "subject": entry.subject,
            "expires": expires,
        }
        for customer_id in sorted(people(entry))
    ]


def _entry(item: Item) -> JournalEntry:
    return msgspec.json.decode(item["entry"], type=JournalEntry)


def _shard(text: str) -> int:
    return zlib.crc32(text.encode()) % SHARDS


def _minutes(after: datetime, until: datetime) -> Iterator[str]:
    minute = after.replace(second=0, microsecond=0)
    while minute <= until:
        yield rfc3339(minute)[:16]
        minute += timedelta(minutes=1)
