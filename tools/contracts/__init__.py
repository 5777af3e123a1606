"""What services promise each other and their clients, written from the code: events, HTTP, the map of services."""
