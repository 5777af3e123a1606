"""What must hold of orders: one decision, made on all votes, kept by everyone."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from functions.orders.domain import PARTICIPANTS
from functions.orders.table import order_of
from functions.shared.clock import parse
from functions.shared.dynamo import decode_item
from functions.shared.ids import order_number
from tests.simulation.checker import Watch, require
from tests.simulation.deployment import SETTINGS
from tests.simulation.fake_tables import Change
from tests.simulation.reading import content_of, is_void
from tests.simulation.world import World

TABLE = "souk-local-orders"
MOVES = {
    None: {"placed"},
    "placed": {"placed", "confirmed", "cancelled"},
    "confirmed": {"confirmed", "cancelled"},
    "cancelled": {"cancelled"},
}
FOUND_WITHIN = 180
"""Seconds before an order's deadline in which a bank's answer may come too late for the last look at it."""


def _asked_until(order_id: str, item: dict[str, Any]) -> float:
    """Return until when an order's bank asks its buyer, in the world's seconds; 0 where it does not."""
    timeline = order_of({"pk": f"ORDER#{order_id}", **item}).timeline
    until = [entry.detail for entry in timeline if entry.type == "PaymentActionRequired" and entry.detail]
    return max((parse(one).timestamp() for one in until), default=0)


class Orders(Watch):
    """Orders change as they may, and are what the buyer was promised."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.confirmed: set[str] = set()
        self.promised: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.acknowledged: set[str] = set()
        self.approved: dict[str, float] = {}
        """When a bank that had asked said yes, by order."""

    def quoted(self, quote: dict[str, Any]) -> None:
        """Take note of a quote as the cart answered it."""
        self.promised["ord_" + quote["quoteId"].partition("_")[2]].append(quote)

    def changed(self, change: Change) -> None:
        if change.key[1] == "INTENT":
            self._answered(change)
        if (change.table, change.key[1]) == (TABLE, "ORDER"):
            self._order_changed(change)

    def _answered(self, change: Change) -> None:
        was, now = (((image or {}).get("status") or {}).get("S") for image in (change.old, change.new))
        if (was, now) == ("asking", "authorized"):
            self.approved[change.key[0].removeprefix("SIM#")] = self.world.now

    def _order_changed(self, change: Change) -> None:
        order_id = change.key[0].removeprefix("ORDER#")
        require(change.new, "an order is never lost", order_id)
        if is_void(change.new):
            require(not change.old, "an order is never lost", order_id)
            return
        old, new = decode_item(change.old or {}), decode_item(change.new or {})
        require(
            new["status"] in MOVES[old.get("status")],
            "a decision is final",
            f"{order_id}: {old.get('status')} → {new['status']}",
        )
        if old:
            require(
                new["version"] == old["version"] + 1,
                "an order changes version by version",
                f"{order_id}: {old['version']} → {new['version']}",
            )
            require(old["content"] == new["content"], "what was ordered never changes", order_id)
            require(
                old["status"] != "cancelled" or old["reason"] == new["reason"],
                "a decision is final",
                f"{order_id}: {old.get('reason')} → {new.get('reason')}",
            )
        else:
            self._placed(order_id, content_of(change.new or {}))
        require(
            (old.get("status"), new["status"]) != ("confirmed", "cancelled")
            or new["reason"] in ("customer", "operator"),
            "only people call a confirmed order off",
            f"{order_id}: {new.get('reason')}",
        )
        if (old.get("status"), new["status"]) == ("confirmed", "cancelled") and new["reason"] == "customer":
            self._in_time(order_id, old, new)
        if new.get("reason") == "timeout" and old.get("status") == "placed":
            order = order_of({"pk": f"ORDER#{order_id}", **new})
            decide_by = parse(order.content.decide_by).timestamp()
            until = max(decide_by, _asked_until(order_id, new))
            ended = parse(order.decisions[-1].time).timestamp()
            require(
                until <= ended,
                "an order has its time, and its buyer's bank too",
                f"{order_id}: until {until}, ended {ended}",
            )
        if new["status"] == "confirmed" and old.get("status") != "confirmed":
            self._agreed(order_id, new)
            self._confirmed(order_id, content_of(change.new or {}))

    def _placed(self, order_id: str, content: dict[str, Any]) -> None:
        promised = self.promised.get(order_id, [])
        require(promised, "only what a cart has quoted is ordered", order_id)
        names = ("cartId", "lines", "totals", "shippingAddress")
        given = [{name: _without_nulls(quote[name]) for name in names} for quote in promised]
        ordered = {name: content[name] for name in names}
        require(ordered in given, "an order is what was quoted", f"{order_id}: {ordered} for {given}")

    def _in_time(self, order_id: str, old: dict[str, Any], new: dict[str, Any]) -> None:
        """Check that a customer called a confirmed order off within the window, or while it could not be charged."""
        if order_of({"pk": f"ORDER#{order_id}", **old}).unpaid:
            return
        times = {entry.type: parse(entry.time) for entry in order_of(new).timeline}
        taken = (times["OrderCancelled"] - times["OrderConfirmed"]).total_seconds()
        require(
            taken < float(SETTINGS["CancellationWindowSeconds"]),
            "customers call an order off within the window",
            f"{order_id}: {taken} seconds after it was confirmed",
        )

    def _agreed(self, order_id: str, order: dict[str, Any]) -> None:
        told = [entry.type for entry in order_of(order).timeline]
        for name, who in PARTICIPANTS.items():
            require(
                who.yes in told and who.no not in told,
                "an order is confirmed by everyone who has a say",
                f"{order_id}, {name}: {told}",
            )

    def _confirmed(self, order_id: str, content: dict[str, Any]) -> None:
        self.confirmed.add(order_id)
        wanted: dict[str, int] = {}
        for line in content["lines"]:
            wanted[line["sku"]] = wanted.get(line["sku"], 0) + line["quantity"]
        held = self.reservation(order_id)
        require(
            held and held["status"] in ("reserved", "committed") and held["lines"] == wanted,
            "a confirmed order has its stock",
            f"{order_id}: {wanted}, held {held}",
        )
        payment = self.item("payments", f"PAYMENT#{order_id}", "PAYMENT")
        require(
            payment
            and payment["status"] in ("authorized", "capturing", "captured")
            and (payment["amount"], payment["currency"])
            == (content["totals"]["total"], content["totals"]["currency"]),
            "a confirmed order has its payment",
            f"{order_id}: {payment}",
        )

    def ended(self) -> None:
        orders = self.all("orders", "ORDER#", "ORDER")
        missing = sorted(self.acknowledged - orders.keys())
        require(not missing, "an order that was acknowledged exists", ", ".join(missing))
        for order_id, order in orders.items():
            require(order["status"] != "placed", "every order is decided", order_id)
            fair = not self.world.weather.rates and not self.world.weather.outages
            until = _asked_until(order_id, order)
            in_vain = until and self.approved.get(order_id, until) > until - FOUND_WITHIN
            require(
                not fair or in_vain or order.get("reason") != "timeout",
                "an order has its answers in fair weather",
                order_id,
            )
            mail = self.item("orders", f"ORDER#{order_id}", f"MAIL#{order['status']}") or {}
            require(
                "sent_at" in mail, "every decision is told by mail", f"{order_id}: {order['status']}, {mail}"
            )
            number = self.item("orders", f"FIND#number#{order_number(order_id)}", order_id)
            require(number, "every decided order is found by its number", order_id)
            self._knows(order_id, order)
        for service in self.world.deployed.services:
            left = [
                key
                for key, image in self.items(service).items()
                if not image.get("open_shard", {"S": "UNPAID"})["S"].startswith(("UNPAID", "UNSETTLED"))
            ]
            require(not left, "nothing is left open", f"{service}: {left[:5]}")

    def _knows(self, order_id: str, order: dict[str, Any]) -> None:
        """Check that the order tells its customer what became of stock and money."""
        decided = order_of({"pk": f"ORDER#{order_id}", **order})
        for name, who in PARTICIPANTS.items():
            state = decided.parts.get(name)
            fits = who.has_agreed(state) if decided.status == "confirmed" else who.holds_nothing(state)
            # What could not be given back, or went back another way, is for people to see to.
            fits = fits or (name == "payments" and bool(decided.unsettled or decided.back.disputed))
            require(
                fits,
                "what everyone has told an order fits its decision",
                f"{order_id}: {decided.status}, {name} {state}",
            )
        payment = self.item("payments", f"PAYMENT#{order_id}", "PAYMENT") or {}
        refunded = payment.get("refunded", 0)
        status = payment.get("status", "")
        told = status if status in ("captured", "voided", "declined", "capture_failed") else None
        if told == "captured" and refunded:
            told = "refunded" if refunded == payment["captured"] else "partially_refunded"
        if told != "declined" or order.get("reason") == "payment_declined":
            require(
                told is None or (order.get("payment"), order.get("refunded", 0)) == (told, refunded),
                "an order knows what became of its money",
                f"{order_id}: {order.get('payment')}, payments says {told}",
            )
        back = (payment.get("refunding", 0), payment.get("refund_failed", 0), payment.get("open_disputes", 0))
        known = decided.back
        require(
            back == (known.refunding, known.refund_failed, known.open_disputes),
            "an order knows what became of its money",
            f"{order_id}: {known}, payments says {back}",
        )
        held = self.item("inventory", f"ORDER#{order_id}", "RESERVATION") or {}
        left = {"committed": "committed", "released": "released", "returned": "released"}.get(
            held.get("status", "")
        )
        require(
            left is None or order.get("stock") == left,
            "an order knows what became of its stock",
            f"{order_id}: {order.get('stock')}, inventory says {held.get('status')}",
        )


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value] if isinstance(value, list) else value
