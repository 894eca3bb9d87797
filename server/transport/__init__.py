"""Byte transports that carry NETCONF sessions; no protocol logic."""
