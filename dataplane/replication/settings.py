"""What two routers compare when their channel comes up: the settings of each profile, by backup-id. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from dataplane.config import Role


@dataclass(frozen=True, slots=True)
class ProfileSettings:
    """One profile as its router describes it to the peer; `access_ids` are those of its bound interfaces."""

    backup_id: int
    multicast: bool = True
    igmp_copy: bool = True
    access_ids: frozenset[int] = frozenset()
    role: Role = Role.INIT


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One difference: `setting` is the YANG name of the leaf, `local` and `peer` its values as text."""

    backup_id: int
    setting: str
    local: str
    peer: str


Settings = Mapping[int, ProfileSettings]
