"""Wishlist: what customers keep for later."""
