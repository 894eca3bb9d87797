"""What two routers compare when their channel comes up: the settings of each profile, by backup-id. Pure."""

from collections.abc import Iterator, Mapping
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
    mld_copy: bool = True


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One difference: `setting` is the YANG name of the leaf, `local` and `peer` its values as text."""

    backup_id: int
    setting: str
    local: str
    peer: str


Settings = Mapping[int, ProfileSettings]


def compare(local: Settings, peer: Settings) -> tuple[Mismatch, ...]:
    """Every difference between the two routers, in the order of the backup-ids. Roles differ by design."""
    found: list[Mismatch] = []
    for backup_id in sorted(local.keys() | peer.keys()):
        mine, theirs = local.get(backup_id), peer.get(backup_id)
        if mine is None:
            found.append(Mismatch(backup_id, "backup-id", "absent", "present"))
        elif theirs is None:
            found.append(Mismatch(backup_id, "backup-id", "present", "absent"))
        else:
            found.extend(_differences(mine, theirs))
    return tuple(found)


def _differences(local: ProfileSettings, peer: ProfileSettings) -> Iterator[Mismatch]:
    pairs = (
        ("multicast", _boolean(local.multicast), _boolean(peer.multicast)),
        ("igmp-copy", _boolean(local.igmp_copy), _boolean(peer.igmp_copy)),
        ("mld-copy", _boolean(local.mld_copy), _boolean(peer.mld_copy)),
        ("access-id", _numbers(local.access_ids), _numbers(peer.access_ids)),
    )
    for setting, mine, theirs in pairs:
        if mine != theirs:
            yield Mismatch(local.backup_id, setting, mine, theirs)


def _boolean(value: bool) -> str:
    return "true" if value else "false"


def _numbers(values: frozenset[int]) -> str:
    return " ".join(str(value) for value in sorted(values))
