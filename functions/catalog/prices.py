"""What prices were, and which of them a reduced price may be compared with: pure rules on periods.

Directive 98/6/EC, article 6a: an announced reduction tells the lowest price of the 30 days before it, and what is
reckoned from it, a percentage say, is reckoned from that price alone (CJEU C-330/23). What a merchant types is no such
price. Times are RFC 3339 as `functions.shared.clock` writes them, so that they sort by time.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import pairwise

from msgspec import Struct
from msgspec.structs import replace

from functions.shared.clock import parse, rfc3339

BEFORE = timedelta(days=30)
"""What counts before a reduction."""
MAX_PERIODS = 64
"""Of one variant. Above, its oldest are joined into one, at the lower price: that may cost a claim, never make one."""


class Period(Struct, frozen=True, array_like=True):
    """What one unit cost `since` then, in minor units, until the next period; None while it was not on sale."""

    since: str
    amount: int | None


Periods = tuple[Period, ...]
"""Of one variant, the oldest first. Neighbours differ, and the first one has a price."""


class PriceHistory(Struct, frozen=True):
    """The periods of a product's variants by SKU, up to what applied at `version`; all in one currency."""

    currency: str
    version: int = 0
    variants: dict[str, Periods] = {}

    def followed_by(self, since: str, amounts: Mapping[str, int]) -> PriceHistory:
        """Return the history with what applies `since` then: each SKU that is not there is not on sale.

        Nothing changes where it is in there already. Nothing in the history may begin later.
        """
        every = dict.fromkeys([*self.variants, *amounts])
        longer = {sku: _followed(self.variants.get(sku, ()), since, amounts.get(sku)) for sku in every}
        return replace(self, variants={sku: periods for sku, periods in longer.items() if periods})

    def pruned(self, at: datetime) -> PriceHistory:
        """Return the history without what no claim can rest on any more, at a time or later."""
        left = {sku: _pruned(periods, at) for sku, periods in self.variants.items()}
        return replace(self, variants={sku: periods for sku, periods in left.items() if periods})

    def shortened(self, most: int) -> PriceHistory:
        """Return the history with at most so many periods of each variant."""
        return replace(self, variants={sku: _joined(each, most) for sku, each in self.variants.items()})


def prior_price(periods: Periods) -> int | None:
    """Return what the price that applies now is reduced from: the lowest of the 30 days before the reduction.

    A reduction begins where a price goes below the one before, and a further one begins anew. None where the price is
    no lower than the one before or than the lowest of those days, and where the variant was not on sale through all of
    them: nothing can be claimed then.
    """
    if len(periods) < 2 or not _is_reduced(periods):
        return None
    now = periods[-1]
    first = _days_before(parse(now.since))
    if periods[0].since > first:
        return None
    applied = [one.amount for one, following in pairwise(periods) if following.since > first]
    known = [amount for amount in applied if amount is not None]
    if len(known) < len(applied) or now.amount is None:
        return None
    lowest = min(known)
    return lowest if lowest > now.amount else None


def _followed(periods: Periods, since: str, amount: int | None) -> Periods:
    earlier = tuple(one for one in periods if one.since < since)
    if (earlier[-1].amount if earlier else None) == amount:
        return earlier
    return (*earlier, Period(since, amount))


def _pruned(periods: Periods, at: datetime) -> Periods:
    """Return what lies less than 30 days before the reduction that stands, or else before `at`."""
    begun = parse(periods[-1].since) if _is_reduced(periods) else at
    first = _days_before(min(begun, at))
    left = [one for one, following in pairwise(periods) if following.since > first]
    left.append(periods[-1])
    return tuple(left if left[0].amount is not None else left[1:])


def _joined(periods: Periods, most: int) -> Periods:
    if len(periods) <= most:
        return periods
    oldest, rest = periods[: 1 - most], periods[1 - most :]
    amounts = [one.amount for one in oldest]
    known = [amount for amount in amounts if amount is not None]
    return (Period(oldest[0].since, min(known) if len(known) == len(amounts) else None), *rest)


def _is_reduced(periods: Periods) -> bool:
    """Tell whether the last price is below the one before it."""
    before, now = (one.amount for one in periods[-2:]) if len(periods) > 1 else (None, None)
    return before is not None and now is not None and now < before


def _days_before(at: datetime) -> str:
    return rfc3339(at - BEFORE)
