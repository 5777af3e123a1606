"""What opens a guest's order: signed text that names the order and until when (functions/shared/signing.py)."""

from __future__ import annotations

from datetime import datetime

from functions.shared import signing
from functions.shared.clock import epoch

_PURPOSE = "order-link"


def make(order_id: str, until: datetime) -> str:
    """Return the order token of an order; the same for the same order and time, always."""
    return signing.sign(_PURPOSE, f"{order_id} {epoch(until)}".encode())


def opens(token: str, order_id: str, at: datetime) -> bool:
    """Tell whether a token opens an order at a time."""
    try:
        opened, until = signing.verify(_PURPOSE, token).decode().split(" ")
    except ValueError:  # BadSignatureError is one
        return False
    return opened == order_id and epoch(at) < int(until)
