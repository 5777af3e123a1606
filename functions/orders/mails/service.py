"""Mails about orders: once for each decision and refund, and again when staff ask for it; never while a caller waits.

They come out of a queue of their own, which the bus fills with the facts of decisions and refunds, and what staff asked
for. A mail is claimed before it is sent and marked afterwards: a repeated fact finds the mark, a second worker the
claim. A message that finds a claim comes again: the mark alone says that the mail went. Only where a worker dies in
between, after SES took it, the mail goes twice, once the claim has run out.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from functions.orders import service
from functions.orders.domain import Mail, Order
from functions.orders.events import (
    OrderCancelled,
    OrderConfirmed,
    OrderMailRequested,
    OrderPaymentFailed,
    PaymentRefunded,
    PaymentRefundFailed,
)
from functions.orders.mails.emails import Text, email, of_decision, of_refund, of_returned_refund
from functions.orders.table import OrdersTable
from functions.shared import log, mail
from functions.shared.errors import ConflictError
from functions.shared.inbox import Fact
from functions.shared.mail import MailSettings
from functions.shared.outbox import fact, pack

CLAIMED = timedelta(seconds=45)
"""How long a worker has for a mail; more than its function may run, and mostly over when its message comes again."""


class ClaimedError(RuntimeError):
    """Another worker has the mail, and may be dead: whether it was sent shows when the message comes again."""


def on_decided(
    table: OrdersTable, settings: MailSettings, event: Fact[OrderConfirmed | OrderCancelled], at: datetime
) -> None:
    """Tell the buyer how the order stands, once for each decision: what is no longer so is not told. Safe to repeat."""
    order = _known(table, event.data.order_id)
    if order:
        _send_once(table, settings, order, order.status, of_decision(order), at)


def on_payment_failed(
    table: OrdersTable, settings: MailSettings, event: Fact[OrderPaymentFailed], at: datetime
) -> None:
    """Ask the buyer for another means of payment, once for each that failed, while it is called for. Safe to repeat."""
    failed = event.data
    order = _known(table, failed.order_id)
    if order and order.unpaid and order.failed_attempt == failed.attempt:
        _send_once(table, settings, order, f"payment_failed-{failed.attempt}", of_decision(order), at)


def on_refunded(
    table: OrdersTable, settings: MailSettings, event: Fact[PaymentRefunded], at: datetime
) -> None:
    """Tell the buyer of money that went back, once for each refund. Safe to repeat."""
    order = _known(table, event.data.order_id)
    if order:
        _send_once(
            table, settings, order, f"refunded-{event.data.refund_id}", of_refund(order, event.data), at
        )


def on_refund_failed(
    table: OrdersTable, settings: MailSettings, event: Fact[PaymentRefundFailed], at: datetime
) -> None:
    """Tell the buyer of money that the bank returned after it was told as paid back. Safe to repeat."""
    failed = event.data
    order = _known(table, failed.order_id) if failed.was_paid else None
    if order:
        text = of_returned_refund(order, failed)
        _send_once(table, settings, order, f"refund_returned-{failed.refund_id}", text, at)


def on_requested(
    table: OrdersTable, settings: MailSettings, event: Fact[OrderMailRequested], at: datetime
) -> None:
    """Send an order's mail again, as the order stands now. Safe to repeat."""
    order = service.order_of(table, event.data.order_id)
    _send_once(table, settings, order, event.data.mail_id, of_decision(order), at, by=event.data.by)


def request(table: OrdersTable, order_id: str, mail_id: str, *, by: str, at: datetime) -> None:
    """Have a mail sent again for staff; one that is requested twice is told and sent once.

    Raises
    ------
    ConflictError
        The order is not decided, so there is nothing to tell yet; or its customer was erased, so there is nobody.
    """
    order = service.order_of(table, order_id)
    if order.is_erased:
        raise ConflictError("customer_erased", "The customer was erased; there is no address to write to.")
    if order.status == "placed":
        raise ConflictError(
            "order_undecided", "The order is not decided yet; there is no mail to send again."
        )
    requested = OrderMailRequested(order_id=order_id, mail_id=mail_id, by=by)
    table.request_mail(order_id, mail_id, pack(fact(requested, mail_id, 1, at)), at)


def _known(table: OrdersTable, order_id: str) -> Order | None:
    order = table.order(order_id)
    if order is None:  # the table was restored to a time before the order: there is nobody to tell
        log.note(unknownOrder=order_id)
    return order


def _send_once(
    table: OrdersTable,
    settings: MailSettings,
    order: Order,
    mail_id: str,
    text: Text,
    at: datetime,
    *,
    by: str | None = None,
) -> None:
    log.note(orderId=order.order_id, mail=mail_id)
    if order.is_erased:
        return
    if not table.claim_mail(order.order_id, Mail(mail_id, text.kind, by), at, at + CLAIMED):
        if table.mail_sent(order.order_id, mail_id):
            return
        # The claim may be this message's own, made late in a batch: it then outlasts the time the queue hides it for.
        raise ClaimedError(mail_id)
    message = email(order, text, settings.public_url, service.order_token(order))
    try:
        mail.send(settings, message)
    except mail.SendError:
        table.unclaim_mail(order.order_id, mail_id)
        raise
    table.mark_mail(order.order_id, mail_id, at)
