"""What must hold of imports: one that keeps stock counts no SKU but those it brought, and each of those."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from functions.shared.dynamo import decode_item
from tests.simulation.check_stock import sku_of
from tests.simulation.checker import Watch, require
from tests.simulation.deployment import QueueSource
from tests.simulation.expressions import Image
from tests.simulation.fake_tables import Change
from tests.simulation.world import Message, World


def _variants(image: Image | None) -> dict[str, Mapping[str, Any]]:
    """Return the variants of a product's item by SKU."""
    content = msgspec.json.decode(image["content"]["S"]) if image else {"variants": []}
    return {variant["sku"]: variant for variant in content["variants"]}


class Imports(Watch):
    """Stock that is kept stays, whatever the file says of it; what is new gets its own."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.keeping: set[str] = set()
        self.brought: set[tuple[str, str]] = set()
        self.owed: dict[tuple[str, str], int] = {}
        self.told: dict[tuple[str, str], int] = {}

    def changed(self, change: Change) -> None:
        table, (partition, sort) = change.table, change.key
        if (table, sort) == ("souk-local-catalog", "PRODUCT"):
            self._stored(change)
        elif table == "souk-local-inventory" and sort.startswith("MOVE#") and change.new:
            self._moved(sku_of(partition), decode_item(change.new))

    def _stored(self, change: Change) -> None:
        """Take note of the SKUs that came with an import, and of those that have to be counted nowhere any more."""
        old, new = _variants(change.old), _variants(change.new)
        uncounted = {sku for sku, variant in new.items() if variant.get("stockPolicy") == "untracked"}
        gone = (old.keys() - new.keys()) | uncounted
        self.owed = {one: units for one, units in self.owed.items() if one[1] not in gone}
        before, after = ((image or {}).get("origin", {}).get("S", "") for image in (change.old, change.new))
        if after == before or not change.old:
            return
        import_id = after.split()[-1].partition("#")[0]
        for sku in new.keys() - old.keys():
            self.brought.add((import_id, sku))
            units = self._quantities(import_id).get(sku)
            if units is not None and sku not in uncounted:
                self.owed[import_id, sku] = units

    def _file(self, import_id: str) -> str:
        found = (body for (_, key), body in self.world.aws.objects.items() if key == import_id)
        return str(next(found, b"").decode())

    def _quantities(self, import_id: str) -> dict[str, int]:
        products = map(json.loads, self._file(import_id).splitlines())
        variants = [variant for product in products for variant in product["variants"]]
        return {one["sku"]: one["quantity"] for one in variants if "quantity" in one}

    def _moved(self, sku: str, movement: Mapping[str, Any]) -> None:
        import_id = movement["id"].partition(".")[0]
        require(
            movement["reason"] != "counted"
            or (import_id, sku) in self.brought
            or self._file(import_id) not in self.keeping,
            "an import that keeps stock counts only what it brought",
            f"{sku}: {movement}",
        )

    def handled(self, source: QueueSource, message: Message) -> None:
        if source.function.service != "inventory" or '"type":"StockCounted"' not in message.body:
            return
        fact = json.loads(message.body)["detail"]
        for line in fact["data"]["lines"]:
            self.told[fact["aggregate"]["id"], line["sku"]] = line["onHand"]

    def ended(self) -> None:
        lacking = {one: units for one, units in self.owed.items() if self.told.get(one) != units}
        require(not lacking, "what an import brings has its stock", f"{lacking}, told {self.told}")
