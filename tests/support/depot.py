"""A client for the modules in `tests/interop/modules`, which have what YANG has to offer.

Requests are written as they go over the wire. Answers are read with lxml, so that one that is not well-formed
XML fails the test that asked.
"""

import re
from dataclasses import dataclass
from typing import Self

from lxml import etree

from tests.support.netconf import NC
from tests.support.netconf_client import RawClient
from tests.support.server import PASSWORD, ROOT, USER

_FOLDER = ROOT / "tests" / "interop" / "modules"
MODULES = tuple(
    f"{_FOLDER}/{name}"
    for name in (
        "depot-kinds.yang",
        "depot.yang:crane",
        "depot-labels.yang",
        "depot-limits.yang",
        "ledger.yang:ink",
    )
)
"""Arguments of --module. Of the features crane and rail, and ink and wax, the first is on."""

DEPOT = "urn:test:depot"
SPACES = {
    "nc": NC,
    "yang": "urn:ietf:params:xml:ns:yang:1",
    "d": DEPOT,
    "dk": "urn:test:depot-kinds",
    "dl": "urn:test:depot-labels",
    "l": "urn:test:ledger",
}
_BOUND = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in SPACES.items())


@dataclass(frozen=True, slots=True)
class Refusal:
    """One `<rpc-error>`. `info` are the children of error-info as (name, text)."""

    type: str
    tag: str
    app_tag: str
    path: str
    message: str
    info: tuple[tuple[str, str], ...]

    @classmethod
    def read(cls, error: etree._Element) -> Self:
        """Read one, and check that every prefix in its paths is bound where it is used."""
        texts = {etree.QName(child).localname: child for child in error}
        info = texts.get("error-info")
        for element in (texts.get("error-path"), *(() if info is None else info)):
            if element is not None and (element.text or "").startswith("/"):
                check_prefixes(element)
        said = {name: child.text or "" for name, child in texts.items()}
        assert said["error-severity"] == "error"
        return cls(
            said["error-type"],
            said["error-tag"],
            said.get("error-app-tag", ""),
            said.get("error-path", ""),
            said.get("error-message", ""),
            tuple(
                (etree.QName(child).localname, child.text or "") for child in ([] if info is None else info)
            ),
        )


def check_prefixes(element: etree._Element) -> None:
    """Fail when a path uses a prefix that is not declared for the element it stands in."""
    steps = re.sub(r"""'[^']*'|"[^"]*\"""", "", element.text or "")
    for prefix in re.findall(r"([A-Za-z_][\w.-]*):", steps):
        assert prefix in element.nsmap, f"{prefix} is not bound in {element.text}"


class DepotClient(RawClient):
    """One session; `rpc` of `RawClient` sends any request."""

    def __init__(self, port: int) -> None:
        super().__init__(port, USER, password=PASSWORD)
        self.greeting = self.hello()

    def ask(self, body: str) -> etree._Element:
        """Send one operation and return the `<rpc-reply>`."""
        return etree.fromstring(self.rpc(body))

    def errors(self, body: str) -> list[Refusal]:
        """Send one operation and return its errors; none means that it was carried out."""
        reply = self.ask(body)
        found = [Refusal.read(error) for error in reply.findall("nc:rpc-error", SPACES)]
        assert bool(found) != (reply.find("nc:ok", SPACES) is not None)
        return found

    def edit(self, inner: str, options: str = "") -> list[Refusal]:
        """edit-config of the candidate with what stands below `<depot>`."""
        return self.edit_roots(f'<depot xmlns="{DEPOT}" {_BOUND}>{inner}</depot>', options)

    def edit_roots(self, inner: str, options: str = "") -> list[Refusal]:
        """edit-config of the candidate with what stands below `<config>`."""
        target = "<target><candidate/></target>"
        return self.errors(f"<edit-config>{target}{options}<config>{inner}</config></edit-config>")

    def accepted(self, inner: str, options: str = "") -> None:
        """Edit and commit, which must succeed."""
        assert self.edit(inner, options) == []
        assert self.errors("<commit/>") == []

    def validate(self) -> list[Refusal]:
        """Return what is wrong with the candidate."""
        return self.errors("<validate><source><candidate/></source></validate>")

    def content(self, wanted: str = "", source: str = "candidate") -> str:
        """What stands below `<depot>`; `wanted` is what a subtree filter has below its `<depot>`."""
        filtered = f'<filter><depot xmlns="{DEPOT}" {_BOUND}>{wanted}</depot></filter>'
        body = self.data(f"<get-config><source><{source}/></source>{filtered}</get-config>")
        match = re.fullmatch(r'<depot xmlns="urn:test:depot">(.*)</depot>', body, re.DOTALL)
        assert match or not body, body
        return match[1] if match else ""

    def data(self, body: str) -> str:
        """Send an operation and return what stands in the `<data>` of its reply, as it was sent."""
        reply = self.rpc(body).decode()
        match = re.search(r"<data[^>]*>(.*)</data></rpc-reply>", reply, re.DOTALL)
        assert match, reply
        return match[1]

    def empty(self) -> None:
        """Take everything out of candidate and running."""
        self.discard()
        assert self.edit_roots("", "<default-operation>replace</default-operation>") == []
        assert self.errors("<commit/>") == []

    def discard(self) -> None:
        """Make the candidate what running is."""
        assert self.errors("<discard-changes/>") == []
