"""AI/ML API as methods: the client, what a submission's reply means, the one call beneath."""
