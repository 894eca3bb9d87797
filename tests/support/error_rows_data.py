"""Requests about data that is wrong, missing or not to be had, by the error-tag that answers them."""

from tests.support.error_rows import (
    CANDIDATE,
    DATASTORES,
    NMDA,
    PARTIAL,
    RUNNING,
    TAGGED,
    TCH,
    VALIDATE,
    WD,
    Row,
    action,
    admin,
    committed,
    edit,
    get_schema,
    hall,
    partial_lock,
    periodic,
    push,
    rule,
    subscription,
    turning_to,
    xpath,
)
from tests.support.server import BROKEN_VALUE, LOST_VALUE, REFUSED_VALUE

ROWS: dict[str, tuple[Row, ...]] = {
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
        Row("a subscription that there is not", subscription("delete-subscription", "<id>4000000000</id>")),
        Row("a stream that there is not", subscription("establish-subscription", "<stream>news</stream>")),
        Row("an expression of a subscription", push("running", "/d:depot[", "<yp:on-change/>")),
        Row("a period that is too short", push("running", "/d:depot", periodic(1))),
        Row(
            "a partial lock that there is not",
            f'<partial-unlock xmlns="{PARTIAL}"><lock-id>4000000000</lock-id></partial-unlock>',
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
        Row(
            "an etag that is not that of the node",
            "<commit/>",
            before=(*committed("<level>1</level>"), *admin(TAGGED)),
        ),
        Row("a partial lock on nothing", partial_lock("/d:depot/d:title")),
        Row("changes of what never changes", push("operational", "/y:yang-library", "<yp:on-change/>")),
    ),
}
