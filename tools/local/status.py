"""`make status`: what runs where, which stacks are deployed, what waits in the queues and what was given up."""

from __future__ import annotations

import sys

import httpx

from tools.build import sam
from tools.local.drain import waiting
from tools.local.emulator import loopback
from tools.local.stack import Stack, local_stack
from tools.services import segments


def main() -> None:
    """Print the state of the local stack; exits with 1 when it is not all there, for scripts."""
    stack = local_stack()
    if not stack.emulator.running():
        print("The stack is not running; start it with: make run")
        sys.exit(1)
    edge = f"process {stack.edge_pid()}" if stack.edge_pid() else "not running"
    print(f"edge      {stack.url}  {edge}")
    print(
        f"emulator  {stack.endpoint}  {stack.make}, process {stack.emulator.pid()}, log {stack.emulator.log}"
    )
    if memory := stack.emulator.memory():
        print(f"memory    {memory / 1e6:.0f} MB resident, with its functions")
    print("\nstack       deployed             answers")
    well = stack.edge_pid() is not None
    states = _stack_states(stack)
    begins = {service: segment for segment, service in segments().items()}
    for template in sam.all_stacks():
        state = states.get(f"souk-local-{template.name}", "no")
        segment = begins.get(template.name)
        health = _health(f"{stack.url}/{segment}/health") if segment else "-"
        well = well and state.endswith("_COMPLETE") and health in ("-", "200")
        print(f"{template.name:10}  {state.lower():19}  {health}")
    for title, dead in (("waiting", False), ("given up", True)):
        queues = waiting(stack, dead=dead)
        lines = [f"{count:4} in {name}" for name, count in sorted(queues.items())]
        print(f"\nmessages {title}: {'none' if not lines else ''}", *lines, sep="\n" if lines else "")
    sys.exit(0 if well else 1)


def _stack_states(stack: Stack) -> dict[str, str]:
    pages = stack.client("cloudformation").get_paginator("describe_stacks").paginate()
    return {found["StackName"]: found["StackStatus"] for page in pages for found in page["Stacks"]}


def _health(url: str) -> str:
    try:
        return str(loopback().get(url).status_code)
    except httpx.TransportError:
        return "no answer"
