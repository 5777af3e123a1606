"""Bugs planted on purpose, to see whether the simulation finds them: the checker's own test.

Each is one replacement in the source of one module, made while the module is imported, so the code that is shipped has
no switches. The text to replace must stand there exactly once: a bug that no longer fits its code fails loudly.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, ModuleType
from typing import NamedTuple


class Bug(NamedTuple):
    """A bug: its name, the module it is planted in, the sound text, and the text in its place."""

    name: str
    module: str
    sound: str
    planted: str


BUGS = (
    Bug(
        "reserve without looking at what is available",
        "functions.inventory.table",
        'condition = "available >= :quantity"',
        'condition = "attribute_exists(pk) OR available >= :quantity"',
    ),
    Bug(
        "reserve again for an order that has a reservation",
        "functions.inventory.table",
        'puts = [self.putting(item, "attribute_not_exists(pk)") for item in items]',
        "puts = [self.putting(item) for item in items]",
    ),
    Bug(
        "release twice",
        "functions.inventory.service",
        '"reserved": "released", "committed": "returned"}',
        '"reserved": "released", "released": "released", "committed": "returned"}',
    ),
    Bug(
        "commit under no condition on the version",
        "functions.inventory.table",
        'condition="#status = :before AND version = :read",',
        'condition="attribute_exists(pk) OR (#status = :before AND version = :read)",',
    ),
    Bug(
        "keep the stock of an order cancelled after it was confirmed",
        "functions.inventory.service",
        '"reserved": "released", "committed": "returned"}',
        '"reserved": "released"}',
    ),
    Bug(
        "forget the tombstone of an order cancelled before it was reserved",
        "functions.inventory.service",
        '{None: "refused", ',
        "{",
    ),
    Bug(
        "hold a batch of orders for the units of one",
        "functions.inventory.table",
        "            wanted.update(reservation.places)",
        "            wanted |= reservation.places",
    ),
    Bug(
        "take the whole batch for answered when one of its orders was",
        "functions.inventory.service",
        "return dict.fromkeys(before)",
        "return {one.order_id: one for one in held} if before else {}",
    ),
    Bug(
        "hold inside a level without looking whether the order has ended",
        "functions.inventory.service",
        "    records = table.reservations(held) if held else {}\n",
        "    records: dict[str, Reservation] = {}\n",
    ),
    Bug(
        "hold inside a level what is held there",
        "functions.inventory.table",
        'for name in ("shards", *names))',
        'for name in ("shards",))',
    ),
    Bug(
        "undo a hold without looking whether it is there",
        "functions.inventory.table",
        'condition=f"{name} = :held",',
        'condition=f"attribute_exists(pk) OR {name} = :held",',
    ),
    Bug(
        "end what levels hold in two writes",
        "functions.inventory.table",
        "return self.transact(*shelves, *(self._ending(move, levels, at) for move in moves), patience=PATIENCE)",
        "failed = self.transact(*shelves, patience=PATIENCE)\n"
        "        endings = [self._ending(move, levels, at) for move in moves]\n"
        "        return failed or self.transact(*endings, patience=PATIENCE)",
    ),
    Bug(
        "replace a shard without looking at what was sold of it",
        "functions.inventory.table",
        'condition = "on_hand = :on_hand AND available = :available AND version = :version AND "',
        'del values[":available"], values[":on_hand"]\n    condition = "version = :version AND "',
    ),
    Bug(
        "lose what is given back to a shard that is no more",
        "functions.inventory.table",
        "reasons = self._move(moves, at, self.levels(skus, consistent=True))",
        "return None",
    ),
    Bug(
        "commit only the first of a batch",
        "functions.inventory.table",
        "gains.setdefault(place, []).append((gained, move.at // 1000))",
        "gains.setdefault(place, [(gained, move.at // 1000)])",
    ),
    Bug(
        "take a count for one of now, however late it is",
        "functions.inventory.domain",
        "    on_hand += sum(since.values())\n",
        "",
    ),
    Bug(
        "take units off the shelf again that the last count did not find any more",
        "functions.inventory.domain",
        "return moved_at // 1000 < counted_at // 1000",
        "return moved_at < counted_at - 10**12",
    ),
    Bug(
        "spread a level that owes units",
        "functions.inventory.domain",
        'shards = 1 if level.policy == "tracked" and available < 0 else shards or len(level.shares)',
        "shards = shards or len(level.shares)",
    ),
    Bug(
        "run out of what is sold on back-order",
        "functions.inventory.domain",
        'policies.get(sku, "tracked") == "tracked"',
        'policies.get(sku, "tracked") != "untracked"',
    ),
    Bug(
        "adjust stock again when the request is repeated",
        "functions.inventory.app",
        'adjustment_id = fingerprint(by, key, sku) if key else new_id("adj", at)',
        'adjustment_id = new_id("adj", at)',
    ),
    Bug(
        "publish before writing",
        "functions.orders.service",
        "    if table.place(order, replaced, at + VOID_KEPT):\n        saga.tell_placed(order)\n",
        "    saga.tell_placed(order)\n    if table.place(order, replaced, at + VOID_KEPT):\n",
    ),
    Bug(
        "ignore FailedEntryCount",
        "functions.shared.outbox",
        'if entry.get("ErrorCode")}',
        'if entry.get("ErrorCode") == "none"}',
    ),
    Bug(
        "swallow a handler's error",
        "functions.shared.inbox",
        'log.end()\n        return [message["messageId"]]',
        "log.end()\n        return []",
    ),
    Bug(
        "one id for all facts of an aggregate",
        "functions.shared.outbox",
        'return f"{aggregate_id}.{version}.{kind.key}"',
        'return f"{aggregate_id}.{kind.key}"',
    ),
    Bug(
        "confirm on one vote",
        "functions.orders.domain",
        "if all(parts.get(name)",
        "if any(parts.get(name)",
    ),
    Bug(
        "lose a vote when the order has changed meanwhile",
        "functions.orders.saga",
        "if not table.change(order, after, facts(order, after)):\n        return None\n",
        "table.change(order, after, facts(order, after))\n",
    ),
    Bug(
        "change an order without looking at its version",
        "functions.orders.table",
        'condition="#version = :read"',
        'condition="#version = :read OR attribute_exists(pk)"',
    ),
    Bug(
        "a late vote revives a cancelled order",
        "functions.orders.domain",
        'if order.status != "placed":\n        return _voted_late(order, vote, participants)',
        'if order.status == "confirmed":\n        return _voted_late(order, vote, participants)',
    ),
    Bug(
        "confirm at the deadline though a vote is missing",
        "functions.orders.domain",
        'return Decision("cancelled", "timeout") if overdue else None',
        'return Decision("confirmed") if overdue else None',
    ),
    Bug(
        "decide without telling anyone",
        "functions.orders.saga",
        "        decision,\n",
        "        lambda before, after: None,\n",
    ),
    Bug(
        "take a quote without checking its signature",
        "functions.shared.signing",
        "hmac.compare_digest(mac, _mac(key, purpose, payload))",
        "mac",
    ),
    Bug(
        "take a mail that was claimed for one that was sent",
        "functions.orders.mails.service",
        "raise ClaimedError(mail_id)",
        "return",
    ),
    Bug(
        "mail the refunds of cancelled orders only",
        "functions.orders.mails.service",
        'if order:\n        _send_once(\n            table, settings, order, f"refunded-',
        'if order and order.status == "cancelled":\n        _send_once(\n'
        '            table, settings, order, f"refunded-',
    ),
    Bug(
        "order by anyone's quote",
        "functions.orders.service",
        "if quote.customer_id not in (None, who.subject):",
        "if quote.customer_id == '':",
    ),
    Bug(
        "let a customer call an order off at any time",
        "functions.orders.domain",
        "if until is not None and at >= until:",
        "if until is not None and not at:",
    ),
    Bug(
        "charge the subtotal",
        "functions.payments.service",
        "total, currency = order.totals.total, order.totals.currency",
        "total, currency = order.totals.total - 1, order.totals.currency",
    ),
    Bug(
        "a fresh key for the provider at every try",
        "functions.payments.service",
        "lambda: provider.authorise(draft, order.payment_token)",
        'lambda: provider.authorise(__import__("msgspec").structs.replace(draft, order_id=draft.order_id + "#"'
        ' + __import__("uuid").uuid4().hex), order.payment_token)',
    ),
    Bug(
        "capture again on a retry",
        "functions.payments.service",
        'if found.status in ("authorized", "capturing"):\n        done',
        'if found.status in ("authorized", "capturing", "captured"):\n        done',
    ),
    Bug(
        "capture on a vote, not on the decision",
        "functions.payments.service",
        "        found = answered if table.add(answered, at) else payment(table, order.order_id)\n",
        "        found = answered if table.add(answered, at) else payment(table, order.order_id)\n"
        "        if found is answered and not answered.code:\n"
        "            providers.named(answered.provider).capture(answered)\n",
    ),
    Bug(
        "hold money after the order's tombstone",
        "functions.payments.service",
        'if found.status == "refused":',
        "if not found.status:",
    ),
    Bug(
        "keep what was captured for a cancelled order",
        "functions.payments.service",
        "return refunds.refund_all(table, providers, found, at)",
        "return True",
    ),
    Bug(
        "refund above what is left",
        "functions.payments.domain",
        "if amount > payment.refundable:",
        "if amount > payment.captured:",
    ),
    Bug(
        "refund without a record first",
        "functions.payments.refunds",
        "        if store(table, found, None, begun(found, refund_id, amount, reason, at, by), at) is None:",
        "        new = begun(found, refund_id, amount, reason, at, by)\n"
        "        providers.named(found.provider).refund(found, new)\n"
        "        if store(table, found, None, new, at) is None:",
    ),
    Bug(
        "change a payment without looking at its version",
        "functions.payments.table",
        'actions = [self.putting(item, "version = :version", same)]',
        "actions = [self.putting(item)]",
    ),
    Bug(
        "ship what is not shipped",
        "functions.cart.quotes",
        "ships=requires_shipping(lines)",
        "ships=True",
    ),
    Bug(
        "a cart keeps the price of when a line was added",
        "functions.cart.domain",
        "offer.price if sold else line.price,",
        "line.price,",
    ),
    Bug(
        "take a product's facts in the order they arrive",
        "functions.cart.service",
        "version, told_at = event.aggregate.version, event.time",
        'version, told_at = __import__("time").time_ns(), event.time',
    ),
    Bug(
        "empty the cart twice",
        "functions.cart.domain",
        "if not cart.knows(order_id) or cart.on_order.get(order_id):",
        "if cart.on_order.get(order_id):",
    ),
    Bug(
        "quote what is on order as a purchase of its own",
        "functions.cart.service",
        'cart = domain.to_quote(before, again, new_id("quo", at))',
        'cart = replace(before, purchase=new_id("quo", at), version=before.version + 1)',
    ),
    Bug(
        "leave the quotes of merged carts good",
        "functions.orders.table",
        "if not replaced or until is None:",
        "if True:",
    ),
    Bug(
        "change a cart without looking at its version",
        "functions.cart.table",
        'return self.put(_cart_item(after), "version = :read", {":read": before.version})',
        "return self.put(_cart_item(after))",
    ),
    Bug(
        "try a capture for ever that can never be taken",
        "functions.payments.capturing",
        'return store_failed(table, found, "authorisation_ended", at)',
        "return None",
    ),
    Bug(
        "hold by other means under the key of the first",
        "functions.payments.domain",
        'return self.order_id if self.attempt == 1 else f"{self.order_id}-{self.attempt}"',
        "return self.order_id",
    ),
    Bug(
        "hold by other means without freeing the first",
        "functions.payments.service",
        "        persistently(partial(provider.void, found))\n",
        "        pass\n",
    ),
    Bug(
        "take a refund for paid that the provider calls pending",
        "functions.payments.refunds",
        '    if made.status == "pending":\n',
        '    made = replace(made, status="succeeded")\n    if made.status == "pending":\n',
    ),
    Bug(
        "note a webhook before it is looked at",
        "functions.payments.reconciling",
        "    order_id = notice.order_id or _order_of(providers, provider, notice)\n",
        "    table.take_note(provider, notice.event_id, None, notice.kind, at)\n"
        "    order_id = notice.order_id or _order_of(providers, provider, notice)\n",
    ),
    Bug(
        "leave a refund in the ledger that came back",
        "functions.payments.domain",
        '    moved = _amount(refund, "succeeded") - _amount(before, "succeeded")\n    if not moved:\n',
        '    moved = _amount(refund, "succeeded") - _amount(before, "succeeded")\n    if moved <= 0:\n',
    ),
    Bug(
        "book a refund made at the provider each time it is told",
        "functions.payments.reconciling",
        "    known = known or table.refund(found.order_id, refund_id)\n",
        "    refund_id = refund_id[:20] + str(found.version)\n",
    ),
    Bug(
        "take the largest refunded total for the newest",
        "functions.orders.domain",
        "key=lambda known: known.version)",
        "key=lambda known: (known.refunded, known.version))",
    ),
    Bug(
        "claim a reduction of what was not on sale for 30 days",
        "functions.catalog.prices",
        "    if periods[0].since > first:\n        return None\n",
        "",
    ),
    Bug(
        "keep the prices that apply from now on in place of those that end",
        "functions.catalog.service",
        "history = _history(before, table.price_history(before.id) if before.ended else None)",
        "history = _history(after, table.price_history(before.id) if before.ended else None)",
    ),
    Bug(
        "count what an import is to keep",
        "functions.catalog.imports.service",
        "every = now.stock or done.stored.id == _id(now, index)",
        "every = True",
    ),
    Bug(
        "tell nothing of an order whose stock is held already when it comes again",
        "functions.inventory.service",
        "every = _said_before(table, told_by, [one for one, answer in answers.items() if answer is None])",
        "every = list[Reservation]()",
    ),
    Bug(
        "tell nothing of what has ended when the decision comes again",
        "functions.inventory.service",
        "ended |= {order_id: one for order_id, one in found.items() if one.status not in ends}",
        'ended |= {order_id: replace(one, status="refused")\n'
        "                  for order_id, one in found.items() if one.status not in ends}",
    ),
    Bug(
        "tell nothing of a payment that is answered already",
        "functions.payments.service",
        "    return [authentication.answer_of(found)]\n",
        "    is_new = found.created_at == rfc3339(at)\n"
        "    return [authentication.answer_of(found)] if is_new else []\n",
    ),
    Bug(
        "tell nothing of a capture that was made already",
        "functions.payments.service",
        "if not after.captured_in:",
        "if not after.captured_in or after is found:",
    ),
    Bug(
        "tell nothing of a decision that was made already",
        "functions.orders.saga",
        "return [_told(after, step) for step in after.decisions if step.cause in causes]",
        "return [_told(after, step) for step in after.decisions if step.time == rfc3339(at)]",
    ),
    Bug(
        "have a decision overtake the order that nobody was told of",
        "functions.orders.saga",
        "if _may_be_untold(before) else [decided]",
        "if not before else [decided]",
    ),
    Bug(
        "tell a decision again as of the order's newest version",
        "functions.orders.saga",
        "step.version or order.version",
        "order.version",
    ),
    Bug(
        "take what a bank asks about for held",
        "functions.payments.service",
        "return domain.asked(draft, outcome.ref, at)",
        "return domain.authorized(draft, outcome.ref)",
    ),
    Bug(
        "believe the buyer's page that the bank said yes",
        "functions.payments.authentication",
        "outcome = persistently(lambda: provider.outcome(current))",
        "outcome = Approved(current.ref)",
    ),
    Bug(
        "have a bank's question move no deadline",
        "functions.orders.domain",
        'return max(next(until, ""), self.content.decide_by)',
        "return self.content.decide_by",
    ),
    Bug(
        "leave the bank asking for an order that is off",
        "functions.payments.service",
        'case "authenticating" | "authorized" | "capturing" | "capture_failed" | "voiding":',
        'case "authorized" | "capturing" | "capture_failed" | "voiding":',
    ),
    Bug(
        "wait for ever for a bank that is asked about other means of payment",
        "functions.payments.domain",
        "asked_until=until, open_at=until, version=version",
        "asked_until=until, version=version",
    ),
    Bug(
        "look no more for an answer that nobody told of",
        "functions.payments.service",
        "found = authentication.settle(table, providers, found, at)\n    if",
        "pass\n    if",
    ),
    Bug(
        "give no message back whose facts the bus refused",
        "functions.shared.inbox",
        "failed = entries",
        "failed = []",
    ),
    Bug(
        "give the wrong messages back where the bus refused some facts",
        "functions.shared.inbox",
        "behind = [entry for entry in entries if entry.fact.id in causes]",
        "behind = [entry for entry in entries if entry.fact.id not in causes]\n"
        "    return behind or entries[:1]",
    ),
    Bug(
        "leave a capture of the sweep untold",
        "functions.payments.capturing",
        "outbox = None if comes_again else _outbox(after, told(after), at)",
        "outbox = None",
    ),
    Bug(
        "tell a decision no second time",
        "functions.orders.saga",
        "    _tell_again(table, order, at)\n",
        "",
    ),
    Bug(
        "take a decision for followed by everybody once the stock has followed it",
        "functions.orders.domain",
        "for name, who in PARTICIPANTS.items()\n        )\n\n    def _is_followed",
        'for name, who in PARTICIPANTS.items() if name == "inventory"\n        )\n\n    def _is_followed',
    ),
    Bug(
        "take a confirmation for followed that nobody has answered",
        "functions.orders.domain",
        "return state in who.kept_by",
        "return True",
    ),
    Bug(
        "hold nothing for an order that is off, and tell nobody",
        "functions.inventory.service",
        'steps = [("refused", released, held.version)]',
        "pass",
    ),
    Bug(
        "put a tombstone to rest and tell nobody",
        "functions.payments.service",
        "table.move(tombstone, after, _told_of(after, at), at)",
        "table.move(tombstone, after, None, at)",
    ),
    Bug(
        "have an order go on to payments though its stock was refused",
        "functions.shared.routing",
        "if answer.goes_on and rest:",
        "if rest:",
    ),
    Bug(
        "bring home the last answer alone",
        "functions.shared.routing",
        "answer.detail, Slip((), slip.answers))",
        "answer.detail, Slip())",
    ),
    Bug(
        "have a message that could not go on be done with",
        "functions.shared.inbox",
        "return every, [ways[number][0] for number in sorted(failed)]",
        "return every, []",
    ),
    Bug(
        "send an order on its way before the bus has it",
        "functions.orders.saga",
        "if tell([placed]) or routing.send([routing.begun(placed.detail, ROUTE)]):",
        "if routing.send([routing.begun(placed.detail, ROUTE)]) or tell([placed]):",
    ),
)


class _Planter(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Imports one module from its changed source."""

    def __init__(self, bug: Bug) -> None:
        self.bug = bug

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self.bug.module:
            return None
        found = importlib.machinery.PathFinder.find_spec(fullname, path)
        assert found is not None
        assert found.origin
        self.file = Path(found.origin)
        spec = importlib.machinery.ModuleSpec(fullname, self, origin=found.origin)
        spec.has_location = True
        return spec

    def get_source(self, fullname: str) -> str:
        return planted(self.bug, self.file.read_text())

    def get_code(self, fullname: str) -> CodeType:
        return compile(self.get_source(fullname), str(self.file), "exec")


def planted(bug: Bug, source: str) -> str:
    """Return a module's source with the bug in it; ValueError where the bug does not fit any more."""
    if source.count(bug.sound) != 1:
        raise ValueError(f"{bug.name}: found {source.count(bug.sound)} times in {bug.module}: {bug.sound!r}")
    return source.replace(bug.sound, bug.planted)


def plant(name: str) -> Bug:
    """Plant a bug in this process, before its module is imported; return it."""
    bug = next(bug for bug in BUGS if bug.name == name)
    if bug.module in sys.modules:
        raise RuntimeError(f"{bug.module} is imported already")
    sys.meta_path.insert(0, _Planter(bug))
    return bug
