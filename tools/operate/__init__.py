"""What an operator does with an environment: deploy, read logs, recompute the books, dead letters, replay."""
