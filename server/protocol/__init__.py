"""Pure NETCONF protocol: errors, framing, XML, messages, the session machine (RFC 6241, RFC 6242)."""
