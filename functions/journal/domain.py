"""What the journal keeps of a fact: enough to tell a story and to count, nothing personal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

PERSONAL = frozenset({"email", "name", "shippingAddress", "paymentToken"})
"""Fields of facts that never enter the journal: it is read by many, and kept apart from the person's own data."""

STATUSES = {"OrderPlaced": "placed", "OrderConfirmed": "confirmed", "OrderCancelled": "cancelled"}


@dataclass(frozen=True)
class Entry:
    """One fact: where it came from, what it is about, what led to it, and who asked for it (None: the shop itself)."""

    id: str
    type: str
    source: str
    time: str
    subject: str
    correlation_id: str
    causation_id: str | None
    version: int
    actor: str | None = None
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class OrderSummary:
    """An order as a list of orders shows it; amounts in minor units."""

    order_id: str
    status: str
    version: int
    placed_at: str
    reason: str | None = None
    total: int = 0
    currency: str = ""

    @property
    def told(self) -> str:
        """Return what tells two states of a summary apart."""
        return f"{self.version}#{self.placed_at}"


def subject(data: Mapping[str, Any], aggregate_id: str) -> str:
    """Return what a fact belongs to: its order where it names one, else its own aggregate."""
    return str(data.get("orderId") or aggregate_id)


def public(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a fact's data without what is personal, at any depth."""
    return {
        name: public(value) if isinstance(value, Mapping) else value
        for name, value in data.items()
        if name not in PERSONAL
    }


def summary(entry: Entry) -> OrderSummary | None:
    """Return the order's summary that a fact gives, None where it says nothing of the order's status."""
    status = STATUSES.get(entry.type)
    if status is None:
        return None
    totals = entry.data.get("totals") or {}
    total = entry.data.get("total") or {}
    return OrderSummary(
        order_id=entry.subject,
        status=status,
        version=entry.version,
        placed_at=str(entry.data.get("placedAt") or ""),
        reason=entry.data.get("reason"),
        total=int(total.get("amount", totals.get("total", 0))),
        currency=str(total.get("currency", totals.get("currency", ""))),
    )


def combined(known: OrderSummary | None, told: OrderSummary) -> OrderSummary:
    """Return the summary after one more fact, whatever the order in which they arrive."""
    if known is None:
        return told
    newest = told if told.version > known.version else known
    return replace(newest, placed_at=known.placed_at or told.placed_at)
