"""What of the storefront's pages is made and does not lie in web/: legal pages, what prices include, who is paid.

All are made when a site is uploaded (tools/operate/site.py) and when the local edge serves it; no function is asked.

A shop writes its legal texts as Markdown, `legal/<language>/<name>.md`, one heading `#` first. What is still to be
written has the mark of a draft, which the page shows as a sentence. HTML in a text is shown as it was typed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

from tools import ROOT
from tools.templates import template

LEGAL = ROOT / "legal"
NAMES = ("terms", "privacy", "imprint", "shipping", "payment", "withdrawal", "complaints", "accessibility")
"""The legal pages, as the footer lists them (web/js/components/legal.js)."""
PLACES = {f"legal/{name}.html": name for name in NAMES}
FRAME = LEGAL / "page.html"
TO_WRITE = {"en": "To be written by the shop.", "de": "Vom Shop zu schreiben."}
"""What a draft says in its mark's place, in each language of the storefront (web/js/lib/texts.js).

The first is what is shown where no script runs.
"""
DRAFT = "<!-- draft -->"
_PRICES = re.compile(rb'(?<=^<html lang="en" data-prices=")\w+(?=">$)', re.MULTILINE)
_PAYMENT = re.compile(rb'(?<=^<html lang="en" data-payment=")\w+(?=">$)', re.MULTILINE)


def prices(given: Mapping[str, str]) -> str:
    """Return what an environment's prices do, ``include_tax`` or ``exclude_tax``; `given`: its template parameters."""
    tax = given.get("Tax") or template("cart")["Parameters"]["Tax"]["Default"]
    return str(json.loads(tax)["prices"])


def priced(page: bytes, include: str) -> bytes:
    """Return a page that knows what its prices include (see `prices`); one that shows none stays as it is."""
    return _PRICES.sub(include.encode(), page, count=1)


def payment(given: Mapping[str, str]) -> str:
    """Return who is paid in an environment: ``simulator``, or Stripe's publishable key ``pk_…``, which is no secret."""
    return given.get("StripePublishableKey") or "simulator"


def payable(page: bytes, payee: str) -> bytes:
    """Return a page that knows who is paid (see `payment`); one where nothing is paid stays as it is."""
    return _PAYMENT.sub(payee.encode(), page, count=1)


def told(page: bytes, given: Mapping[str, str]) -> bytes:
    """Return a page that knows what an environment's template parameters say of prices and payment."""
    return payable(priced(page, prices(given)), payment(given))


def unwritten(folder: Path = LEGAL) -> dict[str, str]:
    """Return what is wrong with each legal text that is not written, by file: ``legal/de/terms.md: is a draft``."""
    states = {
        f"legal/{language}/{name}.md": _state(folder / language / f"{name}.md")
        for name in NAMES
        for language in TO_WRITE
    }
    return {file: state for file, state in states.items() if state}


def _state(file: Path) -> str:
    try:
        text = file.read_text("utf-8-sig")
    except FileNotFoundError:
        return "is missing"
    except UnicodeDecodeError:
        return "is not UTF-8"
    if DRAFT in text:
        return "is a draft"
    return "" if re.search(r"^\s*[^\s#]", text, re.MULTILINE) else "is empty"


def legal_page(place: str, folder: Path = LEGAL) -> bytes | None:
    """Return the legal page at a place of the site, one of PLACES; None where that is none.

    It holds its text in every language. One that is missing has the sentence of a draft in its place.
    """
    name = PLACES.get(place)
    if name is None:
        return None
    articles = []
    for language, sentence in TO_WRITE.items():
        file = folder / language / f"{name}.md"
        text = (
            file.read_text("utf-8-sig", errors="replace")
            if file.is_file()
            else f"# {name.title()}\n\n{DRAFT}"
        )
        hidden = "" if language == next(iter(TO_WRITE)) else " hidden"
        body = markdown(text.replace(DRAFT, f"**{sentence}**"))
        articles.append(f'<article lang="{language}"{hidden}>\n{body}</article>\n')
    # The articles last: what a text says is not looked through for names.
    return FRAME.read_text().replace("{name}", name).replace("{articles}", "".join(articles)).encode()


def markdown(text: str) -> str:
    """Return a text as HTML: CommonMark with tables; HTML in it is text, and no script can be linked to."""
    made: Any = MarkdownIt("commonmark", {"html": False}).enable("table")
    for cell in (
        "th",
        "td",
    ):  # their alignment is a style attribute, which the Content-Security-Policy forbids
        made.add_render_rule(f"{cell}_open", lambda _, tokens, at, *__: f"<{tokens[at].tag}>")
    return str(made.render(text))
