"""Mails about orders, out of their queue."""
