PACKAGES = ("sessions", "accounts", "keys")
