"""The mails about an order: their text, in full.

They say nothing that a stranger may have typed in (a name, an address), so that nobody can send their own words through
us: titles and prices are the shop's.
"""

from __future__ import annotations

from typing import NamedTuple, assert_never

from functions.orders.domain import MailKind, Order, Reason, Totals
from functions.orders.events import PaymentRefunded, PaymentRefundFailed
from functions.shared.ids import order_number
from functions.shared.mail import EmailMessage, compose
from functions.shared.money import format_amount


class Text(NamedTuple):
    """What a mail about an order tells."""

    kind: MailKind
    subject: str
    paragraphs: tuple[str, ...]


def email(order: Order, text: Text, public_url: str, order_token: str | None) -> EmailMessage:
    """Return the mail that tells the buyer of an order a text.

    A guest's link carries the order token in its fragment: browsers do not send that to any server, nor to the next
    page.
    """
    link = f"{public_url}/order.html?id={order.order_id}" + (f"#token={order_token}" if order_token else "")
    number = order_number(order.order_id)
    always = f"Your order {number}, at any time:"
    subject = f"{text.subject} ({number})"
    return compose(order.content.email, subject, *text.paragraphs, always, link)


def of_decision(order: Order) -> Text:
    """Return what is to be said of an order that is decided."""
    match order.status:
        case "confirmed" if order.unpaid:
            return Text("payment_failed", "Your order is still to be paid", (_UNPAID, _bought(order)))
        case "confirmed":
            return Text("confirmed", "Your order is confirmed", (_CONFIRMED, _bought(order)))
        case "cancelled":
            why = _WHY[order.reason or "operator"]
            return Text("cancelled", "Your order was cancelled", (why, _bought(order)))
        case "placed":
            raise ValueError(f"{order.order_id} is not decided: there is nothing to say yet")
    assert_never(order.status)


def of_refund(order: Order, refund: PaymentRefunded) -> Text:
    """Return what is to be said of money that went back."""
    totals = order.content.totals
    amount, so_far = (_money(money.amount, totals) for money in (refund.amount, refund.refunded_total))
    sums = f"Paid back: {amount}\nPaid back in all: {so_far} of {_money(totals.total, totals)}"
    return Text("refunded", "Money is paid back to you", (_REFUNDED.format(amount=amount), sums))


def of_returned_refund(order: Order, refund: PaymentRefundFailed) -> Text:
    """Return what is to be said of money that was told as paid back, and that the bank returned."""
    amount = _money(refund.amount.amount, order.content.totals)
    return Text("refund_returned", "Your bank returned a refund", (_RETURNED.format(amount=amount),))


def _bought(order: Order) -> str:
    totals = order.content.totals
    lines = [(f"{line.quantity} x {line.title}", _money(line.total, totals)) for line in order.content.lines]
    return "\n".join(f"{name}: {amount}" for name, amount in [*lines, *amounts(totals)])


def amounts(totals: Totals) -> list[tuple[str, str]]:
    """Return what is added to the lines, the total, and tax that is in it, each with its name."""
    tax = [(_tax(part.rate, included=totals.tax_included), part.tax) for part in totals.taxes if part.tax]
    rows = [("Shipping", totals.shipping), *([] if totals.tax_included else tax or [("Tax", totals.tax)])]
    rows += [("Rounding", totals.rounding)] if totals.rounding else []
    rows += [("Total", totals.total), *(tax if totals.tax_included else [])]
    return [(name, _money(amount, totals)) for name, amount in rows]


def _tax(rate: int, *, included: bool) -> str:
    """Return what tax of a rate in millionths is called: ``Tax 5.5 %``, ``Including tax 19 %``."""
    percent = f"{rate / 10_000:f}".rstrip("0").rstrip(".")
    return f"{'Including tax' if included else 'Tax'} {percent} %"


def _money(amount: int, totals: Totals) -> str:
    return f"{format_amount(amount, totals.currency)} {totals.currency}"


_CONFIRMED = "thank you: your order is confirmed."
_UNPAID = (
    "your order is confirmed, but the payment could not be taken when it was due: nothing was charged. "
    "Please pay by other means on the order's page (the link is below). Until then your goods are kept for you."
)
_REFUNDED = (
    "we have paid {amount} back to the means of payment that you used. It can take up to ten days until your bank "
    "shows it."
)
_RETURNED = (
    "we told you that {amount} was paid back, but your bank returned it to us: the card or account may be closed. "
    "Please answer this mail, so that we can pay it back another way."
)

# Stock and money are asked for at once: the bank may have set the amount aside before the other said no.
_LET_GO = "Nothing was charged; an amount that your bank has set aside is let go again."
_PAID_BACK = "If anything was charged, it is paid back, and a mail tells you when."
_WHY: dict[Reason, str] = {
    "out_of_stock": f"your order was cancelled: an item was sold out before we could hold it. {_LET_GO}",
    "payment_declined": "your order was cancelled: the payment was declined. Nothing was charged.",
    "timeout": f"your order was cancelled: we could not decide it in time. {_LET_GO} Please try again.",
    "customer": f"you cancelled your order. {_PAID_BACK}",
    "operator": f"we had to cancel your order. {_PAID_BACK}",
}
