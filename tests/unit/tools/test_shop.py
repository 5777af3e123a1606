"""The client of the shop: what it sends, and what it makes of every kind of answer."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tools.local.buyer import Buyer, Session
from tools.local.shop import Shop
from tools.report import ToolError


class Mirror(BaseHTTPRequestHandler):
    """Answers with what it was sent; /conflict with a problem, /moved with another place, /text with no JSON."""

    def answer(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        seen = {
            "method": self.command,
            "path": self.path,
            "headers": [[name.lower(), value] for name, value in self.headers.items()],
            "body": sent,
        }
        status = {"/conflict": 409, "/moved": 302, "/nothing": 204}.get(self.path, 200)
        body = json.dumps({"code": "taken"} if status == 409 else seen).encode()
        body = {"/text": "schön".encode(), "/nothing": b""}.get(self.path, body)
        self.send_response(status)
        self.send_header("Location", "/here")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Correlation-Id", "cor_1")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Keep still."""


for method in ("GET", "POST"):
    setattr(Mirror, f"do_{method}", Mirror.answer)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Mirror)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def values(body: Any, name: str) -> list[str]:
    return [value for header, value in body["headers"] if header == name]


def test_a_body_is_sent_as_json_and_a_call_without_one_names_no_type(url: str) -> None:
    seen = Shop(url).must(200, "POST", "/orders?limit=1", {"quote": "q"})
    assert (seen["method"], seen["path"], seen["body"]) == ("POST", "/orders?limit=1", '{"quote": "q"}')
    assert values(seen, "content-type") == ["application/json"]
    assert values(Shop(url).must(200, "GET", "/orders"), "content-type") == []


def test_bytes_are_sent_as_they_are_under_their_own_type(url: str) -> None:
    seen = Shop(url).must(200, "POST", "/catalog/imports", b"sku,units", content_type="text/csv")
    assert (seen["body"], values(seen, "content-type")) == ("sku,units", ["text/csv"])


def test_a_header_that_is_given_stands_in_place_of_the_usual_one_whatever_its_case(url: str) -> None:
    buyer = Buyer(Shop(url), {"X-Cart-Token": "old"}, Session(lambda: "mine"))
    seen = buyer.send(
        "POST", "/a", {}, authorization="Bearer other", x_cart_token="new", content_type="a/b"
    ).body
    assert values(seen, "authorization") == ["Bearer other"]
    assert values(seen, "x-cart-token") == ["new"]
    assert values(seen, "content-type") == ["a/b"]
    assert values(buyer.send("GET", "/a").body, "authorization") == ["Bearer mine"]


def test_an_answer_is_not_asked_for_in_a_compressed_form_unless_the_caller_wants_it(url: str) -> None:
    assert values(Shop(url).must(200, "GET", "/a"), "accept-encoding") == ["identity"]
    headers = {"accept-encoding": "gzip"}
    assert values(Shop(url).must(200, "GET", "/a", headers=headers), "accept-encoding") == ["gzip"]


def test_a_refusal_is_an_answer_with_its_code_and_its_headers(url: str) -> None:
    answer = Shop(url).call("POST", "/conflict", {})
    assert (answer.status, answer.code, answer.headers["x-correlation-id"]) == (409, "taken", "cor_1")


def test_what_has_to_succeed_and_does_not_is_said_in_one_line(url: str) -> None:
    with pytest.raises(
        ToolError, match=r"POST /conflict gave 409: .*taken.*; try: make logs SERVICE=conflict"
    ):
        Shop(url).must(201, "POST", "/conflict", {})


def test_text_stays_text_and_nothing_is_none(url: str) -> None:
    assert Shop(url).call("GET", "/text").body == "schön"
    assert Shop(url).call("GET", "/nothing").body is None


def test_a_reader_is_led_to_another_place_and_a_writer_is_not(url: str) -> None:
    assert Shop(url).must(200, "GET", "/moved")["path"] == "/here"
    assert Shop(url).call("POST", "/moved", {}).status == 302


def test_nobody_there_is_said_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(ToolError, match=f"GET /a: no answer from http://127.0.0.1:{port} .*make status"):
        Shop(f"http://127.0.0.1:{port}").call("GET", "/a")
