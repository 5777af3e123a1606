"""What watches over each service (infra/watch.yaml): a stack of its own for each, deployed after it.

It names what it watches by convention, so that it may come before or after the service, and goes on when that is gone.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from tools.build import sam
from tools.services import WATCH, services, watched


def watch(environment: str, names: Iterable[str] | None = None) -> list[str]:
    """Deploy what watches over services, over all without names; return which. Safe to repeat."""
    over = [service for service in services() if names is None or service in names]
    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(lambda service: _deploy(environment, service), over))
    return over


def _deploy(environment: str, service: str) -> None:
    target = sam.Target(environment, common={**sam.configured()[environment], **watched(service)})
    sam.deploy_stack(sam.StackTemplate(WATCH, of=service), target)
