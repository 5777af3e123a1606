"""What the journal keeps of a fact: enough to tell a story and to count, nothing personal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

_FIELDS = """
amount attempt availability available back backOrderable by cartId cartVersion changes code countedAt currency
customerId decideBy disputeId disputed down fact format grams imageUrl importId keyIds levelVersion lines
mailId merchantSku messageId messageIds net onHand openDisputes orderId outcome owed placedAt price productId
products provider quantity queue rate reason refundFailed refundId refunded refundedTotal refunding reminder
requested requiresShipping returned roles rounding service shards shipping sku skus slow slug source status
stockPolicy subtotal tax taxClass taxIncluded taxRate taxes title total totals trouble unitPrice unlisted until
variants vendor wasPaid withdrawn
"""
PUBLIC = frozenset(_FIELDS.split())
"""Fields of facts that the journal keeps, at any depth: it is read by many, so what is not known to tell nothing about
a person stays out (names, addresses, e-mail, payment tokens, and whatever facts come to carry)."""

ERASED = "erased"
"""What stands in the place of the id of a person who was erased."""
_CUSTOMER = re.compile(r"cus_[0-9a-hjkmnp-tv-z]{26}")

STATUSES = {"OrderPlaced": "placed", "OrderConfirmed": "confirmed", "OrderCancelled": "cancelled"}


@dataclass(frozen=True)
class JournalEntry:
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
class Switches:
    """How a service is broken on purpose: it takes no call, or its answers are held back."""

    service: str
    down: bool
    slow: bool


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
    """Return of a fact's data what the journal keeps."""
    return {name: _public(value) for name, value in data.items() if name in PUBLIC}


def _public(value: Any) -> Any:
    if isinstance(value, Mapping):
        return public(value)
    return [_public(one) for one in value] if isinstance(value, list) else value


def people(entry: JournalEntry) -> frozenset[str]:
    """Return the ids of the customers an entry names, wherever in it; none for the fact that one was erased.

    That one stays as it is for as long as the journal keeps anything: it shows that the erasure was done.
    """
    if is_erasure(entry):
        return frozenset()
    return frozenset(_CUSTOMER.findall(msgspec.json.encode(entry).decode()))


def is_erasure(entry: JournalEntry) -> bool:
    """Tell whether an entry says that a customer was erased."""
    return (entry.source, entry.type) == ("identity", "CustomerErased")


def without(entry: JournalEntry, customer_id: str) -> JournalEntry:
    """Return an entry that does not name a customer any more."""
    text = msgspec.json.encode(entry).replace(customer_id.encode(), ERASED.encode())
    return msgspec.json.decode(text, type=JournalEntry)


def is_of_erased(entry: JournalEntry) -> bool:
    """Tell whether what an entry is about is a person who was erased; only acts of others are kept of those."""
    return entry.subject == ERASED


def summary(entry: JournalEntry) -> OrderSummary | None:
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
