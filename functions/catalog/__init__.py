"""Catalog. Its packages from the top down: one may use those that follow it."""

PACKAGES = ("exports", "imports", "formats", "jobs", "lists")
