"""A shop of any size, filled quickly: so many products, customers and orders, by the services' own code.

What the services write while it is filled goes into the tables as it is, without conditions and without the tables'
own book-keeping, which is put in order at the end: 100,000 of each take about a minute. Everything in it follows from
its number, so that two shops of one size are equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from functions.cart import events as told
from functions.cart import service as cart_service
from functions.cart.table import CartTable
from functions.catalog import domain as catalog
from functions.catalog.domain import Product, Stored
from functions.catalog.lists import table as table_lists
from functions.catalog.table import CatalogTable
from functions.identity.accounts.domain import Account as Customer
from functions.identity.accounts.domain import EmailRequest
from functions.identity.table import IdentityTable
from functions.inventory import events as counted
from functions.inventory import service as inventory_service
from functions.inventory.domain import Reservation
from functions.inventory.table import InventoryTable
from functions.journal.domain import JournalEntry, OrderSummary
from functions.journal.table import JournalTable
from functions.orders import domain as orders
from functions.orders.table import OrdersTable
from functions.payments.domain import Payment
from functions.payments.table import PaymentsTable
from functions.shared import aws
from functions.shared.addresses import PostalAddress
from functions.shared.clock import rfc3339
from functions.shared.ids import derived_id, new_id
from functions.shared.inbox import Fact
from functions.shared.outbox import Aggregate
from functions.shared.types import Money
from tests.bench.account import Account
from tests.bench.journeys import ADDRESS, PERSON, Shop
from tests.simulation.fake_aws import Client
from tests.simulation.fake_tables import Table

RARE = 5
"""Products with the word ``moonstone``, whatever the size of the shop; every second one has ``tagine``."""
OWN_SHARE = 10
"""Every so manieth order is the measured customer's, every so manieth order still waits for its votes."""
_BORN = datetime(2026, 1, 5, 9, tzinfo=UTC)
_HASH = "$argon2id$v=19$m=19456,t=2,p=1$ky1GF57m09XGg0pUJC0sRA$BXGLLwsddeHfknoUnQLrMU2RP+tJnAg8h4GyB9a8b/s"


def made_id(kind: str, number: int) -> str:
    """Return the id of the thing of that number; ids sort as the numbers do."""
    return new_id(kind, _BORN + timedelta(seconds=number), randomness=number * 0x9E3779B97F4A7C15 % (1 << 80))


class LargeShop(Shop):
    """A shop with `size` products, customers and orders, and the customer who is measured."""

    def __init__(self, account: Account, size: int) -> None:
        self.size = size
        super().__init__(account)

    def stock(self) -> None:
        """Fill the tables."""
        tables = self.account.aws.dynamodb.tables
        ids = [key[0].partition("#")[2] for key in tables["souk-local-identity"].items if key[1] == "ACCOUNT"]
        (self.customer,) = ids
        listeners, self.account.aws.dynamodb.listeners = self.account.aws.dynamodb.listeners, []
        aws.use(lambda name: Client(name, _Filler(self.account)))
        indexes = {name: dict(table.indexes) for name, table in tables.items()}
        for table in tables.values():
            table.indexes.clear()
        table_lists._learnt.clear()
        try:
            for number in range(self.size):
                self._product(number)
                self._bystander(number)
            for number in range(self.size):
                self._order(number)
            self._shelves()
        finally:
            for name, table in tables.items():
                table.indexes.update(indexes[name])
                _put_in_order(table)
            aws.use(lambda name: Client(name, self.account._call))
            self.account.aws.dynamodb.listeners = listeners
            table_lists._learnt.clear()
        self.skus = [_sku(number) for number in range(min(self.size, 100))]

    def _product(self, number: int) -> None:
        words = (
            "Tagine" if number % 2 else "Bowl",
            "Moonstone" if number < RARE else "Glazed",
            f"{number:06d}",
        )
        price = catalog.Price(1900 + number % 97 * 50, "EUR")
        product = Product(
            " ".join(words),
            (catalog.Variant(price, _sku(number), grams=900),),
            slug=slug(number),
            status="published",
            body_html="<p>Turned by hand, glazed twice, fired at 1,240 degrees.</p>" * 8,
            vendor=f"Workshop {number % max(1, self.size // 5)}",
            category=f"Kitchen {number % 8}",
            tags=("stoneware", f"kiln {number % 50}"),
            images=(catalog.Image("/images/saffron-glazed-tagine.svg", "A tagine"),),
        )
        product_id, at = made_id("prd", number), rfc3339(_BORN)
        stored = Stored(
            product_id,
            1,
            product,
            "Turned by hand. " * 20,
            at,
            at,
            listed=catalog.lists(product),
        )
        shelf = CatalogTable("souk-local-catalog")
        shelf.learn(catalog.terms(product))
        shelf.store(None, stored, None)
        variant = told.VariantState(_sku(number), product.title, Money(price.amount, "EUR"), "standard")
        offered = told.ProductPublished(product_id, product.images[0].src, (variant,))
        cart_service.on_product(
            CartTable("souk-local-cart"), Fact(f"{product_id}.1", at, Aggregate(product_id, 1), offered)
        )

    def _bystander(self, number: int) -> None:
        customer, at = made_id("cus", number), rfc3339(_BORN)
        account = Customer(customer, f"person.{number}@example.com", "Amira Haddad", _HASH, at)
        IdentityTable("souk-local-identity").create(
            account, "[]", EmailRequest(f"mail-{number}", "verify_email")
        )

    def _order(self, number: int) -> None:
        """Place an order; most are confirmed, some wait for their votes, and none is overdue."""
        order_id, mine = made_id("ord", number), number % OWN_SHARE == 0
        waits = number % OWN_SHARE == 1
        customer = self.customer if mine else made_id("cus", number)
        placed = datetime.now(UTC).replace(hour=0, minute=0, second=0) + timedelta(milliseconds=number)
        at, later = rfc3339(placed), rfc3339(placed + timedelta(days=3))
        line = orders.OrderLine(
            _sku(number), made_id("prd", number), f"Tagine Glazed {number:06d}", 1, 4400, 4400
        )
        address = PostalAddress(
            ADDRESS["name"], ADDRESS["line1"], ADDRESS["city"], ADDRESS["postalCode"], ADDRESS["country"]
        )
        content = orders.Content(
            derived_id("crt", customer),
            PERSON["email"],
            (line,),
            orders.Totals("EUR", 4400, 490, 781, 4890),
            address,
            "tok_visa",
            later,
        )
        order = orders.Order(order_id, customer, at, content)
        table = OrdersTable("souk-local-orders")
        table.place(order, "[]")
        if not waits:
            done = orders.Order(
                order_id=order_id,
                customer_id=customer,
                placed_at=at,
                content=content,
                status="confirmed",
                parts={"inventory": "committed", "payments": "captured"},
                timeline=(
                    orders.TimelineEntry(at, "StockReserved", f"{order_id}.1.StockReserved"),
                    orders.TimelineEntry(at, "OrderConfirmed", f"{order_id}.1.PaymentAuthorized"),
                ),
                version=5,
            )
            table.change(order, done, None)
        held = Reservation(order_id, "reserved" if waits else "committed", {_sku(number): 1}, 1)
        InventoryTable("souk-local-inventory").store_unheld(held)
        payment = Payment(
            order_id,
            "authorized" if waits else "captured",
            4890,
            "EUR",
            "simulator",
            1,
            at,
            customer,
            open_at=later if waits else "",
        )
        PaymentsTable("souk-local-payments").add(payment, placed)
        journal = JournalTable("souk-local-journal")
        fact_id = f"{order_id}.1.OrderPlaced"
        journal.store(
            JournalEntry(
                fact_id, "OrderPlaced", "orders", at, order_id, fact_id, None, 1, data={"lines": [1]}
            )
        )
        journal.summarise(OrderSummary(order_id, "placed", 1, at, None, 4890, "EUR"), placed)

    def _shelves(self) -> None:
        """Have every SKU counted."""
        at = rfc3339(_BORN)
        table = InventoryTable("souk-local-inventory")
        for start in range(0, self.size, 1000):
            numbers = range(start, min(start + 1000, self.size))
            lines = tuple(counted.CountedLine(_sku(number), 100_000) for number in numbers)
            event = counted.StockCounted(at, lines)
            inventory_service.on_stock_counted(
                table, Fact(f"imp_{start}", at, Aggregate(f"imp_{start}", 1), event), _BORN
            )


def _sku(number: int) -> str:
    return f"TAG-{number:06d}"


def slug(number: int) -> str:
    """Return the slug of the product of that number."""
    return f"tagine-{number:06d}"


class _Filler:
    """Takes puts as they come; what depends on what is there already is left to the tables."""

    def __init__(self, account: Account) -> None:
        self.aws = account.aws
        self._texts: dict[str, Any] = {}

    def __call__(self, service: str, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        tables = self.aws.dynamodb.tables
        if operation == "put_item":
            self._put([(tables[request["TableName"]], request["Item"])])
            return {}
        if operation == "batch_write_item":
            ((table, puts),) = request["RequestItems"].items()
            self._put((tables[table], put["PutRequest"]["Item"]) for put in puts)
            return {}
        if operation == "transact_write_items":
            puts = [one["Put"] for one in request["TransactItems"] if "Put" in one]
            self._put((tables[put["TableName"]], put["Item"]) for put in puts)
            for one in request["TransactItems"]:
                if "Update" in one:
                    self.aws.dynamodb.update_item(**one["Update"])
            return {}
        return self.aws.operation(service, operation)(request)

    def _put(self, puts: Iterable[tuple[Table, Mapping[str, Any]]]) -> None:
        for table, image in puts:
            table.items[table.key_of(image)] = {name: self._shared(value) for name, value in image.items()}

    def _shared(self, value: Any) -> Any:
        """Return an equal value that other images have too: a product stands in a dozen lists with the same card."""
        if len(self._texts) > 2000:
            self._texts.clear()
        return self._texts.setdefault(value.get("S") or str(value), value)


def _put_in_order(table: Table) -> None:
    """Make a table's partitions and indexes from its items."""
    table.partitions.clear()
    for hash_key, range_key in table.items:
        table.partitions.setdefault(hash_key, []).append(range_key)
    for rows in table.partitions.values():
        rows.sort()
    for index in table.indexes.values():
        index.partitions.clear()
        for key, image in table.items.items():
            place = index.place(image)
            if place is not None:
                index.partitions.setdefault(place[0], []).append((place[1], key))
        for entries in index.partitions.values():
            entries.sort()
