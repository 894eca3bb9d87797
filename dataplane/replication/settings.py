"""What two routers compare when their channel comes up: the settings of each profile, by backup-id. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from dataplane.config import Role


class ArbitrationKind(StrEnum):
    """What decides the role: the cases of the model, and that an end has not said."""

    NOT_TOLD = ""
    NONE = "none"
    STATIC = "static"
    VRRP = "vrrp"
    E_TRUNK = "e-trunk"


@dataclass(frozen=True, slots=True)
class ArbitrationSettings:
    """How the role of a profile is decided; `id` is the vrid or the id of the e-trunk.

    `hello_interval`: centiseconds, 0 without hellos.
    """

    kind: ArbitrationKind = ArbitrationKind.NOT_TOLD
    id: int = 0
    hello_interval: int = 0


NOT_TOLD = ArbitrationSettings()
_ID_LEAF = {ArbitrationKind.VRRP: "vrid", ArbitrationKind.E_TRUNK: "id"}


@dataclass(frozen=True, slots=True)
class ProfileSettings:
    """One profile as its router describes it to the peer; `access_ids` are those of its bound interfaces."""

    backup_id: int
    multicast: bool = True
    igmp_copy: bool = True
    access_ids: frozenset[int] = frozenset()
    role: Role = Role.INIT
    mld_copy: bool = True
    arbitration: ArbitrationSettings = NOT_TOLD


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One difference: `setting` is the YANG name of the leaf, `local` and `peer` its values as text."""

    backup_id: int
    setting: str
    local: str
    peer: str


def differences(
    backup_id: int, local: ProfileSettings | None, peer: ProfileSettings | None
) -> Iterator[Mismatch]:
    """Yield every difference between the two routers in one profile. Roles differ by design."""
    if local is not None and peer is not None:
        yield from _differences(local, peer)
    elif local is not None or peer is not None:
        yield Mismatch(backup_id, "backup-id", _present(local), _present(peer))


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
    yield from _arbitrations(local, peer)


def _arbitrations(local: ProfileSettings, peer: ProfileSettings) -> Iterator[Mismatch]:
    """Yield what keeps two routers from agreeing about the role, as far as both have told."""
    mine, theirs = local.arbitration, peer.arbitration
    if ArbitrationKind.NOT_TOLD in (mine.kind, theirs.kind):
        return
    if mine.kind is not theirs.kind:
        yield Mismatch(local.backup_id, "arbitration", mine.kind.value, theirs.kind.value)
        return
    leaf = _ID_LEAF.get(mine.kind)
    if leaf is not None and mine.id != theirs.id:
        yield Mismatch(local.backup_id, leaf, str(mine.id), str(theirs.id))
    if mine.kind is ArbitrationKind.E_TRUNK and mine.hello_interval != theirs.hello_interval:
        intervals = str(mine.hello_interval), str(theirs.hello_interval)
        yield Mismatch(local.backup_id, "hello-interval", *intervals)


def _present(settings: ProfileSettings | None) -> str:
    return "absent" if settings is None else "present"


def _boolean(value: bool) -> str:
    return "true" if value else "false"


def _numbers(values: frozenset[int]) -> str:
    return " ".join(str(value) for value in sorted(values))
