"""The requests of `tests/interop/test_error_tags.py`, by the error-tag that each is to be answered with.

A row may begin with requests of several sessions: `admin` has one that stays, `other` (the administrator
too) and `guest`, who may read and not write, get theirs for the row alone.
"""

from dataclasses import dataclass, field

from tests.support.depot import DEPOT, SPACES

BOUND = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in SPACES.items())
NCM = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"
EVENT = "urn:ietf:params:xml:ns:netconf:notification:1.0"
NMDA = "urn:ietf:params:xml:ns:yang:ietf-netconf-nmda"
CMP = "urn:ietf:params:xml:ns:yang:ietf-nmda-compare"
TCH = "urn:twincast:yang:commit-history"
TSRV = "urn:twincast:yang:server"
TRB = "urn:twincast:yang:remote-backup"
NACM = "urn:ietf:params:xml:ns:yang:ietf-netconf-acm"
WD = "urn:ietf:params:xml:ns:netconf:default:1.0"
DATASTORES = 'xmlns:ds="urn:ietf:params:xml:ns:yang:ietf-datastores"'
SN = "urn:ietf:params:xml:ns:yang:ietf-subscribed-notifications"
YP = "urn:ietf:params:xml:ns:yang:ietf-yang-push"
PARTIAL = "urn:ietf:params:xml:ns:netconf:partial-lock:1.0"
PRIVATE = "urn:ietf:params:xml:ns:yang:ietf-netconf-private-candidate"
TXID = "urn:ietf:params:xml:ns:netconf:txid:1.0"
CANDIDATE = "<target><candidate/></target>"
RUNNING = "<target><running/></target>"
VALIDATE = "<validate><source><candidate/></source></validate>"
GUEST = "guest"


def edit(inner: str, options: str = "") -> str:
    """edit-config of the candidate with what stands below `<depot>`."""
    depot = f'<depot xmlns="{DEPOT}" {BOUND}>{inner}</depot>'
    return f"<edit-config>{CANDIDATE}{options}<config>{depot}</config></edit-config>"


def roots(inner: str) -> str:
    """edit-config of the candidate with what stands below `<config>`."""
    return f"<edit-config>{CANDIDATE}<config>{inner}</config></edit-config>"


def hall(inner: str = "", name: str = "a", attributes: str = "") -> str:
    """One entry of the list that has most of YANG."""
    return f"<hall {attributes}><name>{name}</name>{inner}</hall>"


def action(inner: str) -> str:
    """An action of the depot."""
    return f'<action xmlns="urn:ietf:params:xml:ns:yang:1"><depot xmlns="{DEPOT}">{inner}</depot></action>'


def get_schema(inner: str) -> str:
    """get-schema."""
    return f'<get-schema xmlns="{NCM}">{inner}</get-schema>'


def xpath(select: str) -> str:
    """get-config of running with an XPath filter."""
    asked = f'<filter type="xpath" xmlns:d="{DEPOT}" select="{select}"/>'
    return f"<get-config><source><running/></source>{asked}</get-config>"


def rule(path: str, verdict: str, access: str = "*") -> str:
    """One rule of access control for the guest."""
    said = f"<access-operations>{access}</access-operations><action>{verdict}</action>"
    listed = f'<rule><name>r</name><path xmlns:d="{DEPOT}">{path}</path>{said}</rule>'
    groups = f"<groups><group><name>staff</name><user-name>{GUEST}</user-name></group></groups>"
    rules = f"<rule-list><name>one</name><group>staff</group>{listed}</rule-list>"
    return roots(f'<nacm xmlns="{NACM}">{groups}{rules}</nacm>')


def partial_lock(select: str) -> str:
    """A partial lock on what is selected."""
    bound = f'xmlns="{PARTIAL}" xmlns:d="{DEPOT}"'
    return f"<partial-lock {bound}><select>{select}</select></partial-lock>"


def subscription(name: str, inner: str) -> str:
    """An operation on subscriptions."""
    return f'<{name} xmlns="{SN}" xmlns:yp="{YP}" {DATASTORES}>{inner}</{name}>'


def periodic(period: int) -> str:
    """The trigger of a subscription, in hundredths of a second."""
    return f"<yp:periodic><yp:period>{period}</yp:period></yp:periodic>"


def push(datastore: str, select: str, trigger: str) -> str:
    """A subscription to what is selected of a datastore."""
    bound = f'xmlns:d="{DEPOT}" xmlns:y="urn:ietf:params:xml:ns:yang:ietf-yang-library"'
    wanted = f"<yp:datastore-xpath-filter {bound}>{select}</yp:datastore-xpath-filter>"
    return subscription(
        "establish-subscription", f"<yp:datastore>ds:{datastore}</yp:datastore>{wanted}{trigger}"
    )


@dataclass(frozen=True, slots=True)
class Row:
    """`ask` is sent by `who` after `before`, pairs of who and what, was carried out: answered with ok, or,
    where `:TAG` follows the name of who, with something else than an error.

    `message`: `ask` is a whole message, chunks and all left out. `closes`: the session is over then.
    """

    why: str
    ask: str
    who: str = "admin"
    before: tuple[tuple[str, str], ...] = field(default=())
    message: bool = False
    closes: bool = False


def admin(*bodies: str) -> tuple[tuple[str, str], ...]:
    """Requests of the administrator."""
    return tuple(("admin", body) for body in bodies)


def committed(inner: str) -> tuple[tuple[str, str], ...]:
    """A configuration to begin with."""
    return admin(edit(inner), "<commit/>")


def turning_to(value: str) -> tuple[tuple[str, str], ...]:
    """A candidate that `StoredOnly` will not take."""
    return (*committed("<level>1</level>"), *admin(edit(f"<title>{value}</title>")))


TAGGED = roots(
    f'<depot xmlns="{DEPOT}" xmlns:txid="{TXID}" txid:etag="AAAAAAAAAAAAAAAAAAAA"><level>2</level></depot>'
)
"""An edit for a depot that is not as it is."""
