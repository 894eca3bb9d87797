"""What the audit log says of a request, whatever the request holds."""

import pytest
from lxml import etree

from server.protocol.errors import access_denied, invalid_value, operation_failed
from server.telemetry import audit
from server.telemetry.audit import MAX_PATH, MAX_PATHS, Trail, datastore, result, shown
from server.tree.diff import diff
from server.tree.location import Location
from server.tree.node import empty_root
from tests.support.trees import NETCONF, bed, garden, tree

NMDA = "urn:ietf:params:xml:ns:yang:ietf-netconf-nmda"


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("<edit-config><target><candidate/></target></edit-config>", "candidate"),
        ("<get-config><source> <running/></source></get-config>", "running"),
        ("<copy-config><target><startup/></target><source><running/></source></copy-config>", "startup"),
        ("<copy-config><source><running/></source><target><url>x</url></target></copy-config>", "url"),
        ("<validate><source><config/></source></validate>", "config"),
        (f'<lock><target><datastore xmlns="{NMDA}">ds:running</datastore></target></lock>', "running"),
        (f'<get-data xmlns="{NMDA}"><datastore>ds:operational</datastore></get-data>', "operational"),
        ("<commit/>", "running"),
        ("<discard-changes/>", "candidate"),
        ("<kill-session><session-id>4</session-id></kill-session>", ""),
        ("<lock><target><evil/></target></lock>", "unknown"),
        ("<lock><target/></lock>", "unknown"),
        ("<lock><target>text</target></lock>", "unknown"),
    ],
)
def test_the_datastore_is_read_from_the_request(operation: str, expected: str) -> None:
    assert datastore(etree.fromstring(f'<rpc xmlns="{NETCONF}">{operation}</rpc>')[0]) == expected


def test_a_result_has_each_tag_once() -> None:
    found = [invalid_value("x"), invalid_value("y"), operation_failed("z", app_tag="w"), access_denied("v")]
    assert result(()) == "ok"
    assert result(found) == "invalid-value,operation-failed/w,access-denied"


def test_paths_are_limited_and_counted() -> None:
    schema = garden()
    inner = "".join(f"<tag>t{number:03}</tag>" for number in range(MAX_PATHS + 3))
    changes = diff(tree(schema, bed("<owner>x</owner>")), tree(schema, bed(f"<owner>x</owner>{inner}")))
    trail = Trail()
    trail.touched(changes, 7)
    said = trail.fields()
    assert (said["commit"], said["more"]) == (7, 3)
    assert str(said["paths"]).split(" | ")[0] == "/g:garden/g:tag[.='t000']"
    assert str(said["paths"]).count(" | ") == MAX_PATHS - 1
    trail.begin()
    assert trail.fields() == {}


def test_a_long_path_is_cut() -> None:
    at = Location(garden().node("/garden:garden/bed"), (("x" * 1000,),))
    assert len(shown(at)) == MAX_PATH
    assert shown(at).endswith("...")
    assert shown(Location(garden().root)) == "/"


def test_what_is_named_gives_way_to_what_was_changed() -> None:
    trail = Trail()
    trail.named([Location(garden().node("/garden:open"))], 1)
    assert trail.fields() == {"paths": "/g:open"}
    root = empty_root(garden().root)
    trail.touched(diff(root, root))
    assert trail.fields() == {}


def test_words_are_cut() -> None:
    assert audit.cut("a" * audit.MAX_WORD) == "a" * audit.MAX_WORD
    assert audit.cut("a" * 1000) == "a" * (audit.MAX_WORD - 3) + "..."
