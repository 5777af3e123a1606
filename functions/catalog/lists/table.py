"""The lists products stand in, as items: what is written for one, and how a page is read.

A list (``published``, ``draft``, ``withdrawn``, ``category:men``, ``vendor:…``, ``tag:…``, ``word:shirt``) is one
partition, a long one several. Its entries lie in the order of their ids (newest last), of price in the index
``by-price`` and of title in ``by-title``. Pages merge partitions, or the lists of several words, and go on after a key,
not at an offset.

Those of tags and words are many, short, and in no index, which would take two thirds of what writing a product takes:
for another order than that of ids such a list is read as a whole and sorted; where it is too long for that, all
products are read in that order instead, of which it then has a good part.
"""

from __future__ import annotations

import heapq
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count, groupby, islice
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from functions.catalog.domain import Card, Product, Stored, card, facet, facets, named_facets, terms
from functions.catalog.lists.domain import ListEntry, NameCount, Page
from functions.catalog.text import fold
from functions.shared.dynamo import Item, Table, cursor, from_cursor, from_item, to_item
from functions.shared.errors import InvalidError
from functions.shared.ids import is_id

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef as Action

SHARDS = 4  # parts of a long list, so that no single partition takes all of its reads and writes
MAX_EXAMINED = 2000
"""Entries read for one page at most, where filters let few of them pass: about 2 MB, 250 read units, half a second.

A page that ends here is shorter than asked for, or even empty, and has a cursor: the next one goes on from here.
"""
MAX_SORTED = 1000
"""Entries of lists without an index that are read and sorted for one page: about 0.7 MB, 90 read units."""
_MOST_AT_ONCE = 250  # entries a query asks for; about a quarter of the megabyte that it may return


class Order(NamedTuple):
    """An order of a list: the index it is read by (None: the table itself) and its key."""

    using: str | None
    key: str
    backwards: bool = False


ORDERS = {
    "newest": Order(None, "sk", backwards=True),
    "oldest": Order(None, "sk"),
    "price": Order("by-price", "price_key"),
    "-price": Order("by-price", "price_key", backwards=True),
    "title": Order("by-title", "title_key"),
    "-title": Order("by-title", "title_key", backwards=True),
}


class ListsTable(Table):
    """Entries of lists, the names of facets, and the words search knows."""

    def page(
        self,
        lists: Sequence[str],
        sort: str,
        limit: int,
        after: str | None,
        keep: Callable[[ListEntry], bool],
        examine: int = MAX_EXAMINED,
        consistent: bool = False,
    ) -> Page[ListEntry]:
        """Return a page of the entries of several lists, each product once, without those `keep` refuses.

        Reads about as many entries as it returns; where `keep` lets few pass, it reads on, in ever larger steps,
        until the page is full or `examine` entries have been looked at. `keep` has to refuse what is in none of the
        lists as well, where these have no index. Where `consistent`, what was written before is
        there for sure; not for an order that an index keeps.
        """
        order = ORDERS[sort]
        key = _position(sort, after) if after else None
        merged = self._in_order(lists, order, key, limit, consistent=consistent)
        found: list[ListEntry] = []
        for examined, (place, entries) in enumerate(groupby(merged, lambda entry: str(entry[order.key]))):
            if len(found) == limit or examined == examine:
                return Page(found, cursor({"sort": sort, "key": key}, "sort", "key"))
            entry, key = from_item(next(entries), ListEntry), place
            if keep(entry):
                found.append(entry)
        return Page(found, None)

    def _in_order(
        self, lists: Sequence[str], order: Order, after: str | None, limit: int, *, consistent: bool
    ) -> Iterator[Item]:
        """Yield the entries of lists in order, or of a list that has them all where these are too long to be sorted."""
        if order.using and all(map(_is_short, lists)):
            entries = self._sorted(lists, order, after)
            if entries is not None:
                return iter(entries)
            lists = ["published"]
        shards = [f"LIST#{name}#{shard}" for name in lists for shard in range(shards_of(name))]
        ahead = -(-(limit + 1) // len(shards)) + 1
        return heapq.merge(
            *(self._entries(shard, order, after, ahead, consistent=consistent) for shard in shards),
            key=lambda entry: str(entry[order.key]),
            reverse=order.backwards,
        )

    def _sorted(self, lists: Sequence[str], order: Order, after: str | None) -> list[Item] | None:
        """Return the entries of lists without an index in order; None where there are more than `MAX_SORTED`."""
        found: list[Item] = []
        for name in lists:
            entries = self.query_all("pk = :pk", {":pk": f"LIST#{name}#0"}, limit=MAX_SORTED + 1)
            found += islice(entries, MAX_SORTED + 1 - len(found))
            if len(found) > MAX_SORTED:
                return None
        keyed = [{**entry, **order_keys(msgspec.json.decode(entry["card"], type=Card))} for entry in found]
        keyed.sort(key=lambda one: str(one[order.key]), reverse=order.backwards)
        return [one for one in keyed if after is None or _is_after(one[order.key], after, order)]

    def _entries(
        self, shard: str, order: Order, after: str | None, ahead: int, *, consistent: bool
    ) -> Iterator[Item]:
        condition, values = "pk = :pk", {":pk": shard}
        if after:
            condition += f" AND {order.key} {'<' if order.backwards else '>'} :after"
            values[":after"] = after
        start: Item | None = None
        for turn in count():
            size = min(ahead * 4 ** max(turn - 1, 0), _MOST_AT_ONCE)  # parts of a list are not of one length
            items, start = self.query(
                condition,
                values,
                index=order.using,
                limit=size,
                backwards=order.backwards,
                start=start,
                consistent=consistent,
            )
            yield from items
            if start is None:
                return

    def words(self, prefix: str, limit: int) -> list[str]:
        """Return known words with a prefix, in order, at most `limit`."""
        found, _ = self.query(
            "pk = :pk AND begins_with(sk, :prefix)",
            {":pk": f"WORDS#{prefix[0]}", ":prefix": prefix},
            limit=limit,
        )
        return [item["sk"] for item in found]

    def learn(self, words: Iterable[str]) -> None:
        """Make words known to search. A word stays known for good; one without products finds nothing."""
        new = [{"pk": f"WORDS#{word[0]}", "sk": word} for word in words if (self.name, word) not in _learnt]
        known = {item["sk"] for item in self.get_many(new)}
        self.put_many([key for key in new if key["sk"] not in known])
        if len(_learnt) > 20_000:
            _learnt.clear()
        _learnt.update((self.name, key["sk"]) for key in new)

    def columns(self) -> list[str]:
        """Return the columns of imported files that no field was found for, in order."""
        return [item["sk"] for item in self.query_all("pk = :pk", {":pk": "COLUMNS"})]

    def learn_columns(self, columns: Iterable[str]) -> None:
        """Make columns known to exports. A column stays known for good."""
        for column in columns:
            if (self.name, f"COLUMNS#{column}") not in _learnt:
                self.put({"pk": "COLUMNS", "sk": column})
                _learnt.add((self.name, f"COLUMNS#{column}"))

    def names(self, kind: str, limit: int, after: str | None) -> Page[NameCount]:
        """Return a page of the categories, vendors or tags in use, in order.

        Names without products are passed over, `MAX_EXAMINED` rows at most for one page.
        """
        start = {"pk": f"NAMES#{kind}", **from_cursor(after, "sk")} if after else None
        rows = self._entries_of_names(kind, start, (limit + 1) * SHARDS)
        found: list[NameCount] = []
        last: Item | None = None
        examined = 0
        for _, group in groupby(rows, lambda row: str(row["sk"]).rpartition("#")[0]):
            if len(found) == limit or examined >= MAX_EXAMINED:
                return Page(found, cursor(last, "sk"))
            same = list(group)
            last, examined = same[-1], examined + len(same)
            if units := sum(row["count"] for row in same):
                found.append(NameCount(last["name"], units))
        return Page(found, None)

    def _entries_of_names(self, kind: str, start: Item | None, ahead: int) -> Iterator[Item]:
        return self.query_all("pk = :pk", {":pk": f"NAMES#{kind}"}, limit=ahead, start=start)

    def listing(
        self, stored: Stored, listed: Iterable[str], before: Iterable[str], *, redo: bool
    ) -> list[Action]:
        """Return the actions that have a product stand in the lists `listed` and no other it stood in `before`.

        Parameters
        ----------
        redo
            Whether the entries it has already are to be written anew.
        """
        product_id, product = stored.id, stored.product
        now, then = dict.fromkeys(listed), dict.fromkeys(before)
        bare = to_item(entry(stored))
        whole = {**bare, **order_keys(card(stored))}
        put = [name for name in now if redo or name not in then]
        return [
            *(
                self.putting({**_entry_key(name, product_id), **(bare if _is_short(name) else whole)})
                for name in put
            ),
            *(self.deleting(_entry_key(name, product_id)) for name in then if name not in now),
            *self._counting(product_id, (name for name in now if name not in then), 1, product),
            *self._counting(product_id, (name for name in then if name not in now), -1, product),
        ]

    def _counting(
        self, product_id: str, lists: Iterable[str], step: int, product: Product
    ) -> Iterator[Action]:
        spelled = {facet(kind, name): name for kind, name in named_facets(product)}
        for name in lists:
            kind, _, value = name.partition(":")
            if kind in ("category", "vendor", "tag"):
                yield self.updating(
                    {"pk": f"NAMES#{kind}", "sk": f"{value}#{_hash(product_id) % SHARDS}"},
                    "ADD #count :step SET #name = if_not_exists(#name, :name)",
                    {":step": step, ":name": spelled.get(name, value)},
                )


def entry(stored: Stored) -> ListEntry:
    """Return a product's entry, the same in all lists."""
    product = stored.product
    return ListEntry(
        stored.id,
        card=msgspec.json.encode(card(stored)).decode(),
        facets=tuple(facets(product)),
        terms=f" {' '.join(terms(product))} ",
    )


def order_keys(shown: Card) -> dict[str, str]:
    """Return where a product stands in the orders that indexes keep."""
    return {
        "price_key": f"{shown.price.min.amount:012d}#{shown.id}",
        "title_key": f"{fold(shown.title)[:100]}#{shown.id}",
    }


def _is_after(key: str, other: str, order: Order) -> bool:
    return key < other if order.backwards else key > other


def _is_short(name: str) -> bool:
    """Tell whether a list is one of many and in no index: that of a tag or a word."""
    return name.startswith(("tag:", "word:"))


def shards_of(name: str) -> int:
    """Return over how many partitions a list is spread; tags and words are many and short."""
    return 1 if _is_short(name) else SHARDS


def _hash(product_id: str) -> int:
    return zlib.crc32(product_id.encode())


def _entry_key(name: str, product_id: str) -> dict[str, str]:
    return {"pk": f"LIST#{name}#{_hash(product_id) % shards_of(name)}", "sk": product_id}


def _position(sort: str, after: str) -> str:
    """Return the key a cursor of this order names; raise InvalidError for any other text."""
    given = from_cursor(after, "sort", "key")
    if given["sort"] != sort or not is_id("prd", given["key"].rpartition("#")[2]):
        raise InvalidError("invalid_cursor", "The cursor belongs to another list or order.")
    key: str = given["key"]
    return key


_learnt: set[tuple[str, str]] = set()
"""Words this worker has seen in the table, so that an import asks for each once."""
