"""Pure group membership: RFC 3376 state, timers and the querier."""
