"""Configured subscriptions are refused: that feature is not offered, RFC 8640 has dynamic ones only. Pure."""

from collections.abc import Sequence
from typing import Final

from server.protocol.errors import ErrorType, RpcError, operation_not_supported
from server.tree.location import Location
from server.tree.node import Container

_SPACE: Final = "{urn:ietf:params:xml:ns:yang:ietf-subscribed-notifications}"


def configured_subscriptions(root: Container) -> Sequence[RpcError]:
    """Return an error for each subscription in a configuration, with its path."""
    subscriptions = root.branch(f"{_SPACE}subscriptions")
    if subscriptions is None:
        return ()
    text = "subscriptions cannot be configured; use establish-subscription (RFC 8640)"
    return [
        Location(entry.schema, (entry.key,)).blame(operation_not_supported(text, ErrorType.APPLICATION))
        for entry in subscriptions.entries(f"{_SPACE}subscription")
    ]
