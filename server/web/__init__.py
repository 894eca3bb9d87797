"""The status page: read-only HTTP on a listener of its own, off by default."""
