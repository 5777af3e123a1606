"""The shop on this machine: emulator, stack, edge, seed, and the client that buys there."""
