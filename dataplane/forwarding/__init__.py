"""Desired forwarding, the planes that install it, and the upstream proxy."""
