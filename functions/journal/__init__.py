PACKAGES = ("operations",)
