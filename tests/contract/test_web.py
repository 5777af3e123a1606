"""What the pages are written against: every text in both languages, and the console's map as the templates have it."""

from __future__ import annotations

import json
import re

import pytest

from tests.support.templates import ROOT
from tools.contracts.service_map import PAGE, TARGET, page, service_map

WEB = ROOT / "web"
LANGUAGES = ("en", "de")


def texts(language: str) -> dict[str, str]:
    source = (WEB / "js/lib/texts.js").read_text()
    (body,) = re.findall(rf"export const {language} = {{\n(.*?)\n}};", source, re.DOTALL)
    return dict(re.findall(r'"([^"]+)": "((?:[^"\\]|\\.)*)"', body))


def used() -> set[str]:
    """Return the keys the storefront asks for, those it puts together left out."""
    files = [
        *WEB.glob("*.html"),
        *WEB.glob("js/lib/*.js"),
        *WEB.glob("js/pages/*.js"),
        *WEB.glob("js/components/*.js"),
    ]
    source = "\n".join(file.read_text() for file in files)
    return set(re.findall(r'(?<![\w.])t\("([^"]+)"', source)) | set(
        re.findall(r'data-t(?:itle)?="([^"]+)"', source)
    )


def test_both_languages_have_the_same_texts() -> None:
    assert texts("en").keys() == texts("de").keys()


def test_every_text_that_is_asked_for_is_there() -> None:
    assert used() - texts("en").keys() == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_fact_and_reason_of_an_order_has_its_text(language: str) -> None:
    facts = [path.name.partition(".")[0] for path in (ROOT / "events/schemas").rglob("*.json")]
    wanted = {f"fact.{name}" for name in facts if name.startswith(("Order", "Payment", "Stock"))} - {
        "fact.OrderMailRequested",  # these stand in no order's timeline
        "fact.StockAvailabilityChanged",
        "fact.StockCounted",
        "fact.StockLevelChanged",
        "fact.StockShardsChanged",
    }
    reasons = {
        f"reason.{name}" for name in ("out_of_stock", "payment_declined", "timeout", "customer", "operator")
    }
    assert {key for key in wanted | reasons if key not in texts(language)} == set()


def test_a_text_names_the_same_values_in_both_languages() -> None:
    english, german = texts("en"), texts("de")
    differing = [
        key
        for key in english
        if sorted(re.findall(r"{\w+}", english[key])) != sorted(re.findall(r"{\w+}", german[key]))
    ]
    assert differing == []


def test_the_map_of_the_services_follows_from_the_templates() -> None:
    assert json.loads(TARGET.read_text()) == service_map(), "python -m tools.contracts.service_map writes it"
    assert PAGE.read_text() == page(), "make contracts writes docs/services.md"
