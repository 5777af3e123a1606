"""`make chaos`: break one service at a time on a live stack, see what still works, mend it, and see that all agrees.

For each service and each way of breaking it: the workload is run, an order is placed, the service is mended, and the
order has to be decided, the queues to drain and the audit to agree. Then workers and edge are killed in the middle of
purchases, and the stack is drained, stopped and started under load. Prints a table in Markdown, which
docs/operating.md holds. SERVICE=orders takes one service only.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tools import options
from tools.drills import rehearsal
from tools.local.buyer import Buyer
from tools.local.drain import drain, waiting
from tools.local.seed import Accounts
from tools.local.shop import Answer, Shop
from tools.local.stack import ENVIRONMENT, Stack, running_stack
from tools.operate import audit, dlq
from tools.report import ToolError, step
from tools.services import consumers, services

PATIENCE = 240.0


class Row(NamedTuple):
    """What one fault did."""

    service: str
    fault: str
    works: str
    broken: str
    order: str
    after: str


def main() -> None:
    """Break every service in every way."""
    chosen = options.services(services()) or list(services())
    stack = running_stack()
    dlq.use(stack)
    rows = [one for service in chosen for one in rehearse(stack, service)]
    rows += [killed(stack), restarted(stack)]
    print(
        "\n| service | fault | of what people do works | does not | an order placed meanwhile | afterwards |"
    )
    print("|---|---|---|---|---|---|")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    bad = [row for row in rows if not row.after.startswith("agrees")]
    step(
        "every service was broken and mended, and nothing was lost"
        if not bad
        else f"{len(bad)} rows do not agree"
    )
    sys.exit(1 if bad else 0)


# --- ways to break ----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def down(stack: Stack, service: str) -> Iterator[None]:
    """No function takes a call (reserved concurrency 0)."""
    client = stack.client("lambda")
    names = [function["FunctionName"] for function in _functions(stack, service)]
    for name in names:
        client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    try:
        yield
    finally:
        for name in names:
            client.delete_function_concurrency(FunctionName=name)


def raising(stack: Stack, service: str) -> contextlib.AbstractContextManager[None]:
    """Every function raises (its handler does not exist)."""
    return _configured(
        stack, service, lambda config: {"Handler": f"functions.{service}.app.broken_on_purpose"}
    )


def tableless(stack: Stack, service: str) -> contextlib.AbstractContextManager[None]:
    """Its table is out of reach."""
    return _configured(stack, service, lambda config: _variables(config, TABLE_NAME="souk-out-of-reach"))


def failing(stack: Stack, service: str) -> contextlib.AbstractContextManager[None]:
    """Let the payment provider answer with errors."""
    return _in_trouble(stack, "failing")


def silent(stack: Stack, service: str) -> contextlib.AbstractContextManager[None]:
    """Let the payment provider act and never answer."""
    return _in_trouble(stack, "silent")


@contextlib.contextmanager
def _in_trouble(stack: Stack, trouble: str) -> Iterator[None]:
    shop = Shop(stack.url)
    admin = rehearsal.staff(shop)
    shop.must(200, "PUT", "/payments/simulator", {"trouble": trouble}, headers=admin)
    try:
        yield
    finally:
        shop.must(200, "PUT", "/payments/simulator", {"trouble": "none"}, headers=admin)


@contextlib.contextmanager
def deaf(stack: Stack, service: str) -> Iterator[None]:
    """Its queue has no consumer."""
    client = stack.client("lambda")
    name = f"souk-{ENVIRONMENT}-{service}-inbox"
    mappings = client.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
    for mapping in mappings:
        client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    try:
        yield
    finally:
        for mapping in mappings:
            client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)


@contextlib.contextmanager
def _configured(stack: Stack, service: str, change: Callable[[Any], dict[str, Any]]) -> Iterator[None]:
    client = stack.client("lambda")
    found = _functions(stack, service)
    for function in found:
        client.update_function_configuration(FunctionName=function["FunctionName"], **change(function))
    try:
        yield
    finally:
        for function in found:
            client.update_function_configuration(
                FunctionName=function["FunctionName"],
                Handler=function["Handler"],
                Environment={"Variables": function["Environment"]["Variables"]},
            )


def _functions(stack: Stack, service: str) -> list[Any]:
    start = f"souk-{ENVIRONMENT}-{service}-"
    return [
        function
        for page in stack.client("lambda").get_paginator("list_functions").paginate()
        for function in page["Functions"]
        if function["FunctionName"].startswith(start)
    ]


def _variables(config: Any, **changes: str) -> dict[str, Any]:
    return {"Environment": {"Variables": {**config["Environment"]["Variables"], **changes}}}


def ways(service: str) -> list[Callable[[Stack, str], contextlib.AbstractContextManager[None]]]:
    """Return the ways to break a service."""
    found: list[Callable[[Stack, str], contextlib.AbstractContextManager[None]]] = [down, raising, tableless]
    if service in consumers():
        found.append(deaf)
    if service == "payments":
        found += [failing, silent]
    return found


# --- the workload -----------------------------------------------------------------------------------------------


def workload(stack: Stack, sku: str, admin: dict[str, str]) -> dict[str, Callable[[], Answer]]:
    """Return what people do in a shop, by name; each is a call that answers below 400 where it works."""
    shop = Shop(stack.url)
    state: dict[str, Any] = {}

    def fill_cart() -> Answer:
        state["guest"] = guest = Buyer(shop)
        opened = guest.ask_cart()
        state["cart"] = opened.body["cartId"] if opened.status == 201 else None
        return guest.put_line(opened.body["cartId"], sku) if state["cart"] else opened

    def ask_quote() -> Answer:
        if state.get("cart") is None:
            return Answer(503, None)
        answer: Answer = state["guest"].ask_quote(state["cart"])
        state["quote"] = answer.body["quote"] if answer.status == 200 else None
        return answer

    def place() -> Answer:
        signed = state.get("quote") or state.get("spare")
        return Buyer(shop).place(signed) if signed else Answer(503, None)

    return {
        "log in": lambda: shop.call("POST", "/identity/login", Accounts().customer._asdict()),
        "browse": lambda: shop.call("GET", "/catalog/products?limit=5"),
        "see stock": lambda: shop.call("GET", f"/inventory/stock/{sku}"),
        "fill a cart": fill_cart,
        "get a quote": ask_quote,
        "place an order": place,
        "see own orders": lambda: shop.call("GET", "/orders", headers=admin),
        "see a payment": lambda: _unknown(shop.call("GET", "/payments/ord_none", headers=admin)),
        "see what goes on": lambda: shop.call("GET", "/journal/orders", headers=admin),
    }


def _unknown(answer: Answer) -> Answer:
    """Return a 404 as what it is here: the service answers."""
    return Answer(200, None) if answer.status == 404 else answer


OF = {
    "identity": {"log in"},
    "catalog": {"browse"},
    "inventory": {"see stock"},
    "cart": {"fill a cart", "get a quote"},
    "orders": {"place an order", "see own orders"},
    "payments": {"see a payment"},
    "journal": {"see what goes on"},
}
"""What may fail while a service is broken; nothing at all of a service that is not here."""


def rehearse(stack: Stack, service: str) -> Iterator[Row]:
    """Break a service in each way, and yield what happened."""
    shop = Shop(stack.url)
    for way in ways(service):
        fault = (way.__doc__ or "").strip().rstrip(".")
        step(f"{service}: {fault}")
        admin = rehearsal.staff(shop)
        sku = rehearsal.product(shop, admin, "chaos", 50)
        spare = rehearsal.quoted(shop, sku)
        works: list[str] = []
        broken: list[str] = []
        placed = None
        with way(stack, service):
            time.sleep(0.5)
            for name, act in workload(stack, sku, admin).items():
                answer = act()
                if name == "place an order" and answer.status == 503 and service == "cart":
                    # A quote from before: orders asks nobody about it.
                    answer = Buyer(shop).place(spare)
                (works if answer.status < 400 else broken).append(name)
                if name == "place an order" and answer.status == 202:
                    placed = answer.body
            meanwhile = _status(shop, placed)
        after = _afterwards(stack, shop, placed)
        unfair = sorted(set(broken) - OF.get(service, set()))
        if unfair:
            after = f"NOT INDEPENDENT: {', '.join(unfair)}"
        step(f"  works: {', '.join(works)}; does not: {', '.join(broken) or 'nothing'}; {after}")
        share = f"{len(works)} of {len(works) + len(broken)}"
        yield Row(service, fault, share, ", ".join(broken) or "–", meanwhile, after)


def _status(shop: Shop, placed: dict[str, Any] | None) -> str:
    if placed is None:
        return "not taken"
    time.sleep(4)
    headers = {"X-Order-Token": placed["orderToken"]}
    answer = shop.call("GET", f"/orders/{placed['orderId']}", headers=headers)
    return str(answer.body["status"]) if answer.status == 200 else "taken, not shown"


def _afterwards(stack: Stack, shop: Shop, placed: dict[str, Any] | None) -> str:
    """Mended: wait for the decision and the queues, and compare the books."""
    end = ""
    if placed is not None:
        order = rehearsal.decided(shop, [placed], PATIENCE)[0]
        end = order["reason"] or order["status"]
    left = drain(stack, seconds=300)  # what a broken consumer took comes back after up to 180 s
    _, differences = audit.audit(stack)
    dead = waiting(stack, dead=True)
    for difference in differences:
        print(difference)
    if left or differences:
        return f"NOT AGREED: {sum(left.values())} messages waiting, {len(differences)} differences"
    if dead:
        for name in dead:
            dlq.redrive(name, None)
        drain(stack, seconds=60)
        return f"agrees after a redrive of {sum(dead.values())}: {end or 'nothing was placed'}"
    return f"agrees: {end or 'nothing was placed'}"


# --- kill and restart -------------------------------------------------------------------------------------------


class Traffic:
    """Guests who go on buying in the background; what was acknowledged is kept."""

    def __init__(self, shop: Shop, sku: str) -> None:
        self.acknowledged: list[dict[str, Any]] = []
        self.failed = 0
        self._shop, self._sku, self._stop = shop, sku, threading.Event()
        self._threads = [threading.Thread(target=self._buy, daemon=True) for _ in range(4)]

    def __enter__(self) -> Traffic:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _buy(self) -> None:
        while not self._stop.is_set():
            try:
                answer = rehearsal.place(self._shop, rehearsal.quoted(self._shop, self._sku))
            except ToolError:
                answer = Answer(0, None)
            if answer.status == 202:
                self.acknowledged.append(answer.body)
            else:
                self.failed += 1
                time.sleep(0.2)


def killed(stack: Stack) -> Row:
    """Kill function workers and the edge, without warning, in the middle of purchases."""
    step("all: workers and edge killed (kill -9) in the middle of purchases")
    shop = Shop(stack.url)
    sku = rehearsal.product(shop, rehearsal.staff(shop), "killed", 5000)
    workers = 0
    with Traffic(shop, sku) as traffic:
        for turn in range(8):
            time.sleep(2)
            workers += _kill_workers(stack)
            if turn == 4 and (edge := stack.edge_pid()):
                os.kill(edge, signal.SIGKILL)
                time.sleep(0.3)
                stack.start_edge()
    return _survived(stack, shop, traffic, "all", f"kill -9 of {workers} workers and of the edge")


def _kill_workers(stack: Stack) -> int:
    """Kill every second worker: the others go on, so that some work gets through."""
    emulator = stack.emulator.pid()
    killed = 0
    for number, worker in enumerate(sorted(_children(emulator))):
        if number % 2 == 0:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
                killed += 1
    return killed


def _children(parent: int | None) -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError, IndexError, ValueError):
                if int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == parent:
                    yield int(entry.name)


def restarted(stack: Stack) -> Row:
    """Drain, stop and start the whole stack under load."""
    step("all: drained, stopped and started under load")
    shop = Shop(stack.url)
    sku = rehearsal.product(shop, rehearsal.staff(shop), "restarted", 5000)
    with Traffic(shop, sku) as traffic:
        time.sleep(3)
        stack.stop_edge()
        drain(stack, seconds=60)
        stack.emulator.stop()
        stack.start_emulator()
        stack.start_edge()
        time.sleep(3)
    return _survived(stack, shop, traffic, "all", "drained stop and start under load")


def _survived(stack: Stack, shop: Shop, traffic: Traffic, service: str, fault: str) -> Row:
    orders = rehearsal.decided(shop, traffic.acknowledged, PATIENCE)
    confirmed = sum(order["status"] == "confirmed" for order in orders)
    after = _afterwards(stack, shop, None)
    met = f"{len(orders)} acknowledged, {confirmed} confirmed, {len(orders) - confirmed} cancelled"
    step(f"  {met}; {traffic.failed} calls failed meanwhile; {after}")
    return Row(service, fault, "–", f"{traffic.failed} calls", met, after.replace(": nothing was placed", ""))
