"""NETCONF management server: transports, sessions, operations, datastores, access."""
