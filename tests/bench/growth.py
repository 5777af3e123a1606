"""`make growth`: what an operation takes in a shop of 1,000, of 10,000 and of 100,000 products, customers and orders.

Also what an order takes by its lines, and by how many events are handed over at once. Units, calls and bytes are
counted; of the work in Python, function calls are counted, which come out the same each time, and CPU time is
measured, without what the in-memory tables need: they stand for another machine. The figures go to
.local/growth.json, of which draw.py makes docs/images/growth-*.svg.
"""

from __future__ import annotations

import functools
import gc
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from functions.shared.dynamo import cursor
from tests.bench.account import CORE, Account
from tests.bench.journeys import CONFIRMED, Quote, Shop
from tests.bench.large_shop import LargeShop, made_id, slug
from tests.support.templates import ROOT

FILE = ROOT / ".local/growth.json"
SIZES = (1_000, 10_000, 100_000)
LINES = (1, 2, 5, 10, 20, 30, 40, 50)
BATCHES = (1, 2, 5, 10)
PAGE = "24"


@dataclass
class Cost:
    """What one operation takes; `python_calls` are functions called in the handlers, `cpu` is in seconds."""

    write_units: float
    read_units: float
    aws_calls: float
    invocations: float
    sqs_requests: float
    log_bytes: float
    python_calls: float
    cpu: float = 0.0


class Meter(Account):
    """An account that also weighs the handlers' own work."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.python_calls = 0
        self.cpu = 0.0
        self.profiling = False

    def _invoke(self, *arguments: Any) -> Any:
        begun = time.thread_time()
        sys.setprofile(self._count if self.profiling else None)
        try:
            return super()._invoke(*arguments)
        finally:
            sys.setprofile(None)
            self.cpu += time.thread_time() - begun

    def _call(self, service: str, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        sys.setprofile(None)
        begun = time.thread_time()
        try:
            return super()._call(service, operation, request)
        finally:
            self.cpu -= time.thread_time() - begun
            sys.setprofile(self._count if self.profiling else None)

    def _count(self, frame: object, event: str, argument: object) -> None:
        if event in ("call", "c_call"):
            self.python_calls += 1

    def cost(self, step: Callable[[], Any], *, times: int = 0, journal: bool = False) -> Cost:
        """Return what a step takes: counted once, and its CPU time as the median of so many runs more."""
        services = {*CORE, "identity", *(["journal"] if journal else [])}
        self.settle()
        step()  # what is asked once in a worker's life is not the operation's
        self.settle()
        before, self.python_calls, self.profiling = self.tally.copy(), 0, True
        step()
        self.profiling = False
        took: Counter[str] = Counter()
        for (service, what), number in (self.tally - before).items():
            if service in services:
                took[what] += number
        calls, seconds = self.python_calls, []
        for _ in range(times):
            self.settle()
            self.cpu = 0.0
            step()
            seconds.append(self.cpu)
        self.settle()
        return Cost(
            took["write_units"],
            took["read_units"],
            took["aws_calls"],
            took["invocations"],
            took["messages"] + took["receives"] + took["deletes"],
            took["log_bytes"],
            calls,
            statistics.median(seconds) if seconds else 0.0,
        )


def operations(shop: LargeShop) -> dict[str, Callable[[], Any]]:
    """Return what is measured, by name."""
    account, size = shop.account, shop.size
    get, cart = account.request, shop.cart(1)
    middle = cursor({"sort": "newest", "key": made_id("prd", size // 2)}, "sort", "key")
    order = made_id("ord", size // 2)

    def listed(**query: str) -> Callable[[], Any]:
        return lambda: get("GET", "/catalog/products", query={"limit": PAGE, **query})

    def staff(resource: str, **options: Any) -> Callable[[], Any]:
        return lambda: account.as_staff("GET", resource, **options)

    def order_one() -> None:
        shop.put(cart, shop.skus[0])
        order_id = shop.place(shop.quote(cart))
        account.settle(1, CONFIRMED)
        assert shop.status(order_id) == "confirmed"

    return {
        "list of products": listed(),
        "the middle of the list": listed(cursor=str(middle)),
        "list by price": listed(sort="price"),
        "list of one vendor": listed(vendor="Workshop 1"),
        "search, a rare word": listed(q="moonstone"),
        "search, a common word": listed(q="tagine"),
        "search, beginning of a rare word": listed(q="moonst"),
        "search, beginning of many words": listed(q="0"),
        "search, rare and common": listed(q="moonstone tagine"),
        "search, common and rare": listed(q="glazed moonstone"),
        "list of vendors": lambda: get("GET", "/catalog/vendors", query={"limit": "100"}),
        "product page": lambda: get("GET", "/catalog/products/{id}", path={"id": slug(size // 2)}),
        "stock of a product": lambda: get("GET", "/inventory/stock", query={"skus": shop.skus[7]}),
        "put into the cart": lambda: shop.put(cart, shop.skus[0]),
        "quote": lambda: shop.quote(cart),
        "order, cart to confirmed": order_one,
        "own orders": lambda: get("GET", "/orders", token=shop.token),
        "log-in": shop.log_in,
        "console: orders of a day": staff("/journal/orders", query={"limit": "50"}),
        "console: orders of a customer": staff(
            "/orders", query={"customerId": shop.customer, "limit": "100"}
        ),
        "console: a customer by e-mail": staff(
            "/identity/customers", query={"email": "person.7@example.com"}
        ),
        "console: an order": staff("/orders/{orderId}", path={"orderId": order}),
        "console: facts of an order": staff("/journal/subjects/{subject}", path={"subject": order}),
        "console: orders that wait": staff("/orders/open", query={"limit": "50"}),
        **{
            f"sweep of {schedule.function.service}, nothing due": functools.partial(
                account._invoke, schedule.function, "sweep", {}
            )
            for schedule in account.deployed.schedules
        },
    }


def by_size(size: int, *, times: int = 0) -> dict[str, Cost]:
    """Return what each operation takes in a shop of that size."""
    account = Meter()
    with account.open():
        gc.disable()  # millions of objects, none of which is garbage
        try:
            shop = LargeShop(account, size)
            gc.freeze()
            return {
                name: account.cost(step, times=times, journal=name.startswith("console"))
                for name, step in operations(shop).items()
            }
        finally:
            gc.unfreeze()
            gc.enable()


def by_lines(*, times: int = 0) -> dict[int, dict[str, Cost]]:
    """Return what an order takes to be confirmed, its quote, and one more line in its cart, by its number of lines."""
    account, found = Meter(), {}
    with account.open():
        shop = LargeShop(account, 100)
        for lines in LINES:
            cart = shop.cart(lines)
            quotes = shop.quotes(lines, times + 2)
            steps: dict[str, Callable[[], Any]] = {
                "put into the cart": functools.partial(shop.put, cart, shop.skus[0]),
                "quote": functools.partial(shop.quote, cart),
                "order, placed to confirmed": functools.partial(_order, shop, quotes),
            }
            found[lines] = {name: account.cost(step, times=times) for name, step in steps.items()}
            account.settle()
    return found


def _order(shop: Shop, quotes: list[Quote]) -> None:
    shop.place(quotes.pop())
    shop.account.settle(1, CONFIRMED)


def by_batch(orders: int = 20, *, times: int = 0) -> dict[int, Cost]:
    """Return what each of some orders placed at once takes to be captured, when so many events come at a time."""
    account, found = Meter(), {}
    with account.open():
        shop = LargeShop(account, 100)
        for batch in BATCHES:
            quotes = shop.quotes(1, orders * (times + 2))

            def place(quotes: list[Quote] = quotes, batch: int = batch) -> None:
                for _ in range(orders):
                    shop.place(quotes.pop())
                account.settle(batch)

            cost = account.cost(place, times=times)
            found[batch] = Cost(**{name: value / orders for name, value in asdict(cost).items()})
    return found


def main() -> None:
    """Measure, print, and write what draw.py draws."""
    sizes = {size: by_size(size, times=15) for size in SIZES}
    print(f"{'':42}" + "".join(f"{size:>34,}" for size in SIZES))
    print(f"{'':42}" + f"{'write':>7}{'read':>7}{'calls':>6}{'Python':>8}{'CPU':>6}" * len(SIZES))
    for name, first in sizes[SIZES[0]].items():
        costs = [sizes[size][name] for size in SIZES]
        print(
            f"{name:42}"
            + "".join(
                f"{cost.write_units:>7g}{cost.read_units:>7g}{cost.aws_calls:>6g}{cost.python_calls:>8,}"
                f"{cost.cpu / first.cpu:>5.2f}x"
                for cost in costs
            )
        )
    lines, batches = by_lines(times=5), by_batch(times=3)
    print(
        "\nlines   order to confirmed: write, read, calls, log bytes, Python, CPU"
        "   put: write, read   quote: write, read"
    )
    for number, costs_of in lines.items():
        put, quote, order = costs_of.values()
        print(
            f"{number:5}   {order.write_units:g}  {order.read_units:g}  {order.aws_calls:g}  {order.log_bytes:g}  "
            f"{order.python_calls:,}  {order.cpu / lines[1]['order, placed to confirmed'].cpu:.2f}x   "
            f"{put.write_units:g}  {put.read_units:g}   {quote.write_units:g}  {quote.read_units:g}"
        )
    print(
        "\nbatch   an order to captured: invocations, calls, SQS requests, write, read, log bytes, Python, CPU"
    )
    for number, cost in batches.items():
        print(
            f"{number:5}   {cost.invocations:g}  {cost.aws_calls:g}  {cost.sqs_requests:g}  {cost.write_units:g}  "
            f"{cost.read_units:g}  {cost.log_bytes:g}  {cost.python_calls:,.0f}  {cost.cpu / batches[1].cpu:.2f}x"
        )
    rows = {
        "sizes": {
            size: {name: asdict(cost) for name, cost in costs.items()} for size, costs in sizes.items()
        },
        "lines": {
            number: {name: asdict(cost) for name, cost in costs.items()} for number, costs in lines.items()
        },
        "batches": {number: asdict(cost) for number, cost in batches.items()},
    }
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(rows, indent=1) + "\n")
    print(f"\n{FILE.relative_to(ROOT)} has these figures.")


if __name__ == "__main__":
    main()
