"""One handler per NETCONF operation (RFC 6241)."""
