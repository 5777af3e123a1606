"""`make legal`: what the law wants on the pages of a shop, and whether it is there; help, not advice.

It reads this repository and the parameters of the environment that ENV names, and asks no AWS. What is said to be
missing is what Souk does not do yet: a shop that is not exempt has to see to it by other means, or wait.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tools import ROOT, options
from tools.build import pages, sam

NOT_ADVICE = "This is help, not advice: which of it binds a shop, and whether it is enough, a lawyer says."
CODE = ROOT / "web" / "js"
_DUTIES_OF_PAGES = {
    "terms": "terms (2011/83 art. 6)",
    "privacy": "privacy notice (2016/679 art. 13)",
    "imprint": "who the shop is (2000/31 art. 5)",
    "shipping": "delivery costs and times (2011/83 art. 6)",
    "payment": "means of payment (2011/83 art. 8(3))",
    "withdrawal": "instruction and form of withdrawal (2011/83 art. 6(1)(h))",
    "complaints": "how complaints are handled (2011/83 art. 6(1)(g))",
    "accessibility": "accessibility statement (2019/882 art. 13)",
}
_WIDTHS = (50, 34, 60)


class Row(NamedTuple):
    """A duty, where it is met, and how things stand: ``there…``, ``draft…`` or ``missing…``."""

    duty: str
    where: str
    state: str


def main() -> None:
    """Print the table for the environment that ENV names."""
    environment = options.text("ENV") or "local"
    given = {} if environment == "local" else sam.given(environment)
    found = list(rows(pages.prices(given), payee=pages.payment(given)))
    print(f"What the law wants on the pages of {environment} (EU unless said). {NOT_ADVICE}\n")
    print("\n".join(line for row in (Row("duty", "where", "state"), *found) for line in lines(row)))
    open_ = sum(not row.state.startswith("there") for row in found)
    print(f"\n{len(found) - open_} of {len(found)} are there. {NOT_ADVICE}")


def rows(
    prices: str, folder: Path = pages.LEGAL, code: Path = CODE, payee: str = "simulator"
) -> Iterator[Row]:
    """Return every duty as it stands; `prices` and `payee` as pages.prices and pages.payment say them."""
    yield Row("prices include tax (98/6 art. 2, 2011/83 art. 6)", "list, product, cart", _prices(prices))
    yield Row(
        "that shipping comes on top (2011/83 art. 6)", "list, product, cart", "there, with a link to its page"
    )
    yield Row(
        "price for a kilogram, litre… (98/6 art. 3)",
        "list, product, cart",
        _field(code, "measure", "products have no measure"),
    )
    yield Row(
        "lowest price of 30 days where reduced (98/6 art. 6a)",
        "list, product, cart",
        _field(code, "priorPrice", "what is struck through is `compareAt`, as it was typed: leave it empty"),
    )
    yield Row("the button says that it binds (2011/83 art. 8(2))", "checkout", _button(code))
    yield Row(
        "maker, contact, warnings (2023/988 art. 19)",
        "product",
        _field(code, "manufacturer", "products have no fields for it; the description can say it"),
    )
    yield Row(
        "notice on the legal guarantee, label of durability (2024/825)",
        "product, checkout, confirmation",
        _field(code, "guarantee", "there is no place for the official artwork"),
    )
    wrong = pages.unwritten(folder)
    for name, duty in _DUTIES_OF_PAGES.items():
        at_checkout = ", checkout" if name in linked(code) else ""
        yield Row(duty, f"/legal/{name}.html, footer{at_checkout}", _text(name, wrong))
    yield Row(
        "terms and withdrawal on a durable medium (2011/83 art. 8(7))",
        "confirmation mail",
        "missing: the mail has neither",
    )
    yield Row(
        "exceptions from withdrawal, consent (2011/83 art. 16)",
        "product, checkout",
        _field(code, "withdrawal", "products do not say it, the checkout asks for no consent"),
    )
    yield Row(
        "withdrawing by a function of the page (2023/2673)",
        "order",
        "missing: an order can be cancelled for an hour; else by mail",
    )
    yield Row(
        "nothing stored but what is needed (2002/58 art. 5(3))",
        "every page",
        "there: docs/storefront.md lists it; no banner"
        if payee == "simulator"
        else "there, but for Stripe's cookies against fraud where a card is typed: the privacy notice names them",
    )
    yield Row(
        "US: sales tax as a line, no later fees (CA SB 478)",
        "checkout",
        "there where tax comes on top: nothing else is added",
    )


def linked(code: Path = CODE) -> set[str]:
    """Return the legal pages that the checkout names."""
    (sentence,) = re.findall(
        r'"checkout\.legal": "([^"]+)"', (code / "lib/texts.js").read_text().partition("export const de")[0]
    )
    return set(re.findall(r"{(\w+)}", sentence))


def lines(row: Row) -> list[str]:
    """Return a row as lines of a table, each cell wrapped to its column."""
    cells = [textwrap.wrap(cell, width) for cell, width in zip(row, _WIDTHS, strict=True)]
    height = max(map(len, cells))
    columns = [
        [line.ljust(width) for line in cell + [""] * (height - len(cell))]
        for cell, width in zip(cells, _WIDTHS, strict=True)
    ]
    return [" | ".join(parts).rstrip() for parts in zip(*columns, strict=True)]


def _prices(prices: str) -> str:
    if prices == "include_tax":
        return 'there: "incl. VAT" beside each'
    return 'missing: they exclude it ("plus tax" is shown), which is for business and the US; Tax in samconfig.toml'


def _field(code: Path, field: str, missing: str) -> str:
    files = [*code.glob("pages/*.js"), *code.glob("components/*.js")]
    shown = any(re.search(rf"\.{field}\b|[{{,] ?{field}\b", file.read_text()) for file in files)
    return "there, where a product has it" if shown else f"missing: {missing}"


def _button(code: Path) -> str:
    texts = (code / "lib/texts.js").read_text()
    binds = all(
        f'"checkout.pay": "{said}' in texts for said in ("Order and pay", "Zahlungspflichtig bestellen")
    )
    return "there, with all that is bought above it" if binds else "missing: its text is another"


def _text(name: str, wrong: dict[str, str]) -> str:
    found = {file: state for file, state in wrong.items() if file.endswith(f"/{name}.md")}
    if set(found.values()) <= {"is a draft"}:
        return f"draft: {', '.join(found)}" if found else "there"
    return f"missing: {', '.join(f'{file} {state}' for file, state in found.items())}"
