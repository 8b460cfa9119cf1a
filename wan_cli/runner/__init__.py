"""The story of a generation: record, submit, record, watch, download, record; reconcile."""
