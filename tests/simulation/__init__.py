"""Souk under simulation: every handler in one process, every fault from one seed, every promise checked."""
