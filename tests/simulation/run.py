"""One seed, from an empty shop to the last check."""

from __future__ import annotations

import json
import traceback
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.simulation import faults
from tests.simulation.check_carts import Carts, Prices
from tests.simulation.check_imports import Imports
from tests.simulation.check_money import Money
from tests.simulation.check_orders import Orders
from tests.simulation.check_stock import Stock
from tests.simulation.checker import Checker, Violation, ViolationError, broken
from tests.simulation.deployment import deployment
from tests.simulation.people import People
from tests.simulation.shop import Shop
from tests.simulation.trace import Trace
from tests.simulation.world import World
from tests.support.tokens import PARAMETER, callers, published

SECONDS = 120.0
"""How long the people's activity lasts, about; outages begin in this time."""
MAX_STEPS = 60_000
DRAIN_ROUNDS = 32
"""All of them longer than any deadline, and than a decision waits until it is told again."""
DRAIN_SECONDS = 75.0
"""At least, of each: less than a sweep looks ahead (100 s, orders), so that none leaps over what it was to see."""


@dataclass
class Outcome:
    """How a seed ended."""

    seed: int
    violation: Violation | None
    trace: Trace
    steps: int
    orders: int
    statuses: dict[str, int]
    note: str = ""


def run(seed: int) -> Outcome:
    """Run one seed; the same seed is the same run."""
    random = Random(seed)
    deployed = deployment()
    weather = faults.draw(Random(random.getrandbits(64)), deployed.services, SECONDS)
    world = World(deployed, Random(random.getrandbits(64)), weather)
    orders = Orders(world)
    stock, carts, prices, imports = Stock(world), Carts(world), Prices(world), Imports(world)
    checker = Checker(world, [stock, orders, Money(world), carts, prices, imports])
    people = People(world)
    shop = Shop(world, people, Random(random.getrandbits(64)), orders, carts, prices, stock, imports)
    checker.failures.poison = checker.reversals.poison = shop.poison
    violation, note = None, ""
    with world:
        world.aws.secrets["souk-local-signing"] = "k" * 64
        world.aws.secrets["souk-local-payments-webhook"] = "w" * 64
        world.aws.parameters[PARAMETER] = json.dumps(published(callers()))
        try:
            _live(world, people, shop)
            drain(world, checker)
            checker.ended()
        except ViolationError as error:
            violation = error.violation
        except Exception as error:  # noqa: BLE001 an error of the simulation itself is a finding too
            violation = Violation("the simulation works", f"{type(error).__name__}: {error}")
            note = traceback.format_exc()
        placed = orders.all("orders", "ORDER#", "ORDER") if "orders" in deployed.services else {}
    statuses: dict[str, int] = {}
    for order in placed.values():
        told = f"{order['status']} {order.get('reason', '')}".strip()
        statuses[told] = statuses.get(told, 0) + 1
    return Outcome(seed, violation, world.trace, world.steps, len(placed), statuses, note)


def _live(world: World, people: People, shop: Shop) -> None:
    world.weather.calm = True
    people.start(shop.open, world.now)
    run_until(world, lambda: people.active == 0 and world.quiet())
    world.weather.calm = False
    world.begin()
    lives = [shop.buyer(number) for number in range(shop.random.randint(6, 14))]
    lives += [shop.staff, shop.bank, shop.warehouse, shop.merchant, shop.vandal]
    spread = shop.random.choice([1.0, 20.0, SECONDS])
    for life in lives:
        people.start(life, world.now + shop.random.random() * spread)
    run_until(world, lambda: people.active == 0)


def run_until(world: World, done: Any) -> None:
    """Step until something is so."""
    while not done():
        if world.steps > MAX_STEPS:
            raise broken("everything comes to an end", f"not after {MAX_STEPS} steps")
        if not world.step():
            raise broken("everything comes to an end", "nothing can go on")


def drain(world: World, checker: Checker) -> None:
    """End all faults, send back what the dead-letter queues hold, and let time pass until nothing is left to do."""
    world.weather.calm = True
    done = 0
    world.sweep()
    for _ in range(DRAIN_ROUNDS):
        for source in world.deployed.queues.values():
            world.redrive(source, checker.failures.poison)
        run_until(world, world.quiet)
        done += world.is_closed() and not any(
            world.redrivable(source, checker.failures.poison) for source in world.deployed.queues.values()
        )
        if done == 2:
            return
        world.now += DRAIN_SECONDS
        world.sweep()
        run_until(world, world.quiet)
