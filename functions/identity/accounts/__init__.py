"""Accounts: register, prove an e-mail address, passwords, addresses, roles, erase."""
