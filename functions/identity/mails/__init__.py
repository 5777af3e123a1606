"""Mails about accounts, out of their queue."""
