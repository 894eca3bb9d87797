"""The names of the nodes of twincast-server: tags and schema paths, and which of them are acted on."""

from typing import Final

MODULE: Final = "twincast-server"
SERVER: Final = f"/{MODULE}:server"

_NODES: Final = """
    listen listen/ssh listen/ssh/name listen/ssh/address listen/ssh/port listen/ssh/listening
    listen/tls listen/tls/name listen/tls/address listen/tls/port listen/tls/listening
    tls tls/key tls/certificate tls/client-authority tls/cert-to-name tls/cert-to-name/id
    tls/cert-to-name/fingerprint tls/cert-to-name/map-type tls/cert-to-name/name
    users users/user users/user/name users/user/password users/user/authorized-key
    users/user/authorized-key/name users/user/authorized-key/key users/user/group
    call-home call-home/client call-home/client/name call-home/client/enabled call-home/client/transport
    call-home/client/endpoint call-home/client/endpoint/name call-home/client/endpoint/address
    call-home/client/endpoint/port call-home/client/persistent call-home/client/periodic
    call-home/client/periodic/period call-home/client/periodic/idle-timeout
    call-home/client/reconnect-strategy call-home/client/reconnect-strategy/start-with
    call-home/client/reconnect-strategy/max-wait call-home/client/reconnect-strategy/max-attempts
    call-home/client/reconnect-strategy/min-backoff call-home/client/reconnect-strategy/max-backoff
    call-home/client/state call-home/client/state/status call-home/client/state/connected-endpoint
    call-home/client/state/attempts call-home/client/state/connections call-home/client/state/last-error
    limits limits/sessions limits/sessions-per-user limits/connections limits/sessions-per-connection
    limits/unauthenticated-connections limits/unauthenticated-per-source
    limits/login-grace limits/session-grace limits/login-attempts
    limits/failures-per-source limits/failure-window limits/hello-timeout limits/idle-timeout
    limits/write-stall limits/hello-size limits/message-size limits/nesting-depth
    limits/notification-backlog limits/notification-backlog-size
    limits/partial-locks limits/partial-lock-nodes
    limits/subscriptions limits/subscriptions-per-session limits/subscription-suspension limits/push-period
    limits/push-update-size statistics/subscriptions
    statistics statistics/connections statistics/unauthenticated-connections statistics/sessions
    statistics/refused statistics/refused/cause statistics/refused/count
    """

CLAIMED: Final = frozenset((SERVER, *(f"{SERVER}/{name}" for name in _NODES.split())))
"""Every data node that the code reads or tells."""


def tsrv(name: str) -> str:
    """Return the tag of a node of our module."""
    return f"{{urn:twincast:yang:server}}{name}"
