"""`make race`: the races shops lose, run on a live stack through HTTP at real concurrency.

Each prints what was sold, refused and left, and says what must be so. Ends with the audit; leaves with status 1 where
anything is not as it must be. BUYERS and UNITS size the first race (200 and 20).
"""

from __future__ import annotations

import functools
import os
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable

from tools.drills import rehearsal
from tools.local.buyer import Buyer, until
from tools.local.shop import Shop
from tools.local.stack import running_stack
from tools.operate import audit
from tools.report import step

Outcome = dict[str, int]


def main() -> None:
    """Run every race on the running stack."""
    stack = running_stack()
    shop = Shop(stack.url)
    admin = rehearsal.staff(shop)
    failed = [race.__name__ for race in RACES if not _held(race, shop, admin)]
    checked, differences = audit.audit(stack)
    for difference in differences:
        print(difference)
    step(f"audit: {checked} things compared, {len(differences)} differences")
    step("every race was won" if not failed else f"lost: {', '.join(failed)}")
    sys.exit(1 if failed or differences else 0)


def _held(
    race: Callable[[Shop, dict[str, str]], tuple[Outcome, bool]], shop: Shop, admin: dict[str, str]
) -> bool:
    step((race.__doc__ or "").partition("\n")[0])
    outcome, held = race(shop, admin)
    numbers = ", ".join(f"{name} {number}" for name, number in outcome.items())
    step(f"  {numbers}: {'as it must be' if held else 'NOT AS IT MUST BE'}")
    return held


def last_units(shop: Shop, admin: dict[str, str]) -> tuple[Outcome, bool]:
    """Many buyers for few units: exactly the units there are, are sold."""
    buyers, units = (
        int(os.environ.get(name) or default) for name, default in (("BUYERS", 200), ("UNITS", 20))
    )
    sku = rehearsal.product(shop, admin, "last-units", units)
    quotes = rehearsal.at_once(lambda _: rehearsal.quoted(shop, sku), range(buyers), 8)
    answers = rehearsal.at_once(lambda one: rehearsal.place(shop, one), quotes)
    placed = [answer.body for answer in answers if answer.status == 202]
    ends = Counter(order["reason"] or order["status"] for order in rehearsal.decided(shop, placed))
    left = until("the units to be taken off the shelf", lambda: _settled(shop, admin, sku))
    sold, refused = ends["confirmed"], ends["out_of_stock"]
    held = (sold, left) == (min(units, buyers), max(0, units - buyers)) and sold + refused == buyers
    return {"sold": sold, "refused": refused, "left": left, "of": buyers}, held


def _settled(shop: Shop, admin: dict[str, str], sku: str) -> int | None:
    level = rehearsal.level(shop, admin, sku)
    return int(level["onHand"]) if level["reserved"] == 0 else None


def cancel_against_confirm(shop: Shop, admin: dict[str, str]) -> tuple[Outcome, bool]:
    """Orders cancelled while they are being confirmed: one ending each, and all stock and money where it says."""
    sku = rehearsal.product(shop, admin, "cancelled", 30)
    quotes = rehearsal.at_once(lambda _: rehearsal.quoted(shop, sku), range(30), 8)

    def place_and_cancel(wish: tuple[int, str]) -> dict[str, str]:
        turn, signed = wish
        placed = rehearsal.place(shop, signed).body
        time.sleep(turn * 0.15)  # from long before the decision to long after it
        headers = {"X-Order-Token": placed["orderToken"]}
        shop.call("POST", f"/orders/{placed['orderId']}/cancel", headers=headers)
        return dict(placed)

    placed = rehearsal.at_once(place_and_cancel, enumerate(quotes))
    ends = Counter(order["status"] for order in rehearsal.decided(shop, placed))
    left = until("the units to come back", lambda: _settled(shop, admin, sku))
    money = Counter(
        until("the money to be where it belongs", functools.partial(_at_rest, shop, one, admin))
        for one in placed
    )
    held = left == 30 - ends["confirmed"] and money["captured"] == ends["confirmed"]
    return {**ends, "left": left, **{f"money {status}": money[status] for status in sorted(money)}}, held


def _at_rest(shop: Shop, placed: dict[str, str], admin: dict[str, str]) -> str | None:
    """Return what became of an order's money, None while that is not done."""
    payment = shop.call("GET", f"/payments/{placed['orderId']}", headers=admin)
    if payment.status != 200 or payment.body["status"] in ("authorized", "capturing", "voiding"):
        return None
    if payment.body["refunded"]["amount"]:
        return "paid back" if payment.body["refundable"]["amount"] == 0 else None
    cancelled = shop.call("GET", f"/orders/{placed['orderId']}", headers=admin).body["status"] == "cancelled"
    status: str = payment.body["status"]
    return None if cancelled and status == "captured" else status


def refund_against_refund(shop: Shop, admin: dict[str, str]) -> tuple[Outcome, bool]:
    """Ten refunds of 30 % at once: never more is given back than was taken."""
    sku = rehearsal.product(shop, admin, "refunded", 1, price=10_000)
    placed = rehearsal.place(shop, rehearsal.quoted(shop, sku)).body
    rehearsal.decided(shop, [placed])
    path = f"/payments/{placed['orderId']}"
    total = int(placed["totals"]["total"])
    until("the capture", lambda: _captured(shop, path, admin))
    body = {"amount": {"amount": total * 3 // 10, "currency": "EUR"}, "reason": "rehearsal"}
    answers = rehearsal.at_once(
        lambda _: shop.call(
            "POST", f"{path}/refunds", body, headers={**admin, "Idempotency-Key": str(uuid.uuid4())}
        ),
        range(10),
    )
    paid = sum(answer.status in (200, 201, 202) for answer in answers)
    refunded = int(shop.must(200, "GET", path, headers=admin)["refunded"]["amount"])
    held = paid == 3 and refunded == paid * (total * 3 // 10)
    return {"paid back": paid, "refused": len(answers) - paid, "amount": refunded, "of": total}, held


def _captured(shop: Shop, path: str, admin: dict[str, str]) -> bool | None:
    payment = shop.call("GET", path, headers=admin)
    return True if payment.status == 200 and payment.body["status"] == "captured" else None


def merge_against_merge(shop: Shop, admin: dict[str, str]) -> tuple[Outcome, bool]:
    """Two log-ins merge one guest cart at once: its lines arrive once."""
    sku = rehearsal.product(shop, admin, "merged", 100)
    sessions = [rehearsal.customer(shop) for _ in range(2)]
    guest = Buyer(shop)
    filled = guest.fill_cart({sku: 3})
    answers = rehearsal.at_once(
        lambda who: shop.call("POST", f"/carts/{filled}/merge", {}, headers={**who, **guest.headers}),
        sessions * 4,
    )
    mine = shop.must(201, "POST", "/carts", {}, headers=sessions[0])["cartId"]
    cart = shop.must(200, "GET", f"/carts/{mine}", headers=sessions[0])
    units = sum(line["quantity"] for line in cart["lines"] if line["sku"] == sku)
    shop.call("DELETE", f"/carts/{mine}/lines/{sku}", headers=sessions[0])
    good = sum(answer.status == 200 for answer in answers)
    return {"merges": len(answers), "answered well": good, "units": units}, units == 3


def adjust_against_reserve(shop: Shop, admin: dict[str, str]) -> tuple[Outcome, bool]:
    """Stock written off while it is being sold: nothing is sold that is not there."""
    sku = rehearsal.product(shop, admin, "adjusted", 30)
    quotes = rehearsal.at_once(lambda _: rehearsal.quoted(shop, sku), range(20), 8)
    work: list[Callable[[], object]] = [lambda one=one: rehearsal.place(shop, one).body for one in quotes]  # type: ignore[misc]
    work += [lambda: rehearsal.adjust(shop, admin, sku, -1).status] * 20
    done = rehearsal.at_once(
        lambda act: act(), [act for pair in zip(work[:20], work[20:], strict=True) for act in pair]
    )
    ends = Counter(
        order["status"] for order in rehearsal.decided(shop, [one for one in done if isinstance(one, dict)])
    )
    written_off = done.count(201)
    left = until("the units to be taken off the shelf", lambda: _settled(shop, admin, sku))
    sold = ends["confirmed"]
    return {"sold": sold, "written off": written_off, "left": left, "of": 30}, sold + written_off + left == 30


def double_click(shop: Shop, admin: dict[str, str]) -> tuple[Outcome, bool]:
    """One key, pressed eight times at once: one order, one charge."""
    sku = rehearsal.product(shop, admin, "clicked", 8)
    signed, key = rehearsal.quoted(shop, sku), str(uuid.uuid4())
    answers = rehearsal.at_once(lambda _: rehearsal.place(shop, signed, key), range(8))
    placed = [answer.body for answer in answers if answer.status == 202]
    orders = {one["orderId"] for one in placed}
    rehearsal.decided(shop, placed[:1])
    left = until("the unit to be taken off the shelf", lambda: _settled(shop, admin, sku))
    return {"clicks": len(answers), "orders": len(orders), "left": left}, len(orders) == 1 and left == 7


RACES = (
    last_units,
    cancel_against_confirm,
    refund_against_refund,
    merge_against_merge,
    adjust_against_reserve,
    double_click,
)
