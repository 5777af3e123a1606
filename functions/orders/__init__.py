PACKAGES = ("mails", "search")
