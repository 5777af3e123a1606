"""What catalog's routes share: the application, its table, and what imports and exports work with."""

from __future__ import annotations

import functools
import os

from functions.catalog.exports import service as exports
from functions.catalog.exports.table import ExportsTable
from functions.catalog.imports import service as imports
from functions.catalog.imports.table import ImportsTable
from functions.catalog.jobs.uploads import Uploads
from functions.catalog.table import CatalogTable
from functions.shared.http import Service

app = Service("catalog")


@functools.cache
def catalog() -> CatalogTable:
    """Return the service's table."""
    return CatalogTable(os.environ["TABLE_NAME"])


@functools.cache
def importing() -> imports.ImportContext:
    """Return what imports work with."""
    return imports.ImportContext(catalog(), ImportsTable(os.environ["TABLE_NAME"]), uploads(), currency())


@functools.cache
def exporting() -> exports.ExportContext:
    """Return what exports work with."""
    return exports.ExportContext(catalog(), ExportsTable(os.environ["TABLE_NAME"]), uploads())


def uploads() -> Uploads:
    """Return the files of imports and exports, and their queues."""
    bucket = os.environ["IMPORTS_BUCKET_NAME"]
    return Uploads(bucket, os.environ["FILES_QUEUE_URL"], os.environ["IMPORTS_QUEUE_URL"])


def currency() -> str:
    """Return the currency the shop sells in."""
    return os.environ["SHOP_CURRENCY_NAME"]
