PACKAGES = ("providers",)
