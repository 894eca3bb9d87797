"""Actions (RFC 7950 section 7.15) on real routers: what they do, and what a wrong one is answered."""

from collections.abc import Iterator
from typing import Any

import pytest
from lxml import etree

from cli.lab import configuration
from cli.lab.topology import ACCESS_INTERFACE
from tests.support.duo import Duo, free_port, running_duo
from tests.support.netconf import PROFILE, SERVICE, SPACES, TRB, edit, info, refused, request, service
from tests.support.wait import wait_for

YANG = "urn:ietf:params:xml:ns:yang:1"
IN_PROFILE = f"{PROFILE}[trb:name='rbp3']"
IN_SERVICE = f"{SERVICE}[trb:name='rbs1']"


def action(inner: str) -> str:
    return f'<action xmlns="{YANG}">{inner}</action>'


def in_profile(inner: str, name: str = "rbp3") -> str:
    entry = f"<remote-backup-profile><name>{name}</name>{inner}</remote-backup-profile>"
    return action(f'<remote-backup xmlns="{TRB}">{entry}</remote-backup>')


def in_service(inner: str, name: str = "rbs1") -> str:
    entry = f"<remote-backup-service><name>{name}</name>{inner}</remote-backup-service>"
    return action(f'<remote-backup xmlns="{TRB}">{entry}</remote-backup>')


def output(reply: Any, name: str) -> int:
    """A leaf of the output, which stands directly in the reply."""
    return int(etree.fromstring(reply.xml.encode()).findtext(f"trb:{name}", "", SPACES))


@pytest.fixture(scope="module")
def duo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Duo]:
    with running_duo(tmp_path_factory.mktemp("duo")) as running:
        running.configure(free_port())
        running.connected()
        yield running


@pytest.fixture
def session(duo: Duo) -> Any:
    return duo.sessions[0]


def statistics(duo: Duo, *path: str) -> str:
    data = duo.sessions[0].get(("subtree", configuration.service_state("statistics"))).data
    return str(data.findtext(".//" + "/".join(f"trb:{name}" for name in path), "", SPACES))


def test_clear_copied_groups_removes_what_only_a_copy_explains(duo: Duo) -> None:
    duo.join(0, "239.1.1.1", "239.1.1.2", "239.1.1.3")
    duo.join(1, "239.1.1.3", "239.1.1.4")
    for number in (0, 1):
        wait_for(
            lambda number=number: len(duo.members(number)) == 4,  # type: ignore[misc]
            what=f"four groups on router {number}",
        )
    backup = duo.sessions[1]
    one = in_profile("<clear-copied-groups><group-address>239.1.1.2</group-address></clear-copied-groups>")
    assert output(request(backup, one), "cleared") == 1
    assert duo.members(1) == {"239.1.1.1", "239.1.1.3", "239.1.1.4"}
    other = f"<interface>{ACCESS_INTERFACE}</interface>"
    here = in_profile(f"<clear-copied-groups>{other}</clear-copied-groups>")
    assert output(request(backup, here), "cleared") == 1
    assert duo.members(1) == {"239.1.1.3", "239.1.1.4"}
    assert output(request(backup, in_profile("<clear-copied-groups/>")), "cleared") == 0
    assert len(duo.members(0)) == 4


def test_reset_statistics_moves_the_discontinuity_time(duo: Duo, session: Any) -> None:
    duo.join(0, "239.2.0.1")
    wait_for(lambda: statistics(duo, "sent", "total") != "0", what="a record sent")
    before = statistics(duo, "discontinuity-time")
    assert request(session, in_service("<reset-statistics/>")).ok
    assert statistics(duo, "sent", "total") == "0"
    assert statistics(duo, "discontinuity-time") > before


def test_batch_backup_has_an_id_for_each(session: Any) -> None:
    ids = [output(request(session, in_service("<batch-backup/>")), "batch-id") for _ in range(3)]
    assert len(set(ids)) == 3


def test_a_switchover_moves_the_role_and_back(duo: Duo, session: Any) -> None:
    role = configuration.profile_state("local-role")
    duo.wait_for(0, role, "local-role", "master")
    duo.wait_for(1, role, "local-role", "backup")
    assert request(session, in_profile("<switchover/>")).ok
    duo.wait_for(0, role, "local-role", "backup")
    duo.wait_for(1, role, "local-role", "master")
    assert request(duo.sessions[1], in_profile("<switchover/>")).ok
    duo.wait_for(0, role, "local-role", "master")


def test_what_the_dataplane_refuses_is_said_at_the_action(session: Any) -> None:
    edit(session, service("<none/>", "rbs9"))
    session.commit()
    error = refused(request, session, in_service("<batch-backup/>", "rbs9"))
    assert (error.tag, error.app_tag) == ("operation-failed", "channel-not-connected")
    assert error.path == f"{SERVICE}[trb:name='rbs9']/trb:batch-backup"
    assert error.message == "The channel of rbs9 is down."


UNKNOWN = '<nothing xmlns="urn:nobody"/>'
ROWS = [
    ("nothing at all", action(""), "missing-element", "/nc:rpc/yang:action", "action"),
    (
        "two ways down",
        action(f'<remote-backup xmlns="{TRB}"/><interfaces/>'),
        "bad-element",
        "/nc:rpc/yang:action",
        "interfaces",
    ),
    ("a foreign namespace", action(UNKNOWN), "unknown-namespace", "/nc:rpc/yang:action", "nothing"),
    ("no action", in_profile(""), "missing-element", IN_PROFILE, "action"),
    ("an unknown action", in_profile("<explode/>"), "unknown-element", IN_PROFILE, "explode"),
    ("a notification", in_profile("<role-changed/>"), "unknown-element", IN_PROFILE, "role-changed"),
    (
        "a leaf on the way",
        in_profile("<backup-id>3</backup-id>"),
        "bad-element",
        f"{IN_PROFILE}/trb:backup-id",
        "backup-id",
    ),
    (
        "no key",
        action(
            f'<remote-backup xmlns="{TRB}"><remote-backup-profile><switchover/></remote-backup-profile>'
            "</remote-backup>"
        ),
        "missing-element",
        PROFILE,
        "name",
    ),
    ("two actions", in_profile("<switchover/><switchover/>"), "bad-element", IN_PROFILE, "switchover"),
    (
        "an unknown parameter",
        in_profile("<switchover><now/></switchover>"),
        "unknown-element",
        f"{IN_PROFILE}/trb:switchover",
        "now",
    ),
    (
        "a wrong value",
        in_profile("<clear-copied-groups><group-address>239.1</group-address></clear-copied-groups>"),
        "invalid-value",
        f"{IN_PROFILE}/trb:clear-copied-groups/trb:group-address",
        None,
    ),
    (
        "a parameter twice",
        in_profile(
            "<clear-copied-groups><interface>a</interface><interface>a</interface></clear-copied-groups>"
        ),
        "bad-element",
        f"{IN_PROFILE}/trb:clear-copied-groups/trb:interface",
        "interface",
    ),
    (
        "an instance that is not there",
        in_profile("<switchover/>", "rbp4"),
        "data-missing",
        f"{PROFILE}[trb:name='rbp4']",
        None,
    ),
    (
        "a reference to nothing",
        in_profile("<clear-copied-groups><interface>eth9</interface></clear-copied-groups>"),
        "data-missing",
        f"{IN_PROFILE}/trb:clear-copied-groups/trb:interface",
        None,
    ),
    (
        "a wrong key",
        in_profile("<switchover/>", "UPPER"),
        "invalid-value",
        f"{PROFILE}/trb:name",
        None,
    ),
    (
        "an attribute",
        in_profile('<switchover speed="1"/>'),
        "unknown-attribute",
        f"{IN_PROFILE}/trb:switchover",
        "switchover",
    ),
    (
        "depth without end",
        in_profile("<switchover>" + "<a>" * 60 + "</a>" * 60 + "</switchover>"),
        "unknown-element",
        f"{IN_PROFILE}/trb:switchover",
        "a",
    ),
    (
        "an action outside <action>",
        f'<switchover xmlns="{TRB}"/>',
        "operation-not-supported",
        "/nc:rpc",
        None,
    ),
    (
        "<action> of another namespace",
        f'<action xmlns="{TRB}"><remote-backup/></action>',
        "operation-not-supported",
        "/nc:rpc",
        None,
    ),
]


@pytest.mark.parametrize(
    ("xml", "tag", "path", "bad"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_a_wrong_action_is_told_what_and_where(
    session: Any, xml: str, tag: str, path: str | None, bad: str | None
) -> None:
    error = refused(request, session, xml)
    assert (error.tag, error.path, info(error).get("bad-element")) == (tag, path, bad)


def test_a_reference_to_nothing_has_the_tag_of_leafrefs(session: Any) -> None:
    wrong = in_profile("<clear-copied-groups><interface>eth9</interface></clear-copied-groups>")
    error = refused(request, session, wrong)
    assert (error.app_tag, error.message) == ("instance-required", "no interface has the name 'eth9'")


def test_white_space_and_comments_around_do_not_matter(session: Any) -> None:
    xml = in_profile("\n  <!-- all --><clear-copied-groups>\n <!-- none --> </clear-copied-groups>\n")
    assert output(request(session, xml), "cleared") >= 0
