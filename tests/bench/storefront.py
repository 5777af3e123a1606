"""The storefront's own files as the edge is asked for them: pages, modules, styles and pictures of web/.

What may be kept (pictures for a day, modules and styles for good) a browser asks for once; what may not (`no-cache`:
pages) it asks for again each time, if only to hear that it has not changed, which CloudFront bills like any request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tests.bench.account import HEADER_BYTES, transferred
from tests.bench.billing import Bill, edge_bill
from tests.bench.stacks import stacks
from tests.support.templates import ROOT
from tools.operate import site

WEB = ROOT / "web"
VISIT = {"products.html": 1.5, "product.html": 3.0}
ORDER = {"checkout.html": 1.0, "order.html": 1.0, "account.html": 1.0}
"""The pages of a visit, and of an order: the same assumption as the calls in cost.py."""
PICTURES = 24
"""Of products, that a visit sees for the first time: those of a list."""
_FILE = re.compile(r'(?:href|src)="(/[\w/.-]+\.\w+)"')


class Asked(NamedTuple):
    """What the edge is asked for, what it sends, and how often its function runs."""

    requests: float
    transfer_bytes: float
    function_runs: float


def visit(pages: Mapping[str, float], pictures: int = PICTURES, web: Path = WEB) -> Asked:
    """Return what so many views of pages ask for in a browser that was never here."""
    seen: dict[str, float] = {}
    made = site.files(web)
    for page, views in pages.items():
        for name in files(page, web):
            seen[name] = seen.get(name, 0) + views
    keys = {re.sub(r"^v/\w+/", "", key): key for key in sorted(made, key=lambda key: key.startswith("v/"))}
    requests = transfer = runs = 0.0
    for name, views in seen.items():
        asked = views if made[keys[name]].caching == "no-cache" else min(views, 1)
        requests += asked
        runs += asked * stacks().runs_function(f"/{keys[name]}")
        transfer += min(asked, 1) * transferred((web / name).read_text()) + max(asked - 1, 0) * HEADER_BYTES
    drawings = [transferred(path.read_text()) for path in (web / "images").glob("*.svg")]
    return Asked(requests + pictures, transfer + pictures * sum(drawings) / max(len(drawings), 1), runs)


def files(page: str, web: Path = WEB) -> set[str]:
    """Return a page and all that it names: its styles, its modules (it preloads each) and its own pictures."""
    return {page, *(name.lstrip("/") for name in _FILE.findall((web / page).read_text()))}


def bill(visits: float, orders: float, calls: Asked, prices: Any) -> Bill:
    """Return what a month's files cost on top of the calls that the edge is asked for anyway."""
    looks, buys = visit(VISIT), visit(ORDER, 0)
    requests = looks.requests * visits + buys.requests * orders
    transfer = looks.transfer_bytes * visits + buys.transfer_bytes * orders
    runs = looks.function_runs * visits + buys.function_runs * orders
    without = edge_bill(*calls, prices)
    all_of_it = edge_bill(
        calls.requests + requests, calls.transfer_bytes + transfer, calls.function_runs + runs, prices
    )
    return {what: dollars - without[what] for what, dollars in all_of_it.items()}
