"""One product of a file and the same product as the shop has it, made into what it becomes.

What the file has no column for stays, also what was derived once: a variant that is known by its options, else by what
its merchant calls it, keeps its SKU and with it its stock, whatever it is called from now on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from functions.catalog.domain import Product, Variant, derived_sku, key_of, shown_sku
from functions.catalog.formats.rows import ParsedProduct, Problem
from functions.shared.errors import InvalidError
from functions.shared.types import decode_body


@dataclass(frozen=True)
class Merged:
    """What a product becomes: `places` are where the entry's variants stand in it, `fresh` those that are new."""

    product: Product
    places: tuple[int, ...]
    fresh: frozenset[int]
    warnings: tuple[Problem, ...] = ()


def merge(
    before: Product | None, entry: ParsedProduct, currency: str, taken: Mapping[str, str] | None = None
) -> Merged:
    """Return what an entry makes of a product, None where there is none yet.

    Parameters
    ----------
    taken
        SKUs that other products have, each with the title of its product.

    Raises
    ------
    InvalidError
        A field does not fit, or a new product lacks one; its field counts the entry's own variants.
    """
    given: dict[str, Any] = msgspec.json.decode(entry.product)
    warnings: list[Problem] = []
    _without_default_title(given)
    asked = given.get("variants")
    variants: list[Any] = asked if isinstance(asked, list) else []
    known = before.variants if before else ()
    pairs = _pairs(known, variants)
    made = [
        _variant(known[at] if at is not None else None, variant)
        for at, variant in zip(pairs, variants, strict=True)
    ]
    _without_price(before, given, made, entry, currency, warnings)
    _free_of_others(made, pairs, entry, taken or {}, warnings)
    ordered, places = _in_order(known, pairs, made, entry, warnings)
    kept = _fields(before) if before else {"status": entry.new_status}
    whole = {**kept, **given, "variants": ordered, **_seo(before, given)}
    if not whole.get("title"):
        raise InvalidError("title_required", "A new product needs a title.", field=("title",))
    if not isinstance(given.get("variants", []), list):
        whole["variants"] = given["variants"]
    fresh = frozenset(index for index, at in enumerate(pairs) if at is None)
    product = decode_body(msgspec.json.encode(whole), Product)
    return Merged(product, tuple(places), fresh, tuple(warnings))


def places(product: Product, entry: ParsedProduct) -> list[int | None]:
    """Return where the variants of an entry stand in the product that it was made into."""
    given: dict[str, Any] = msgspec.json.decode(entry.product)
    _without_default_title(given)
    return _pairs(product.variants, given["variants"])


def wanted_keys(entry: ParsedProduct) -> list[str]:
    """Return the SKUs that an entry's variants would have if nobody else had them."""
    given: dict[str, Any] = msgspec.json.decode(entry.product)
    variants = given.get("variants")
    names = (
        [one.get("merchantSku") for one in variants if isinstance(one, dict)]
        if isinstance(variants, list)
        else []
    )
    return [key_of(name) for name in names if isinstance(name, str)]


def _fields(known: Product | Variant) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(known))
    return found


def _seo(before: Product | None, given: Mapping[str, Any]) -> dict[str, Any]:
    seo = given.get("seo")
    if before is None or not isinstance(seo, dict):
        return {}
    return {"seo": {"title": before.seo.title, "description": before.seo.description, **seo}}


def _without_default_title(given: dict[str, Any]) -> None:
    """Take away what Shopify writes where a product has no options."""
    variants = given.get("variants")
    if given.get("options") != ["Title"] or not isinstance(variants, list) or len(variants) != 1:
        return
    if isinstance(variants[0], dict) and variants[0].get("options") == ["Default Title"]:
        given["options"], variants[0]["options"] = [], []


def _pairs(known: tuple[Variant, ...], variants: list[Any]) -> list[int | None]:
    """Return which variant of the shop each of the entry's is, None where it is new."""
    found: list[int | None] = [None] * len(variants)
    left = dict.fromkeys(range(len(known)))
    by_options = {variant.options: at for at, variant in enumerate(known)}
    by_name: dict[str, int] = {}
    for place, name in [*enumerate(map(shown_sku, known)), *enumerate(variant.sku for variant in known)]:
        by_name.setdefault(name, place)
    at: int | None
    for index, variant in enumerate(variants):
        at = by_options.get(_options(variant)) if isinstance(variant, dict) and "options" in variant else None
        if at is not None and at in left:
            found[index] = at
            del left[at]
    for index, variant in enumerate(variants):
        name = (variant.get("merchantSku") or variant.get("sku") or "") if isinstance(variant, dict) else ""
        at = by_name.get(str(name)) if found[index] is None else None
        if at is not None and at in left:
            found[index] = at
            del left[at]
    if len(known) == len(variants) == 1 and found == [None] and "options" not in (variants[0] or ()):
        return [0]
    return found


def _options(variant: dict[str, Any]) -> tuple[str, ...]:
    values = variant.get("options")
    return tuple(str(value).strip() for value in values) if isinstance(values, list) else ()


def _variant(known: Variant | None, given: Any) -> Any:
    """Return the fields of a variant: the given ones, and of the others what is there."""
    if not isinstance(given, dict):
        return given
    fields = _fields(known) if known else {}
    policy = _policy(fields.get("stockPolicy", "tracked"), given)
    if "otherColumns" in given:
        given["otherColumns"] = {**(fields.get("otherColumns") or {}), **(given["otherColumns"] or {})}
    changed = {name: value for name, value in given.items() if name not in ("tracked", "backordered")}
    made = {**fields, **changed, **({"stockPolicy": policy} if policy else {})}
    if known is None and made.get("merchantSku") is None:
        made.pop("merchantSku", None)
    return made


def _policy(before: str, given: Mapping[str, Any]) -> str | None:
    """Return how stock is counted, from the two columns that say it; None where neither is there."""
    if "tracked" not in given and "backordered" not in given:
        return None
    tracked = given.get("tracked", before != "untracked")
    backordered = given.get("backordered", before == "backorder")
    return "untracked" if not tracked else "backorder" if backordered else "tracked"


def _without_price(
    before: Product | None,
    given: dict[str, Any],
    made: list[Any],
    entry: ParsedProduct,
    currency: str,
    warnings: list[Problem],
) -> None:
    """Make a new product without any price a draft; refuse a new variant without one of a product that is there."""
    lacking = [index for index, one in enumerate(made) if isinstance(one, dict) and "price" not in one]
    if not lacking:
        return
    row, field = entry.place(("variants", 0, "price"))
    if before is not None or len(lacking) < len(made):
        detail = "A new variant needs a price."
        raise InvalidError("price_required", detail, field=("variants", lacking[0], "price"))
    for index in lacking:
        made[index]["price"] = {"amount": 0, "currency": currency}
    given["status"] = "draft"
    detail = "The file has no price: the product is a draft that costs nothing until it is given one."
    warnings.append(Problem(row, field, "price_missing", detail, "warning"))


def _free_of_others(
    made: list[Any],
    pairs: list[int | None],
    entry: ParsedProduct,
    taken: Mapping[str, str],
    warnings: list[Problem],
) -> None:
    """Say which variants get another SKU than their merchant's, and have none ask for one that is another's."""
    used = {one["sku"] for one in made if isinstance(one, dict) and one.get("sku")}
    for index, one in enumerate(made):
        name = one.get("merchantSku") if isinstance(one, dict) and pairs[index] is None else None
        if not isinstance(name, str) or one.get("sku"):
            continue
        key = key_of(name)
        if key not in used and key not in taken:
            used.add(key)
            continue
        one["sku"] = derived_sku(entry.slug, _options(one))
        if one["sku"] in used or one["sku"] in taken:
            one["sku"] = derived_sku(entry.slug, _options(one), exact=True)
        used.add(one["sku"])
        holder = f"the product {taken[key]}" if key in taken else "another variant of this product"
        row, field = entry.place(("variants", index, "merchantSku"))
        detail = (
            f"{name[:60]} is a SKU of {holder}: the shop keeps this variant under another one and shows this."
        )
        warnings.append(Problem(row, field, "sku_changed", detail, "warning"))


def _in_order(
    known: tuple[Variant, ...],
    pairs: list[int | None],
    made: list[Any],
    entry: ParsedProduct,
    warnings: list[Problem],
) -> tuple[list[Any], list[int]]:
    """Return the variants as they will stand, and the place of each of the entry's."""
    unnamed = [at for at in range(len(known)) if at not in pairs]
    if entry.whole or not known:
        if unnamed:
            names = ", ".join(shown_sku(known[at]) for at in unnamed[:5])
            detail = f"{len(unnamed)} variants are not in the file and are gone: {names}."
            warnings.append(Problem(entry.row, "", "variants_removed", detail, "warning"))
        return made, list(range(len(made)))
    by_place = {at: made[index] for index, at in enumerate(pairs) if at is not None}
    ordered = [by_place.get(at) or _fields(known[at]) for at in range(len(known))]
    places = []
    for index, at in enumerate(pairs):
        places.append(len(ordered) if at is None else at)
        if at is None:
            ordered.append(made[index])
    return ordered, places
