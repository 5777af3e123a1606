"""What the pages are written against: every text in both languages, and the console's map as the templates have it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.support.templates import ROOT
from tools import templates
from tools.contracts.service_map import PAGE, TARGET, page, service_map
from tools.local import edge

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


# --- what pages store and whom they call --------------------------------------------------------------------------

STORES = re.compile(r"\b(?:localStorage|sessionStorage|indexedDB|caches|cookie|cookieStore|serviceWorker)\b")
KEPT_BY_KEY = re.compile(r"\b(?:local|session)Storage\.(?:get|set|remove)Item\((\w+)[,)]")


def stored() -> dict[str, str]:
    """Return the keys that docs/storefront.md says pages store, with their purposes."""
    page = (ROOT / "docs/storefront.md").read_text()
    return dict(re.findall(r"^\| `(souk\.[\w.]+)` \| [^|]+ \| ([^|]+) \|$", page, re.MULTILINE))


def code() -> dict[Path, str]:
    """Return the pages' modules, their comments left out."""
    return {
        file: re.sub(r"^\s*//[^\n]*|/\*.*?\*/", "", file.read_text(), flags=re.MULTILINE | re.DOTALL)
        for file in WEB.rglob("*.js")
    }


def test_whatever_pages_store_is_on_the_list_with_its_purpose() -> None:
    found = set()
    for file, source in code().items():
        keys = KEPT_BY_KEY.findall(source)
        assert len(keys) == len(STORES.findall(source)), (
            f"{file.name} stores something without a key of its own"
        )
        for name in keys:
            (key,) = re.findall(rf'^const {name} = "([^"]+)";$', source, re.MULTILINE)
            found.add(key)
    assert found == set(stored())


STRIPES_CODE = WEB / "js/components/card-fields.js"
"""The one module that loads code of another origin; pages load it where the shop is paid through Stripe."""


def test_pages_load_and_call_nothing_from_elsewhere() -> None:
    for file in [*WEB.rglob("*.html"), ROOT / "legal/page.html"]:
        assert not re.search(r'(?:src|href|action)="(?:\w+:)?//', file.read_text()), file
    for file, source in code().items():
        addresses = set(re.findall(r"""["'`]((?:https?:)?//[^"'`]*)""", source))
        stripes = {"https://js.stripe.com/v3/"} if file == STRIPES_CODE else set()
        assert addresses - {"http://www.w3.org/2000/svg"} == stripes, file
        if STRIPES_CODE.name in source:
            found = re.findall(rf"import.*{STRIPES_CODE.name}.*", source)
            assert all(line.startswith(f'import("./{STRIPES_CODE.name}")') for line in found), file


def content_security_policy(*, stripe: bool) -> str:
    """Return the policy of the edge on AWS, of a shop that is paid through Stripe or is not."""
    told = templates.resources("edge", "AWS::CloudFront::ResponseHeadersPolicy")["SiteHeaders"]
    headers = told["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]
    policy, parts = headers["ContentSecurityPolicy"]["ContentSecurityPolicy"]["Fn::Sub"]
    condition, if_stripe, otherwise = parts["OfStripe"]["Fn::If"]
    assert condition == "Stripe"
    return str(policy).replace("${OfStripe}", if_stripe if stripe else otherwise)


BUCKET = r"(http://127\.0\.0\.1:\*|https://souk-\$\{Environment\}-catalog-imports-[^ ]+\.amazonaws\.com)"
OURS = {"img-src": "'self'|data:", "connect-src": f"'self'|{BUCKET}"}
STRIPES = {
    "connect-src": f"'self'|{BUCKET}|https://api\\.stripe\\.com",
    "script-src": r"'self'|https://(\*\.)?js\.stripe\.com",
    "frame-src": r"'self'|https://((\*\.)?js|hooks)\.stripe\.com",
}


@pytest.mark.parametrize(
    ("policy", "allowed"),
    [
        (edge.SECURITY_HEADERS["Content-Security-Policy"], OURS),
        (content_security_policy(stripe=False), OURS),
        (content_security_policy(stripe=True), {**OURS, **STRIPES}),
    ],
    ids=["here", "on AWS", "paid through Stripe"],
)
def test_the_policy_allows_no_origin_but_the_shops_its_bucket_and_stripe_where_it_is_paid(
    policy: str, allowed: dict[str, str]
) -> None:
    for directive in policy.split(";"):
        name, *sources = directive.split()
        assert [one for one in sources if not re.fullmatch(allowed.get(name, "'self'|'none'"), one)] == [], (
            name
        )
    assert policy.startswith("default-src 'self';")


def test_no_service_sets_a_cookie() -> None:
    adapter = ROOT / "functions/shared/gateway.py"  # passes on what a service sets
    for file in {*(ROOT / "functions").rglob("*.py")} - {adapter}:
        assert "set-cookie" not in file.read_text().lower(), file
