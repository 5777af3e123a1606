"""The orders table.

| item            | pk                         | sk    | index ``open`` (sparse)       | index ``mine`` (sparse) |
| order           | ORDER#<order>              | ORDER | open_shard = OPEN#<0…7>,      | customer = <customer>,  |
|                 |                            |       | open_at = deadline, or when   | placed_at               |
|                 |                            |       | its decision is told again,   |                         |
|                 |                            |       | until all have followed it;   |                         |
|                 |                            |       | then open_shard =             |                         |
|                 |                            |       | UNPAID#<0…7>, if it could not |                         |
|                 |                            |       | be charged, UNSETTLED#<0…7>,  |                         |
|                 |                            |       | if a refund failed, or it is  |                         |
|                 |                            |       | disputed                      |                         |
| bought already  | ORDER#<order>              | ORDER |                               |                         |
| idempotency key | IDEM#<digest of scope,key> | IDEM  |                               |                         |
| mail            | ORDER#<order>              | MAIL#<mail> |                         |                         |
| mail request    | ORDER#<order>              | REQUEST#<mail> |                      |                         |

What staff find orders by is in search/table.py.

In the place of an order that can never be, because another bought the same (carts that were merged), ``bought_by``
names that other. An order is one item, so that what it decides and the fact of it are one write; it carries the outbox
of that. An ``outbox`` names facts only: their data is made of the item (saga.build_data). A write unit pays for one
kilobyte, indexes included, and an order of a few lines is to fit: ``content`` is domain.Content as JSON arrays, without
names (fields are only ever added to its types, at the end); a ``timeline`` entry is ``<time> <type> <cause> <detail>``,
with ``~`` for the order's id.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from functions.orders.domain import (
    PARTICIPANTS,
    TELL_AGAIN,
    Content,
    Mail,
    MoneyBack,
    Order,
    OrderLine,
    TaxPart,
    TimelineEntry,
    Totals,
)
from functions.shared import open_work
from functions.shared.addresses import PostalAddress
from functions.shared.clock import epoch, parse, rfc3339
from functions.shared.dynamo import Item, Table, cursor, from_cursor, from_item
from functions.shared.ids import KEY_KEPT

MAILS_KEPT = timedelta(days=60)  # longer than the bus keeps facts to send again (30 days)


class _LineRow(OrderLine, frozen=True, array_like=True):
    pass


class _TaxRow(TaxPart, frozen=True, array_like=True):
    pass


class _TotalsRow(Totals, frozen=True, array_like=True):
    taxes: tuple[_TaxRow, ...] = ()


class _AddressRow(PostalAddress, frozen=True, array_like=True):
    pass


class _ContentRow(Content, frozen=True, array_like=True):
    """An order's content as arrays, without names."""

    lines: tuple[_LineRow, ...]
    totals: _TotalsRow
    shipping_address: _AddressRow


class OrdersTable(Table):
    """Orders, each change under its condition."""

    def order(self, order_id: str) -> Order | None:
        """Return an order, None where there is none."""
        item = self.get(_key(order_id))
        return order_of(item) if item and "bought_by" not in item else None

    def orders(self, order_ids: Iterable[str]) -> list[Order]:
        """Return the orders of these ids that exist, in no particular order."""
        items = self.get_many([_key(order_id) for order_id in dict.fromkeys(order_ids)])
        return [order_of(item) for item in items if "bought_by" not in item]

    def bought_by(self, order_ids: Iterable[str]) -> str | None:
        """Return the order that has bought what the first of these was to buy: itself or another, None if none has."""
        found = (self.get(_key(order_id)) for order_id in order_ids)
        return next((item.get("bought_by", item["pk"].partition("#")[2]) for item in found if item), None)

    def place(self, order: Order, replaced: Sequence[str] = (), until: datetime | None = None) -> bool:
        """Store a new order in the place of all that are replaced by it; False where one of them is there.

        Parameters
        ----------
        replaced
            Ids of orders that can never be once this one is; two carts that were merged have such.
        until
            When nobody can order by their quotes any more.
        """
        item = {
            **_key(order.order_id),
            "customer": order.customer_id,
            "placed_at": order.placed_at,
            "content": _packed(order.content),
            "correlation_id": order.correlation_id or None,
            **open_work.opened(order.order_id, order.content.decide_by),
            **_standing(order),
        }
        free = "attribute_not_exists(pk)"
        if not replaced or until is None:
            return self.put(item, free)
        expires = {"bought_by": order.order_id, "expires": epoch(until)}
        marks = [self.putting({**_key(order_id), **expires}, free) for order_id in replaced]
        return self.transact(self.putting(item, free), *marks) is None

    def change(self, before: Order, after: Order, outbox: str | None) -> bool:
        """Store what has become of an order, with its facts; False when it has changed meanwhile."""
        wanted = {**_standing(after), "outbox": outbox}
        dropped = [name for name, value in wanted.items() if value is None]
        # The deadline of an order whose bank asked may be far away: who holds something for it is told before.
        called_off = before.status == "placed" and after.status == "cancelled"
        is_early = called_off and after.deadline > after.content.decide_by
        if after.is_open and (is_early or not before.is_open):
            again_at = parse(after.decisions[-1].time) + TELL_AGAIN
            wanted |= open_work.opened(after.order_id, rfc3339(again_at))
        elif after.status == "placed" and after.deadline != before.deadline:
            wanted |= open_work.opened(after.order_id, after.deadline)
        elif after.is_open:
            pass  # it stays where it stands: an entry of an index that does not change costs nothing
        elif after.unpaid or after.unsettled:
            state = "UNPAID" if after.unpaid else "UNSETTLED"
            wanted |= open_work.opened(after.order_id, after.placed_at, state)
        else:
            dropped += ["open_shard", "open_at"]
        kept = {name: value for name, value in wanted.items() if value is not None}
        expression = "SET " + ", ".join(f"#{name} = :{name}" for name in kept)
        expression += " REMOVE " + ", ".join(f"#{name}" for name in dropped) if dropped else ""
        return self._store(before, expression, {f":{name}": value for name, value in kept.items()})

    def _store(self, before: Order, expression: str, values: Item) -> bool:
        """Change an order's item; False when it has changed meanwhile."""
        read = {**values, ":read": before.version}
        changed = self.update(_key(before.order_id), expression, read, condition="#version = :read")
        return changed is not None

    def postpone(self, before: Order, until: datetime) -> bool:
        """Have the sweep look at an open order again at a time; False when it has changed meanwhile."""
        return self._store(
            before,
            "SET open_at = :until, #version = :version REMOVE outbox",
            {":until": rfc3339(until), ":version": before.version + 1},
        )

    def erase(self, before: Order, after: Order) -> bool:
        """Store an order's content without its customer, and no facts; False when it has changed meanwhile."""
        return self._store(
            before,
            "SET content = :content, #version = :version REMOVE outbox",
            {":content": _packed(after.content), ":version": after.version},
        )

    def orders_of(self, customer_id: str, limit: int, after: str | None) -> tuple[list[Order], str | None]:
        """Return a page of a customer's orders, newest first, and the cursor of the next."""
        start = (
            {"customer": customer_id, "sk": "ORDER", **from_cursor(after, "placed_at", "pk")}
            if after is not None
            else None
        )
        keys, last = self.query(
            "customer = :customer",
            {":customer": customer_id},
            index="mine",
            limit=limit,
            start=start,
            backwards=True,
        )
        found = map(order_of, self.get_many([{"pk": key["pk"], "sk": key["sk"]} for key in keys]))
        newest_first = sorted(found, key=lambda order: (order.placed_at, order.order_id), reverse=True)
        return newest_first, cursor(last, "placed_at", "pk")

    def waiting(self, at: datetime, limit: int) -> list[tuple[str, str]]:
        """Return (id, when it is to be looked at) of open orders no later than `at`, at most `limit` of each shard."""
        return [(key["pk"].partition("#")[2], key["open_at"]) for key in open_work.due(self, at, limit)]

    def open(self, limit: int) -> list[Order]:
        """Return the orders that wait for their votes, at most `limit`, those with the nearest deadline first.

        Decided ones that are not followed yet stand between them: where it takes more than one look, there is trouble.
        """
        found: list[Order] = []
        keys = open_work.first(self, "OPEN", limit)
        while keys and len(found) < limit:
            some, keys = keys[:limit], keys[limit:]
            found += [order for item in self.get_many(some) if (order := order_of(item)).status == "placed"]
        return sorted(found, key=lambda order: (order.deadline, order.order_id))[:limit]

    def unpaid(self, limit: int) -> list[Order]:
        """Return the confirmed orders that could not be charged, at most `limit`, oldest first."""
        found = (order for order in self._first_of("UNPAID", limit) if order.unpaid)
        return sorted(found, key=lambda order: (order.placed_at, order.order_id))

    def unsettled(self, limit: int) -> list[Order]:
        """Return the orders of which a refund failed or that are disputed, at most `limit`, oldest first."""
        found = (order for order in self._first_of("UNSETTLED", limit) if order.unsettled)
        return sorted(found, key=lambda order: (order.placed_at, order.order_id))

    def _first_of(self, state: str, limit: int) -> list[Order]:
        """Return the orders that the open index lists first under a state; the index may lag behind."""
        return [order_of(item) for item in self.get_many(open_work.first(self, state, limit)[:limit])]

    def claim_key(self, digest: str, fingerprint: str, at: datetime) -> bool:
        """Bind an idempotency key to a request; False where it is bound to another. Safe to repeat."""
        return self.put(
            {**_idempotency(digest), "fingerprint": fingerprint, "expires": epoch(at + KEY_KEPT)},
            "attribute_not_exists(pk) OR expires < :now OR fingerprint = :same",
            {":now": epoch(at), ":same": fingerprint},
        )

    def free_key(self, digest: str, fingerprint: str) -> None:
        """Let an idempotency key go whose request came to nothing."""
        self.delete(_idempotency(digest), "fingerprint = :same", {":same": fingerprint})

    def request_mail(self, order_id: str, mail_id: str, outbox: str, at: datetime) -> None:
        """Keep that staff want a mail sent again, with the fact of it; nothing happens where that is kept already."""
        place = {"pk": _key(order_id)["pk"], "sk": f"REQUEST#{mail_id}"}
        item = {**place, "outbox": outbox, "expires": epoch(at + MAILS_KEPT)}
        self.put(item, "attribute_not_exists(pk)")

    def claim_mail(self, order_id: str, mail: Mail, at: datetime, until: datetime) -> bool:
        """Claim a mail for sending; False where it was sent, or another worker's claim has not run out."""
        item = {
            **_mail_key(order_id, mail.mail_id),
            "kind": mail.kind,
            "by": mail.by,
            "claimed_until": rfc3339(until),
            "expires": epoch(at + MAILS_KEPT),
        }
        free = "attribute_not_exists(pk) OR (attribute_not_exists(sent_at) AND claimed_until <= :now)"
        return self.put(item, free, {":now": rfc3339(at)})

    def unclaim_mail(self, order_id: str, mail_id: str) -> None:
        """Let a mail go that could not be sent."""
        self.delete(_mail_key(order_id, mail_id), "attribute_not_exists(sent_at)")

    def mark_mail(self, order_id: str, mail_id: str, at: datetime) -> None:
        """Note that a mail was sent."""
        self.update(
            _mail_key(order_id, mail_id),
            "SET sent_at = :at REMOVE claimed_until",
            {":at": rfc3339(at)},
            condition="attribute_exists(pk)",
        )

    def mail_sent(self, order_id: str, mail_id: str) -> bool:
        """Tell whether a mail was sent."""
        found = self.get(_mail_key(order_id, mail_id))
        return found is not None and "sent_at" in found

    def mails(self, order_id: str) -> list[Mail]:
        """Return the mails about an order that were sent, oldest first, at most 100."""
        items, _ = self.query(
            "pk = :pk AND begins_with(sk, :mail)", {":pk": _key(order_id)["pk"], ":mail": "MAIL#"}, limit=100
        )
        found = [from_item({**item, "mail_id": item["sk"].removeprefix("MAIL#")}, Mail) for item in items]
        return sorted((mail for mail in found if mail.sent_at), key=lambda mail: str(mail.sent_at))


def order_of(item: Item) -> Order:
    """Return the order an item holds."""
    order_id = item["pk"].partition("#")[2]
    told = {
        "order_id": order_id,
        "customer_id": item.get("customer"),
        "content": _unpacked(item["content"]),
        "parts": {name: item[who.part] for name, who in PARTICIPANTS.items() if who.part in item},
        "back": _back(item),
        "timeline": [_entry(text, order_id) for text in item.get("timeline", ())],
    }
    return from_item({**item, **told}, Order)


def _standing(order: Order) -> dict[str, Any]:
    """Return the attributes that change; None where there is nothing to store."""
    return {
        "status": order.status,
        "version": order.version,
        "reason": order.reason,
        **{who.part: order.parts.get(name) for name, who in PARTICIPANTS.items()},
        "refunded": order.back.refunded or None,
        "back": " ".join(map(str, order.back._replace(refunded=0))) if order.back.version else None,
        "timeline": [_text(entry, order.order_id) for entry in order.timeline] or None,
        "attempts": order.attempts if order.attempts > 1 else None,
        "failed_attempt": order.failed_attempt or None,
    }


def _packed(content: Content) -> str:
    return msgspec.json.encode(msgspec.convert(content, _ContentRow, from_attributes=True)).decode()


def _unpacked(text: str) -> Content:
    return msgspec.convert(msgspec.json.decode(text, type=_ContentRow), Content, from_attributes=True)


def _text(entry: TimelineEntry, order_id: str) -> str:
    kind = f"{entry.type}@{entry.version}" if entry.version else entry.type
    return " ".join((entry.time, kind, entry.cause.replace(order_id, "~"), entry.detail)).rstrip()


def _entry(text: str, order_id: str) -> TimelineEntry:
    time, kind, cause, detail, *_ = (*text.split(" ", 3), "")
    kind, _, version = kind.partition("@")
    return TimelineEntry(time, kind, cause.replace("~", order_id), detail, int(version or 0))


def _back(item: Item) -> MoneyBack:
    """Return what went back; items from before that was versioned hold the refunded amount alone."""
    known = MoneyBack(*map(int, item["back"].split())) if "back" in item else MoneyBack()
    return known._replace(refunded=item.get("refunded", 0))


def _key(order_id: str) -> dict[str, str]:
    return {"pk": f"ORDER#{order_id}", "sk": "ORDER"}


def _mail_key(order_id: str, mail_id: str) -> dict[str, str]:
    return {"pk": _key(order_id)["pk"], "sk": f"MAIL#{mail_id}"}


def _idempotency(digest: str) -> dict[str, str]:
    return {"pk": f"IDEM#{digest}", "sk": "IDEM"}
