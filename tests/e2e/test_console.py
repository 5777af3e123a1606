"""Operators see the shop at work, mend what is stuck, and edit what is sold."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import (
    PATIENCE,
    Person,
    Watch,
    add_to_cart,
    check_out,
    log_in,
    mailed_links,
    new_link,
)
from tests.support.lambda_events import sample
from tests.support.patience import eventually
from tools.local.buyer import Buyer
from tools.local.shop import Shop
from tools.local.stack import Stack

TAGINE = "saffron-glazed-tagine"


@pytest.fixture
def console(open_browser: Callable[..., Page], operator: Person) -> Page:
    """The console, logged in."""
    page = open_browser()
    log_in(page, operator, "/console/")
    return page


@pytest.fixture
def ordered(page: Page) -> str:
    """The id of an order a guest has just bought."""
    add_to_cart(page, TAGINE)
    check_out(page)
    expect(page.locator("[data-fact=PaymentCaptured]")).to_be_visible()
    return page.url.partition("id=")[2].partition("&")[0]


def test_the_console_is_for_staff(page: Page, customer: Person) -> None:
    log_in(page, customer)
    page.goto("/console/")
    expect(page.get_by_role("heading", name="Staff only")).to_be_visible()


def test_staff_follow_an_order_through_every_service_and_refund_it(console: Page, ordered: str) -> None:
    console.goto("/console/#orders")
    console.locator(f"a[href='#order/{ordered}']").click()
    story = console.locator("#story")
    for fact in ("OrderPlaced", "StockReserved", "PaymentAuthorized", "OrderConfirmed", "PaymentCaptured"):
        expect(story.get_by_text(fact, exact=True).first).to_be_visible()
    expect(story).to_contain_text("payments' ledger")
    expect(story).to_contain_text("payments-inbox")
    console.get_by_label("Amount to refund").fill("10.00")
    console.get_by_role("button", name="Refund", exact=True).click()
    asked = console.get_by_role("dialog", name="Refund this payment?")
    expect(asked).to_contain_text("€10.00 of €")
    asked.get_by_role("button", name="Refund €10.00").click()
    expect(console.get_by_text("payment partially_refunded")).to_be_visible()
    expect(story.get_by_text("PaymentRefunded").first).to_be_visible()


def test_staff_cancel_an_order(console: Page, ordered: str) -> None:
    console.goto(f"/console/#order/{ordered}")
    console.get_by_role("button", name="Cancel order").click()
    console.get_by_role("button", name="Cancel the order").click()
    expect(console.get_by_text("cancelled: operator")).to_be_visible()


def test_staff_send_an_orders_mail_again(page: Page, console: Page, shop: Stack) -> None:
    email = f"again-{time.time_ns()}@example.com"
    add_to_cart(page, TAGINE)
    check_out(page, email)
    (first,) = [new_link(shop, email, "/order.html", [])]
    console.goto(f"/console/#order/{page.url.partition('id=')[2]}")
    mails = console.locator("#mails")
    expect(mails.get_by_role("listitem")).to_have_count(1)
    mails.get_by_role("button", name="Send again").click()
    assert eventually(lambda: mailed_links(shop, email, "/order.html") == [first, first])
    console.reload()
    expect(mails.get_by_role("listitem")).to_have_count(2)
    expect(mails).to_contain_text("sent again by cus_")
    expect(console.locator("#story tr[data-kind=mail]")).to_have_count(2)


@pytest.mark.parametrize("way", ["number", "email", "name", "sku"])
def test_a_guests_order_is_found_by_what_the_guest_can_tell(
    way: str, console: Page, sold: Callable[..., Any], shop: Stack
) -> None:
    sku = sold("A pot that is asked about")["variants"][0]["sku"]
    guest = Buyer(Shop(shop.url))
    order = guest.decided(guest.buy({sku: 1})["orderId"])
    words = {
        "number": order["number"].replace("-", " ").lower(),
        "email": order["email"],
        "name": order["shippingAddress"]["name"],
        "sku": sku,
    }
    console.goto("/console/#orders")
    found = console.get_by_role("link", name=order["number"])

    def is_found() -> bool:
        console.get_by_label("Number, e-mail address, name or SKU of an order").fill(words[way])
        console.get_by_role("button", name="Find").click()
        console.wait_for_timeout(300)
        return bool(found.count())

    assert eventually(is_found)
    found.click()
    expect(console.get_by_text(order["orderId"]).first).to_be_visible()


def test_an_order_that_nobody_knows_is_not_found(console: Page) -> None:
    console.goto("/console/#orders")
    console.get_by_label("Number, e-mail address, name or SKU of an order").fill("nobody@souk.example")
    console.get_by_role("button", name="Find").click()
    expect(console.get_by_text("No decided order is found by this")).to_be_visible()


def test_what_waits_for_a_service_that_is_down_is_seen_to_age_and_to_drain(
    page: Page, console: Page, switch: Callable[[str], None], operator: Person, watch: Watch
) -> None:
    row = console.locator("#services tr[data-service=payments]")
    expect(row.locator("[data-age]")).to_have_text("–")
    switch("payments")
    add_to_cart(page, TAGINE)
    check_out(page)
    expect(row.locator("[data-age]")).to_have_text(re.compile(r"^\d+ s$"))
    operator.calls.send("PUT", "/journal/faults/payments", {"down": False})
    expect(row.locator("[data-age]")).to_have_text("–", timeout=PATIENCE * 2)
    watch.expects("status of 503")


def test_a_broken_service_is_seen_and_recovers(console: Page, operator: Person, watch: Watch) -> None:
    row = console.locator("#services tr[data-service=catalog]")
    expect(row.get_by_text("yes", exact=True)).to_be_visible()
    console.goto("/console/#faults")
    box = console.get_by_label("catalog is down")
    box.check()
    try:
        expect(console.get_by_role("status")).to_have_text("catalog is down.")
        console.goto("/console/#pulse")
        expect(row.get_by_text("no", exact=True)).to_be_visible()
        expect(console.locator("[data-service=catalog] .state")).to_have_text("does not answer")
    finally:
        console.goto("/console/#faults")
        box.uncheck()
    console.goto("/console/#pulse")
    expect(row.get_by_text("yes", exact=True)).to_be_visible()
    watch.expects("status of 503")


def test_a_slow_service_is_seen_and_holds_nobody_else_up(
    page: Page, console: Page, operator: Person, watch: Watch
) -> None:
    console.goto("/console/#faults")
    box = console.get_by_label("catalog is slow")
    box.check()
    try:
        expect(console.get_by_role("status")).to_have_text("catalog is slow.")
        console.goto("/console/#pulse")
        row = console.locator("#services tr[data-service=catalog]")
        expect(row).to_contain_text("slow, ")
        expect(
            console.locator("#services tr[data-service=cart]").get_by_text("yes", exact=True)
        ).to_be_visible()
        page.goto("/products.html")
        expect(page.locator("#products a.product").first).to_be_visible()
    finally:
        operator.calls.send("PUT", "/journal/faults/catalog", {"slow": False})
    expect(row.get_by_text("yes", exact=True)).to_be_visible()
    console.goto("/console/#faults")
    expect(box).not_to_be_checked()


@pytest.fixture
def well_again(operator: Person) -> Iterator[None]:
    """See to it that the payment provider works when the test is over."""
    yield
    operator.calls.send("PUT", "/payments/simulator", {"trouble": "none"})


def test_a_failing_provider_costs_nobody_anything_and_recovers(
    page: Page, console: Page, operator: Person, well_again: None, over_at_once: Any, invoke: Any
) -> None:
    console.goto("/console/#faults")
    console.get_by_label("Failing").check()
    expect(console.get_by_role("status")).to_have_text("The payment provider: failing.")
    add_to_cart(page, TAGINE)
    with over_at_once():
        check_out(page)
        order = page.url.partition("id=")[2].partition("&")[0]
        sku = operator.calls.send("GET", f"/orders/{order}").body["lines"][0]["sku"]
        held = f"/inventory/reservations/{order}?sku={sku}"
        assert eventually(lambda: operator.calls.send("GET", held).body.get("status") == "reserved")
        assert eventually(lambda: invoke("orders-sweep")["overdue"])
        expect(page.locator("#status")).to_have_text("Cancelled")
        page.goto("about:blank")  # the function is changed back next, which ends the calls it is at
    page.go_back()
    expect(page.get_by_role("alert")).to_contain_text(
        "Nothing was charged; an amount that your bank has set aside is let go"
    )
    console.reload()
    expect(console.get_by_label("Failing")).to_be_checked()
    console.get_by_label("Works").check()
    expect(console.get_by_role("status")).to_have_text("The payment provider: works.")
    page.get_by_role("link", name="Back to the checkout").click()
    check_out(page)
    expect(page.locator("#status")).to_have_text("Confirmed")


def test_a_slow_provider_confirms_later(page: Page, console: Page, well_again: None) -> None:
    console.goto("/console/#faults")
    console.get_by_role("radio", name="Slow").check()
    expect(console.get_by_role("status")).to_have_text("The payment provider: slow.")
    add_to_cart(page, TAGINE)
    check_out(page)
    expect(page.locator("#status")).to_have_text("Confirmed")
    placed, confirmed = (
        datetime.fromisoformat(str(page.locator(f"[data-fact={fact}] time").get_attribute("datetime")))
        for fact in ("OrderPlaced", "OrderConfirmed")
    )
    assert (confirmed - placed).total_seconds() >= 3  # what the provider took


def test_an_operator_decides_a_checkout_that_waits(
    page: Page, console: Page, undecided: None, watch: Watch
) -> None:
    add_to_cart(page, TAGINE)
    check_out(page)
    order = page.url.partition("id=")[2]
    console.goto("/console/#sagas")
    row = console.locator("tr", has=console.locator(f"a[href='#order/{order}']"))
    expect(row).to_contain_text("reserved")
    expect(row).to_contain_text("waiting")
    expect(row).to_contain_text(re.compile("[0-9]:[0-9][0-9] (left|over)"))
    expect(row).to_contain_text(re.compile("payments has ([0-9]+ to handle|not answered)"))
    row.get_by_role("button", name="Cancel").click()
    console.get_by_label("Why?").fill("The bank is closed")
    console.get_by_role("button", name="Cancel the order").click()
    expect(row).to_have_count(0)
    expect(page.get_by_role("alert")).to_contain_text("The shop cancelled this order")
    expect(page.locator("#timeline")).to_contain_text("The bank is closed")
    watch.expects("status of 503")


def test_a_dead_letter_is_read_and_sent_back(console: Page, shop: Stack) -> None:
    sqs, name = shop.client("sqs"), "souk-local-journal-inbox-dlq"
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    fact = sample("inventory/StockReserved.v1", orderId=f"ord_{time.time_ns()}")
    reason = {"reason": {"DataType": "String", "StringValue": "the journal was away"}}
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps(fact), MessageAttributes=reason)
    console.goto("/console/#queues")
    console.get_by_role("button", name=name).click()
    expect(console.get_by_text("the journal was away")).to_be_visible()
    expect(console.locator("article h3")).to_have_text("StockReserved")
    expect(console.locator("article")).to_contain_text(fact["detail"]["correlationId"])
    console.get_by_role("button", name="Send it back").click()
    expect(console.get_by_text("1 sent back, and souk-local-journal-inbox has drained.")).to_be_visible()
    expect(console.get_by_text("everything has drained")).to_be_visible()


def test_a_dead_letter_is_deleted_with_a_reason(console: Page, shop: Stack) -> None:
    sqs, name = shop.client("sqs"), "souk-local-journal-inbox-dlq"
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="no event at all")
    console.goto("/console/#queues")
    console.get_by_role("button", name=name).click()
    console.get_by_text("Delete it…").click()
    console.get_by_label("Why").fill("left by a test")
    console.get_by_role("button", name="Delete for good").click()
    expect(console.get_by_text("Deleted. 0 dead letters are left here.")).to_be_visible()
    expect(console.get_by_text("everything has drained")).to_be_visible()


def test_an_import_tells_its_bad_rows(console: Page, tmp_path: Path) -> None:
    slug = f"bowl-{time.time_ns()}"
    file = tmp_path / "products.csv"
    file.write_text(
        "Handle,Title,Published,Variant SKU,Variant Price\n"
        f"{slug},Good bowl,true,{slug.upper()},12.00\n"
        f"{slug}-2,Bad bowl,true,{slug.upper()}-2,twelve\n"
    )
    console.goto("/console/#catalog")
    console.get_by_label("Product file").set_input_files(file)
    console.get_by_role("button", name="Import").click()
    expect(console.get_by_text("1 new, 0 changed, 0 unchanged, 1 failed")).to_be_visible()
    expect(console.locator("#import-errors tr")).to_have_count(1)
    expect(console.locator("#import-errors")).to_contain_text("Row 3")
    expect(console.locator("#import-errors")).to_contain_text("Variant Price")
    with console.expect_download() as download:
        console.get_by_role("button", name="Download all messages").click()
    text = Path(download.value.path()).read_text("utf-8-sig")
    assert [line.split(",")[:4] for line in text.splitlines()] == [
        ["row", "level", "field", "code"],
        ["3", "error", "Variant Price", "invalid_amount"],
    ]


def test_a_file_is_tried_first_and_sets_stock_only_where_asked(
    console: Page, tmp_path: Path, operator: Person
) -> None:
    slug = f"knife-{time.time_ns()}"
    file = tmp_path / "produkte.csv"

    def counted(units: int) -> None:
        head = (
            "Handle;Title;Variant SKU;Variant Inventory Tracker;Variant Inventory Qty;Variant Price;Lieferant"
        )
        text = f"{head}\n{slug};Käsemesser;{slug};shopify;{units};14,90;Müller\n"
        file.write_bytes(text.encode("cp1252"))
        console.get_by_label("Product file").set_input_files(file)

    def on_hand(units: int) -> Callable[[], bool]:
        path = f"/inventory/admin/stock?skus={slug}"
        return lambda: [one["onHand"] for one in operator.calls.get(path)["items"]] == [units]

    console.goto("/console/#catalog")
    counted(5)
    console.get_by_role("button", name="Try without changes").click()
    expect(
        console.get_by_text("Dry run, nothing is changed. completed: 1 of 1 products, 1 new")
    ).to_be_visible()
    expect(console.locator("#import-errors [data-level=outcome]")).to_contain_text("would be created")
    reading = console.locator("#import-reading")
    expect(reading).to_contain_text("WINDOWS-1252, semicolons between the cells, decimal comma")
    expect(reading).to_contain_text("without a field here: Lieferant")
    assert operator.calls.send("GET", f"/catalog/admin/products/{slug}").status == 404
    console.get_by_role("button", name="Import").click()
    expect(console.get_by_text(re.compile("^completed: 1 of 1 products, 1 new"))).to_be_visible()
    assert operator.calls.get(f"/catalog/admin/products/{slug}")["title"] == "Käsemesser"
    assert eventually(on_hand(5))
    counted(9)
    console.get_by_role("button", name="Import").click()
    expect(console.get_by_text("1 quantities left the stock as it is.")).to_be_visible()
    assert on_hand(5)()
    console.get_by_label("Stock from the file replaces existing stock").check()
    console.get_by_role("button", name="Import").click()
    assert eventually(on_hand(9))


def open_product(console: Page, title: str) -> None:
    console.goto("/console/#catalog")
    console.get_by_label("Search products").fill(title)
    expect(console.locator("tbody tr")).to_have_count(1)  # what it found moves the form under the pointer
    console.get_by_role("button", name=title).click()
    expect(console.locator("#product-form")).to_be_visible()


def test_a_product_is_edited(console: Page, sold: Callable[..., Any], operator: Person) -> None:
    product = sold(f"Editable {time.time_ns()}")
    open_product(console, product["title"])
    console.get_by_label("Maker").fill("Atelier Nour")
    console.get_by_label(f"Price of {product['variants'][0]['sku']}").fill("31.50")
    console.get_by_role("button", name="Save").click()
    expect(console.locator(".toast")).to_have_text("Saved.")
    after = operator.calls.get(f"/catalog/admin/products/{product['id']}")
    assert (after["vendor"], after["variants"][0]["price"]["amount"]) == ("Atelier Nour", 3150)


def test_a_change_made_elsewhere_meanwhile_is_shown_not_overwritten(
    console: Page, sold: Callable[..., Any], operator: Person, watch: Watch
) -> None:
    product = sold(f"Contested {time.time_ns()}")
    open_product(console, product["title"])
    console.get_by_label("Maker").fill("Mine")
    body = {name: product[name] for name in ("title", "slug", "status")}
    price = {name: product["variants"][0][name] for name in ("sku", "price")}
    body = {**body, "vendor": "Theirs", "variants": [price]}
    path = f"/catalog/products/{product['id']}"
    assert operator.calls.send("PUT", path, body, if_match='"1"').status == 200
    console.get_by_role("button", name="Save").click()
    conflict = console.locator("#conflict")
    expect(conflict).to_contain_text("Theirs")
    expect(conflict).to_contain_text("Mine")
    console.get_by_role("button", name="Save yours over it").click()
    expect(console.locator(".toast")).to_have_text("Saved.")
    assert operator.calls.get(f"/catalog/admin/products/{product['id']}")["vendor"] == "Mine"
    watch.expects("status of 412")


def test_stock_is_adjusted_with_a_reason(console: Page, sold: Callable[..., Any]) -> None:
    sku = sold("Countable", units=4)["variants"][0]["sku"]
    console.goto("/console/#stock")
    console.get_by_label("SKU").fill(sku)
    console.get_by_role("button", name="Show").click()
    expect(console.get_by_text("4 on hand")).to_be_visible()
    console.get_by_label("Units").fill("-1")
    console.get_by_label("Reason").fill("one fell down")
    console.get_by_role("button", name="Adjust").click()
    expect(console.get_by_text("3 on hand")).to_be_visible()
    expect(console.get_by_role("cell", name="one fell down")).to_be_visible()


def test_a_customer_is_found_and_made_staff(console: Page, customer: Person) -> None:
    console.goto("/console/#customers")
    console.get_by_label("E-mail address").fill(customer.email)
    console.get_by_role("button", name="Find").click()
    for check in (True, False):
        console.get_by_label("staff").set_checked(check)
        console.get_by_role("button", name="Save roles").click()
        expect(console.locator(".toast")).to_have_text("Saved.")
        expect(console.get_by_label("staff")).to_be_checked(checked=check)


def test_the_audit_says_who_did_what(console: Page, ordered: str) -> None:
    console.goto(f"/console/#order/{ordered}")
    console.get_by_role("button", name="Cancel order").click()
    console.get_by_role("button", name="Cancel the order").click()
    expect(console.get_by_text("cancelled: operator")).to_be_visible()
    console.goto("/console/#audit")
    row = console.locator("#acts tr", has_text=ordered).filter(has_text="OrderCancelled")
    expect(row.first).to_be_visible(timeout=PATIENCE)
