"""The storefront's files in the bucket behind CloudFront.

Modules and styles lie under ``v/<version>/``, where nothing ever changes, so that a browser keeps them for good. Pages
name them there and are asked for anew each time, so that the two always fit. The page of what is not there, which
infra/edge.yaml holds, knows no version: for it they lie where they do in web/ as well. Legal pages are made of their
texts, and pages that show prices are told what these include (tools/build/pages.py).
"""

from __future__ import annotations

import hashlib
import mimetypes
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import boto3

from functions.shared.clock import now
from tools import ROOT
from tools.build import pages
from tools.local.edge import WEB, caching
from tools.report import step

FOR_GOOD = "public, max-age=31536000, immutable"
CODE = ("css/", "js/")
EARLIER = timedelta(days=30)
"""How long the code of earlier versions stays, for pages that are open."""
_NAMED = re.compile(r'(?<==")/(?=(?:css|js)/)')


class File(NamedTuple):
    """A file as the bucket has it."""

    content: bytes
    kind: str
    caching: str


def upload(bucket: str, given: Mapping[str, str], web: Path = WEB) -> None:
    """Bring a storefront into its bucket and take out what it no longer has. Safe to repeat; `given` as for files."""
    s3, made = boto3.client("s3"), files(web, given)
    # The pages come last: what they name is there by then.
    for name, file in sorted(made.items(), key=lambda one: one[1].kind == "text/html"):
        s3.put_object(
            Bucket=bucket, Key=name, Body=file.content, ContentType=file.kind, CacheControl=file.caching
        )
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for item in page.get("Contents", []):
            is_earlier = item["Key"].startswith("v/") and item["LastModified"] > now() - EARLIER
            if item["Key"] not in made and not is_earlier:
                s3.delete_object(Bucket=bucket, Key=item["Key"])
    step(f"{len(made)} files of {web.relative_to(ROOT) if web == WEB else web}/ are in {bucket}")


def files(web: Path = WEB, given: Mapping[str, str] | None = None) -> dict[str, File]:
    """Return a storefront's files by their keys in the bucket; `given`: the environment's template parameters."""
    found = {path.relative_to(web).as_posix(): path.read_bytes() for path in web.rglob("*") if path.is_file()}
    found = {
        name: pages.told(content, given or {}) if name.endswith(".html") else content
        for name, content in found.items()
    }
    found |= {place: page for place in pages.PLACES if (page := pages.legal_page(place))}
    code = hashlib.sha256()
    for name in sorted(name for name in found if name.startswith(CODE)):
        code.update(f"{name}\n{len(found[name])}\n".encode() + found[name])
    version = f"v/{code.hexdigest()[:12]}/"
    made = {}
    for name, content in found.items():
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        text = _NAMED.sub(f"/{version}", content.decode()).encode() if kind == "text/html" else content
        made[name] = File(text, kind, caching(kind))
        if name.startswith(CODE):
            made[version + name] = File(content, kind, FOR_GOOD)
    return made
