"""File formats: what a row or line of each is, read and written. Pure."""
