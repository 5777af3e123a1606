"""The local edge: what passes, what it answers itself, and that AWS's edge is the same."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import re
from collections.abc import Awaitable, Callable, Coroutine
from fnmatch import fnmatchcase
from typing import Any

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer
from multidict import CIMultiDict

from tests.contract.test_web import content_security_policy
from tests.support.services import app_of
from tools import templates
from tools.build import pages
from tools.local import edge
from tools.operate import site
from tools.services import segments, services

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Test = Callable[[TestClient[Any, Any]], Coroutine[Any, Any, None]]


class FixedAddresses:
    """The addresses of APIs, given at once; a second one is the address after a redeploy."""

    def __init__(self, *urls: str) -> None:
        self._urls = urls

    async def url(self, segment: str, *, other_than: str | None = None) -> str | None:
        """Return the first address that is not `other_than`."""
        return next((url for url in self._urls if url != other_than), None)


class FixedDelays:
    """One service is slow."""

    def __init__(self, segment: str, seconds: float) -> None:
        self._slow, self._seconds = segment, seconds
        self.asked: list[str] = []

    async def seconds(self, segment: str) -> float:
        """Return how long the service's answers are held back."""
        self.asked.append(segment)
        return self._seconds if segment == self._slow else 0.0


def through_the_edge(
    service: Handler, test: Test, *, stages: tuple[str, ...] = ("v1",), delays: edge.Delays | None = None
) -> None:
    """Run `test` with a client of an edge before `service`, which stands at each of the stages."""

    async def run() -> None:
        upstream = web.Application()
        upstream.router.add_route("*", "/{path:.*}", service)
        async with TestServer(upstream, host="127.0.0.1") as server:
            addresses = FixedAddresses(*(str(server.make_url(f"/{stage}")) for stage in stages))
            async with TestClient(TestServer(edge.make_app(addresses, delays), host="127.0.0.1")) as client:
                await test(client)

    asyncio.run(run())


async def echo(request: web.Request) -> web.Response:
    """Answer with what arrived."""
    headers = [[name, value] for name, value in request.headers.items()]
    body = (await request.read()).decode()
    return web.json_response(
        {"method": request.method, "path": request.raw_path, "headers": headers, "body": body}
    )


async def nobody(request: web.Request) -> web.Response:
    """Fail the test: the service must not be asked."""
    raise AssertionError(request.path)


def gateway_says(status: int, message: str) -> Handler:
    """Return a service whose gateway answers in its place."""

    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"message": message}, status=status)

    return answer


async def assert_problem(answer: ClientResponse, status: int, code: str) -> dict[str, Any]:
    """Check status, type and code of a problem; return its body."""
    body: dict[str, Any] = await answer.json(content_type="application/problem+json")
    assert (answer.status, body["code"], body["status"]) == (status, code, status)
    return body


def test_method_query_body_and_repeated_values_reach_the_service_as_they_are() -> None:
    async def test(client: TestClient[Any, Any]) -> None:
        headers = CIMultiDict([("X-Thing", "a"), ("X-Thing", "b"), ("Content-Type", "application/json")])
        answer = await client.put("/orders/a%20b?q=1&q=2&e=%C3%A9", data=b'{"n": 1}', headers=headers)
        seen = await answer.json()
        assert seen["method"] == "PUT"
        assert seen["path"] == "/v1/orders/a%20b?q=1&q=2&e=%C3%A9"
        assert seen["body"] == '{"n": 1}'
        assert [value for name, value in seen["headers"] if name == "X-Thing"] == ["a", "b"]

    through_the_edge(echo, test)


@pytest.mark.parametrize(
    "packed", [gzip.compress(b'{"n": 1}'), b"no gzip at all", b""], ids=["gzip", "no gzip at all", "nothing"]
)
def test_a_packed_body_is_refused_before_it_is_unpacked(packed: bytes) -> None:
    async def test(client: TestClient[Any, Any]) -> None:
        headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
        answer = await client.post("/orders", data=packed, headers=headers)
        await assert_problem(answer, 415, "unsupported_content_encoding")
        assert answer.headers["Accept-Encoding"] == "identity"

    through_the_edge(nobody, test)


def test_head_is_answered_with_what_get_would_have_but_the_content() -> None:
    async def test(client: TestClient[Any, Any]) -> None:
        got, headed = await client.get("/orders"), await client.head("/orders")
        assert (headed.status, await headed.read()) == (200, b"")
        assert headed.headers["Content-Length"] == got.headers["Content-Length"] != "0"

    through_the_edge(echo, test)


def unread(request: bytes) -> tuple[int, dict[str, Any]]:
    """Send bytes to an edge as `make run` starts it; return the status and the problem of its answer."""

    async def run() -> bytes:
        runner = edge.Runner(edge.make_app(FixedAddresses()))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        reader, writer = await asyncio.open_connection(*runner.addresses[0][:2])
        writer.write(request)
        answer = await reader.read()
        writer.close()
        await runner.cleanup()
        return answer

    head, _, body = asyncio.run(run()).partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    return int(head.split()[1]), json.loads(body)


END = b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        (b"GET /orders?q=" + b"x" * 8182 + END + b"\r\n", 503, "service_unavailable"),
        (b"GET /orders?q=" + b"x" * 8183 + END + b"\r\n", 414, "url_too_long"),
        (b"GET /orders?q=" + b"x" * 70_000 + END + b"\r\n", 400, "bad_request"),
        (b"GET /orders" + END + b"X-Long: " + b"x" * 70_000 + b"\r\n\r\n", 400, "bad_request"),
        (b"GET /orders" + END + b"no header\r\n\r\n", 400, "bad_request"),
        (b"\x16\x03\x01\x02\x00 no HTTP\r\n\r\n", 400, "bad_request"),
    ],
    ids=[
        "as long as CloudFront takes",
        "longer",
        "longer than is read",
        "header",
        "broken header",
        "no HTTP",
    ],
)
def test_what_is_no_request_is_told_by_a_problem(request_: bytes, status: int, code: str) -> None:
    answered, body = unread(request_)
    assert (answered, body["status"], body["code"]) == (status, status, code)


@pytest.mark.parametrize(
    ("status", "code"), [(400, "bad_request"), (414, "url_too_long"), (431, "headers_too_large")]
)
def test_a_request_that_the_gateway_cannot_read_is_no_fault_of_the_service(status: int, code: str) -> None:
    async def test(client: TestClient[Any, Any]) -> None:
        await assert_problem(await client.get("/orders"), status, code)

    through_the_edge(gateway_says(status, "Request line too long"), test)


def test_the_edge_adds_no_header_of_its_own() -> None:
    async def test(client: TestClient[Any, Any]) -> None:
        skip = ("User-Agent", "Accept", "Accept-Encoding")
        answer = await client.get("/orders", headers={"Connection": "keep-alive"}, skip_auto_headers=skip)
        assert [name for name, _ in (await answer.json())["headers"]] == ["Host"]

    through_the_edge(echo, test)


def test_a_service_s_own_problem_passes_unchanged() -> None:
    async def refuse(request: web.Request) -> web.Response:
        return web.json_response({"code": "mine"}, status=403, content_type="application/problem+json")

    async def test(client: TestClient[Any, Any]) -> None:
        answer = await client.get("/orders/1")
        assert (answer.status, await answer.text()) == (403, '{"code": "mine"}')

    through_the_edge(refuse, test)


@pytest.mark.parametrize(
    ("status", "message", "shown", "code"),
    [
        (401, "Unauthorized", 401, "not_authenticated"),
        (403, "User is not authorized to access this resource with an explicit deny", 403, "not_allowed"),
        (403, "Missing Authentication Token", 404, "no_such_route"),
        (403, "CORS not configured", 404, "no_such_route"),
        (429, "Rate Exceeded", 503, "service_unavailable"),
        (502, "Internal server error", 502, "service_failed"),
        (500, "Internal Server Error", 502, "service_failed"),
        (503, "Service Unavailable", 503, "service_unavailable"),
        (504, "Endpoint request timed out", 504, "service_timeout"),
    ],
)
def test_an_error_of_the_gateway_becomes_a_problem(status: int, message: str, shown: int, code: str) -> None:
    async def test(client: TestClient[Any, Any]) -> None:
        answer = await client.get("/orders/1", headers={"X-Correlation-Id": "abc-12345"})
        body = await assert_problem(answer, shown, code)
        assert body["correlationId"] == "abc-12345"

    through_the_edge(gateway_says(status, message), test)


@pytest.mark.parametrize("path", ["/orders/", "/orders//x", "/carts/crt_1/?q=1"])
def test_a_call_with_nothing_between_slashes_is_of_no_route(path: str) -> None:
    async def test(client: TestClient[Any, Any]) -> None:
        await assert_problem(await client.get(path), 404, "no_such_route")

    through_the_edge(nobody, test)


def test_what_ends_as_a_page_is_of_the_site_wherever_it_lies() -> None:
    async def test(client: TestClient[Any, Any]) -> None:
        await assert_problem(await client.get("/orders/x.html"), 404, "no_such_file")

    through_the_edge(nobody, test)


def addresses(parameters: dict[str, str], *segments: str) -> list[str | None]:
    """Return the addresses that the edge knows when SSM has these parameters; ``PORT`` is where SSM answers."""

    async def ssm(request: web.Request) -> web.Response:
        found = [{"Name": f"/souk/local/apis/{name}", "Value": value} for name, value in parameters.items()]
        return web.json_response({"Parameters": found}, content_type="application/x-amz-json-1.1")

    async def run() -> list[str | None]:
        app = web.Application()
        app.router.add_post("/", ssm)
        async with TestServer(app, host="127.0.0.1") as server:
            apis = edge.Apis(server.port or 0)
            found = [await apis.url(segment) for segment in segments]
            return [url and url.replace(str(server.port), "PORT") for url in found]

    return asyncio.run(run())


def test_a_service_is_found_in_its_own_api_and_else_in_the_platforms() -> None:
    at = "http://127.0.0.1:PORT/_aws/execute-api"
    assert addresses({"platform": "abc", "cart": "def"}, "orders", "carts") == [
        f"{at}/abc/$default",
        f"{at}/def/v1",
    ]
    assert addresses({"platform": "none", "cart": "def"}, "orders", "carts") == [None, f"{at}/def/v1"]
    assert addresses({"cart": "def"}, "orders", "carts") == [None, f"{at}/def/v1"]


def test_an_api_with_a_new_address_is_found_again() -> None:
    async def after_a_redeploy(request: web.Request) -> web.StreamResponse:
        if request.path.startswith("/old"):
            return web.json_response({"message": "Not Found"}, status=404)
        return web.json_response({"path": request.path, "body": await request.text()})

    async def test(client: TestClient[Any, Any]) -> None:
        answer = await client.post("/orders", data=b"x")
        assert await answer.json() == {"path": "/new/orders", "body": "x"}

    through_the_edge(after_a_redeploy, test, stages=("old", "new"))


def test_a_service_that_is_not_deployed_is_unavailable() -> None:
    async def test(client: TestClient[Any, Any]) -> None:
        answer = await client.get("/orders/1")
        await assert_problem(answer, 503, "service_unavailable")
        assert answer.headers["Retry-After"] == "1"

    through_the_edge(nobody, test, stages=())


def test_a_service_that_cannot_be_reached_is_unavailable() -> None:
    async def run() -> None:
        nowhere = FixedAddresses("http://127.0.0.1:9/v1")  # the discard port: nothing listens
        async with TestClient(TestServer(edge.make_app(nowhere), host="127.0.0.1")) as client:
            await assert_problem(await client.get("/orders/1"), 503, "service_unavailable")

    asyncio.run(run())


def test_a_body_above_the_limit_stops_at_the_edge() -> None:
    async def test(client: TestClient[Any, Any]) -> None:
        answer = await client.post("/catalog/imports", data=io.BytesIO(b"x" * (edge.MAX_BODY_BYTES + 1)))
        await assert_problem(answer, 413, "body_too_large")

    through_the_edge(nobody, test)


def raw_answer(path: str) -> bytes:
    """Return the head of the edge's answer to a path that clients would tidy up before sending."""

    async def run() -> bytes:
        async with TestServer(edge.make_app(FixedAddresses()), host="127.0.0.1") as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            writer.close()
            return head

    return asyncio.run(run())


@pytest.mark.parametrize("path", ["/orders/../../_ministack/reset", "/orders/%2e%2e/x", "/orders/./x", "/.."])
def test_a_path_with_dot_segments_goes_nowhere(path: str) -> None:
    assert raw_answer(path).startswith(b"HTTP/1.1 400 ")


def test_a_folder_s_slash_leads_to_no_other_host() -> None:
    assert b"\r\nLocation: /evil/\r\n" in raw_answer("//evil")


@pytest.mark.parametrize("path", ["/\\evil", "http://evil/a"])
def test_a_path_a_browser_reads_as_another_host_is_refused(path: str) -> None:
    assert raw_answer(path).startswith(b"HTTP/1.1 400 ")


def test_a_path_with_a_newline_gets_a_problem() -> None:
    assert b"application/problem+json" in raw_answer("/none%0A.html")


def test_a_file_has_security_headers_and_is_not_sent_twice() -> None:
    async def test(client: TestClient[Any, Any]) -> None:
        first = await client.get("/")
        assert first.status == 200
        assert first.headers.items() >= edge.SECURITY_HEADERS.items()
        assert first.headers["Cache-Control"] == edge.CODE_CACHING
        again = await client.get("/", headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status, await again.read()) == (304, b"")

    through_the_edge(nobody, test)


def test_a_text_is_compressed_for_who_takes_it() -> None:
    async def test(client: TestClient[Any, Any]) -> None:
        plain = await client.get("/css/base.css", headers={"Accept-Encoding": "identity"})
        packed = await client.get("/css/base.css", headers={"Accept-Encoding": "br, gzip"})
        assert packed.headers["Content-Encoding"] == "gzip"
        assert int(packed.headers["Content-Length"]) < int(plain.headers["Content-Length"]) / 2
        assert "Content-Encoding" not in plain.headers
        assert await packed.read() == await plain.read()  # the client unpacks
        assert {plain.headers["Vary"], packed.headers["Vary"]} == {"Accept-Encoding"}
        assert packed.headers["ETag"] == f"W/{plain.headers['ETag']}"
        for tag in (plain.headers["ETag"], packed.headers["ETag"]):
            again = await client.get("/css/base.css", headers={"If-None-Match": tag})
            assert (again.status, again.headers.get("Content-Encoding")) == (304, None)

    through_the_edge(nobody, test)


def test_what_is_small_is_sent_as_it_is() -> None:
    async def test(client: TestClient[Any, Any]) -> None:
        answer = await client.get("/js/lib/theme.js", headers={"Accept-Encoding": "gzip"})
        assert int(answer.headers["Content-Length"]) < edge.COMPRESSED_FROM_BYTES
        assert {"Content-Encoding", "Vary"}.isdisjoint(answer.headers)

    through_the_edge(nobody, test)


def test_a_services_answer_is_not_compressed_by_the_edge() -> None:
    async def test(client: TestClient[Any, Any]) -> None:
        answer = await client.post("/orders", data="x" * 5000, headers={"Accept-Encoding": "gzip"})
        assert "Content-Encoding" not in answer.headers

    through_the_edge(echo, test)


@pytest.mark.parametrize(
    ("accepted", "taken"),
    [
        ("gzip", True),
        ("GZIP;q=0.5, br", True),
        ("*", True),
        ("", False),
        ("br", False),
        ("gzip;q=0", False),
        ("gzip; q=0.000, *", False),
        ("*;q=0", False),
        ("identity, gzip ; q=1.0", True),
    ],
)
def test_gzip_is_taken_as_the_client_says(accepted: str, taken: bool) -> None:
    assert edge.takes_gzip(accepted) is taken


def test_a_slow_services_answers_are_held_back_and_no_others() -> None:
    delays = FixedDelays("catalog", 1.0)

    async def test(client: TestClient[Any, Any]) -> None:
        assert (await client.get("/orders/health")).status == 200
        with pytest.raises(
            TimeoutError
        ):  # on the loop the delay is on: of the two the shorter always ends first
            await asyncio.wait_for(client.get("/catalog/products"), 0.1)

    through_the_edge(echo, test, delays=delays)
    assert delays.asked == ["orders", "catalog"]


def test_a_picture_may_be_kept_for_a_day() -> None:
    async def test(client: TestClient[Any, Any]) -> None:
        answer = await client.get("/images/saffron-glazed-tagine.svg")
        assert answer.content_type == "image/svg+xml"
        assert answer.headers["Cache-Control"] == edge.PICTURE_CACHING

    through_the_edge(nobody, test)


def test_a_folder_is_named_with_a_slash() -> None:
    async def test(client: TestClient[Any, Any]) -> None:
        answer = await client.get("/images?x=1", allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (308, "/images/?x=1")

    through_the_edge(nobody, test)


@pytest.mark.parametrize("path", ["/nothing.txt", "/%00.txt", "/" + "x" * 300 + ".txt", "/..%2fMakefile.txt"])
def test_a_file_that_is_not_in_web_is_not_found(path: str) -> None:
    async def test(client: TestClient[Any, Any]) -> None:
        await assert_problem(await client.get(path), 404, "no_such_file")

    through_the_edge(nobody, test)


PERSON = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.mark.parametrize("path", ["/nothing.html", "/nothing/", "/console/nothing.html?x=1"])
def test_a_page_that_is_not_there_is_a_page_to_a_person_and_a_problem_to_a_program(path: str) -> None:
    async def test(client: TestClient[Any, Any]) -> None:
        answer = await client.get(path, headers=PERSON)
        assert (answer.status, answer.content_type) == (404, "text/html")
        assert await answer.text() == edge.LOST_PAGE.read_text()
        assert answer.headers["Content-Security-Policy"]
        again = await client.get(path, headers={**PERSON, "If-None-Match": answer.headers["ETag"]})
        assert again.status == 404
        await assert_problem(await client.get(path), 404, "no_such_file")

    through_the_edge(nobody, test)


def test_a_legal_page_is_made_of_its_text() -> None:
    async def test(client: TestClient[Any, Any]) -> None:
        answer = await client.get("/legal/terms.html?x=1")
        assert (answer.status, answer.content_type) == (200, "text/html")
        assert await answer.read() == pages.legal_page("legal/terms.html")
        assert answer.headers.items() >= edge.SECURITY_HEADERS.items()
        again = await client.get("/legal/terms.html", headers={"If-None-Match": answer.headers["ETag"]})
        assert again.status == 304
        for path in ("/legal/page.html", "/legal/other.html", "/legal/"):
            assert (await client.get(path, headers=PERSON)).status == 404

    through_the_edge(nobody, test)


def test_a_page_that_shows_prices_knows_what_they_include() -> None:
    async def test(client: TestClient[Any, Any]) -> None:
        page = await (await client.get("/products.html")).read()
        assert page == pages.priced((edge.WEB / "products.html").read_bytes(), pages.prices({}))
        assert page.startswith(b'<!doctype html>\n<html lang="en" data-prices="')

    through_the_edge(nobody, test)


def test_a_missing_picture_is_a_problem_whoever_asks() -> None:
    async def test(client: TestClient[Any, Any]) -> None:
        await assert_problem(await client.get("/images/none.png", headers=PERSON), 404, "no_such_file")

    through_the_edge(nobody, test)


def site_index() -> str:
    """Return the function that CloudFront runs for every request."""
    code: str = templates.resources("edge", "AWS::CloudFront::Function")["SiteIndex"]["FunctionCode"][
        "Fn::Sub"
    ]
    return code


def test_the_edge_on_aws_knows_the_same_pages_and_the_same_lost_page() -> None:
    code = site_index()
    made = {f"/{place}" for place in pages.PLACES}
    lying = {f"/{page.relative_to(edge.WEB)}" for page in edge.WEB.rglob("*.html")}
    assert (
        set(re.findall(r"'(/[^']+\.html)'", code.partition("PAGES = [")[2].partition("]")[0])) == lying | made
    )
    assert code.partition("const LOST = `\n")[2].partition("`;")[0] == edge.LOST_PAGE.read_text()
    assert f'"{edge.POLICY}"' in code
    assert len(code.encode()) < 10_000, "CloudFront takes 10 KB"


def test_files_are_only_read() -> None:
    async def test(client: TestClient[Any, Any]) -> None:
        await assert_problem(await client.post("/", data=b"x"), 405, "method_not_allowed")

    through_the_edge(nobody, test)


def distribution() -> Any:
    return templates.template("edge")["Resources"]["Distribution"]["Properties"]["DistributionConfig"]


def behaviour(path: str) -> Any:
    """Return the behaviour of a path: the first whose pattern fits, else the default one."""
    return next(
        (one for one in distribution()["CacheBehaviors"] if fnmatchcase(path, one["PathPattern"])),
        distribution()["DefaultCacheBehavior"],
    )


def test_the_edge_on_aws_has_one_way_for_all_calls_and_names_no_service() -> None:
    assert {origin["Id"] for origin in distribution()["Origins"]} == {"site", "api"}
    for segment in segments():
        assert {behaviour(path)["TargetOriginId"] for path in (f"/{segment}", f"/{segment}/a/b.c")} == {"api"}
    told = templates.template("edge")
    code = site_index()
    assert not [
        name for name in {*segments(), *services()} if f"'{name}'" in code or name in told["Resources"]
    ]
    assert len(behaviour("/orders")["AllowedMethods"]) == 7


def test_the_edge_on_aws_has_a_way_for_every_file_of_the_site() -> None:
    files = {f"/{name}" for name in site.files() if not name.startswith("v/")}
    assert {path for path in files | {"/"} if behaviour(path)["TargetOriginId"] != "site"} == set()
    folders = {path.name for path in edge.WEB.iterdir() if path.is_dir()}
    assert {*folders, "legal"}.isdisjoint(segments())
    known = set(re.findall(r"'(\w+)'", site_index().partition("FOLDERS = ")[2].partition(";")[0]))
    assert known == {name for name in folders if found_by_the_function(f"/{name}/x")}


def found_by_the_function(path: str) -> bool:
    function = {"Fn::GetAtt": ["SiteIndex", "FunctionARN"]}
    told = behaviour(path).get("FunctionAssociations", [])
    assert told in ([], [{"EventType": "viewer-request", "FunctionARN": function}])
    return bool(told)


def test_the_function_of_the_edge_runs_where_it_has_something_to_find() -> None:
    for path in ("/orders", "/", "/nothing", "/nothing/", "/nothing.html", "/console/"):
        assert found_by_the_function(path), path
    for path in ("/js/pages/products.js", "/css/shop.css", "/images/favicon.svg"):
        assert not found_by_the_function(path), path


def test_the_edge_on_aws_keeps_only_what_is_called_public_and_nobody_s_for_another() -> None:
    assert behaviour("/orders")["CachePolicyId"] == {"Ref": "Answers"}
    policy = templates.resources("edge", "AWS::CloudFront::CachePolicy")["Answers"]["CachePolicyConfig"]
    key = policy["ParametersInCacheKeyAndForwardedToOrigin"]
    assert (policy["MinTTL"], policy["DefaultTTL"]) == (0, 0)  # what says nothing of caches is not kept
    read = {
        header.name
        for service in services()
        for one in app_of(service).app.operations
        for header in one.headers
        if one.method == "GET"
    }
    assert {"Authorization", *read} - {"If-None-Match"} <= set(key["HeadersConfig"]["Headers"])
    assert key["QueryStringsConfig"] == {"QueryStringBehavior": "all"}


def test_the_edge_on_aws_reaches_either_gateway_at_its_stage() -> None:
    (api,) = [origin for origin in distribution()["Origins"] if origin["Id"] == "api"]
    assert api["OriginPath"] == {"Fn::If": ["Rest", "/v1", {"Ref": "AWS::NoValue"}]}
    stages = {
        one["StageName"] for one in templates.resources("platform", "AWS::ApiGatewayV2::Stage").values()
    }
    assert stages == {"$default"}
    for service in services():
        (rest,) = templates.resources(service, "AWS::Serverless::Api").values()
        assert rest["StageName"] == "v1"


def test_under_its_own_name_the_shop_speaks_nothing_older_than_tls_1_2() -> None:
    named, own, cloudfronts = distribution()["ViewerCertificate"]["Fn::If"]
    assert (named, own["MinimumProtocolVersion"], own["SslSupportMethod"]) == (
        "Named",
        "TLSv1.2_2021",
        "sni-only",
    )
    assert cloudfronts == {"CloudFrontDefaultCertificate": True}
    assert distribution()["Aliases"] == {"Fn::If": ["Named", [{"Ref": "Domain"}], {"Ref": "AWS::NoValue"}]}
    told = templates.template("edge")
    urls = (told["Outputs"]["Url"]["Value"], told["Resources"]["UrlParameter"]["Properties"]["Value"])
    assert urls[0] == urls[1]


def test_the_edge_on_aws_sends_the_same_security_headers() -> None:
    config = templates.resources("edge", "AWS::CloudFront::ResponseHeadersPolicy")["SiteHeaders"]
    headers = config["ResponseHeadersPolicyConfig"]
    fixed = headers["SecurityHeadersConfig"]
    policy = content_security_policy(stripe=False)
    bucket = templates.resources("catalog", "AWS::S3::Bucket")["ImportsBucket"]["BucketName"]["Fn::Sub"]
    sent = {
        "Content-Security-Policy": policy.replace(
            f"https://{bucket}.s3.${{AWS::Region}}.amazonaws.com", edge.FILES
        ),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": fixed["FrameOptions"]["FrameOption"],
        "Referrer-Policy": fixed["ReferrerPolicy"]["ReferrerPolicy"],
        **{item["Header"]: item["Value"] for item in headers["CustomHeadersConfig"]["Items"]},
    }
    assert sent == edge.SECURITY_HEADERS


def test_cloudfront_keeps_no_failure_of_a_service() -> None:
    """All that it keeps for 10 s although the answer says no-store (its guide, "HTTP 4xx and 5xx status codes")."""
    kept = {one["ErrorCode"]: one["ErrorCachingMinTTL"] for one in distribution()["CustomErrorResponses"]}
    assert kept == dict.fromkeys((404, 405, 414, 500, 501, 502, 503, 504), 0)
