"""Which data nodes of our modules the code acts on, checked against the schema both ways.

Owns the list of claimed nodes, actions and notifications. One of `twincast-remote-backup` or a node of
`twincast-commit-history` that is not claimed here, or a claim without a node, refuses the start.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from server.northbound.names import MULTICAST_PATH, PROFILE_PATH, REMOTE_BACKUP, SERVICE_PATH
from server.schema.model import Schema, SchemaError

COMMIT_HISTORY: Final = "twincast-commit-history"

CONFIGURATION: Final = {
    f"/{REMOTE_BACKUP}:remote-backup": "",
    SERVICE_PATH: """
        name enabled peer peer/address peer/source-address peer/port
        backup-block backup-block/direction backup-block/service daily-batch-backup
        none tcp-md5 tcp-md5/key tls tls/key tls/certificate tls/peer-certificate tls/peer-key
        """,
    PROFILE_PATH: """
        name service-name backup-id mode service-type service-type/multicast static-role
        vrrp vrrp/vrid vrrp/interface vrrp/virtual-address
        e-trunk e-trunk/id e-trunk/priority e-trunk/security-key e-trunk/hello-interval
        e-trunk/failure-multiplier e-trunk/revertive e-trunk/revert-delay
        dhcp-stb dhcp-stb/igmp-copy dhcp-stb/mld-copy
        """,
    MULTICAST_PATH: """
        remote-backup-profile access-id outer-tag-type single-tag-type
        igmp igmp/version igmp/query-interval igmp/query-max-response-time igmp/robustness-variable
        igmp/last-member-query-interval igmp/immediate-leave igmp/max-groups igmp/max-groups-per-subscriber
        igmp/max-record-rate igmp/querier-election igmp/group-filter igmp/group-filter/sequence
        igmp/group-filter/action igmp/group-filter/group-prefix igmp/group-filter/source-prefix
        mld mld/version mld/query-interval mld/query-max-response-time mld/robustness-variable
        mld/last-member-query-interval mld/immediate-leave mld/max-groups mld/max-groups-per-subscriber
        mld/max-record-rate mld/querier-election mld/group-filter mld/group-filter/sequence
        mld/group-filter/action mld/group-filter/group-prefix mld/group-filter/source-prefix
        upstream upstream/preference
        """,
}
"""What `config` reads: node → the nodes below it. `mode` has one value, which needs no code."""

_COPY_STATUS: Final = """
    type copy-state last-state-change peer-setting-mismatch statistics statistics/discontinuity-time
    statistics/copied statistics/copied/total statistics/copied/query statistics/copied/report
    statistics/copied/leave
    statistics/applied statistics/applied/total statistics/applied/query statistics/applied/report
    statistics/applied/leave
    statistics/not-copied statistics/not-copied/reason statistics/not-copied/messages
    """

STATE: Final = {
    SERVICE_PATH: """
        channel-state channel-security sync-state last-up-time last-down-time last-down-reason
        peer-mismatch peer-mismatch/profile peer-mismatch/setting peer-mismatch/local-value
        peer-mismatch/peer-value
        statistics statistics/discontinuity-time
        statistics/sent statistics/sent/total statistics/sent/success statistics/sent/fail
        statistics/sent/acknowledged statistics/sent/queue-dropped statistics/sent/retransmitted
        statistics/received statistics/received/total statistics/received/success statistics/received/fail
        statistics/received/duplicate statistics/received/sequence-gap statistics/received/decode-error
        statistics/received/blocked statistics/received/refused-connections
        statistics/received/unknown-profile statistics/received/unknown-access
        """,
    PROFILE_PATH: """
        local-role peer-role last-role-change last-role-change-reason hello-statistics bound-interface
        igmp-copy-status igmp-copy-status/last-batch-completed igmp-copy-status/last-batch-entries
        igmp-copy-status/groups-count igmp-copy-status/entries-count igmp-copy-status/retained-count
        group group/interface group/subscriber group/group-address group/subscriber-type group/origin
        group/filter-mode group/expire group/up-time group/last-reporter group/forwarding
        group/forwarding-reason group/exceeds-filter group/packets
        group/source group/source/source-address group/source/expire group/source/up-time
        """,
    f"{PROFILE_PATH}/hello-statistics": """
        discontinuity-time sent received refused refused/reason refused/hellos
        """,
    f"{PROFILE_PATH}/igmp-copy-status/subscriber-type": _COPY_STATUS,
    f"{PROFILE_PATH}/mld-copy-status": "",
    f"{PROFILE_PATH}/subscriber-list": "entries last-loaded",
    f"{PROFILE_PATH}/mld-copy-status/subscriber-type": _COPY_STATUS,
    MULTICAST_PATH: """
        querier mld-querier vif plane capture statistics statistics/discontinuity-time
        statistics/error statistics/error/total statistics/error/query statistics/error/report
        statistics/error/leave statistics/error/checksum statistics/error/too-short
        statistics/received statistics/received/total statistics/received/query statistics/received/report
        statistics/received/leave
        statistics/sent statistics/sent/total statistics/sent/query statistics/sent/report
        statistics/sent/leave statistics/sent/failed
        statistics/dropped statistics/dropped/reason statistics/dropped/packets
        statistics/forwarded statistics/forwarded/in-packets statistics/forwarded/in-octets
        statistics/forwarded/out-packets statistics/forwarded/out-octets
        """,
    f"/{COMMIT_HISTORY}:commit-history": """
        commit commit/commit-id commit/time commit/cause commit/session-id commit/username
        commit/source-host commit/label commit/comment commit/changes
        commit/change commit/change/operation commit/change/path
        """,
}
"""What `state` and, of the last module, `server.operations.history` tell: node → the nodes below it."""


ACTIONS: Final = {
    SERVICE_PATH: "batch-backup reset-statistics",
    PROFILE_PATH: "clear-copied-groups switchover",
}
"""What `actions` carries out, with all input and output: node → the actions on it."""

NOTIFICATIONS: Final = {
    SERVICE_PATH: "channel-state-changed batch-backup-completed out-of-sync",
    PROFILE_PATH: "role-changed igmp-copy-state-changed dual-master",
}
"""What `events` tells: node → the notifications of it."""


def verify(schema: Schema) -> None:
    """Raise SchemaError naming every node on which schema and claims differ."""
    problems = [
        *_differences(schema, config=True),
        *_differences(schema, config=False),
        *_operations(schema, "action", claimed_operations(ACTIONS)),
        *_operations(schema, "notification", claimed_operations(NOTIFICATIONS)),
    ]
    if problems:
        raise SchemaError("the code and the YANG module differ: " + "; ".join(problems))


def verify_module(schema: Schema, module: str, known: frozenset[str]) -> None:
    """Raise SchemaError naming every node on which a module and the paths that are known differ."""
    present = {node.path for node in schema.walk(module)}
    problems = [f"no code acts on node {path}" for path in sorted(present - known)]
    problems += [f"node {path} is not in the schema" for path in sorted(known - present)]
    if problems:
        raise SchemaError(f"the code and {module} differ: {'; '.join(problems)}")


def claimed(*, config: bool) -> frozenset[str]:
    """Return the paths of the claimed configuration or state nodes."""
    paths: set[str] = set()
    for parent, below in (CONFIGURATION if config else STATE).items():
        if config or parent not in CONFIGURATION:
            paths.add(parent)
        paths.update(f"{parent}/{name}" for name in below.split())
    return frozenset(paths)


def claimed_operations(claims: Mapping[str, str]) -> frozenset[str]:
    """Return the paths of the claimed actions or notifications."""
    return frozenset(f"{parent}/{name}" for parent, below in claims.items() for name in below.split())


def _operations(schema: Schema, kind: str, known: frozenset[str]) -> Iterator[str]:
    """Compare the rpcs, actions or notifications of our module; it has no rpc."""
    own = [item for item in schema.operations if item.module == REMOTE_BACKUP and item.kind in (kind, "rpc")]
    present = {item.path for item in own}
    for path in sorted(present - known):
        yield f"no code acts on {kind} {path}"
    for path in sorted(known - present):
        yield f"{kind} {path} is not in the schema"


def _differences(schema: Schema, *, config: bool) -> Iterator[str]:
    kind = "configuration" if config else "state"
    modules = (REMOTE_BACKUP, COMMIT_HISTORY)
    present = {node.path for module in modules for node in schema.walk(module) if node.config is config}
    known = claimed(config=config)
    for path in sorted(present - known):
        yield f"no code acts on {kind} node {path}"
    for path in sorted(known - present):
        yield f"{kind} node {path} is not in the schema"
