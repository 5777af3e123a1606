"""The catalog table.

| item    | pk                  | sk         | attributes                                                          |
| product | PRODUCT#<id>        | PRODUCT    | content (JSON, long ones packed), text, version, listed, origin     |
|         |                     |            | (the origins, between blanks), outbox; since when its prices apply, |
|         |                     |            | ended where there are earlier ones, and prior (JSON, in the order   |
|         |                     |            | of its variants) where any is reduced;                              |
|         |                     |            | pending and replaces while its listing is under way                 |
| prices  | PRODUCT#<id>        | PRICES     | which applied until then (JSON, long ones packed), currency,        |
|         |                     |            | version of the product whose prices are the last of them            |
| deleted | PRODUCT#<id>        | DELETED    | outbox                                                              |
| slug    | SLUG#<slug>         | SLUG       | product_id                                                          |
| SKU     | SKU#<sku>           | SKU        | product_id, claimed_at                                              |
| stock   | PRODUCT#<id>        | STOCK      | what inventory has told last, by SKU (domain.Availability, as JSON)  |
| entry   | LIST#<list>#<shard> | product id | card (JSON), facets, terms; price_key, title_key in long lists       |
| name    | NAMES#<kind>        | name#shard | name, count: categories, vendors and tags, with how many products   |
| column  | COLUMNS             | column     | every column of a file that is kept without a field                 |
| word    | WORDS#<initial>     | word       | every word that search has met                                      |

Entries, names and words are in lists/table.py, imports in imports/table.py.

A product and all that points to it are written in one transaction. Where that takes more than its 100 actions, SKUs are
claimed first, then the product is written with ``pending``, then the rest in numbered steps, each once. Who meets a
product with ``pending`` finishes it; at the latest that is the publisher, to whom the stream hands it.
"""

from __future__ import annotations

import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from msgspec import Struct
from msgspec.structs import asdict, replace

from functions.catalog.domain import (
    Availability,
    Card,
    Footprint,
    Product,
    Stored,
    card,
    footprint,
    skus,
    terms,
)
from functions.catalog.lists.domain import Page
from functions.catalog.lists.table import ListsTable
from functions.catalog.prices import MAX_PERIODS, Periods, PriceHistory
from functions.shared.clock import epoch
from functions.shared.dynamo import Item, cursor, from_cursor, from_item, to_item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef as Action

_PACKED_FROM = 60_000  # bytes of JSON; below, packing would cost more than it saves
_PERIODS = (MAX_PERIODS, 16, 4, 2)  # of each variant, the fewer the more variants there are
_MAX_ENDED = 100_000  # bytes of the prices of before, unless two periods of each variant take more
MAX_ACTIONS = 100  # of TransactWriteItems
TOLD_KEPT = timedelta(days=1)  # as long as a stream keeps its records


class Lost(NamedTuple):
    """Why a product was not written: its ``version`` has changed, or the ``slug`` or a ``sku`` is another's."""

    what: str
    sku: str = ""


class Claim(Struct, frozen=True):
    """Whose a SKU is, and since when."""

    product_id: str
    claimed_at: str


class CatalogTable(ListsTable):
    """Products and what points to them, each change under its condition."""

    def product(self, product_id: str, *, consistent: bool = True) -> Stored | None:
        """Return a product by its id."""
        item = self.get(_product_key(product_id), consistent=consistent)
        return _stored(item) if item else None

    def by_slug(self, slug: str, *, consistent: bool = True) -> Stored | None:
        """Return a product by its slug."""
        found = self.get(_slug_key(slug), consistent=consistent)
        return self.product(found["product_id"], consistent=consistent) if found else None

    def with_stock(self, product_id: str) -> tuple[Stored, dict[str, Availability]] | None:
        """Return a product by its id, with what inventory has told of its SKUs; both may be a moment old."""
        items = {
            item["sk"]: item for item in self.get_many([_product_key(product_id), _stock_key(product_id)])
        }
        if "PRODUCT" not in items:
            return None
        stored = _stored(items["PRODUCT"])
        told = items.get("STOCK", {})
        texts = {sku: told[_told(sku)] for sku in skus(stored.product) if _told(sku) in told}
        return stored, {sku: msgspec.json.decode(text, type=Availability) for sku, text in texts.items()}

    def price_history(self, product_id: str) -> PriceHistory | None:
        """Return which prices a product had before those that it has; None where none ever ended."""
        item = self.get(_prices_key(product_id))
        if item is None:
            return None
        variants = msgspec.json.decode(_unpacked(item["ended"]), type=dict[str, Periods])
        return PriceHistory(item["currency"], item["version"], variants)

    def keep_prices(self, product_id: str, history: PriceHistory) -> bool:
        """Keep a product's prices up to a version that it has, before it gets the next one; False where newer are kept.

        Nothing is foretold here, so that this needs no transaction, which would cost twice: whoever has read the same
        version keeps the same, and what dies in between is done again.
        """
        for most in _PERIODS:
            ended = _packed(msgspec.json.encode(history.shortened(most).variants))
            if len(ended) <= _MAX_ENDED:
                break
        item = {"currency": history.currency, "version": history.version, "ended": ended}
        no_newer = "attribute_not_exists(pk) OR version <= :version"
        return self.put({**_prices_key(product_id), **item}, no_newer, {":version": history.version})

    def id_of(self, slug: str) -> str | None:
        """Return the id of the product that has a slug, maybe a moment old."""
        found = self.get(_slug_key(slug), consistent=False)
        return str(found["product_id"]) if found else None

    def note_stock(self, product_id: str, sku: str, told: Availability) -> None:
        """Keep what inventory tells of a SKU; nothing happens where newer is known."""
        name = _told(sku)
        newer = f"attribute_not_exists({name}) OR {name} < :told"
        text = msgspec.json.encode(told).decode()
        self.update(_stock_key(product_id), f"SET {name} = :told", {":told": text}, condition=newer)

    def products(self, ids: Sequence[str], *, consistent: bool = False) -> dict[str, Stored]:
        """Return the products that exist, by id."""
        keys = [_product_key(product_id) for product_id in dict.fromkeys(ids)]
        found = map(_stored, self.get_many(keys, consistent=consistent))
        return {stored.id: stored for stored in found}

    def by_slugs(self, slugs: Iterable[str]) -> dict[str, Stored]:
        """Return the products that exist, by slug."""
        claims = self.get_many([_slug_key(slug) for slug in dict.fromkeys(slugs)])
        found = self.products([claim["product_id"] for claim in claims]).values()
        return {stored.product.slug: stored for stored in found}

    def claims(self, skus: Iterable[str]) -> dict[str, str]:
        """Return whose SKUs are now: product ids by SKU, without those that are free."""
        found = self.get_many([_sku_key(sku) for sku in dict.fromkeys(skus)], consistent=True)
        return {item["pk"].removeprefix("SKU#"): item["product_id"] for item in found}

    def claim(self, sku: str) -> Claim | None:
        """Return the claim of a SKU, None where it is free."""
        item = self.get(_sku_key(sku))
        return from_item(item, Claim) if item else None

    def unclaim(self, sku: str, claim: Claim) -> None:
        """Free a SKU, if its claim still is the one that was read."""
        values = {":id": claim.product_id, ":at": claim.claimed_at}
        self.delete(_sku_key(sku), "product_id = :id AND claimed_at = :at", values)

    def store(self, before: Stored | None, after: Stored, outbox: str | None) -> Lost | None:
        """Write a product with all that points to it and its facts; return what was in the way, None when done."""
        was = footprint(before)
        claims = [
            (Lost("sku", sku), self._claiming(sku, after))
            for sku in skus(after.product)
            if sku not in was.skus
        ]
        head = [(Lost("version"), self._putting_product(before, after, outbox))]
        if before is None or before.product.slug != after.product.slug:
            head.append((Lost("slug"), self._claiming_slug(after)))
            if before:
                head.append((Lost("slug"), self._releasing_slug(before)))
        rest = self._rest(was, after, redo=before is None or _shown(before) != _shown(after))
        if len(claims) + len(head) + len(rest) <= MAX_ACTIONS:
            return self._write([*head, *claims, *((Lost("version"), action) for action in rest)])
        return self._store_in_steps(was, before, after, outbox, claims, head[1:])

    def _store_in_steps(
        self,
        was: Footprint,
        before: Stored | None,
        after: Stored,
        outbox: str | None,
        claims: list[tuple[Lost, Action]],
        slugs: list[tuple[Lost, Action]],
    ) -> Lost | None:
        for start in range(0, len(claims), MAX_ACTIONS):
            if lost := self._write(claims[start : start + MAX_ACTIONS]):
                return lost
        begun = replace(after, pending=0, replaces=was)
        if lost := self._write([(Lost("version"), self._putting_product(before, begun, outbox)), *slugs]):
            return lost
        self.finish(begun)
        return None

    def finish(self, stored: Stored) -> None:
        """Do the steps of a listing that are still to be done. Safe to repeat, and to do by two at once."""
        if stored.pending is None or stored.replaces is None:
            return
        rest = self._rest(stored.replaces, stored, redo=True)
        steps = [rest[start : start + MAX_ACTIONS - 1] for start in range(0, len(rest), MAX_ACTIONS - 1)]
        for number in range(stored.pending, len(steps)):
            last = number + 1 == len(steps)
            guard = self.updating(
                _product_key(stored.id),
                "REMOVE pending, replaces, outbox" if last else "SET pending = :next REMOVE outbox",
                {":number": number, ":version": stored.version, **({} if last else {":next": number + 1})},
                condition="version = :version AND pending = :number",
            )
            if self.transact(guard, *steps[number]) is not None:
                return  # done by someone else, who goes on

    def remove(self, stored: Stored, outbox: str, at: datetime) -> bool:
        """Delete a product and all that points to it, and keep the fact of it; False when it has changed."""
        unchanged = "version = :version AND attribute_not_exists(pending)"
        gone = self.deleting(_product_key(stored.id), unchanged, {":version": stored.version})
        told = {
            **_product_key(stored.id),
            "sk": "DELETED",
            "outbox": outbox,
            "expires": epoch(at + TOLD_KEPT),
        }
        actions = [gone, self.putting(told), self._releasing_slug(stored)]
        actions += self.listing(stored, (), stored.listed, redo=False)
        if stored.ended:
            actions.append(self.deleting(_prices_key(stored.id)))
        actions += [self._releasing(sku, stored.id) for sku in skus(stored.product)]
        done = self.transact(*actions[:MAX_ACTIONS]) is None
        if done and actions[MAX_ACTIONS:]:
            self.transact(*actions[MAX_ACTIONS:])
        return done

    def _write(self, actions: Sequence[tuple[Lost, Action]]) -> Lost | None:
        reasons = self.transact(*(action for _, action in actions))
        if reasons is None:
            return None
        return next(
            lost for (lost, _), why in zip(actions, reasons, strict=True) if why == "ConditionalCheckFailed"
        )

    def _rest(self, was: Footprint, after: Stored, *, redo: bool) -> list[Action]:
        now = set(skus(after.product))
        return [
            *self.listing(after, after.listed, was.listed, redo=redo),
            *(self._releasing(sku, after.id) for sku in was.skus if sku not in now),
        ]

    def _putting_product(self, before: Stored | None, after: Stored, outbox: str | None) -> Action:
        item = {**_product_item(after), "outbox": outbox}
        if before is None:
            return self.putting(item, "attribute_not_exists(pk)")
        unchanged = "version = :before AND attribute_not_exists(pending)"
        return self.putting(item, unchanged, {":before": before.version})

    def _claiming_slug(self, after: Stored) -> Action:
        mine = "attribute_not_exists(pk) OR product_id = :id"
        return self.putting(
            {**_slug_key(after.product.slug), "product_id": after.id}, mine, {":id": after.id}
        )

    def _releasing_slug(self, before: Stored) -> Action:
        return self.deleting(_slug_key(before.product.slug), "product_id = :id", {":id": before.id})

    def _claiming(self, sku: str, after: Stored) -> Action:
        claim = {**_sku_key(sku), **to_item(Claim(after.id, after.updated_at))}
        return self.putting(claim, "attribute_not_exists(pk) OR product_id = :id", {":id": after.id})

    def _releasing(self, sku: str, product_id: str) -> Action:
        return self.deleting(_sku_key(sku), "product_id = :id", {":id": product_id})


def _product_key(product_id: str) -> dict[str, str]:
    return {"pk": f"PRODUCT#{product_id}", "sk": "PRODUCT"}


def _stock_key(product_id: str) -> dict[str, str]:
    return {"pk": f"PRODUCT#{product_id}", "sk": "STOCK"}


def _prices_key(product_id: str) -> dict[str, str]:
    return {"pk": f"PRODUCT#{product_id}", "sk": "PRICES"}


def _told(sku: str) -> str:
    """Return the attribute of a SKU; it may have signs that no expression takes."""
    return f"sku_{sku.encode().hex()}"


def _slug_key(slug: str) -> dict[str, str]:
    return {"pk": f"SLUG#{slug}", "sk": "SLUG"}


def _sku_key(sku: str) -> dict[str, str]:
    return {"pk": f"SKU#{sku}", "sk": "SKU"}


def _shown(stored: Stored) -> tuple[Card, list[str]]:
    return card(stored), terms(stored.product)


def _packed(content: bytes) -> str:
    """Return JSON as text; a long one compressed, so that thousands of variants fit into an item."""
    return content.decode() if len(content) < _PACKED_FROM else b64encode(zlib.compress(content)).decode()


def _unpacked(text: str) -> str | bytes:
    return text if text.startswith("{") else zlib.decompress(b64decode(text))


def page_of(skus: Sequence[str], limit: int, after: str | None) -> Page[str]:
    """Return a page of SKUs, which are in order; InvalidError where the cursor is none."""
    start = from_cursor(after, "sku")["sku"] if after else ""
    left = [sku for sku in skus if sku > start]
    return Page(left[:limit], cursor({"sku": left[limit - 1]}, "sku") if len(left) > limit else None)


def stored_size(stored: Stored) -> int:
    """Return about how many bytes a product's item has, its facts and prices of before apart (30 KB at the most)."""
    lists_and_skus = sum(len(name.encode()) + 3 for name in (*stored.listed, *skus(stored.product)))
    return len(_packed(msgspec.json.encode(stored.product))) + len(stored.text.encode()) + 2 * lists_and_skus


def _product_item(stored: Stored) -> Item:
    item = asdict(stored)
    product, origins, prior = (item.pop(name) for name in ("product", "origins", "prior"))
    in_order = [prior.get(sku) for sku in skus(product)]
    return {
        **_product_key(stored.id),
        **item,
        "content": _packed(msgspec.json.encode(product)),
        "since": stored.since or None,
        "ended": stored.ended or None,
        "prior": msgspec.json.encode(in_order).decode() if prior else None,
        "origin": " ".join(origins),
        "replaces": msgspec.json.encode(stored.replaces).decode() if stored.replaces else None,
    }


def _stored(item: Item) -> Stored:
    product = msgspec.json.decode(_unpacked(item["content"]), type=Product)
    prior = msgspec.json.decode(item.get("prior", "[]"), type=list[int | None])
    told = {
        "product": product,
        "origins": item["origin"].split(),
        "replaces": msgspec.json.decode(item.get("replaces", "null"), type=Footprint | None),
        "prior": {
            sku: amount for sku, amount in zip(skus(product), prior, strict=False) if amount is not None
        },
    }
    return from_item({**item, **told}, Stored)
