"""Break the running local stack, or crowd it, and prove that nothing is lost."""
