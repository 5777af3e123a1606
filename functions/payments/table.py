"""The payments table.

| item      | pk                        | sk               | index ``open`` (sparse): open_shard, open_at              |
| payment   | PAYMENT#<order>           | PAYMENT          | OPEN#<0…7>, when the sweep looks at it (RFC 3339)         |
| refund    | PAYMENT#<order>           | REFUND#<refund>  | the same, while it is pending                             |
| dispute   | PAYMENT#<order>           | DISPUTE#<ref>    |                                                           |
| entry     | PAYMENT#<order>           | ENTRY#<version>  |                                                           |
| notice    | NOTICE#<provider>#<event> | NOTICE           |                                                           |
| simulator | SIM#<order>[-<attempt>]   | INTENT           |                                                           |
| trouble   | SIM                       | TROUBLE          | (the local stack only: what the simulator is put through) |

Every change of a payment is conditional on its version. Entries are the ledger: only ever added, each in the
transaction that changes the payment, and named by the payment's version, so that one version moves money once. The
payment's totals can be rebuilt from them (domain.totals). Its vote, and its capture on the decision, are told by who
takes these messages (service.py); what people, the provider or the sweep lead to it carries as its outbox. The
simulator's items are the far side of a provider that exists nowhere else; the service never reads them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct

from functions.payments.domain import (
    Dispute,
    DisputeStatus,
    LedgerEntry,
    Payment,
    Refund,
    RefundStatus,
    Trouble,
    totals,
)
from functions.shared import log, open_work
from functions.shared.clock import epoch, rfc3339
from functions.shared.dynamo import Item, Table, cursor, from_cursor, from_item, to_item
from functions.shared.ids import derived_id

NOTICES_KEPT = timedelta(days=30)


class PaymentsTable(Table):
    """Payments, refunds and ledger entries, each change under its condition."""

    def payment(self, order_id: str) -> Payment | None:
        """Return the payment of an order; text that is too long for an id has none."""
        item = self.get(_payment_key(order_id)) if len(order_id) <= 64 else None
        return from_item(item, Payment) if item else None

    def refund(self, order_id: str, refund_id: str) -> Refund | None:
        """Return a refund."""
        item = self.get(_refund_key(order_id, refund_id))
        return from_item(item, Refund) if item else None

    def refunds(self, order_id: str) -> list[Refund]:
        """Return the refunds of an order, oldest first, at most 100."""
        items, _ = self.query(
            "pk = :pk AND begins_with(sk, :refund)",
            {":pk": _payment_key(order_id)["pk"], ":refund": "REFUND#"},
            limit=100,
            consistent=True,
        )
        found = [from_item(item, Refund) for item in items]
        return sorted(found, key=lambda refund: refund.created_at)

    def dispute(self, order_id: str, dispute_id: str) -> Dispute | None:
        """Return a dispute."""
        item = self.get(_dispute_key(order_id, dispute_id))
        return from_item(item, Dispute) if item else None

    def disputes(self, order_id: str) -> list[Dispute]:
        """Return the disputes of an order's payment, oldest first, at most 100."""
        key = {":pk": _payment_key(order_id)["pk"], ":dispute": "DISPUTE#"}
        items, _ = self.query("pk = :pk AND begins_with(sk, :dispute)", key, limit=100, consistent=True)
        found = [from_item(item, Dispute) for item in items]
        return sorted(found, key=lambda dispute: dispute.created_at)

    def entries(self, order_id: str, limit: int, after: str | None) -> tuple[list[LedgerEntry], str | None]:
        """Return a page of an order's ledger, oldest first, and the cursor of the next."""
        pk = _payment_key(order_id)["pk"]
        start = {"pk": pk, **from_cursor(after, "sk")} if after else None
        items, last = self.query(
            "pk = :pk AND begins_with(sk, :entry)",
            {":pk": pk, ":entry": "ENTRY#"},
            limit=limit,
            start=start,
            consistent=True,
        )
        return [from_item(item, LedgerEntry) for item in items], cursor(last, "sk")

    def add(self, payment: Payment, at: datetime) -> bool:
        """Store the first state of an order's payment; False where it has one."""
        return self.put(_payment_item(payment, None, at), "attribute_not_exists(pk)")

    def move(
        self,
        before: Payment,
        after: Payment,
        outbox: str | None,
        at: datetime,
        *,
        entry: LedgerEntry | None = None,
        refund: Refund | None = None,
        was: RefundStatus | None = None,
        dispute: Dispute | None = None,
    ) -> bool:
        """Replace a payment, together with the ledger entry and the refund or dispute it belongs to.

        False, and nothing is written, when the payment has moved on, or the refund is not what it `was` (None: new).
        """
        item, same = _payment_item(after, outbox, at), {":version": before.version}
        actions = [self.putting(item, "version = :version", same)]
        if entry is not None:
            actions.append(self.putting(_entry_item(entry), "attribute_not_exists(pk)"))
        if refund is not None and was is None:
            actions.append(self.putting(_refund_item(refund), "attribute_not_exists(pk)"))
        elif refund is not None:
            actions.append(self.putting(_refund_item(refund), "#status = :was", {":was": was}))
        if dispute is not None:
            actions.append(self.putting(_dispute_item(dispute)))
        if len(actions) == 1:
            return self.put(item, "version = :version", same)
        moved = self.transact(*actions) is None
        if moved and entry is not None:
            self._balance(after)
        return moved

    def _balance(self, payment: Payment) -> None:
        """Compare a payment that just moved money with its ledger; where they differ, the log line says so.

        Nothing hangs on it: the money has moved, and what the ledger has got since is not of this version.
        """
        try:
            key = {":pk": _payment_key(payment.order_id)["pk"], ":entry": "ENTRY#"}
            found = self.query_all("pk = :pk AND begins_with(sk, :entry)", key, consistent=True)
            entries = [from_item(item, LedgerEntry) for item in found]
        except Exception as error:  # noqa: BLE001 see above
            log.note(notBalanced=type(error).__name__)
            return
        until = [entry for entry in entries if entry.number <= payment.version]
        if totals(until) != (payment.captured, payment.refunded, payment.disputed):
            log.note(level="error", orderId=payment.order_id)
            log.measure(unbalanced=1)

    def postpone(self, refund: Refund, next_at: datetime, *, ref: str = "") -> None:
        """Have the sweep look at a pending refund at another time; `ref`: the provider has taken it on by that id."""
        self.update(
            _refund_key(refund.order_id, refund.refund_id),
            "SET open_at = :next, #ref = :ref",
            {":next": rfc3339(next_at), ":pending": "pending", ":ref": ref or refund.ref},
            condition="#status = :pending",
        )

    def hasten(self, order_id: str, at: datetime) -> bool:
        """Have the next sweep look at a payment that waits for the provider, or of which something may have gone back.

        It is a version of its own, so that who is looking just now does not take this for seen. One that may have been
        captured without our knowing remembers it. False for others.
        """
        # This one first: one that is authorized here goes on to the others, none of them goes back.
        if self.update(
            _payment_key(order_id),
            "SET noticed = :true ADD version :one REMOVE outbox",
            {":true": True, ":one": 1, ":authorized": "authorized"},
            condition="#status = :authorized",
        ):
            return True
        waiting = {":capturing": "capturing", ":voiding": "voiding", ":captured": "captured"}
        place = {f":{name}": value for name, value in _open(order_id, rfc3339(at)).items()}
        hastened = self.update(
            _payment_key(order_id),
            "SET noticed = :true, open_shard = :open_shard, open_at = :open_at ADD version :one REMOVE outbox",
            {**waiting, **place, ":true": True, ":one": 1},
            condition=f"#status IN ({', '.join(waiting)})",
        )
        return hastened is not None

    def due(self, at: datetime, limit: int) -> list[tuple[str, str | None]]:
        """Return (order, refund or None) of what is open and due, at most `limit` of each shard, oldest first."""
        keys = open_work.due(self, at, limit)
        return [(key["pk"].partition("#")[2], key["sk"].partition("#")[2] or None) for key in keys]

    def noted(self, provider: str, event_id: str) -> bool:
        """Tell whether a provider's notice was taken before."""
        return self.get(_notice_key(provider, event_id)) is not None

    def take_note(self, provider: str, event_id: str, order_id: str | None, kind: str, at: datetime) -> None:
        """Store that the provider told of something."""
        known = {"order_id": order_id, "kind": kind, "time": rfc3339(at), "expires": epoch(at + NOTICES_KEPT)}
        self.put({**_notice_key(provider, event_id), **known})


class IntentRefund(Struct, frozen=True):
    """What the simulator gave back."""

    amount: int
    status: RefundStatus


class IntentDispute(Struct, frozen=True):
    """A buyer's complaint at the simulator; ``withdrawn``: what of its amount is taken back now."""

    amount: int
    withdrawn: int
    status: DisputeStatus
    reason: str


class Intent(Struct, frozen=True):
    """An attempt to pay, as the simulator has it; refunds and disputes by its own ids.

    ``doomed``: why it can never be captured; ``refund_way``: the token that says what becomes of its refunds.
    ``asking`` and ``refused``: the bank's question is open, was answered with no; ``answer_way``: the token that says
    what becomes of the answer.
    """

    status: Literal["none", "trying", "asking", "refused", "authorized", "captured", "voided"] = "none"
    amount: int = 0
    currency: str = ""
    doomed: str | None = None
    refund_way: str | None = None
    refunded: int = 0
    refunds: dict[str, IntentRefund] = {}
    disputes: dict[str, IntentDispute] = {}
    answer_way: str | None = None


class SimulatorTable(Table):
    """The simulator's side of payments: an intent for each attempt to pay an order (Payment.key)."""

    def intent(self, key: str) -> Intent:
        """Return an attempt's intent."""
        return from_item(self.get(_intent_key(key)) or {}, Intent)

    def tried(self, key: str) -> int:
        """Count a try that came to nothing, and return how many there were; 0 once there is an outcome."""
        counted = self.update(
            _intent_key(key),
            "ADD tries :one SET #status = :trying",
            {":one": 1, ":trying": "trying"},
            condition="attribute_not_exists(pk) OR #status = :trying",
        )
        return int(counted["tries"]) if counted else 0

    def authorise(
        self, payment: Payment, *, doomed: str | None = None, way: str | None = None, disputed: bool = False
    ) -> bool:
        """Hold the money; False where the intent has an outcome already.

        It may be `doomed` never to be captured, its refunds go a `way` of their own, and the buyer may dispute it.
        """
        complaint = IntentDispute(payment.amount, payment.amount, "open", "fraudulent")
        intent = Intent(
            "authorized",
            payment.amount,
            payment.currency,
            doomed,
            way,
            disputes={derived_id("dp", payment.key): complaint} if disputed else {},
        )
        item = {**_intent_key(payment.key), **to_item(intent)}
        return self.put(item, "attribute_not_exists(pk) OR #status = :trying", {":trying": "trying"})

    def ask(self, payment: Payment, way: str) -> bool:
        """Have the bank ask the buyer; False where the intent has an outcome already."""
        intent = Intent("asking", payment.amount, payment.currency, answer_way=way)
        return self.put({**_intent_key(payment.key), **to_item(intent)}, "attribute_not_exists(pk)")

    def answer(self, key: str, after: Literal["authorized", "refused"]) -> bool:
        """Answer the bank; False where it does not ask (any more)."""
        values = {":after": after, ":asking": "asking"}
        done = self.update(_intent_key(key), "SET #status = :after", values, condition="#status = :asking")
        return done is not None

    def turn(self, key: str, after: Literal["captured", "voided"]) -> bool:
        """Take or free what is held; an order that is unknown can be freed, which bars it for good."""
        condition = "#status = :held AND attribute_not_exists(doomed)"
        values = {":after": after, ":held": "authorized"}
        if after == "voided":
            condition = "attribute_not_exists(pk) OR #status IN (:held, :trying, :asking, :refused)"
            values |= {f":{name}": name for name in ("trying", "asking", "refused")}
        return self.update(_intent_key(key), "SET #status = :after", values, condition=condition) is not None

    def give_back(self, payment: Payment, refund_id: str, amount: int, status: RefundStatus) -> bool:
        """Begin a refund; False where it was begun before, or nothing allows it."""
        name = f"refunds.#{refund_id}"
        values = {":amount": amount, ":room": payment.amount - amount, ":captured": "captured"}
        paid = self.update(
            _intent_key(payment.key),
            f"SET {name} = :made, refunded = refunded + :amount",
            {**values, ":made": to_item(IntentRefund(amount, status))},
            condition=f"#status = :captured AND refunded <= :room AND attribute_not_exists({name})",
        )
        return paid is not None

    def end_refund(
        self, key: str, refund_id: str, before: RefundStatus, after: RefundStatus, amount: int
    ) -> None:
        """Have a refund come to its end, once; one that fails is not given back after all."""
        name = f"refunds.#{refund_id}.#status"
        back = amount if after == "failed" else 0
        self.update(
            _intent_key(key),
            f"SET {name} = :after, refunded = refunded - :back",
            {":after": after, ":before": before, ":back": back},
            condition=f"{name} = :before",
        )

    def dispute(self, key: str, dispute_id: str, dispute: IntentDispute) -> bool:
        """Have the buyer dispute what was captured, or the dispute go on; False where nothing was captured."""
        values = {":dispute": to_item(dispute), ":captured": "captured"}
        done = self.update(
            _intent_key(key),
            f"SET disputes.#{dispute_id} = :dispute",
            values,
            condition="#status = :captured",
        )
        return done is not None

    def trouble(self) -> Trouble:
        """Return what the simulator is put through."""
        item = self.get(_TROUBLE)
        found: Trouble = item["trouble"] if item else "none"
        return found

    def set_trouble(self, trouble: Trouble, outbox: str | None = None) -> None:
        """Put the simulator through some trouble, or none; of two operators the later one has it."""
        self.put({**_TROUBLE, "trouble": trouble, "outbox": outbox})


_TROUBLE = {"pk": "SIM", "sk": "TROUBLE"}


_ALWAYS_STORED = {"ref": "", "captured": 0, "refunded": 0, "refunding": 0}
"""Of a payment, whatever it is; all else that is as by default takes no room."""


def _payment_key(order_id: str) -> dict[str, str]:
    return {"pk": f"PAYMENT#{order_id}", "sk": "PAYMENT"}


def _refund_key(order_id: str, refund_id: str) -> dict[str, str]:
    return {"pk": f"PAYMENT#{order_id}", "sk": f"REFUND#{refund_id}"}


def _dispute_key(order_id: str, dispute_id: str) -> dict[str, str]:
    return {"pk": f"PAYMENT#{order_id}", "sk": f"DISPUTE#{dispute_id}"}


def _notice_key(provider: str, event_id: str) -> dict[str, str]:
    return {"pk": f"NOTICE#{provider}#{event_id}", "sk": "NOTICE"}


def _intent_key(key: str) -> dict[str, str]:
    return {"pk": f"SIM#{key}", "sk": "INTENT"}


def _open(order_id: str, open_at: str) -> dict[str, str]:
    return open_work.opened(order_id, open_at) if open_at else {}


def _payment_item(payment: Payment, outbox: str | None, at: datetime) -> Item:
    return {
        **_payment_key(payment.order_id),
        **_ALWAYS_STORED,
        **to_item(payment),
        **_open(payment.order_id, payment.open_at),
        "outbox": outbox,
        "changed_at": rfc3339(at),
    }


def _refund_item(refund: Refund) -> Item:
    place = _open(refund.order_id, refund.open_at)
    return {**_refund_key(refund.order_id, refund.refund_id), **to_item(refund), **place}


def _dispute_item(dispute: Dispute) -> Item:
    return {**_dispute_key(dispute.order_id, dispute.dispute_id), **to_item(dispute)}


def _entry_item(entry: LedgerEntry) -> Item:
    return {"pk": _payment_key(entry.order_id)["pk"], "sk": f"ENTRY#{entry.number:08d}", **to_item(entry)}
