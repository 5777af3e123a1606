"""How staff find orders, and how a person is forgotten in it."""
