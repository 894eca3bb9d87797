"""What somebody asks who wants to find out what he may not read: requests for one scene of `scenes`.

Extend it here: `reads`, `expressions`, `writes` and `others` give requests, each a body below `<rpc>`. What
they leave behind in the candidate is discarded by whoever sends them.
"""

from collections.abc import Iterator
from itertools import product
from xml.sax.saxutils import quoteattr

from tests.support.depot import DEPOT
from tests.support.error_rows import CANDIDATE, CMP, DATASTORES, NCM, NMDA, TCH, edit
from tests.support.scenes import LEDGER, ONE, OTHER, TRB, Scene, depot, hall

WITH_DEFAULTS = "urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults"
OR = "urn:ietf:params:xml:ns:yang:ietf-origin"
TXID = "urn:ietf:params:xml:ns:netconf:txid:1.0"
PARTIAL = "urn:ietf:params:xml:ns:netconf:partial-lock:1.0"
PREFIXES = f'xmlns:d="{DEPOT}" xmlns:l="{LEDGER}" xmlns:t="{TRB}"'
CONFIGURATIONS = ("running", "candidate")
OPERATIONS = ("create", "merge", "replace", "delete", "remove")
_VISIBLE = "<hall><name>v</name>"
VALIDATE = "<validate><source><candidate/></source></validate>"


def requests(scene: Scene) -> Iterator[str]:
    """Everything, reads first."""
    yield from reads(scene)
    yield from expressions(scene)
    yield from writes(scene)
    yield from others(scene)


# Reading: every operation, with every kind of filter and mode.


def _filters(scene: Scene) -> list[str]:
    content = [f"<filter>{depot(target)}</filter>" for target in scene.targets if "insert" not in target]
    beside = [
        f"<filter>{depot('<level/>' + target)}</filter>" for target in scene.targets if "insert" not in target
    ]
    return ["", f"<filter>{depot('')}</filter>", *content, *beside]


def reads(scene: Scene) -> Iterator[str]:
    """get, get-config and get-data of everything, and by subtree filters that know what might be there."""
    modes = ("report-all", "report-all-tagged", "trim")
    asked = [f'<with-defaults xmlns="{WITH_DEFAULTS}">{mode}</with-defaults>' for mode in modes]
    for wanted in _filters(scene):
        yield f"<get>{wanted}</get>" if wanted else f"<get><filter>{depot('')}</filter></get>"
        for source in CONFIGURATIONS:
            yield f"<get-config><source><{source}/></source>{wanted}</get-config>"
    whole = f"<filter>{depot('')}</filter>"
    for mode in asked:
        yield f"<get>{whole}{mode}</get>"
        yield f"<get-config><source><running/></source>{whole}{mode}</get-config>"
    yield from _data_reads(scene)
    for root in ("?", "x"):
        tag = f'xmlns:txid="{TXID}" txid:etag="{root}"'
        yield f"<get-config {tag}><source><running/></source></get-config>"
        filtered = f'<filter><depot xmlns="{DEPOT}" {tag}/></filter>'
        yield f"<get-config><source><running/></source>{filtered}</get-config>"
    yield f'<get><filter><netconf-state xmlns="{NCM}"><datastores/></netconf-state></filter></get>'
    yield '<get><filter><yang-library xmlns="urn:ietf:params:xml:ns:yang:ietf-yang-library"/></filter></get>'
    yield '<get><filter><nacm xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-acm"/></filter></get>'
    yield '<get><filter><server xmlns="urn:twincast:yang:server"><users/></server></filter></get>'


def _data_reads(scene: Scene) -> Iterator[str]:
    below = "".join(target for target in scene.targets[:1] if "insert" not in target)
    filters = ("", f"<subtree-filter>{depot(below)}</subtree-filter>")
    extras = (
        "",
        "<max-depth>2</max-depth>",
        "<config-filter>true</config-filter>",
        "<config-filter>false</config-filter>",
    )
    for source, wanted, extra in product(
        ("running", "candidate", "intended", "operational"), filters, extras
    ):
        yield get_data(source, wanted + extra)
    for extra in (
        "<with-origin/>",
        "<origin-filter>or:system</origin-filter><with-origin/>",
        "<negated-origin-filter>or:default</negated-origin-filter>",
    ):
        yield get_data("operational", f"<subtree-filter>{depot('')}</subtree-filter>{extra}")
    for mode in ("trim", "explicit", "report-all-tagged"):
        yield get_data(
            "operational",
            f"<subtree-filter>{depot('')}</subtree-filter><with-defaults>{mode}</with-defaults>",
        )


def get_data(source: str, inner: str) -> str:
    """get-data of one datastore."""
    bound = f'{DATASTORES} {PREFIXES} xmlns:or="{OR}"'
    return f'<get-data xmlns="{NMDA}" {bound}><datastore>ds:{source}</datastore>{inner}</get-data>'


# XPath: existence, counts, values, positions.


def _expressions(scene: Scene) -> Iterator[str]:
    for path in scene.paths:
        yield path
        yield f"/d:depot[{path}]/d:level"
        yield f"/d:depot/d:level[not({path})]"
        yield f"/d:depot/d:level[count({path}) = 0]"
        yield f"/d:depot/d:level[string-length({path}) > 2]"
        yield f"/d:depot/d:level[starts-with({path}, 'zq')]"
        yield f"{path}/.. | //d:level[{path} = '{ONE}']"
        yield f"({path})[1]/preceding::* | ({path})/following::*"
        yield f"({path})/ancestor::*"
    for value in (ONE, OTHER):
        yield f"//*[. = '{value}']"
        yield f"//d:level[//*[contains(., '{value}')]]"
        yield f"//*[name(.) = 'level' and count(//*[. = '{value}']) > 0]"
    yield "//d:level[count(//*) > 3]"
    yield "//d:level[count(../*) mod 2 = 1]"
    yield "//d:level[count(../node()) mod 3 = 1]"
    yield "/d:depot/*[position() = 2]"
    yield "/d:depot/*[last()]"
    yield "/d:depot/d:level/preceding-sibling::*"
    yield "/d:depot/d:level/following-sibling::*[1]"
    yield "//d:level[string-length(/) > 20]"
    yield "//d:level[sum(//d:row) > 1]"
    yield "deref(//d:next) | //d:level[count(deref(//d:next)) = 1]"
    yield "id('x') | //d:visit[2] | //d:visit[last()]"


def expressions(scene: Scene) -> Iterator[str]:
    """XPath filters of every operation that takes one."""
    for number, select in enumerate(_expressions(scene)):
        said = quoteattr(select)
        asked = f'<filter type="xpath" {PREFIXES} select={said}/>'
        yield f"<get-config><source><running/></source>{asked}</get-config>"
        if number % 3 == 0:
            yield f"<get>{asked}</get>"
        if number % 3 == 1:
            text = select.replace("<", "&lt;").replace(">", "&gt;")
            yield get_data("operational", f"<xpath-filter>{text}</xpath-filter>")
        if number % 3 == 2:
            text = select.replace("<", "&lt;").replace(">", "&gt;")
            yield f'<partial-lock xmlns="{PARTIAL}" {PREFIXES}><select>{text}</select></partial-lock>'


# Writing: every edit operation on what is hidden, alone and beside what is not.


def _with_operation(target: str, operation: str) -> str:
    name, _, rest = target.removeprefix("<").partition(">")
    empty = name.endswith("/")
    start = f'<{name.rstrip("/")} nc:operation="{operation}"'
    return f"{start}/>{rest}" if empty else f"{start}>{rest}"


def _operated(target: str, operation: str) -> Iterator[str]:
    """An operation on a hidden node; one in an entry that is not hidden has it itself (see `INHERENT`)."""
    if not target.startswith(_VISIBLE):
        yield edit(_with_operation(target, operation))
    elif target != hall("v"):
        inner = target.removeprefix(_VISIBLE).removesuffix("</hall>")
        yield edit(hall("v", _with_operation(inner, operation)))


def writes(scene: Scene) -> Iterator[str]:
    """edit-config and edit-data."""
    for target in scene.targets:
        yield edit(target)
        yield edit("<level>4</level>" + target)
        yield edit(target, "<error-option>continue-on-error</error-option>")
        for option in ("test-then-set", "test-only"):
            yield edit(target, f"<test-option>{option}</test-option>")
        yield edit(target, "<default-operation>none</default-operation>")
        yield (
            f'<edit-data xmlns="{NMDA}" {DATASTORES}><datastore>ds:candidate</datastore>'
            f"<config>{depot(target)}</config></edit-data>"
        )
        if "insert" in target:
            continue
        for operation in OPERATIONS:
            yield from _operated(target, operation)
        yield edit(f'<level xmlns:txid="{TXID}" txid:etag="x">4</level>{target}')
    for name in (ONE, OTHER):
        for option in ("test-then-set", "test-only"):
            yield edit(hall("v", f"<next>{name}</next>"), f"<test-option>{option}</test-option>")
        yield edit(
            f"<pointer>/d:depot/d:hall[d:name='{name}']</pointer>", "<test-option>test-only</test-option>"
        )
    yield edit("<pointer>/d:depot/d:title</pointer>", "<test-option>test-only</test-option>")
    yield edit(hall("v", "<shelf-code>zq1</shelf-code>"), "<test-option>test-only</test-option>")


def others(scene: Scene) -> Iterator[str]:
    """Whatever else speaks of data."""
    for inner in (
        "",
        f"<subtree-filter>{depot(scene.targets[0])}</subtree-filter>"
        if "insert" not in scene.targets[0]
        else "",
    ):
        yield (
            f'<compare xmlns="{CMP}" {DATASTORES}><source>ds:running</source><target>ds:candidate</target>'
            f"{inner}</compare>"
        )
    yield f'<compare-commits xmlns="{TCH}"/>'
    yield "<copy-config><target><url>file:///all.xml</url></target><source><running/></source></copy-config>"
    for mode in ("report-all", "report-all-tagged", "trim"):
        yield (
            f"<copy-config><target><url>file:///{mode}.xml</url></target><source><running/></source>"
            f'<with-defaults xmlns="{WITH_DEFAULTS}">{mode}</with-defaults></copy-config>'
        )
    yield "<copy-config><target><candidate/></target><source><running/></source></copy-config>"
    yield VALIDATE
    yield f"<validate><source><config>{depot(hall('v', f'<next>{ONE}</next>'))}</config></source></validate>"
    yield f"<lock>{CANDIDATE}</lock>"
    yield f"<unlock>{CANDIDATE}</unlock>"
    yield "<commit/>"
    yield '<action xmlns="urn:ietf:params:xml:ns:yang:1">' + depot("<ring/>") + "</action>"
