"""The replication channel: records, the peer machine, the TCP shell."""
