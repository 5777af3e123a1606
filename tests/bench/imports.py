"""`make bench-imports`: what an import takes for each product: DynamoDB units and AWS calls.

A shop of clothes: three variants a product, four tags, a vendor, a category, of which each has many products. New
products, the same file with every price changed, and the same file again. Units and calls are those of the catalog
alone, with the facts it publishes: what these cost others is in `make growth`.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass
from random import Random

from tests.bench.account import Account

PRODUCTS = 300
SIZES = ("S", "M", "L")
_COLUMNS = (
    "Handle,Title,Body (HTML),Vendor,Type,Tags,Status,Option1 Name,Option1 Value,Variant SKU,Variant Grams,"
    "Variant Inventory Tracker,Variant Inventory Qty,Variant Price,Variant Compare At Price,Image Src"
)
_TEXT = (
    "linen cotton wool silk denim canvas shirt dress coat scarf apron jacket trousers skirt blue red green ochre"
    " striped plain summer winter light heavy short long slim wide"
)
_WORDS = _TEXT.split()


@dataclass
class Cost:
    """What an import takes for each of its products."""

    write_units: float
    read_units: float
    aws_calls: float


def shop_file(products: int = PRODUCTS, *, dearer: int = 0) -> str:
    """Return a file of so many products; `dearer` is added to each price."""
    random, out = Random(7), io.StringIO()
    rows = csv.writer(out)
    rows.writerow(_COLUMNS.split(","))
    for number in range(products):
        title = " ".join(random.sample(_WORDS, 4)).capitalize()
        tags = ", ".join(random.sample(_WORDS, 4))
        own = [
            title,
            f"<p>{' '.join(random.choices(_WORDS, k=60))}</p>",
            f"Workshop {number % 20}",
            f"Kind {number % 12}",
            tags,
            "active",
            "Size",
        ]
        for index, size in enumerate(SIZES):
            price = f"{19 + number % 50 + dearer}.90"
            image = f"https://cdn.example.com/p/{number}.jpg" if index == 0 else ""
            rows.writerow(
                [
                    f"p-{number}",
                    *(own if index == 0 else [""] * 6 + [""]),
                    size,
                    f"P{number}-{size}",
                    "250",
                    "shopify",
                    "5",
                    price,
                    "",
                    image,
                ]
            )
    return out.getvalue()


def cost_of(account: Account, text: str) -> Cost:
    """Import a file and return what it takes, for each product."""
    account.settle()
    before: Counter[tuple[str, str]] = account.tally.copy()
    account.as_staff("POST", "/catalog/imports", text, headers={"content-type": "text/csv"})
    account.settle()
    took = account.tally - before
    return Cost(*(took["catalog", name] / PRODUCTS for name in ("write_units", "read_units", "aws_calls")))


def costs() -> dict[str, Cost]:
    """Return what each kind of import takes."""
    account = Account(["catalog"])
    with account.open():
        return {
            "new": cost_of(account, shop_file()),
            "every price changed": cost_of(account, shop_file(dearer=1)),
            "every price changed again": cost_of(account, shop_file(dearer=2)),
            "unchanged": cost_of(account, shop_file(dearer=2)),
        }


def main() -> None:
    """Measure and print."""
    print(f"{'for each product':26}{'write units':>12}{'read units':>12}{'AWS calls':>12}")
    for name, cost in costs().items():
        print(f"{name:26}{cost.write_units:12.2f}{cost.read_units:12.2f}{cost.aws_calls:12.2f}")


if __name__ == "__main__":
    main()
