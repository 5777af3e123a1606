"""Give a fresh shop what one needs to look around: two accounts, a catalog with stock, and one purchase.

Everything but the two accounts' verification goes through the public HTTP face. Safe to repeat: accounts that exist
are used, a catalog that is loaded already is left alone; only the purchase is made again, as proof that all is well.
"""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from tools.local.buyer import Buyer, Session, until
from tools.local.drain import waiting
from tools.local.shop import Answer, Shop, bearer, reason
from tools.local.stack import ENVIRONMENT, Stack
from tools.report import ToolError, step
from tools.services import segments

# Which service publishes a fact, by how its name begins.
_PUBLISHERS = {"Order": "orders", "Stock": "inventory", "Payment": "payments"}
# So long without news of another SKU, and the file has no quantity for the rest.
_SILENCE_SECONDS = 5
_LOADED = f"/souk-tools/{ENVIRONMENT}/catalog"


class Account(NamedTuple):
    """Credentials to try the shop with; they exist on this machine only."""

    email: str
    password: str


class Accounts(NamedTuple):
    """The two accounts a local shop starts with."""

    admin: Account = Account("admin@souk.example", "open-sesame-back-office")
    customer: Account = Account("mira@souk.example", "open-sesame-front-door")


def seed(stack: Stack, catalog: Path) -> Accounts:
    """Make accounts, load the catalog and buy something; print every step."""
    accounts = Accounts()
    shop = Shop(stack.url)
    with ThreadPoolExecutor() as pool:  # each first call starts a function
        list(pool.map(lambda segment: wait_for_health(shop, segment), segments()))
    step(f"every service answers: {', '.join(segments())}")
    admin = ensure_account(stack, shop, accounts.admin, "Souk Admin", roles=["admin"])
    ensure_account(stack, shop, accounts.customer, "Mira Santos")
    step(f"accounts ready: {accounts.admin.email}, {accounts.customer.email}")
    load_catalog(stack, shop, admin, catalog)
    buy(Shop(stack.url, say=True), accounts.customer)
    return accounts


def wait_for_health(shop: Shop, segment: str) -> None:
    """Wait until a service answers."""
    until(f"{segment} to answer", lambda: shop.call("GET", f"/{segment}/health").status == 200)


def ensure_account(
    stack: Stack, shop: Shop, account: Account, name: str, roles: list[str] | None = None
) -> str:
    """Return an access token of the account; it is registered, verified and given its roles if need be."""
    if _log_in(shop, account).status != 200:
        body = {"email": account.email, "password": account.password, "name": name}
        shop.must(201, "POST", "/identity/register", body)
        _identity_admin(stack, {"action": "verify_email", "email": account.email})
        if roles:
            _identity_admin(stack, {"action": "grant_role", "email": account.email, "roles": roles})
    return access_token(shop, account)


def access_token(shop: Shop, account: Account) -> str:
    """Return an access token of an account; raise ToolError where there is none, or its password is another."""
    answer = _log_in(shop, account)
    if answer.status != 200:
        raise ToolError(f"{account.email} cannot log in ({reason(answer)}); start afresh: make reset run")
    return str(answer.body["accessToken"])


def _log_in(shop: Shop, account: Account) -> Answer:
    """Return what a log-in is answered; again after a 5xx, which says nothing of the account."""
    body = {"email": account.email, "password": account.password}

    def answered() -> Answer | None:
        answer = shop.call("POST", "/identity/login", body)
        return answer if answer.status < 500 else None

    return until("identity to answer a log-in", answered)


def _identity_admin(stack: Stack, payload: dict[str, object]) -> None:
    """Call the function only operators may invoke; it has no HTTP face."""
    name = f"souk-{ENVIRONMENT}-identity-admin"
    answer = stack.client("lambda").invoke(FunctionName=name, Payload=json.dumps(payload).encode())
    if "FunctionError" in answer:
        raise ToolError(f"{name} refused {payload['action']}: {answer['Payload'].read().decode()[:200]}")


# --- catalog ----------------------------------------------------------------------------------------------------


def load_catalog(stack: Stack, shop: Shop, admin: str, catalog: Path) -> None:
    """Import a product file, unless it is the one loaded last, and wait until its products and stock are there."""
    content = catalog.read_bytes()
    mark = hashlib.sha256(content).hexdigest()
    if _parameter(stack, _LOADED) == mark:
        step(f"catalog loaded already: {catalog.name}")
        return
    kind = "application/x-ndjson" if catalog.suffix in (".jsonl", ".ndjson") else "text/csv"
    sent = {**bearer(admin), "Idempotency-Key": f"seed-{mark[:32]}-{uuid.uuid4()}"}
    job = shop.must(202, "POST", "/catalog/imports", content, headers=sent, content_type=kind)
    done = wait_for_import(shop, admin, job["importId"])
    step(f"catalog imported: {catalog.name}, {_counts(done)}")
    for error in done["errors"][:10]:
        step(f"  row {error['row']}, {error.get('field') or 'as a whole'}: {error['detail']}")
    if done["failed"] and not list(products(shop)):
        raise ToolError(f"no product of {catalog.name} could be read; the lines above say why")
    step(f"stock has arrived at inventory: {wait_for_stock(stack, shop)} SKUs")
    if not done["failed"]:
        stack.client("ssm").put_parameter(Name=_LOADED, Value=mark, Type="String", Overwrite=True)


def wait_for_import(shop: Shop, admin: str, import_id: str, *, seconds: float = 300) -> dict[str, Any]:
    """Wait until an import is worked off, telling how far it is; return it."""
    said = time.monotonic()
    until = said + seconds
    while True:
        job: dict[str, Any] = shop.must(200, "GET", f"/catalog/imports/{import_id}", headers=bearer(admin))
        if job["status"] == "completed":
            return job
        if job["status"] == "failed" or time.monotonic() > until:
            raise ToolError(
                f"the import is {job['status']}, {job['done']} of {job['total']}; try: make logs SERVICE=catalog"
            )
        if time.monotonic() - said > 5:
            said = time.monotonic()
            step(f"importing: {job['done']} of {job['total']} products")
        time.sleep(0.2)


def _counts(job: dict[str, Any]) -> str:
    return (
        ", ".join(f"{value} {name}" for name, value in job.items() if isinstance(value, int)) or job["status"]
    )


def products(shop: Shop) -> Iterator[dict[str, Any]]:
    """Yield every product on sale as lists show it, page by page."""
    cursor = ""
    while True:
        page = shop.must(200, "GET", f"/catalog/products?limit=100{cursor}")
        yield from page["items"]
        if not page["nextCursor"]:
            return
        cursor = f"&cursor={page['nextCursor']}"


def wait_for_stock(stack: Stack, shop: Shop) -> int:
    """Wait until every SKU on sale can be had, or nothing more is on its way; return how many can."""
    skus = [sku for card in products(shop) for sku in skus_of(shop, card["slug"])]
    known, heard = -1, time.monotonic()
    while known < len(skus) and (waiting(stack) or time.monotonic() - heard < _SILENCE_SECONDS):
        if (now := sum(units > 0 for units in stock(shop, skus).values())) > known:
            known, heard = now, time.monotonic()
        time.sleep(0.1)
    return known


def skus_of(shop: Shop, slug: str) -> list[str]:
    """Return the SKUs of a product's variants."""
    product = shop.must(200, "GET", f"/catalog/products/{slug}")
    return [str(variant["sku"]) for variant in product["variants"]]


def stock(shop: Shop, skus: list[str]) -> dict[str, int]:
    """Return how many units of each SKU can leave at once, of those on sale: 20 at most, 20 where none are counted."""
    available: dict[str, int] = {}
    for start in range(0, len(skus), 100):
        page = shop.must(200, "GET", f"/inventory/stock?skus={','.join(skus[start : start + 100])}")
        available |= {
            level["sku"]: 20 if level["available"] is None else level["available"] for level in page["items"]
        }
    return available


def _parameter(stack: Stack, name: str) -> str | None:
    client = stack.client("ssm")
    found: list[dict[str, str]] = client.get_parameters(Names=[name])["Parameters"]
    return found[0]["Value"] if found else None


# --- purchase ---------------------------------------------------------------------------------------------------


def buy(shop: Shop, customer: Account) -> None:
    """Buy one unit of the first thing in stock, printing every call and then the order's timeline."""
    step("one purchase, through the public HTTP face:")
    found = in_stock(shop)
    if found is None:
        raise ToolError("there is nothing in stock to buy; load another catalog: make run CATALOG=<file>")
    title, sku = found
    session = Session(lambda: access_token(shop, customer))
    order_id = Buyer(shop, session=session).buy({sku: 1}, email=customer.email)["orderId"]
    silent = Buyer(Shop(shop.url), session=session)  # without a line for every poll
    order = silent.decided(order_id)
    step(f"  {title}, {sku}: order {order_id} is {order['status']}")
    print_timeline(silent.timeline(order_id))
    if order["status"] != "confirmed":
        raise ToolError(
            f"the order is {order['status']} ({order.get('reason')}); try: make logs SERVICE=orders"
        )


def in_stock(shop: Shop) -> tuple[str, str] | None:
    """Return title and SKU of the first variant that can be bought, None if everything is sold out."""
    for card in shop.must(200, "GET", "/catalog/products?limit=20")["items"]:
        skus = skus_of(shop, card["slug"])
        for sku, available in stock(shop, skus).items():
            if available > 0:
                return str(card["title"]), sku
    return None


def print_timeline(facts: list[dict[str, Any]]) -> None:
    """Print how the services decided the order: every fact, whose it is, and how long after the order it came."""
    placed = datetime.fromisoformat(facts[0]["time"])
    step("what the services did with it, without calling each other:")
    for fact in facts:
        service = next((name for prefix, name in _PUBLISHERS.items() if fact["type"].startswith(prefix)), "")
        after = (datetime.fromisoformat(fact["time"]) - placed).total_seconds()
        step(f"  +{after:6.3f} s  {service:9}  {fact['type']:18} the order is {fact['status']}")
