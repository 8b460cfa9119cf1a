"""The video API on this machine: free, by the published schema, with real mp4 files."""
