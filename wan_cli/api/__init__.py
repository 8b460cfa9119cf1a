"""The AI/ML API: the client, the meaning of its replies, and the HTTP transport."""
