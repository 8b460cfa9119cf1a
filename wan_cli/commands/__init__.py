"""One module a command: arguments, one call into the core, one result."""
