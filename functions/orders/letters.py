"""The mails about an order: their text, in full.

They say nothing that a stranger may have typed in (a name, an address), so that nobody can send their own words through
us: titles and prices are the shop's.
"""

from __future__ import annotations

from typing import NamedTuple, assert_never

from functions.orders.domain import Order, Reason, Totals
from functions.shared.ids import order_number
from functions.shared.money import format_amount


class Letter(NamedTuple):
    """A mail ready to be sent."""

    to: str
    subject: str
    text: str


def letter(order: Order, public_url: str, order_token: str | None) -> Letter:
    """Return what is to be said of an order that is decided.

    A guest's link carries the order token in its fragment: browsers do not send that to any server, nor to the next
    page.
    """
    subject, *paragraphs = _said(order)
    link = f"{public_url}/order.html?id={order.order_id}" + (f"#token={order_token}" if order_token else "")
    number = order_number(order.order_id)
    always = f"Your order {number}, at any time:"
    text = "\n\n".join(["Hello,", *paragraphs, _bought(order), always, link])
    return Letter(order.content.email, f"{subject} ({number})", f"{text}\n")


def _said(order: Order) -> tuple[str, ...]:
    match order.status:
        case "confirmed" if order.unpaid:
            return _UNPAID
        case "confirmed":
            return _CONFIRMED
        case "cancelled":
            return ("Your order was cancelled", _WHY[order.reason or "operator"])
        case "placed":
            raise ValueError(f"{order.order_id} is not decided: there is nothing to say yet")
    assert_never(order.status)


def _bought(order: Order) -> str:
    totals = order.content.totals
    lines = [(f"{line.quantity} x {line.title}", _money(line.total, totals)) for line in order.content.lines]
    return "\n".join(f"{name}: {amount}" for name, amount in [*lines, *amounts(totals)])


def amounts(totals: Totals) -> list[tuple[str, str]]:
    """Return what is added to the lines, and the total, each with its name: they add up."""
    rows = [("Shipping", totals.shipping), ("Tax", totals.tax)]
    rows += [("Rounding", totals.rounding)] if totals.rounding else []
    return [(name, _money(amount, totals)) for name, amount in [*rows, ("Total", totals.total)]]


def _money(amount: int, totals: Totals) -> str:
    return f"{format_amount(amount, totals.currency)} {totals.currency}"


_CONFIRMED = ("Your order is confirmed", "thank you: your order is confirmed.")


_UNPAID = (
    "Your order is still to be paid",
    "your order is confirmed, but the payment could not be taken when it was due: nothing was charged. "
    "Please pay by other means on the order's page (the link is below). Until then your goods are kept for you.",
)


# Stock and money are asked for at once: the bank may have set the amount aside before the other said no.
_LET_GO = "Nothing was charged; an amount that your bank has set aside is let go again."
_WHY: dict[Reason, str] = {
    "out_of_stock": f"your order was cancelled: an item was sold out before we could hold it. {_LET_GO}",
    "payment_declined": "your order was cancelled: the payment was declined. Nothing was charged.",
    "timeout": f"your order was cancelled: we could not decide it in time. {_LET_GO} Please try again.",
    "customer": "you cancelled your order. What was charged is paid back.",
    "operator": "we had to cancel your order. What was charged is paid back.",
}
