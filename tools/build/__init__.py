"""Make what is deployed and what is checked in: artifacts, stacks, locks, data the functions ship; and lint it."""
