"""The names of the data nodes that this package reads and writes: tags and schema paths.

Owns nothing but names; which of them are acted on is said in `claims`.
"""

from typing import Final

REMOTE_BACKUP: Final = "twincast-remote-backup"
INTERFACES: Final = "ietf-interfaces"

SERVICE_PATH: Final = f"/{REMOTE_BACKUP}:remote-backup/remote-backup-service"
PROFILE_PATH: Final = f"/{REMOTE_BACKUP}:remote-backup/remote-backup-profile"
GROUP_PATH: Final = f"{PROFILE_PATH}/group"
INTERFACE_PATH: Final = f"/{INTERFACES}:interfaces/interface"
MULTICAST_PATH: Final = f"{INTERFACE_PATH}/{REMOTE_BACKUP}:multicast"


def trb(name: str) -> str:
    """Return the tag of a node of our module."""
    return f"{{urn:twincast:yang:remote-backup}}{name}"


def interfaces(name: str) -> str:
    """Return the tag of a node of ietf-interfaces (RFC 8343)."""
    return f"{{urn:ietf:params:xml:ns:yang:ietf-interfaces}}{name}"
