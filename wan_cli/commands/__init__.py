"""One module per command: arguments, one call into the core, one result."""
