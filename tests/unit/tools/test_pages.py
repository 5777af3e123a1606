"""The pages that are made: legal texts, which of them a shop has still to write, and what prices include."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.contract.test_web import texts
from tools import templates
from tools.build import pages, sam
from tools.local.edge import WEB
from tools.operate import deploy, site
from tools.report import ToolError


@pytest.fixture
def legal(tmp_path: Path) -> Path:
    """A shop's legal texts, all written."""
    for language in pages.TO_WRITE:
        (tmp_path / language).mkdir()
        for name in pages.NAMES:
            (tmp_path / language / f"{name}.md").write_text(f"# {name}\n\nWritten ({language}).\n")
    return tmp_path


def page(folder: Path, name: str = "terms") -> str:
    made = pages.legal_page(f"legal/{name}.html", folder)
    assert made is not None
    return made.decode()


# --- legal texts --------------------------------------------------------------------------------------------------


def test_a_page_holds_the_text_in_each_language_and_shows_one_where_no_script_runs(legal: Path) -> None:
    (legal / "de" / "terms.md").write_bytes("\ufeff# AGB\n\nGültig **ab** heute.\n".encode())
    found = page(legal)
    assert '<article lang="en">\n<h1>terms</h1>' in found
    assert '<article lang="de" hidden>\n<h1>AGB</h1>\n<p>Gültig <strong>ab</strong> heute.</p>' in found
    assert '<title data-title="legal.terms">' in found


@pytest.mark.parametrize(
    "written",
    [
        "<script>alert(1)</script>",
        "a <img src=x onerror=alert(1)> b",
        "[here](javascript:alert(1))",
        '[here](https://x.example "\\"><script>")',
        '```"><script>\nx\n```',
        "</article></main><script src=/js/pages/home.js></script>",
    ],
)
def test_what_a_text_says_is_never_taken_as_html(legal: Path, written: str) -> None:
    (legal / "en" / "terms.md").write_text(f"# Terms\n\n{written}\n")
    found = page(legal)
    article = found.partition('<article lang="en">')[2].partition("</article>")[0]
    tags = set(re.findall(r"<(\w+)", article))
    assert tags <= {"h1", "p", "a", "pre", "code"}, article
    assert not re.search(r'href="(?!https://x\.example)', article), article
    assert found.count("</main>") == page(legal, "privacy").count("</main>") == 1


def test_a_table_has_no_style_which_the_policy_forbids(legal: Path) -> None:
    (legal / "en" / "shipping.md").write_text("# Shipping\n\n| to | € |\n|:--|--:|\n| Berlin | 4.90 |\n")
    found = page(legal, "shipping")
    assert "<td>4.90</td>" in found
    assert "style=" not in found


def test_a_text_keeps_its_braces(legal: Path) -> None:
    (legal / "en" / "terms.md").write_text("# {articles} {name}\n\n{name}\n")
    (legal / "de" / "terms.md").write_text("# {articles}\n\n{name}\n")
    assert page(legal).count("{articles}") == 2
    assert "<p>{name}</p>" in page(legal)


def test_there_is_no_page_of_another_name(legal: Path) -> None:
    for place in ("legal/other.html", "legal/../legal/terms.html", "legal/page.html", "terms.html", ""):
        assert pages.legal_page(place, legal) is None


@pytest.mark.parametrize(
    ("content", "state"),
    [
        (None, "is missing"),
        (b"", "is empty"),
        (b"# Terms\n\n## Who sells\n", "is empty"),
        (b"# Terms\n\nWe sell.\n\n## Payment\n\n<!-- draft -->\n", "is a draft"),
        (b"\xef\xbb\xbf<!-- draft -->\r\n# Terms\r\n\r\nWe sell.\r\n", "is a draft"),
        (b"# Terms\n\n\xa7 1\n", "is not UTF-8"),
    ],
    ids=["missing", "empty", "headings alone", "half written", "from Windows", "Latin-1"],
)
def test_a_text_that_no_customer_may_be_shown_is_named(
    legal: Path, content: bytes | None, state: str
) -> None:
    assert pages.unwritten(legal) == {}
    file = legal / "de" / "terms.md"
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    assert pages.unwritten(legal) == {"legal/de/terms.md": state}
    assert "<article" in page(legal), "it is shown all the same, on this machine and in dev"


def test_a_draft_says_so_on_its_page() -> None:
    found = page(pages.LEGAL)
    assert "To be written by the shop." in found
    assert "Vom Shop zu schreiben." in found
    assert "draft" not in found


def test_this_repository_has_every_text_as_a_draft() -> None:
    assert set(pages.unwritten().values()) == {"is a draft"}
    assert len(pages.unwritten()) == len(pages.NAMES) * len(pages.TO_WRITE)


def test_prod_is_not_deployed_with_texts_that_are_not_written(legal: Path) -> None:
    (legal / "en" / "imprint.md").unlink()
    (legal / "de" / "privacy.md").write_text(f"# Datenschutz\n\n{pages.DRAFT}\n")
    with pytest.raises(ToolError) as refused:
        deploy.refuse_unwritten("prod", [], legal)
    told = str(refused.value)
    assert told.endswith("not written: legal/de/privacy.md is a draft, legal/en/imprint.md is missing")
    for environment in ("dev", "preview", "prelegal"):
        deploy.refuse_unwritten(environment, [], legal)
    deploy.refuse_unwritten("prod", ["orders"], legal)


@pytest.mark.parametrize("service", ["", "edge", "orders edge"])
def test_make_deploy_refuses_before_it_builds(
    cloud: None, monkeypatch: pytest.MonkeyPatch, service: str
) -> None:
    monkeypatch.setenv("ENV", "prod")
    monkeypatch.setenv("SERVICE", service)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with pytest.raises(ToolError, match=r"legal/en/terms\.md is a draft"):
        deploy.main()


def test_the_pages_know_the_same_legal_pages_and_languages() -> None:
    code = (WEB / "js/components/legal.js").read_text()
    listed = code.partition("export const LEGAL = [")[2].partition("]")[0]
    assert tuple(re.findall(r'"(\w+)"', listed)) == pages.NAMES
    for language in pages.TO_WRITE:
        assert {f"legal.{name}" for name in pages.NAMES} <= texts(language).keys()
    exported = re.findall(r"export const (\w+) = {", (WEB / "js/lib/texts.js").read_text())
    assert tuple(exported) == tuple(pages.TO_WRITE)


# --- prices -------------------------------------------------------------------------------------------------------


def test_pages_that_show_prices_are_told_what_these_include_when_they_are_uploaded() -> None:
    shown = {"index.html", "product.html", "products.html"}
    for prices in ("include_tax", "exclude_tax"):
        made = site.files(given={"Tax": f'{{"prices":"{prices}"}}'})
        told = {
            name: re.findall(r'data-prices="(\w+)"', file.content.decode())
            for name, file in made.items()
            if name.endswith(".html")
        }
        assert {name: values for name, values in told.items() if values} == {name: [prices] for name in shown}


def test_what_prices_include_is_what_the_cart_is_deployed_with() -> None:
    default = json.loads(templates.template("cart")["Parameters"]["Tax"]["Default"])["prices"]
    assert pages.prices({}) == pages.prices(sam.given("dev")) == default
    assert pages.prices({"Tax": '{"prices":"include_tax","home":"DE","rates":[]}'}) == "include_tax"


# --- payment ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "payee"),
    [
        ({}, "simulator"),
        ({"PaymentProvider": "simulator"}, "simulator"),
        ({"PaymentProvider": "stripe", "StripePublishableKey": "pk_live_51Ab"}, "pk_live_51Ab"),
    ],
)
def test_pages_that_take_a_card_are_told_who_is_paid_when_they_are_uploaded(
    given: dict[str, str], payee: str
) -> None:
    told = {
        name: re.findall(r'data-payment="(\w+)"', file.content.decode())
        for name, file in site.files(given=given).items()
        if name.endswith(".html")
    }
    assert {name: values for name, values in told.items() if values} == {
        name: [payee] for name in ("checkout.html", "order.html")
    }
