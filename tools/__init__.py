"""What the Makefile calls: the local stack, the build, the edge, the seed."""
