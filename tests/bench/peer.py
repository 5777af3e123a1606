"""What an order takes in the best-known sample of this field, on our prices: `python -m tests.bench.peer`.

The counts were read off its templates and handlers (peer.json says which function does what); sizes of items were taken
to be below a kilobyte. It holds no stock and decides nothing: the same point is where everybody who has to know of the
order has taken it up.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from tests.bench.account import LOG_ENTRY_BYTES
from tests.bench.billing import GIGABYTE, REFERENCE_MB, Bill, assumed, gb_second
from tests.bench.stacks import STANDARD, Size

FILE = Path(__file__).with_suffix(".json")
SYSTEM_LINES = 3


def counts() -> Any:
    """Return what was counted."""
    return json.loads(FILE.read_text())


def invocations() -> int:
    """Return the functions an order starts."""
    return len(counts()["functions"])


def write_units() -> int:
    """Return the write units of an order, index entries included."""
    return sum(write["units"] + write["index_units"] for write in counts()["writes"])


def bill(prices: Any) -> Bill:
    """Return what one order costs; the wait for the payment provider is not in it."""
    peer, each = counts(), prices["each"]
    functions, size = peer["functions"], _size(peer)
    busy = sum(busy_seconds(function, peer, prices) for function in functions)
    start = prices["starts"]["share"] * peer["assumed"]["init_milliseconds"] / 1000
    return {
        "API": peer["appsync_requests"] * each["appsync_request"]
        + peer["rest_requests"] * each["request"]["rest"],
        "Lambda": len(functions) * each["invocation"] + busy * gb_second(size, prices),
        "starts": len(functions) * start * gb_second(size, prices),
        "writes": write_units() * each["write_unit"],
        "reads": sum(read["units"] for read in peer["reads"]) * each["read_unit"],
        "events": peer["events"] * each["event"],
        "logs": log_bytes(peer) / GIGABYTE * each["log_gb"][STANDARD],
    }


def busy_seconds(function: Any, peer: Any, prices: Any) -> float:
    """Return for how long one of its functions is busy, at its memory, but for the provider's wait."""
    lasts, slower = (
        {**prices["milliseconds"], "backends": peer["assumed"]["backends"]},
        REFERENCE_MB / peer["memory"],
    )
    done = {"invocation": 1, **function["calls"]}
    taken = sum(n * (lasts[what]["computes"] * slower + lasts[what]["waits"]) for what, n in done.items())
    return float(taken) / 1000


def log_bytes(peer: Any) -> int:
    """Return the bytes that an order writes to the log."""
    said, functions = peer["assumed"], peer["functions"]
    lines = sum(function["log_lines"] for function in functions)
    whole = lines * (said["log_line_bytes"] + LOG_ENTRY_BYTES)
    return int(whole + len(functions) * (said["log_invocation_bytes"] + SYSTEM_LINES * LOG_ENTRY_BYTES))


def provider_wait(prices: Any) -> tuple[float, float]:
    """Return what its functions cost while the provider is waited for, at its fastest and its slowest."""
    peer = counts()
    waiting = sum(function["provider"] for function in peer["functions"]) * gb_second(_size(peer), prices)
    fast, slow = prices["provider_milliseconds"]["between"]
    return waiting * fast / 1000, waiting * slow / 1000


def _size(peer: Any) -> Size:
    return Size(peer["memory"], peer["architecture"])


def main() -> None:
    """Print what a million of its orders cost."""
    prices, peer = assumed(os.environ), counts()
    print(f"{peer['name']}, read on {peer['read']}. {peer['what']}\n")
    for function in peer["functions"]:
        calls = ", ".join(f"{number} {name}" for name, number in function["calls"].items()) or "no call"
        print(f"  {function['name']:30} by {function['started_by']:10} {calls}")
    print(f"\n  {invocations()} invocations, {write_units()} write units, {peer['events']} event")
    million = {what: dollars * 1e6 for what, dollars in bill(prices).items()}
    items = "  ".join(f"{what} {dollars:,.2f}" for what, dollars in million.items())
    print(f"  a million: ${sum(million.values()):,.2f}   {items}")
    fast, slow = provider_wait(prices)
    print(f"  the provider waits: ${fast * 1e6:,.2f} to {slow * 1e6:,.2f} more")
    print(f"  Left out: {peer['assumed']['left_out']}")


if __name__ == "__main__":
    main()
