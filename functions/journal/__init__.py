"""Journal. Its package."""

PACKAGES = ("operations",)
