"""The server's own configuration (twincast-server): read, checked, acted on, and told as state."""
