"""What the shop costs and how fast it is, measured: counts of the real handlers, artifacts, cold starts, the bill."""
