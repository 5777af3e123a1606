"""Sessions: log in, refresh, log out, and another password, which ends them."""
