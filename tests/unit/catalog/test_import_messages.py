"""What is said of an import's rows as a file, and what a request for an import stands for."""

from __future__ import annotations

import csv
import io

from functions.catalog.api import importing
from functions.catalog.imports import messages
from tests.unit.catalog.conftest import ADMIN, Send, product, work
from tests.unit.catalog.test_merchants_files import handed_in


def test_all_that_is_said_of_the_rows_is_one_file_in_parts(desk: Send) -> None:
    bad = "".join(f"p{at},P,x\n" for at in range(7))
    body = handed_in(desk, f"Handle,Title,Variant Price\n{bad}".encode())
    parts, after = [], None
    while True:
        page = messages.page(importing().imports, body["importId"], after, rows=3)
        parts.append(page.text)
        if (after := page.following) is None:
            break
    assert len(parts) == 3
    lines = list(csv.DictReader(io.StringIO("".join(parts).removeprefix("\ufeff"))))
    assert [(one["row"], one["level"]) for one in lines if one["level"] == "error"] == [
        (str(row), "error") for row in range(2, 9)
    ]
    answer = desk("GET", "/catalog/imports/{id}/messages", path={"id": body["importId"]}, **ADMIN)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    assert answer.body == "".join(parts)
    assert desk("GET", "/catalog/imports/{id}/messages", path={"id": "imp_none"}, **ADMIN).status == 404
    assert desk("GET", "/catalog/imports/{id}/messages", path={"id": body["importId"]}).status == 401


def test_no_message_runs_in_a_spreadsheet(desk: Send) -> None:
    body = handed_in(desk, b"Handle,Title,Variant Price,Weight (kg)\npot,Pot,1,=1+1\n")
    cells = list(csv.reader(io.StringIO(messages.page(importing().imports, body["importId"], None).text)))
    assert [cell for row in cells for cell in row if cell.startswith(("=", "+", "-", "@"))] == []
    assert [row[4] for row in cells if row[3] == "invalid_number"] == ["'=1+1 is no number."]


def test_a_dry_run_and_an_import_do_not_share_an_idempotency_key(desk: Send) -> None:
    headers = {"content-type": "text/csv", "Idempotency-Key": "k1"}
    text = "Handle,Title,Variant Price\npot,Pot,1\n"
    tried = desk("POST", "/catalog/imports", text, query={"dryRun": "true"}, **{**ADMIN, "headers": headers})
    meant = desk("POST", "/catalog/imports", text, **{**ADMIN, "headers": headers})
    assert (tried.status, meant.status, meant.body["code"]) == (202, 409, "idempotency_key_reused")


def test_a_files_mapping_comes_with_the_import(desk: Send) -> None:
    query = {"mapping": '{"Bezeichnung": "title", "Preis": "price"}'}
    options = {**ADMIN, "headers": {"content-type": "text/csv"}, "query": query}
    answer = desk("POST", "/catalog/imports", "Bezeichnung;Preis\nTopf;1,50\n", **options)
    assert (answer.status, work()) == (202, [])
    assert product(desk, "topf")["variants"][0]["price"]["amount"] == 150
