"""The video API on this machine: free, with the published schema and real mp4 files."""
