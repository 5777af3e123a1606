"""Every problem that a caller can be told of has its sentence in every language, with what the sentence names.

The codes are read off the code itself: whatever is raised as a DomainError, told by a body's or a query's type, or
answered by the edge and the gateway. What staff alone can meet is told in the console, which has one language, English,
and shows the answer's own English detail: those codes are named here, and need no text of their own.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from chalice.app import MultiDict

from functions.shared import errors
from functions.shared.errors import DomainError, InvalidError
from functions.shared.http import read_query
from tests.contract.test_web import LANGUAGES, texts
from tests.support.services import app_of
from tests.support.templates import ROOT
from tools.services import services

ERRORS = {
    name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, DomainError)
}
MAKERS = {"problem", "_problem", "fault", "optimistic", "BusyError"}
"""What makes a problem of a code: in functions/shared/http.py, bodies.py, optimistic.py, and tools/local/edge.py."""
STAFF = {
    # the catalog's products, imports and exports
    "body_not_expected",
    "columns_changing",
    "file_too_large",
    "invalid_upload",
    "too_many_rows",
    "unknown_export",
    "unknown_field",
    "upload_missing",
    "empty_file",
    "invalid_dry_run",
    "invalid_format",
    "invalid_mapping",
    "invalid_slug",
    "invalid_status",
    "invalid_stock",
    "no_products",
    "not_csv",
    "not_jsonl",
    "not_utf8",
    "option_repeated",
    "options_mismatch",
    "price_required",
    "product_busy",
    "product_too_large",
    "sku_repeated",
    "sku_taken",
    "slug_taken",
    "title_required",
    "too_many_images",
    "unknown_import",
    "variant_repeated",
    "version_changed",
    "wrong_currency",
    "wrong_header",
    # stock
    "no_reservation",
    "stock_below_reserved",
    "stock_busy",
    "stock_changed",
    "stock_short",
    "stock_too_large",
    "zero_delta",
    # orders and payments
    "customer_erased",
    "empty_search",
    "invalid_number",
    "one_search",
    "invalid_customer",
    "not_captured",
    "order_decided",
    "order_undecided",
    "payment_busy",
    "refund_refused",
    "refund_too_large",
    # accounts and keys
    "email_required",
    "invalid_order",
    "keys_changed",
    "own_admin_role",
    "too_many_keys",
    # the journal
    "invalid_correlation_id",
    "invalid_day",
    "invalid_time",
    "messages_in_use",
    "never_audited",
    "no_home_queue",
    "no_such_message",
    "no_such_queue",
    "no_such_service",
    "too_many_messages",
    # the local stack's switches
    "local_only",
}
STAFF_FORMS = {"line", "slug", "url"}
PROVIDERS = {"invalid_signature", "no_such_provider", "stale_signature"}
"""Met by payment providers alone, at the webhooks."""
OUR_FAULT = {"internal_error"}
"""Nobody foresaw it: the page says so, with the correlation id."""


class Raised(NamedTuple):
    """One place where a problem is made: its code and the parameters that it gives; None where they are not literal."""

    where: str
    code: str
    parameters: frozenset[str] | None


def raised() -> Iterator[Raised]:
    """Return all places where a problem is made."""
    for path in [*(ROOT / "functions").rglob("*.py"), ROOT / "tools" / "local" / "edge.py"]:
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                yield from _made(node, path)
            elif isinstance(node, ast.Dict):
                yield from _listed(([*pair] for pair in zip(node.keys, node.values, strict=True)), path)
            elif isinstance(node, ast.Tuple) and len(node.elts) > 1:
                yield from _listed([[*node.elts]], path)


def refused() -> Iterator[Raised]:
    """Return what a bad value of each parameter is told as, by every route that takes it."""
    for service in services():
        for one in app_of(service).app.operations:
            for name in one.query.__struct_encode_fields__ if one.query else ():
                try:
                    read_query(MultiDict({name: ["~" * 100_000]}), one.query)
                except InvalidError as error:
                    yield Raised(f"{one.method} {one.path}", error.code, frozenset(error.parameters))


def _made(call: ast.Call, path: Path) -> Iterator[Raised]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name not in ERRORS | MAKERS:
        return
    codes = [one for one in call.args if isinstance(one, ast.Constant) and _is_code(one.value)]
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    stated = given.get("parameters")
    parameters: frozenset[str] | None = frozenset(filter(None, given)) if name == "fault" else frozenset()
    if isinstance(stated, ast.Dict):
        parameters = frozenset(str(getattr(key, "value", "")) for key in stated.keys)
    elif stated is not None or None in given:
        parameters = None
    for code in codes[:1]:
        yield Raised(f"{path.relative_to(ROOT)}:{call.lineno}", str(code.value), parameters)


def _listed(pairs: Iterable[list[ast.expr | None]], path: Path) -> Iterator[Raised]:
    """Return the codes of pairs or triples that begin with a status: what the gateway and Chalice answer."""
    for parts in pairs:
        status, code = [one.value if isinstance(one, ast.Constant) else None for one in parts[:2]]
        if isinstance(status, int) and _is_code(code):
            yield Raised(str(path.relative_to(ROOT)), str(code), frozenset())


def _is_code(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)+|busy", value) is not None


ALL = sorted({*raised(), *refused()})
OF_THE_PAGES = {"unreachable", "bad_request"}
"""Made in web/js/lib/api.js where there was no answer, and for what Chalice refuses without a code."""
BUYERS = {one.code for one in ALL} | OF_THE_PAGES
BUYERS -= STAFF | PROVIDERS | OUR_FAULT


def test_the_codes_are_found_in_every_kind_of_place() -> None:
    found = {one.code for one in ALL}
    assert {
        "unknown_sku",
        "too_many_requests",
        "body_too_large",
        "too_long",
        "no_such_route",
        "not_authenticated",
        "service_timeout",
        "no_such_file",
        "method_not_allowed",
        "invalid_limit",
    } <= found


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_that_buyers_can_meet_has_its_sentence(language: str) -> None:
    missing = {f"problem.{code}" for code in BUYERS} - texts(language).keys()
    assert missing == set(), (
        "write it in web/js/lib/texts.js, or name the code in STAFF above where only staff meet it"
    )


def test_a_sentence_names_only_what_its_problem_gives() -> None:
    english = texts("en")
    lacking = {}
    for one in ALL:
        named = set(re.findall(r"{(\w+)}", english.get(f"problem.{one.code}", "")))
        if one.parameters is not None and named - one.parameters:
            lacking[one.where] = sorted(named - one.parameters)
    assert lacking == {}


def test_a_detail_tells_nothing_of_patterns_or_types() -> None:
    details = [
        node.value
        for path in (ROOT / "functions").rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and getattr(call.func, "attr", getattr(call.func, "id", "")) in ERRORS
        for node in ast.walk(call)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    assert [one for one in details if re.search(r"regex|msgspec|`|\bNoneType\b|\bstr\b|\bint\b", one)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_form_that_a_type_names_has_its_sentence(language: str) -> None:
    sources = "".join(path.read_text() for path in (ROOT / "functions").rglob("*.py"))
    forms = set(re.findall(r'"form": "(\w+)"', sources))
    assert "email" in forms
    assert {f"form.{name}" for name in forms - STAFF_FORMS} - texts(language).keys() == set()
