"""The requests of `tests/interop/test_error_tags.py`, by the error-tag that each is to be answered with.

A row may begin with requests of several sessions: `admin` has one that stays, `other` (the administrator
too) and `guest`, who may read and not write, get theirs for the row alone.
"""

from dataclasses import dataclass, field

from tests.support.depot import DEPOT, SPACES
from tests.support.netconf import NC
from tests.support.server import BROKEN_VALUE, LOST_VALUE, REFUSED_VALUE

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


@dataclass(frozen=True, slots=True)
class Row:
    """`ask` is sent by `who` after `before`, pairs of who and what, was carried out.

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


ROWS: dict[str, tuple[Row, ...]] = {
    "in-use": (
        Row(
            "a candidate that another session has locked",
            edit("<title>x</title>"),
            before=(("other", f"<lock>{CANDIDATE}</lock>"),),
        ),
        Row(
            "running that another session has locked",
            "<commit/>",
            before=(("other", f"<lock>{RUNNING}</lock>"),),
        ),
        Row(
            "a confirmed commit of another session that waits",
            "<commit/>",
            before=(("other", edit("<title>x</title>")), ("other", "<commit><confirmed/></commit>")),
        ),
        Row(
            "a persistent confirmed commit that waits",
            "<cancel-commit/>",
            before=(
                ("other", edit("<title>x</title>")),
                ("other", "<commit><confirmed/><persist>secret</persist></commit>"),
            ),
        ),
        Row(
            "a second subscription",
            f'<create-subscription xmlns="{EVENT}"/>',
            who="other",
            before=(("other", f'<create-subscription xmlns="{EVENT}"/>'),),
        ),
    ),
    "invalid-value": (
        Row("a number that is none", edit("<level>x</level>")),
        Row(
            "what is outside range, length and pattern",
            edit("<level>101</level><title>0123456789012345678901</title>" + hall("<row>256</row>")),
        ),
        Row("what no type of a union takes", edit("<either>10</either>")),
        Row(
            "an enumeration, bits and an identity of nobody",
            edit(
                hall("<shelf><side>up</side><number>1</number></shelf>")
                + "<modes>fast slow</modes><kind>cart</kind>"
            ),
        ),
        Row("binary, decimal64, empty", edit("<blob>?</blob><ratio>1.2345</ratio><flag>x</flag>")),
        Row("a parameter", f"<edit-config>{CANDIDATE}<test-option>try</test-option><config/></edit-config>"),
        Row("the session itself", "<kill-session><session-id>{admin}</session-id></kill-session>"),
        Row("a session of nobody", "<kill-session><session-id>4294967295</session-id></kill-session>"),
        Row("a persist-id of nothing", "<commit><persist-id>secret</persist-id></commit>"),
        Row(
            "a commit that there is not",
            f'<rollback-to-commit xmlns="{TCH}"><commit-id>999999</commit-id></rollback-to-commit>',
        ),
        Row("a value that is not the default", edit(f'<lit xmlns:wd="{WD}" wd:default="true">false</lit>')),
        Row(
            "source and target the same",
            f"<copy-config>{CANDIDATE}<source><candidate/></source></copy-config>",
        ),
        Row(
            "a datastore of nobody",
            f'<get-data xmlns="{NMDA}" {DATASTORES}><datastore>ds:dynamic</datastore></get-data>',
        ),
        Row("an expression that gives no nodes", xpath("1 + 1")),
        Row("a parameter of an action", action("<ring><times>256</times></ring>")),
        Row("a schema of nobody", get_schema("<identifier>nobody</identifier>")),
        Row(
            "a schema in another form",
            get_schema("<identifier>depot</identifier><format>yin</format>"),
        ),
        Row(
            "a version that there is not",
            get_schema("<identifier>ledger</identifier><version>2001-01-01</version>"),
        ),
    ),
    "too-big": (
        Row(
            "a request beyond message-size",
            "x" * 70_000,
            who="other",
            message=True,
            closes=True,
            before=admin(
                roots(f'<server xmlns="{TSRV}"><limits><message-size>65536</message-size></limits></server>'),
                "<commit/>",
            ),
        ),
    ),
    "missing-attribute": (
        Row("no message-id", f'<rpc xmlns="{NC}"><get/></rpc>', message=True),
        Row(
            "insert without its point",
            edit(
                '<colour yang:insert="after">red</colour>'
                + hall('<visit yang:insert="before"><who>x</who></visit>')
            ),
        ),
        Row("an XPath filter without an expression", '<get><filter type="xpath"/></get>'),
    ),
    "bad-attribute": (
        Row("an operation of nobody", edit('<title nc:operation="destroy">x</title>')),
        Row(
            "a merge in what is deleted",
            edit('<alarm nc:operation="remove"><code nc:operation="merge">x</code></alarm>'),
        ),
        Row(
            "a key that is to go without its entry", edit('<hall><name nc:operation="delete">a</name></hall>')
        ),
        Row("a place that is none", edit('<colour yang:insert="middle">red</colour>')),
        Row("a key that is none", edit(hall('<visit yang:insert="after" yang:key="x"><who>x</who></visit>'))),
        Row(
            "a place to insert at that is not there",
            edit('<colour yang:insert="after" yang:value="blue">red</colour>'),
        ),
        Row(
            "an entry to insert at that is not there",
            edit(hall('<visit yang:insert="before" yang:key="[d:who=\'y\']"><who>x</who></visit>')),
        ),
        Row("an expression that is none", xpath("/d:depot[")),
        Row("a filter of no type", '<get><filter type="regex"/></get>'),
        Row("a default that is no boolean", edit(f'<lit xmlns:wd="{WD}" wd:default="maybe">true</lit>')),
    ),
    "unknown-attribute": (
        Row("of an operation and a filter", '<get a="1" b="2"/>'),
        Row("of a parameter", '<get><filter a="1"/></get>'),
        Row("of a node", edit('<title a="1">x</title><level nc:other="1">3</level>')),
        Row(
            "an operation in what is no edit",
            f'<validate><source><config><depot xmlns="{DEPOT}" {BOUND}>'
            '<title nc:operation="merge">x</title></depot></config></source></validate>',
        ),
        Row("of an action", action('<ring a="1"/>')),
    ),
    "missing-element": (
        Row(
            "a key, in two entries",
            edit("<hall><row>1</row></hall>" + hall("<shelf><side>left</side></shelf>")),
        ),
        Row("a parameter", "<get-config/>"),
        Row("no datastore", "<lock><target/></lock>"),
        Row("two parameters", f'<compare xmlns="{CMP}"/>'),
        Row("a parameter that another one needs", "<commit><persist>x</persist></commit>"),
        Row("no operation", f'<rpc xmlns="{NC}" message-id="1"/>', message=True),
        Row("no action", action("")),
        Row(
            "a key on the way to an action",
            f'<action xmlns="urn:ietf:params:xml:ns:yang:1"><remote-backup xmlns="{TRB}">'
            "<remote-backup-profile><switchover/></remote-backup-profile></remote-backup></action>",
        ),
    ),
    "bad-element": (
        Row(
            "a leaf, an entry and a value twice",
            edit(
                "<level>1</level><level>2</level>"
                + hall()
                + hall()
                + "<opening>1</opening><opening>1</opening>"
            ),
        ),
        Row("two cases of a choice", edit(hall("<gate>x</gate><upper/>"))),
        Row("text between elements", edit("text" + hall("text"))),
        Row("text in anydata", edit("<notes>text</notes>")),
        Row("a parameter twice", "<get><filter/><filter/></get>"),
        Row("two datastores", "<lock><target><running/><candidate/></target></lock>"),
        Row("text in an operation", "<discard-changes>now</discard-changes>"),
        Row("two actions", action("<ring/><ring/>")),
        Row(
            "a start in the future",
            f'<create-subscription xmlns="{EVENT}"><startTime>2999-01-01T00:00:00Z</startTime>'
            "</create-subscription>",
        ),
    ),
    "unknown-element": (
        Row("nodes of nobody, in several places", edit("<titles>x</titles>" + hall("<rows>1</rows>"))),
        Row("an element in a leaf", edit("<title><b/></title>")),
        Row("state", edit("<state>x</state>")),
        Row("a node of a feature that is off", edit("<rail>x</rail>")),
        Row("a node whose condition is false", VALIDATE, before=admin(edit(hall("<dark>true</dark>")))),
        Row("parameters of nobody", "<get><source/><config/></get>"),
        Row(
            "a second operation", f'<rpc xmlns="{NC}" message-id="1"><get/><get-config/></rpc>', message=True
        ),
        Row("an action of nobody", action("<sing/>")),
        Row("a parameter of an action", action("<ring><loudly/></ring>")),
    ),
    "unknown-namespace": (
        Row("in the data, at two places", edit('<x xmlns="urn:nobody"/>' + hall('<y xmlns="urn:nobody"/>'))),
        Row("at the top", roots('<x xmlns="urn:nobody"/>')),
        Row("of a parameter", '<get><x xmlns="urn:nobody"/></get>'),
        Row(
            "on the way to an action",
            '<action xmlns="urn:ietf:params:xml:ns:yang:1"><x xmlns="urn:nobody"/></action>',
        ),
    ),
    "access-denied": (
        Row("an operation", "<kill-session/>", who="guest"),
        Row("writes of several nodes", edit("<title>x</title><level>3</level>"), who="guest"),
        Row(
            "deletion of an entry with all in it, and a change",
            edit('<hall nc:operation="delete"><name>a</name></hall><level>3</level>'),
            who="guest",
            before=committed(hall("<row>1</row>") + "<level>1</level>"),
        ),
        Row(
            "writes of several nodes that may not be read",
            edit("<alarm><code>x</code></alarm>" + hall()),
            who="guest",
            before=admin(rule("/d:depot", "deny"), "<commit/>"),
        ),
        Row(
            "an action",
            action("<ring/>"),
            who="guest",
            before=admin(rule("/d:depot/d:ring", "deny", "exec"), "<commit/>"),
        ),
    ),
    "lock-denied": (
        Row(
            "locked by another session",
            f"<lock>{RUNNING}</lock>",
            before=(("other", f"<lock>{RUNNING}</lock>"),),
        ),
        Row(
            "locked by the session itself",
            f"<lock>{RUNNING}</lock>",
            who="other",
            before=(("other", f"<lock>{RUNNING}</lock>"),),
        ),
        Row("a candidate with changes", f"<lock>{CANDIDATE}</lock>", before=admin(edit("<title>x</title>"))),
        Row(
            "a confirmed commit of another session that waits",
            f"<lock>{RUNNING}</lock>",
            before=(("other", edit("<title>x</title>")), ("other", "<commit><confirmed/></commit>")),
        ),
    ),
    "resource-denied": (
        Row(
            "an expression that takes too long",
            xpath("//*[count(//*[count(//*) > 1]) > 1]").replace("> 1", "&gt; 1"),
            before=committed("".join(hall(name=f"h{number}") for number in range(300))),
        ),
    ),
    "rollback-failed": (
        Row(
            "a commit that can be neither done nor undone",
            "<commit/>",
            before=turning_to(LOST_VALUE),
        ),
    ),
    "data-exists": (
        Row(
            "creation of a leaf, an entry and a value",
            edit(
                '<title nc:operation="create">x</title>'
                + hall(attributes='nc:operation="create"')
                + '<opening nc:operation="create">1</opening>'
            ),
            before=committed("<title>x</title>" + hall() + "<opening>1</opening>"),
        ),
    ),
    "data-missing": (
        Row(
            "deletion of a leaf, an entry and a value",
            edit(
                '<title nc:operation="delete"/>'
                + hall(attributes='nc:operation="delete"')
                + '<opening nc:operation="delete">1</opening>'
            ),
        ),
        Row(
            "a way that is not there",
            edit(hall("<row>1</row>"), "<default-operation>none</default-operation>"),
        ),
        Row("mandatory", VALIDATE, before=admin(edit("<alarm/>"))),
        Row(
            "a mandatory choice",
            VALIDATE,
            before=admin(
                edit(
                    "<climate><guard><name>x</name></guard><guard><name>y</name></guard><shift>1</shift></climate>"
                )
            ),
        ),
        Row(
            "what leafrefs and an instance-identifier refer to",
            VALIDATE,
            before=admin(
                edit(hall("<next>z</next><shelf-code>y</shelf-code>") + "<pointer>/d:depot/d:title</pointer>")
            ),
        ),
        Row("the node of an action", action("<ring/>")),
    ),
    "operation-not-supported": (
        Row("an operation of nobody", "<reboot/>"),
        Row("an operation of no namespace that is known", '<x xmlns="urn:nobody"/>'),
        Row("an rpc that nobody carries out", f'<open xmlns="{DEPOT}"><who>x</who></open>'),
        Row("an action that nobody carries out", action("<ring/>"), before=committed("<title>x</title>")),
        Row("running as a target", f"<edit-config>{RUNNING}<config/></edit-config>"),
        Row("startup", "<get-config><source><startup/></source></get-config>"),
        Row("a URL of no scheme", f"<edit-config>{CANDIDATE}<url>file:///x</url></edit-config>"),
        Row("deletion of running", f"<delete-config>{RUNNING}</delete-config>"),
        Row(
            "XPath filters of notifications",
            f'<create-subscription xmlns="{EVENT}"><filter type="xpath" select="/x"/></create-subscription>',
        ),
    ),
    "operation-failed": (
        Row("a lock that nobody has", f"<unlock>{RUNNING}</unlock>"),
        Row(
            "a lock of another session",
            f"<unlock>{RUNNING}</unlock>",
            before=(("other", f"<lock>{RUNNING}</lock>"),),
        ),
        Row("no confirmed commit waits", "<cancel-commit/>"),
        Row(
            "a must, with words and without",
            VALIDATE,
            before=admin(edit(hall("<next>a</next><alone>true</alone>") + hall(name="b"))),
        ),
        Row(
            "not unique, over two leaves",
            VALIDATE,
            before=admin(
                edit(
                    "".join(
                        hall("<row>1</row><position><column>2</column></position>", name) for name in "ab"
                    )
                )
            ),
        ),
        Row(
            "not unique, in an entry",
            VALIDATE,
            before=admin(
                edit(
                    hall(
                        "".join(
                            f"<shelf><side>{side}</side><number>1</number><code>x</code></shelf>"
                            for side in ("left", "right")
                        )
                    )
                )
            ),
        ),
        Row(
            "too many values and entries",
            VALIDATE,
            before=admin(
                edit(
                    "".join(f"<opening>{number}</opening>" for number in range(4))
                    + hall(
                        "".join(
                            f"<shelf><side>left</side><number>{number}</number></shelf>"
                            for number in range(4)
                        )
                    )
                )
            ),
        ),
        Row(
            "too few entries and values",
            VALIDATE,
            before=admin(edit("<climate><gas/><guard><name>x</name></guard></climate>")),
        ),
        Row(
            "a refusal of what stands behind",
            "<commit/>",
            before=turning_to(REFUSED_VALUE),
        ),
        Row("a fault of ours", "<commit/>", before=turning_to(BROKEN_VALUE)),
    ),
    "malformed-message": (
        Row("no XML", "hello", message=True),
        Row("an element that is not closed", f'<rpc xmlns="{NC}" message-id="1"><get></rpc>', message=True),
        Row("another document", "<x/>", message=True),
        Row("a document type", f'<!DOCTYPE rpc><rpc xmlns="{NC}" message-id="1"><get/></rpc>', message=True),
        Row("a second hello", f'<hello xmlns="{NC}"><capabilities/></hello>', message=True),
    ),
}

CANNOT_ARISE = {
    "partial-operation": "obsolete: RFC 6241 appendix A says that servers should not send it",
}

_P, _A, _R, _T = "protocol", "application", "rpc", "transport"
TYPES_OF_RFC_6241 = {
    "in-use": {_P, _A},
    "invalid-value": {_P, _A},
    "too-big": {_T, _R, _P, _A},
    "missing-attribute": {_R, _P, _A},
    "bad-attribute": {_R, _P, _A},
    "unknown-attribute": {_R, _P, _A},
    "missing-element": {_P, _A},
    "bad-element": {_P, _A},
    "unknown-element": {_P, _A},
    "unknown-namespace": {_P, _A},
    "access-denied": {_P, _A},
    "lock-denied": {_P},
    "resource-denied": {_T, _R, _P, _A},
    "rollback-failed": {_P, _A},
    "data-exists": {_A},
    "data-missing": {_A},
    "operation-not-supported": {_P, _A},
    "operation-failed": {_R, _P, _A},
    "partial-operation": {_A},
    "malformed-message": {_R},
}
"""Appendix A: every tag, with the types that it may have."""

_ATTRIBUTE = ("bad-attribute", "bad-element")
INFO_OF_RFC_6241 = {
    "missing-attribute": _ATTRIBUTE,
    "bad-attribute": _ATTRIBUTE,
    "unknown-attribute": _ATTRIBUTE,
    "missing-element": ("bad-element",),
    "bad-element": ("bad-element",),
    "unknown-element": ("bad-element",),
    "unknown-namespace": ("bad-element", "bad-namespace"),
    "lock-denied": ("session-id",),
}
"""Appendix A: what has to stand in error-info, in this order; all other tags have none."""

APP_TAGS_OF_RFC_7950 = {
    "data-not-unique": ("operation-failed", "non-unique"),
    "too-many-elements": ("operation-failed", ""),
    "too-few-elements": ("operation-failed", ""),
    "must-violation": ("operation-failed", ""),
    "instance-required": ("data-missing", ""),
    "missing-choice": ("data-missing", "missing-choice"),
    "missing-instance": ("bad-attribute", ""),
}
"""Sections 15.1 to 15.7: app-tag → error-tag, and what stands in error-info of the YANG namespace."""
