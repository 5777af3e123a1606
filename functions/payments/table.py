"""The payments table.

| item      | pk                        | sk               | index ``open`` (sparse): open_shard, open_at              |
| payment   | PAYMENT#<order>           | PAYMENT          | OPEN#<0…7>, when the sweep looks at it (RFC 3339)         |
| refund    | PAYMENT#<order>           | REFUND#<refund>  | the same, while it is pending                             |
| entry     | PAYMENT#<order>           | ENTRY#<version>  |                                                           |
| notice    | NOTICE#<provider>#<event> | NOTICE           |                                                           |
| simulator | SIM#<order>[-<attempt>]   | INTENT           |                                                           |
| trouble   | SIM                       | TROUBLE          | (the local stack only: what the simulator is put through) |

Every change of a payment is conditional on its version. Entries are the ledger: only ever added, each in the
transaction that changes the payment, and named by the payment's version, so that one version moves money once. The
payment's totals can be rebuilt from them (domain.totals). The simulator's items are the far side of a provider that
exists nowhere else; the service never reads them.
"""

from __future__ import annotations

import zlib
from datetime import datetime, timedelta
from typing import Literal

from functions.payments.domain import Entry, Payment, Refund
from functions.shared.clock import epoch, rfc3339
from functions.shared.dynamo import Item, Table, cursor, from_cursor

SHARDS = 8  # enough that sweeping and authorising never meet on one index partition
NOTICES_KEPT = timedelta(days=30)

Trouble = Literal["none", "slow", "failing", "silent"]
"""What the simulator as a whole is put through (providers/simulator.py)."""


class PaymentsTable(Table):
    """Payments, refunds and ledger entries, each change under its condition."""

    def payment(self, order_id: str) -> Payment | None:
        """Return the payment of an order; text that is too long for an id has none."""
        item = self.get(_payment_key(order_id)) if len(order_id) <= 64 else None
        return _payment(item) if item else None

    def refund(self, order_id: str, refund_id: str) -> Refund | None:
        """Return a refund."""
        item = self.get(_refund_key(order_id, refund_id))
        return _refund(item) if item else None

    def refunds(self, order_id: str) -> list[Refund]:
        """Return the refunds of an order, oldest first, at most 100."""
        items, _ = self.query(
            "pk = :pk AND begins_with(sk, :refund)", {":pk": _payment_key(order_id)["pk"], ":refund": "REFUND#"},
            limit=100, consistent=True,
        )  # fmt: skip
        return sorted(map(_refund, items), key=lambda refund: refund.created_at)

    def entries(self, order_id: str, limit: int, after: str | None) -> tuple[list[Entry], str | None]:
        """Return a page of an order's ledger, oldest first, and the cursor of the next."""
        pk = _payment_key(order_id)["pk"]
        start = {"pk": pk, **from_cursor(after, "sk")} if after else None
        items, last = self.query(
            "pk = :pk AND begins_with(sk, :entry)", {":pk": pk, ":entry": "ENTRY#"},
            limit=limit, start=start, consistent=True,
        )  # fmt: skip
        return [_entry(item) for item in items], cursor(last, "sk")

    def add(self, payment: Payment, outbox: str | None, at: datetime) -> bool:
        """Store the first state of an order's payment; False where it has one."""
        return self.put(_payment_item(payment, outbox, at), "attribute_not_exists(pk)")

    def move(
        self,
        before: Payment,
        after: Payment,
        outbox: str | None,
        at: datetime,
        *,
        entry: Entry | None = None,
        refund: Refund | None = None,
    ) -> bool:
        """Replace a payment, together with the ledger entry and the refund it belongs to.

        False, and nothing is written, when the payment or the refund has moved on.
        """
        item, same = _payment_item(after, outbox, at), {":version": before.version}
        if entry is None and refund is None:
            return self.put(item, "version = :version", same)
        actions = [self.putting(item, "version = :version", same)]
        if entry is not None:
            actions.append(self.putting(_entry_item(entry), "attribute_not_exists(pk)"))
        if refund is not None and refund.status == "pending":
            actions.append(self.putting(_refund_item(refund), "attribute_not_exists(pk)"))
        elif refund is not None:
            pending = {":pending": "pending"}
            actions.append(self.putting(_refund_item(refund), "#status = :pending", pending))
        return self.transact(*actions) is None

    def postpone(self, refund: Refund, next_at: datetime) -> None:
        """Have the sweep look at a pending refund at another time."""
        self.update(
            _refund_key(refund.order_id, refund.refund_id), "SET open_at = :next",
            {":next": rfc3339(next_at), ":pending": "pending"}, condition="#status = :pending",
        )  # fmt: skip

    def hasten(self, payment: Payment, at: datetime) -> None:
        """Have the next sweep look at a payment that waits for the provider, if nothing has happened to it since."""
        self.update(
            _payment_key(payment.order_id), "SET open_at = :now REMOVE outbox",
            {":now": rfc3339(at), ":version": payment.version}, condition="version = :version",
        )  # fmt: skip

    def due(self, at: datetime, limit: int) -> list[tuple[str, str | None]]:
        """Return (order, refund or None) of what is open and due, at most `limit` of each shard, oldest first."""
        found = []
        for shard in range(SHARDS):
            items, _ = self.query(
                "open_shard = :shard AND open_at <= :at", {":shard": f"OPEN#{shard}", ":at": rfc3339(at)},
                index="open", limit=limit,
            )  # fmt: skip
            found += [(item["pk"].partition("#")[2], item["sk"].partition("#")[2] or None) for item in items]
        return found

    def take_note(self, provider: str, event_id: str, order_id: str | None, kind: str, at: datetime) -> bool:
        """Store that the provider told of something; False where it told the same before."""
        item = {
            "pk": f"NOTICE#{provider}#{event_id}", "sk": "NOTICE", "order_id": order_id, "kind": kind,
            "time": rfc3339(at), "expires": epoch(at + NOTICES_KEPT),
        }  # fmt: skip
        return self.put(item, "attribute_not_exists(pk)")


class SimulatorTable(Table):
    """The simulator's side of payments: an intent for each attempt to pay an order (Payment.key)."""

    def intent(self, key: str) -> Item | None:
        """Return an attempt's intent."""
        return self.get(_intent_key(key))

    def tried(self, key: str) -> int:
        """Count a try that came to nothing, and return how many there were; 0 once there is an outcome."""
        counted = self.update(
            _intent_key(key), "ADD tries :one SET #status = :trying", {":one": 1, ":trying": "trying"},
            condition="attribute_not_exists(pk) OR #status = :trying",
        )  # fmt: skip
        return int(counted["tries"]) if counted else 0

    def authorise(self, payment: Payment, *, doomed: str | None = None) -> bool:
        """Hold the money, `doomed` never to be captured; False where the intent has an outcome already."""
        item: Item = {
            **_intent_key(payment.key), "status": "authorized", "doomed": doomed, "amount": payment.amount,
            "currency": payment.currency, "refunded": 0, "refunds": {},
        }  # fmt: skip
        return self.put(item, "attribute_not_exists(pk) OR #status = :trying", {":trying": "trying"})

    def turn(self, key: str, after: Literal["captured", "voided"]) -> bool:
        """Take or free what is held; an order that is unknown can be freed, which bars it for good."""
        condition = "#status = :held AND attribute_not_exists(doomed)"
        if after == "voided":
            condition = "attribute_not_exists(pk) OR #status = :held OR #status = :trying"
        values = {":after": after, ":held": "authorized"}
        values |= {":trying": "trying"} if after == "voided" else {}
        return self.update(_intent_key(key), "SET #status = :after", values, condition=condition) is not None

    def give_back(self, payment: Payment, refund: Refund) -> bool:
        """Pay a refund; False where it was paid before, or nothing allows it."""
        name = f"refunds.#{refund.refund_id}"
        paid = self.update(
            _intent_key(payment.key), f"SET {name} = :amount, refunded = refunded + :amount",
            {":amount": refund.amount, ":room": payment.amount - refund.amount, ":captured": "captured"},
            condition=f"#status = :captured AND refunded <= :room AND attribute_not_exists({name})",
        )  # fmt: skip
        return paid is not None

    def trouble(self) -> Trouble:
        """Return what the simulator is put through."""
        item = self.get(_TROUBLE)
        found: Trouble = item["trouble"] if item else "none"
        return found

    def put_through(self, trouble: Trouble, outbox: str | None = None) -> None:
        """Put the simulator through some trouble, or none; of two operators the later one has it."""
        self.put({**_TROUBLE, "trouble": trouble, "outbox": outbox})


_TROUBLE = {"pk": "SIM", "sk": "TROUBLE"}


def _payment_key(order_id: str) -> dict[str, str]:
    return {"pk": f"PAYMENT#{order_id}", "sk": "PAYMENT"}


def _refund_key(order_id: str, refund_id: str) -> dict[str, str]:
    return {"pk": f"PAYMENT#{order_id}", "sk": f"REFUND#{refund_id}"}


def _intent_key(key: str) -> dict[str, str]:
    return {"pk": f"SIM#{key}", "sk": "INTENT"}


def _open(order_id: str, open_at: str) -> Item:
    if not open_at:
        return {}
    return {"open_shard": f"OPEN#{zlib.crc32(order_id.encode()) % SHARDS}", "open_at": open_at}


def _payment_item(payment: Payment, outbox: str | None, at: datetime) -> Item:
    return {
        **_payment_key(payment.order_id), **_open(payment.order_id, payment.open_at), "outbox": outbox,
        "order_id": payment.order_id, "status": payment.status, "amount": payment.amount,
        "currency": payment.currency, "provider": payment.provider, "version": payment.version,
        "customer_id": payment.customer_id, "ref": payment.ref, "code": payment.code,
        "captured": payment.captured, "refunded": payment.refunded, "refunding": payment.refunding,
        "created_at": payment.created_at, "changed_at": rfc3339(at),
        "attempt": payment.attempt if payment.attempt > 1 else None,
    }  # fmt: skip


def _payment(item: Item) -> Payment:
    return Payment(
        item["order_id"], item["status"], item["amount"], item["currency"], item["provider"], item["version"],
        item["created_at"], item.get("customer_id"), item["ref"], item.get("code"),
        item["captured"], item["refunded"], item["refunding"], item.get("open_at", ""), item.get("attempt", 1),
    )  # fmt: skip


def _refund_item(refund: Refund) -> Item:
    return {
        **_refund_key(refund.order_id, refund.refund_id), **_open(refund.order_id, refund.open_at),
        "order_id": refund.order_id, "refund_id": refund.refund_id, "amount": refund.amount,
        "currency": refund.currency, "reason": refund.reason, "status": refund.status,
        "created_at": refund.created_at, "by": refund.by,
    }  # fmt: skip


def _refund(item: Item) -> Refund:
    return Refund(
        item["order_id"], item["refund_id"], item["amount"], item["currency"], item["reason"], item["status"],
        item["created_at"], item.get("by"), item.get("open_at", ""),
    )  # fmt: skip


def _entry_item(entry: Entry) -> Item:
    return {
        "pk": _payment_key(entry.order_id)["pk"], "sk": f"ENTRY#{entry.number:08d}",
        "order_id": entry.order_id, "number": entry.number, "time": entry.time, "kind": entry.kind,
        "debit": entry.debit, "credit": entry.credit, "amount": entry.amount, "currency": entry.currency,
        "refund_id": entry.refund_id,
    }  # fmt: skip


def _entry(item: Item) -> Entry:
    return Entry(
        item["order_id"], item["number"], item["time"], item["kind"], item["debit"], item["credit"],
        item["amount"], item["currency"], item.get("refund_id"),
    )  # fmt: skip
