"""`make bench`: one table, ours beside the reference; the same rows go to .local/bench.json.

COLD=0 leaves out what takes minutes: cold starts and instruction counts.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import NamedTuple

from tests.bench import artifacts, billing, coldstart, cost, latency, peer, warm
from tests.bench.account import SERVICES
from tests.bench.journeys import LINES, Journey, measure
from tests.support.templates import ROOT

FILE = ROOT / ".local/bench.json"


class Row(NamedTuple):
    """A figure; `reference` is the peer's where it is known, and the limit of the design where it is not."""

    name: str
    value: float
    unit: str
    reference: float | None = None

    @property
    def ratio(self) -> float | None:
        """Return ours by the reference: below 1 is better."""
        return round(self.value / self.reference, 3) if self.reference else None


COUNTS = {
    "invocations": "",
    "requests": "",
    "aws_calls": "",
    "write_units": "units",
    "read_units": "units",
    "events": "",
    "sqs": "requests",
    "log_bytes": "bytes",
}
PEER = {"invocations": float(peer.invocations()), "write_units": float(peer.write_units())}
"""The aws-samples ecommerce platform for a one-line order; its write units are without any stock."""


def main() -> None:
    """Measure, print and write."""
    rows: list[Row] = []
    parts = [counts(measure()), bills(), sizes()]
    if os.environ.get("COLD", "1") != "0":
        parts.append(starts())
    for part in parts:
        for row in part:
            rows.append(row)
            reference = f"{row.reference:>14,.10g} {row.ratio:>6.2f}x" if row.ratio is not None else ""
            print(f"{row.name:68} {row.value:>14,.10g} {row.unit:13} {reference}", flush=True)
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps([{**row._asdict(), "ratio": row.ratio} for row in rows], indent=1) + "\n")
    print(f"\n{FILE.relative_to(ROOT)} has these rows.")


def counts(journeys: dict[str, Journey]) -> Iterator[Row]:
    """Yield what each journey takes, without the journal, and what the journal adds to an order."""
    for name, journey in journeys.items():
        for what, unit in COUNTS.items():
            peer = PEER.get(what) if name == f"{LINES[0]}-line order, to confirmed" else None
            yield Row(f"{name}: {what}", _count(journey, what), unit, peer)
    one = journeys[f"{LINES[0]}-line order, to confirmed"]
    yield Row(
        "synchronous calls between services at checkout", one.connections + one.total("calls:lambda"), "", 3
    )
    captured = journeys[f"{LINES[0]}-line order, to captured"]
    for what in ("invocations", "write_units"):
        yield Row(
            f"the journal adds to an order, to captured: {what}",
            captured.total(what, "journal"),
            COUNTS[what],
        )


def bills() -> Iterator[Row]:
    """Yield what a million orders cost, core services, place to confirmed; how long one takes; what a month costs."""
    prices, journeys = billing.assumed(os.environ), measure()
    theirs = round(sum(peer.bill(prices).values()) * 1e6, 2)
    for name, full in (("one event at a time", ""), ("full batches", ", full batches")):
        bill = billing.bill(cost.core(journeys[f"1-line order{full}, to confirmed"]), prices)
        yield Row(
            f"1 M orders, place to confirmed, {name}", round(sum(bill.values()) * 1e6, 2), "USD", theirs
        )
    waits = billing.provider_wait(cost.core(journeys["1-line order, to confirmed"]), prices)
    for name, dollars in zip(("at its fastest", "at its slowest"), waits, strict=True):
        yield Row(f"1 M orders, the payment provider's wait on top, {name}", round(dollars * 1e6, 2), "USD")
    decided = round(latency.milliseconds(latency.way(prices)))
    yield Row("request to decision on AWS, on paper, median; the provider at once", decided, "ms")
    month = cost.whole_month(journeys, cost.ORDERS, cost.VISITS, prices)
    yield Row(f"a month of {cost.ORDERS:,} orders and {cost.VISITS:,} visits", round(month, 2), "USD")


def sizes() -> Iterator[Row]:
    """Yield what every artifact weighs."""
    for artifact in artifacts.built():
        limit = {"shared layer": 3_000_000.0, "orders": 100_000.0}.get(artifact.name)
        yield Row(f"artifact {artifact.name}: zip", artifact.zip_bytes, "bytes", limit)
        yield Row(f"artifact {artifact.name}: files", artifact.files, "")
        yield Row(
            f"artifact {artifact.name}: compiled modules",
            round(artifact.compiled / artifact.modules, 3),
            "of all",
        )
        yield Row(
            f"artifact {artifact.name}: .pyc", round(artifact.pyc_bytes / artifact.bytes, 3), "of the bytes"
        )


def starts() -> Iterator[Row]:
    """Yield cold starts and instruction counts."""
    timed = coldstart.time_it()
    yield Row("naive build of the order-placing function: zip", timed.naive_artifact.zip_bytes, "bytes")
    yield Row("naive build of the order-placing function: files", timed.naive_artifact.files, "")
    yield Row("cold start to first answer, against the naive build", round(timed.ratio, 3), "x", 1)
    yield Row("cold start to first answer, on this machine now", round(timed.ours), "ms", round(timed.naive))
    if (counted := coldstart.count_instructions()) is not None:
        ours, reference = counted.ours / 1e6, counted.reference / 1e6
        yield Row(
            "import and first answer, against a boto3 client with .pyc",
            round(ours),
            "M instructions",
            round(reference),
        )
        for service, number in counted.each.items():
            name = f"import and first answer of {service}, against a boto3 client with .pyc"
            yield Row(name, round(number / 1e6), "M instructions", round(reference))
    else:
        print("valgrind is not installed: the rows of instructions are left out")
    for service, ratio in coldstart.time_each(
        [name for name in coldstart.EVENTS if name != "orders"]
    ).items():
        yield Row(
            f"cold start of {service} to first answer, against the naive build", round(ratio, 3), "x", 1
        )
    yield Row("import of the order-placing function, CPU time now", round(coldstart.import_cpu()), "ms", 747)
    for service in sorted({*SERVICES} - {"orders"}):
        used = coldstart.import_cpu(service, processes=5)
        yield Row(f"import of {service}'s function, CPU time now", round(used), "ms")
    ours, theirs, ratio = warm.reading()
    yield Row("reading a page of 25 items, against botocore", round(ratio, 3), "x", 1)
    yield Row("reading a page of 25 items, CPU time now", round(ours, 3), "ms", round(theirs, 3))
    for name, number in (warm.instructions() or {}).items():
        limit = 500.0 if name == warm.QUIET else None
        yield Row(f"warm: {name}", round(number / 1000), "k instructions", limit)


def _count(journey: Journey, what: str) -> float:
    if what == "sqs":
        return sum(journey.total(each) for each in ("messages", "receives", "deletes"))
    return round(journey.total(what), 2)


if __name__ == "__main__":
    main()
