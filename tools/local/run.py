"""`make run`: the whole shop on this machine, from nothing to a confirmed order, left running in the background."""

from __future__ import annotations

import json

from tools import ROOT, options
from tools.local import seed
from tools.local.emulator import require_free_port
from tools.local.stack import Stack, local_stack
from tools.report import step

CATALOG = ROOT / "data" / "catalog.csv"


def main() -> None:
    """Start what is not running, deploy what has changed, load the catalog, buy something, say where everything is."""
    stack = local_stack()
    catalog = options.file("CATALOG", CATALOG)
    if stack.edge_pid() is None:
        require_free_port(stack.port, "PORT")
    started = stack.start_emulator()
    step(f"AWS emulator {'started' if started else 'runs already'}: {stack.endpoint}")
    step("building and deploying what has changed")
    changed = stack.deploy()
    step(f"deployed: {', '.join(changed)}" if changed else "every stack is up to date")
    stack.start_edge()
    step(f"edge started: {stack.url}")
    accounts = seed.seed(stack, catalog)
    write_summary(stack, accounts)
    print(_summary(stack, accounts))


def write_summary(stack: Stack, accounts: seed.Accounts) -> None:
    """Write .local/stack.json, for scripts."""
    content = {
        "url": stack.url,
        "endpoint": stack.endpoint,
        "admin": accounts.admin._asdict(),
        "customer": accounts.customer._asdict(),
    }
    stack.summary.write_text(json.dumps(content, indent=2) + "\n")


def _summary(stack: Stack, accounts: seed.Accounts) -> str:
    return f"""
The shop is running in the background.

  shop          {stack.url}
  products      {stack.url}/catalog/products
  AWS endpoint  {stack.endpoint}   (any access key, region eu-west-1)
  customer      {accounts.customer.email}   {accounts.customer.password}
  admin         {accounts.admin.email}   {accounts.admin.password}

  make status   what is deployed, what waits      make logs SERVICE=orders   what the functions say
  make watch    edits go live as you save         make stop                  stop it, keep its state
"""
