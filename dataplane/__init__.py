"""IGMP, membership, the replication channel and kernel forwarding."""
