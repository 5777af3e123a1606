"""Orders. Its packages from the top down: one may use those that follow it."""

PACKAGES = ("mails", "search")
