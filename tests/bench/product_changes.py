"""`python -m tests.bench.product_changes`: the write units that changes of a product on sale take, its facts told.

A product of three variants, in a category and with a tag. Its title and its price change alike: each is the order of
one index, and stands on all of its cards.
"""

from __future__ import annotations

from typing import Any

from tests.bench.account import Account

SLUG = "wide-bowl"


def product(title: str = "Wide bowl A", price: int = 2900, **changes: Any) -> dict[str, Any]:
    """Return the body of a product."""
    variants = [
        {"sku": f"BOWL-{size}", "options": [size], "price": {"amount": price, "currency": "EUR"}}
        for size in ("S", "M", "L")
    ]
    told = {"slug": SLUG, "status": "published", "options": ["Size"], "category": "Bowls", "tags": ["clay"]}
    return {"title": title, "variants": variants, **told, **changes}


def units() -> dict[str, float]:
    """Return the write units that each change takes, one after another."""
    account, found = Account(["catalog"]), dict[str, float]()
    changes = {
        "first published": product(),
        "title": product("Wide bowl B"),
        "price": product("Wide bowl B", 2800),
        "title, of a reduced product": product("Wide bowl C", 2800),
        "price again": product("Wide bowl C", 2700),
        "vendor": product("Wide bowl C", 2700, vendor="Clay Co"),
    }
    with account.open():
        account.as_staff("POST", "/catalog/products", product(status="draft"))
        product_id = _id(account)
        for version, (name, body) in enumerate(changes.items(), 1):
            account.settle()
            before = account.tally["catalog", "write_units"]
            where = {"path": {"id": product_id}, "headers": {"If-Match": f'"{version}"'}}
            account.as_staff("PUT", "/catalog/products/{id}", body, **where)
            account.settle()
            found[name] = account.tally["catalog", "write_units"] - before
    return found


def _id(account: Account) -> str:
    keys = account.aws.dynamodb.tables["souk-local-catalog"].items
    return next(pk.removeprefix("PRODUCT#") for pk, sk in keys if sk == "PRODUCT")


def main() -> None:
    """Measure and print."""
    for name, taken in units().items():
        print(f"{name:32}{taken:6.0f}")


if __name__ == "__main__":
    main()
