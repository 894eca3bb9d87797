"""What a user may not read, in many shapes: the scenes of `tests/interop/test_non_inference.py`."""

from dataclasses import dataclass

from tests.support.depot import DEPOT, SPACES

BOUND = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in SPACES.items())
TRB = "urn:twincast:yang:remote-backup"
LEDGER = "urn:test:ledger"
ONE, OTHER = "zq1", "zq2"
"""Words that stand in hidden places only, of the one world and of the other."""


@dataclass(frozen=True, slots=True)
class Scene:
    """`rules` for the user; what both worlds have; what is hidden in each; where that is.

    `targets` are steps below `<depot>` that lead to hidden nodes, as elements of a filter or an edit;
    `paths` are XPaths of hidden nodes. `sees`: something of the depot may be read.
    """

    name: str
    rules: tuple[str, ...]
    shared: str
    hidden: tuple[str, str]
    targets: tuple[str, ...]
    paths: tuple[str, ...]
    sees: bool = True


def depot(inner: str, attributes: str = "") -> str:
    """The container of the depot."""
    return f'<depot xmlns="{DEPOT}" {BOUND} {attributes}>{inner}</depot>'


def ledger(inner: str) -> str:
    """The container of the other module."""
    return f'<ledger xmlns="{LEDGER}">{inner}</ledger>'


def about(path: str, action: str, access: str = "*") -> str:
    """A rule for a path of the depot or of remote-backup."""
    return (
        f'<path xmlns:d="{DEPOT}" xmlns:l="{LEDGER}" xmlns:t="{TRB}">{path}</path>'
        f"<access-operations>{access}</access-operations><action>{action}</action>"
    )


def permit(operation: str) -> str:
    """A rule that lets an operation be invoked."""
    return f"<rpc-name>{operation}</rpc-name><action>permit</action>"


HISTORY = (
    '<path xmlns:h="urn:twincast:yang:commit-history">/h:commit-history</path>'
    "<access-operations>read</access-operations><action>permit</action>"
)
"""The history may be read; that of scenes that went before, with other rules, is in it too."""
TURN = "/l:ledger/l:line[l:number='99']"
"""A node that nobody but the administrator sees, so that every commit changes something in both worlds."""
OPERATIONS = (
    about(TURN, "deny"),
    *map(permit, ("compare", "compare-commits", "rollback-to-commit", "partial-lock", "partial-unlock")),
)
WRITES = (about("/d:depot", "permit"), about("/t:remote-backup", "permit"), *OPERATIONS)
"""Everything that is not hidden may be written, and the operations that need a rule may be invoked."""


def hall(name: str, inner: str = "") -> str:
    """An entry of the list hall."""
    return f"<hall><name>{name}</name>{inner}</hall>"


def _scene(
    name: str,
    denied: tuple[str, ...],
    shared: str,
    hidden: tuple[str, str],
    targets: tuple[str, ...],
    paths: tuple[str, ...],
) -> Scene:
    rules = (*(about(path, "deny") for path in denied), *WRITES)
    return Scene(name, rules, depot(shared), (depot(hidden[0]), depot(hidden[1])), targets, paths)


SHARED = "<level>3</level><opening>5</opening><colour>red</colour><colour>blue</colour>" + hall(
    "v", "<row>1</row><shelf><side>left</side><number>1</number><code>c</code></shelf>"
)
PICK = hall("v", "<visit><who>{}</who></visit><visit><who>y</who></visit>")

SCENES = (
    _scene(
        "a leaf that is there or not",
        ("/d:depot/d:title",),
        SHARED,
        (f"<title>{ONE}</title>", ""),
        (f"<title>{ONE}</title>", f"<title>{OTHER}</title>", "<title/>"),
        ("/d:depot/d:title",),
    ),
    _scene(
        "a leaf with one value or another",
        ("/d:depot/d:title",),
        SHARED,
        (f"<title>{ONE}</title>", f"<title>{OTHER}</title>"),
        (f"<title>{ONE}</title>", f"<title>{OTHER}</title>"),
        ("/d:depot/d:title",),
    ),
    _scene(
        "an entry among others",
        (f"/d:depot/d:hall[d:name='{ONE}']", f"/d:depot/d:hall[d:name='{OTHER}']"),
        SHARED,
        (hall(ONE, "<row>2</row>"), hall(OTHER, "<row>2</row>")),
        (f"<hall><name>{ONE}</name></hall>", f"<hall><name>{OTHER}</name><row>2</row></hall>"),
        (f"/d:depot/d:hall[d:name='{ONE}']", "/d:depot/d:hall[2]"),
    ),
    _scene(
        "a whole list",
        ("/d:depot/d:hall",),
        "<level>3</level><opening>5</opening>",
        (hall(ONE) + hall("b") + hall("c"), ""),
        (f"<hall><name>{ONE}</name></hall>", "<hall><name>b</name><row>1</row></hall>"),
        ("/d:depot/d:hall", "/d:depot/d:hall[d:name='b']"),
    ),
    _scene(
        "leaves in every entry",
        ("/d:depot/d:hall/d:shelf/d:code", "/d:depot/d:hall/d:dark"),
        "<lit>false</lit><level>3</level><opening>5</opening>" + hall("v", "<row>1</row>"),
        (
            hall(
                "v", f"<shelf><side>left</side><number>1</number><code>{ONE}</code></shelf><dark>true</dark>"
            ),
            hall("v", f"<shelf><side>left</side><number>1</number><code>{OTHER}</code></shelf>"),
        ),
        (
            hall("v", "<dark>true</dark>"),
            hall("v", f"<shelf><side>left</side><number>1</number><code>{ONE}</code></shelf>"),
        ),
        ("//d:dark", "//d:code"),
    ),
    _scene(
        "a presence container and a leaf-list",
        ("/d:depot/d:alarm", "/d:depot/d:opening"),
        "<level>3</level>" + hall("v"),
        (f"<alarm><code>{ONE}</code></alarm><opening>6</opening>", "<opening>7</opening>"),
        ("<alarm><code>x</code></alarm>", "<opening>6</opening>"),
        ("/d:depot/d:alarm", "/d:depot/d:opening[. = 6]"),
    ),
    _scene(
        "one case of a choice",
        ("/d:depot/d:hall/d:gate", "/d:depot/d:climate"),
        SHARED,
        (
            hall("v", f"<gate>{ONE}</gate>")
            + "<climate><gas/><guard><name>x</name></guard><guard><name>y</name></guard>"
            "<shift>1</shift></climate>",
            hall("v"),
        ),
        (hall("v", f"<gate>{ONE}</gate>"), "<climate/>"),
        ("//d:gate", "/d:depot/d:climate"),
    ),
    _scene(
        "entries of a list that is ordered by the user",
        (
            f"/d:depot/d:hall/d:visit[d:who='{ONE}']",
            f"/d:depot/d:hall/d:visit[d:who='{OTHER}']",
        ),
        "<level>3</level><opening>5</opening>",
        (PICK.format(ONE), PICK.format(OTHER)),
        (
            hall("v", f"<visit><who>{ONE}</who></visit>"),
            hall("v", f'<visit yang:insert="after" yang:key="[d:who=\'{ONE}\']"><who>n</who></visit>'),
            hall("v", f'<visit yang:insert="before" yang:key="[d:who=\'{OTHER}\']"><who>n</who></visit>'),
        ),
        ("//d:visit[1]", f"//d:visit[d:who='{ONE}']"),
    ),
    _scene(
        "anydata, bits, binary",
        ("/d:depot/d:notes", "/d:depot/d:modes", "/d:depot/d:blob"),
        SHARED,
        (f'<notes><x xmlns="urn:x">{ONE}</x></notes><modes>fast</modes>', "<blob>AAAA</blob>"),
        ('<notes><x xmlns="urn:x">1</x></notes>', "<modes>fast</modes>", "<blob>AAAA</blob>"),
        ("/d:depot/d:notes", "/d:depot/d:modes[bit-is-set(., 'fast')]"),
    ),
    Scene(
        "everything",
        (about("/d:depot/d:level", "permit"), about("/d:depot", "deny"), *OPERATIONS),
        depot("<level>3</level>"),
        (depot(f"<title>{ONE}</title>" + hall(ONE)), depot("<lit>false</lit>")),
        ("<title/>", hall(ONE), "<lit>false</lit>", "<level>4</level>"),
        ("/d:depot/d:title", "/d:depot/d:level", "/d:depot/d:hall"),
        sees=False,
    ),
    Scene(
        "a module",
        (
            "<module-name>ledger</module-name><access-operations>*</access-operations><action>deny</action>",
            *WRITES,
        ),
        depot(SHARED),
        (
            ledger(f"<owner>{ONE}</owner><line><number>1</number><sum>1.50</sum></line>"),
            "",
        ),
        ("<level>3</level>",),
        ("/l:ledger", "/l:ledger/l:line"),
    ),
)
