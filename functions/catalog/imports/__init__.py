"""Imports: a file is planned, cut into parts, read and applied."""
