"""What must hold of money: the provider's books, our own, and the orders say the same."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from functions.orders.table import order_of
from functions.payments.reconciling import MADE_AT_PROVIDER
from functions.shared.dynamo import decode_item
from tests.simulation.checker import Watch, require
from tests.simulation.fake_tables import Change
from tests.simulation.reading import content_of
from tests.simulation.world import World

TABLE = "souk-local-payments"
MOVES = {
    None: {"authenticating", "authorized", "declined", "refused"},
    "authenticating": {"authorized", "declined", "capturing", "capture_failed", "voiding", "voided"},
    "authorized": {"capturing", "captured", "capture_failed", "voiding", "voided"},
    "capturing": {"captured", "capture_failed", "voiding", "voided"},
    "capture_failed": {"authenticating", "capturing", "captured", "voiding", "voided"},
    "captured": {"voided"},  # of a free order
    "voiding": {"voided", "captured"},
}
ACCOUNTS = {
    "capture": ("provider_receivable", "customer_sales"),
    "refund": ("customer_refunds", "provider_receivable"),
    "refund_failed": ("provider_receivable", "customer_refunds"),
    "dispute": ("customer_disputes", "provider_receivable"),
    "dispute_reinstated": ("provider_receivable", "customer_disputes"),
}
REFUND_MOVES = {
    None: {"pending", "succeeded", "failed"},
    "pending": {"pending", "succeeded", "failed"},
    "succeeded": {"failed"},
    "failed": set(),
}


class Money(Watch):
    """Payments, their ledger and the provider's intents (the simulator's items, ``SIM#``)."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.taken: dict[str, int] = defaultdict(int)
        self.given: dict[str, int] = defaultdict(int)
        self.disputed: dict[str, int] = defaultdict(int)
        self.intents: dict[str, set[str]] = defaultdict(set)
        self.confirmed: set[str] = set()
        self.touched: set[str] = set()

    def changed(self, change: Change) -> None:
        if change.table == "souk-local-orders" and change.key[1] == "ORDER":
            if change.new and change.new.get("status") == {"S": "confirmed"}:
                self.confirmed.add(change.key[0].removeprefix("ORDER#"))
        elif change.table == TABLE:
            old, new = decode_item(change.old or {}), decode_item(change.new or {})
            kind, _, rest = change.key[0].partition("#")
            if kind == "SIM":
                self._intent(rest, old, new)
            elif kind == "PAYMENT" and change.key[1] == "PAYMENT":
                self._payment(rest, old, new)
            elif kind == "PAYMENT" and change.key[1].startswith("ENTRY"):
                require(not old and new, "the ledger is only added to", str(change.key))
                self._entry(rest, new)
            elif kind == "PAYMENT" and change.key[1].startswith("REFUND"):
                before, after = old.get("status"), new.get("status")
                require(
                    after in REFUND_MOVES[before],
                    "a refund goes its way once",
                    f"{change.key}: {before} → {after}",
                )

    def _intent(self, name: str, old: dict[str, Any], new: dict[str, Any]) -> None:
        order_id = name.partition("-")[0]
        before, after = old.get("status"), new.get("status")
        held = self.intents[order_id]
        (held.add if after in ("authorized", "captured") else held.discard)(name)
        require(len(held) <= 1, "an order's money is held once", f"{held}")
        if before != after and after in ("asking", "authorized", "captured"):
            order = self.items("orders").get((f"ORDER#{order_id}", "ORDER"))
            require(order, "money is held only for an order", order_id)
            held = self.reservation(order_id)
            require(
                held and held["status"] != "rejected",
                "no money is held for what is out of stock",
                f"{order_id}: {held}",
            )
            totals = content_of(order or {})["totals"]
            require(
                (new["amount"], new["currency"]) == (totals["total"], totals["currency"]),
                "what is charged is the quote's total",
                f"{order_id}: {new['amount']} of {totals['total']}",
            )
        if before != after and after == "captured":
            require(
                before == "authorized",
                "money is taken once, and only what is held",
                f"{order_id}: {before} → {after}",
            )
            require(order_id in self.confirmed, "money is taken only for a confirmed order", order_id)
            require("doomed" not in new, "what can never be taken is not taken", order_id)
        if new.get("refunded", 0) != old.get("refunded", 0):
            self._paid_back(order_id, old, new)

    def _paid_back(self, order_id: str, old: dict[str, Any], new: dict[str, Any]) -> None:
        require(
            new["status"] == "captured" and new["refunded"] <= new["amount"],
            "never more is given back than was taken",
            f"{order_id}: {new['refunded']} of {new['amount']}",
        )
        ours = (name for name in new["refunds"].keys() - old["refunds"].keys() if name.startswith("rfd_"))
        for refund_id in sorted(ours):
            recorded = self.item("payments", f"PAYMENT#{order_id}", f"REFUND#{refund_id}")
            require(
                recorded and recorded["amount"] == new["refunds"][refund_id]["amount"],
                "money is given back only on record",
                f"{order_id} {refund_id}",
            )

    def _payment(self, order_id: str, old: dict[str, Any], new: dict[str, Any]) -> None:
        require(new, "a payment is never lost", order_id)
        if old:
            require(
                new["version"] == old["version"] + 1,
                "a payment changes version by version",
                f"{order_id}: {old['version']} → {new['version']}",
            )
        if new["status"] != old.get("status"):
            require(
                new["status"] in MOVES.get(old.get("status"), set()),
                "a payment goes its way once",
                f"{order_id}: {old.get('status')} → {new['status']}",
            )
        if new["status"] == "authorized" != old.get("status"):
            intent = self.item("payments", f"SIM#{order_id}", "INTENT") or {}
            require(
                not new["amount"] or intent.get("status") in ("authorized", "captured", "voided"),
                "what a payment says is held was held",
                f"{order_id}: provider {intent.get('status')}",
            )
        self.touched.add(order_id)

    def _entry(self, order_id: str, entry: dict[str, Any]) -> None:
        require(
            (entry["debit"], entry["credit"]) == ACCOUNTS[entry["kind"]] and entry["amount"] > 0,
            "the ledger balances",
            str(entry),
        )
        sums, sign = {
            "capture": (self.taken, 1),
            "refund": (self.given, 1),
            "refund_failed": (self.given, -1),
            "dispute": (self.disputed, 1),
            "dispute_reinstated": (self.disputed, -1),
        }[entry["kind"]]
        sums[order_id] += sign * entry["amount"]
        self.touched.add(order_id)

    def settled(self) -> None:
        for order_id in self.touched:
            payment = self.item("payments", f"PAYMENT#{order_id}", "PAYMENT")
            require(payment, "the ledger balances", f"{order_id} has entries and no payment")
            self._check(order_id, payment or {})
        self.touched.clear()

    def _check(self, order_id: str, payment: dict[str, Any]) -> None:
        captured, refunded, refunding = payment["captured"], payment["refunded"], payment["refunding"]
        booked = captured, refunded, payment.get("disputed", 0)
        ledger = self.taken[order_id], self.given[order_id], self.disputed[order_id]
        require(booked == ledger, "the ledger balances", f"{order_id}: {booked}, ledger {ledger}")
        # What was refunded at the provider itself is not bound by what is promised here, only by what was taken.
        promised = 0 if self._refunded_there(order_id) else refunding
        require(
            captured in (0, payment["amount"]) and refunding >= 0 and 0 <= refunded + promised <= captured,
            "never more is given back than was taken",
            f"{order_id}: {refunded} + {refunding} of {captured}",
        )
        held = sum(one["amount"] for one in self._refunds_of(order_id) if one["status"] == "pending")
        require(held == refunding, "what is promised is what is pending", f"{order_id}: {refunding}, {held}")

    def _refunds_of(self, order_id: str) -> list[dict[str, Any]]:
        return [
            decode_item(image)
            for key, image in self.items("payments").items()
            if key[0] == f"PAYMENT#{order_id}" and key[1].startswith("REFUND#")
        ]

    def _refunded_there(self, order_id: str) -> bool:
        return any(one["reason"] == MADE_AT_PROVIDER for one in self._refunds_of(order_id))

    def ended(self) -> None:
        payments = self.all("payments", "PAYMENT#", "PAYMENT")
        intents = self.all("payments", "SIM#", "INTENT")
        orders = self.all("orders", "ORDER#", "ORDER")
        attempts: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for name, intent in intents.items():
            attempts[name.partition("-")[0]].append(intent)
        for order_id, order in orders.items():
            self._closed(order_id, order, payments.get(order_id, {}), attempts[order_id])
        stray = sorted(attempts.keys() - orders.keys())
        require(not stray, "money is held only for an order", ", ".join(stray))
        for refund_id, refund in self._refunds().items():
            require(
                refund["status"] in ("succeeded", "failed"),
                "every refund ends",
                f"{refund_id}: {refund['status']}",
            )
            self._as_there(refund)
            mail = self.item(
                "orders", f"ORDER#{refund['order_id']}", f"MAIL#refunded-{refund_id.partition('#')[2]}"
            )
            require(
                refund["status"] == "failed" or (mail and "sent_at" in mail),
                "every refund is told by mail",
                f"{refund['order_id']} {refund_id}: {mail}",
            )

    def _as_there(self, refund: dict[str, Any]) -> None:
        """Check that a refund ended as the provider says it did; one that the provider never made has failed."""
        payment = self.item("payments", f"PAYMENT#{refund['order_id']}", "PAYMENT") or {}
        attempt = payment.get("attempt", 1)
        name = f"SIM#{refund['order_id']}" + (f"-{attempt}" if attempt > 1 else "")
        intent = self.item("payments", name, "INTENT") or {"refunds": {}}
        theirs = intent["refunds"].get(refund.get("ref") or refund["refund_id"], {"status": "failed"})
        require(
            theirs["status"] == refund["status"],
            "a refund is what the provider says of it",
            f"{refund['order_id']} {refund['refund_id']}: {refund['status']}, provider {theirs['status']}",
        )

    def _refunds(self) -> dict[str, dict[str, Any]]:
        return {
            key[1]: decode_item(image)
            for key, image in self.items("payments").items()
            if key[1].startswith("REFUND#")
        }

    def _closed(
        self, order_id: str, order: dict[str, Any], payment: dict[str, Any], attempts: list[dict[str, Any]]
    ) -> None:
        standing = {intent["status"] for intent in attempts}
        taken = [intent for intent in attempts if intent["status"] == "captured"]
        charged = sum(intent["amount"] - intent["refunded"] for intent in taken)
        moved = sum(dispute["withdrawn"] for intent in taken for dispute in intent["disputes"].values())
        told = order_of({"pk": f"ORDER#{order_id}", **order})
        if order["status"] == "confirmed":
            paid = len(taken) == 1 and payment.get("status") == "captured"
            failed = not taken and payment.get("status") == "capture_failed" and told.unpaid
            require(
                paid or failed,
                "a confirmed order is paid, or known to be unpaid",
                f"{order_id}: {payment.get('status')}, provider {standing}, unpaid {told.unpaid}",
            )
        else:
            require(
                standing <= {"voided", "captured", "trying"} and (charged <= moved or told.unsettled),
                "a cancelled order keeps no money",
                f"{order_id}: provider {standing}, {charged} charged",
            )
        require(
            charged == payment.get("captured", 0) - payment.get("refunded", 0),
            "the provider's books are ours",
            f"{order_id}: provider {charged}, ours {payment.get('captured')} less {payment.get('refunded')}",
        )
        require(
            moved == payment.get("disputed", 0) == told.back.disputed,
            "a dispute takes what the provider says",
            f"{order_id}: provider {moved}, ours {payment.get('disputed')}, the order {told.back.disputed}",
        )
