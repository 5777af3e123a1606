"""Exports: all products as a file that an import takes back."""
