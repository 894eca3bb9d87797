"""Dynamic subscriptions (RFC 8639, RFC 8640) and YANG push (RFC 8641)."""
