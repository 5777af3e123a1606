PACKAGES = ("exports", "imports", "formats", "jobs", "lists")
