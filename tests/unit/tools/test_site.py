"""The storefront's files in their bucket: pages that name what is there, and code that never changes where it lies."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
import time_machine

from functions.shared.clock import now
from tools.build import pages
from tools.operate import site

BUCKET = "souk-dev-site"


@pytest.fixture
def web(tmp_path: Path) -> Path:
    """A storefront of one page."""
    for name, text in {
        "index.html": '<link href="/css/base.css"><script src="/js/home.js"></script><a href="/products.html">/js/</a>',
        "css/base.css": "body {}",
        "js/home.js": 'import "./lib.js";',
        "js/lib.js": "1",
        "images/pot.svg": "<svg/>",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
def bucket(cloud: None) -> None:
    boto3.client("s3").create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )


def keys() -> set[str]:
    return {item["Key"] for item in boto3.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]}


def kept(key: str) -> Any:
    return boto3.client("s3").get_object(Bucket=BUCKET, Key=key)


def test_pages_are_asked_for_anew_and_name_code_that_is_kept_for_good(web: Path, bucket: None) -> None:
    site.upload(BUCKET, {}, web)
    page = kept("index.html")
    assert (page["CacheControl"], page["ContentType"]) == ("no-cache", "text/html")
    named = re.findall(r'="/([^"]+)"', page["Body"].read().decode())
    (style, script, other) = named
    assert re.fullmatch(r"v/[0-9a-f]{12}/css/base\.css", style)
    assert re.fullmatch(r"v/[0-9a-f]{12}/js/home\.js", script)
    assert other == "products.html"
    assert kept(script)["CacheControl"] == kept(style)["CacheControl"] == site.FOR_GOOD
    assert kept(script.replace("home", "lib"))["Body"].read() == b"1"
    assert kept("images/pot.svg")["CacheControl"] == "public, max-age=86400"
    assert kept("js/home.js")["CacheControl"] == "no-cache"


def test_changed_code_lies_elsewhere_and_that_of_open_pages_stays_for_a_month(
    web: Path, bucket: None
) -> None:
    site.upload(BUCKET, {}, web)
    before = keys()
    (web / "js/lib.js").write_text("2")
    (web / "images/pot.svg").unlink()
    site.upload(BUCKET, {}, web)
    assert before - keys() == {"images/pot.svg"}
    assert kept("js/lib.js")["Body"].read() == b"2"
    added = keys() - before
    assert {key.split("/", 2)[2] for key in added} == {"css/base.css", "js/home.js", "js/lib.js"}
    with time_machine.travel(now() + timedelta(days=31)):
        site.upload(BUCKET, {}, web)
    assert keys() == {"index.html", "css/base.css", "js/home.js", "js/lib.js", *added, *pages.PLACES}


def test_the_same_code_has_the_same_address_whatever_changes_beside_it(web: Path) -> None:
    before = {key for key in site.files(web) if key.startswith("v/")}
    (web / "index.html").write_text("other")
    assert {key for key in site.files(web) if key.startswith("v/")} == before


def test_every_page_of_the_shop_names_what_is_uploaded() -> None:
    made = site.files()
    for key, file in made.items():
        if file.kind == "text/html":
            named = re.findall(r'(?:href|src)="/((?:v|css|js|images)/[^"?#]+)"', file.content.decode())
            assert named
            assert set(named) <= made.keys(), key


def test_modules_name_each_other_by_their_place() -> None:
    """What is moved together still finds itself."""
    for key, file in site.files().items():
        if key.endswith(".js"):
            assert not re.search(rb"(?:from|import)\s*\(?[\"']/", file.content), key
            assert not re.search(rb"[\"'`]/(?:js|css)/", file.content), key
