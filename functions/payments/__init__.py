"""Payments. Its package."""

PACKAGES = ("providers",)
