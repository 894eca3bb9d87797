"""Requests that are wrong in themselves or come at the wrong time, by the error-tag that answers them."""

from tests.support.depot import DEPOT
from tests.support.error_rows import (
    BOUND,
    CANDIDATE,
    CMP,
    EVENT,
    PRIVATE,
    RUNNING,
    TRB,
    TSRV,
    VALIDATE,
    WD,
    Row,
    action,
    admin,
    committed,
    edit,
    hall,
    partial_lock,
    push,
    roots,
    xpath,
)
from tests.support.netconf import NC

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
        Row(
            "a part of running that another session has locked",
            "<commit/>",
            before=(
                *committed(hall()),
                ("other:locked", partial_lock("/d:depot/d:hall")),
                *admin(edit(hall("<row>1</row>"))),
            ),
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
        Row("two parameters of an edit", "<edit-config/>"),
        Row("two parameters of a copy", "<copy-config/>"),
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
        Row(
            "a part that another session has locked",
            partial_lock("/d:depot/d:hall/d:name"),
            before=(*committed(hall()), ("other:locked", partial_lock("/d:depot/d:hall"))),
        ),
        Row(
            "running of which another session has locked a part",
            f"<lock>{RUNNING}</lock>",
            before=(*committed(hall()), ("other:locked", partial_lock("/d:depot/d:hall"))),
        ),
    ),
    "resource-denied": (
        Row(
            "an expression that takes too long",
            xpath("//*[count(//*[count(//*) > 1]) > 1]").replace("> 1", "&gt; 1"),
            before=committed("".join(hall(name=f"h{number}") for number in range(300))),
        ),
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
        Row("changes of the candidate", push("candidate", "/d:depot", "<yp:on-change/>")),
        Row("an update of the shared candidate", f'<update xmlns="{PRIVATE}"/>'),
    ),
    "malformed-message": (
        Row("no XML", "hello", message=True),
        Row("an element that is not closed", f'<rpc xmlns="{NC}" message-id="1"><get></rpc>', message=True),
        Row("another document", "<x/>", message=True),
        Row("a document type", f'<!DOCTYPE rpc><rpc xmlns="{NC}" message-id="1"><get/></rpc>', message=True),
        Row("a second hello", f'<hello xmlns="{NC}"><capabilities/></hello>', message=True),
    ),
}
