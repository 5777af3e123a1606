"""Payment providers: the contract, and an adapter for each."""
