"""The commit history over NETCONF: who, when, why, what; what differs; and the way back."""

import pytest

from server.protocol.xml import element
from tests.support.netconf import NC, edit, make_empty, names, profile, refused, request, service
from tests.support.server import running_server

TCH = "urn:twincast:yang:commit-history"
ROOT = "/trb:remote-backup"
T = f"{{{TCH}}}"


def _history(session):
    wanted = f'<commit-history xmlns="{TCH}"/>'
    data = session.get(filter=("subtree", wanted)).data
    found = [{child.tag.removeprefix(T): child for child in commit} for commit in data.iter(f"{T}commit")]
    ids = [int(commit["commit-id"].text) for commit in found]
    assert ids == sorted(ids)
    return found


def _commit(session, inner="", **reason):
    if inner:
        edit(session, inner)
    words = "".join(element(name, text, [("xmlns", TCH)]) for name, text in reason.items())
    request(session, f'<commit xmlns="{NC}">{words}</commit>')
    return int(_history(session)[-1]["commit-id"].text)


def _ask(session, name, **leaves):
    inner = "".join(
        f"<{leaf.replace('_', '-')}>{text}</{leaf.replace('_', '-')}>" for leaf, text in leaves.items()
    )
    return request(session, f'<{name} xmlns="{TCH}">{inner}</{name}>')


def _differences(reply):
    return [
        (each.findtext(f"{T}operation"), each.findtext(f"{T}path").removeprefix(ROOT).replace("trb:", ""))
        for each in reply._root.iter(f"{T}difference")
    ]


ENTRY = "/remote-backup-profile[name='{}']"


def test_who_when_why_and_what(session):
    _commit(session, profile(name="a"), label="CR-1", comment="the first, <quoted> & all")
    *_, commit = _history(session)
    text = {name: child.text for name, child in commit.items()}
    assert text["label"] == "CR-1"
    assert text["comment"] == "the first, <quoted> & all"
    assert (text["username"], text["source-host"]) == ("admin", "127.0.0.1")
    assert (text["session-id"], text["cause"], text["changes"]) == (session.session_id, "commit", "1")
    assert text["time"].endswith("Z")
    assert commit["change"].findtext(f"{T}operation") == "create"
    assert commit["change"].findtext(f"{T}path") == f"{ROOT}/trb:remote-backup-profile[trb:name='a']"


def test_a_commit_without_changes_leaves_no_trace(session):
    before = _commit(session, profile(name="a"))
    assert _commit(session, label="nothing") == before


def test_compare(session):
    first = _commit(session, profile(name="a"))
    second = _commit(session, profile(name="b"))
    third = _commit(session, profile("<mode>hot</mode><static-role>backup</static-role>", name="b"))
    created = [("create", ENTRY.format("b"))]
    below = [("create", ENTRY.format("b") + leaf) for leaf in ("/mode", "/static-role")]
    assert _differences(_ask(session, "compare-commits", to=second)) == created
    assert _differences(_ask(session, "compare-commits")) == below
    assert _differences(_ask(session, "compare-commits", **{"from": first})) == created
    assert _differences(_ask(session, "compare-commits", **{"from": third, "to": second})) == [
        ("delete", path) for _, path in below
    ]
    assert _ask(session, "compare-commits", **{"from": third, "to": third}).ok


def test_a_difference_has_the_nodes_themselves(session):
    _commit(session, profile("<dhcp-stb><igmp-copy>true</igmp-copy></dhcp-stb>", "a"))
    _commit(session, profile("<dhcp-stb><igmp-copy>false</igmp-copy></dhcp-stb>", "a"))
    (difference,) = _ask(session, "compare-commits")._root.iter(f"{T}difference")
    for name, value in (("source-value", "true"), ("value", "false")):
        (leaf,) = difference.find(f"{T}{name}")
        assert (leaf.tag, leaf.text) == ("{urn:twincast:yang:remote-backup}igmp-copy", value)


def test_a_secret_is_in_no_difference(session):
    key = "<e-trunk><id>1</id><security-key>very secret</security-key></e-trunk>"
    _commit(
        session, service() + profile(f"<service-name>rbs1</service-name><backup-id>1</backup-id>{key}", "a")
    )
    reply = _ask(session, "compare-commits")
    assert "e-trunk" in str(reply)
    assert "very secret" not in str(reply)
    assert "very secret" not in str(session.get(filter=("subtree", f'<commit-history xmlns="{TCH}"/>')))


def test_the_way_back(session):
    first = _commit(session, profile(name="a"))
    _commit(session, profile(name="b"))
    _commit(session, profile(name="a", attributes='nc:operation="delete"'))
    back = [("delete", ENTRY.format("b")), ("create", ENTRY.format("a"))]
    assert _differences(_ask(session, "rollback-to-commit", commit_id=first, test_only="")) == back
    assert names(session, "running") == ["b"]
    reply = _ask(session, "rollback-to-commit", commit_id=first, label="back")
    assert _differences(reply) == back
    assert names(session, "running") == ["a"]
    assert names(session) == ["a"]
    last = _history(session)[-1]
    assert last["cause"].text == "rollback-to-commit"
    assert last["label"].text == "back"
    assert reply._root.findtext(f"{T}commit-id") == last["commit-id"].text
    assert _ask(session, "rollback-to-commit", commit_id=first).ok


def test_the_way_back_by_the_candidate(session):
    first = _commit(session, profile(name="a"))
    _commit(session, profile(name="b"))
    reply = _ask(session, "rollback-to-commit", commit_id=first, target="candidate")
    assert _differences(reply) == [("delete", ENTRY.format("b"))]
    assert (names(session), names(session, "running")) == (["a"], ["a", "b"])
    session.commit(confirmed=True, timeout="100")
    assert names(session, "running") == ["a"]
    session.cancel_commit()
    assert names(session, "running") == ["a", "b"]
    assert [commit["cause"].text for commit in _history(session)][-2:] == [
        "confirmed-commit",
        "confirmed-commit-cancelled",
    ]


def test_a_modified_candidate_stays_when_running_goes_back(session):
    first = _commit(session, profile(name="a"))
    _commit(session, profile(name="b"))
    edit(session, profile(name="c"))
    _ask(session, "rollback-to-commit", commit_id=first)
    assert (names(session), names(session, "running")) == (["a", "b", "c"], ["a"])


def test_who_may_not_go_back(connect):
    session, other = connect(), connect()
    first = _commit(session, profile(name="a"))
    _commit(session, profile(name="b"))
    other.lock("running")
    assert refused(_ask, session, "rollback-to-commit", commit_id=first).tag == "in-use"
    other.unlock("running")
    session.commit(confirmed=True, timeout="100")
    error = refused(_ask, other, "rollback-to-commit", commit_id=first)
    assert (error.tag, error.app_tag) == ("in-use", "confirmed-commit-pending")
    session.commit()
    assert names(session, "running") == ["a", "b"]


UNKNOWN = 4_000_000
WRONG = {
    "a commit that never was": (
        "rollback-to-commit",
        {"commit_id": UNKNOWN},
        "commit-id",
        "no-such-commit",
    ),
    "no commit": ("rollback-to-commit", {"commit_id": "x"}, "commit-id", None),
    "no commit to compare": ("compare-commits", {"from": UNKNOWN}, "from", "no-such-commit"),
    "an empty label": ("rollback-to-commit", {"commit_id": 1, "label": ""}, "label", None),
    "a target that is none": ("rollback-to-commit", {"commit_id": 1, "target": "startup"}, "target", None),
}


@pytest.mark.parametrize(("name", "leaves", "blamed", "app_tag"), WRONG.values(), ids=WRONG)
def test_a_request_that_is_refused(session, name, leaves, blamed, app_tag):
    _commit(session, profile(name="a"))
    error = refused(_ask, session, name, **leaves)
    assert (error.tag, error.app_tag) == ("invalid-value", app_tag)
    assert error.path == f"/nc:rpc/tch:{name}/tch:{blamed}"


def test_a_comment_that_is_too_long(session):
    edit(session, profile(name="a"))
    words = f'<comment xmlns="{TCH}">{"x" * 1025}</comment>'
    error = refused(request, session, f'<commit xmlns="{NC}">{words}</commit>')
    assert (error.tag, error.path) == ("invalid-value", "/nc:rpc/nc:commit/tch:comment")
    assert names(session, "running") == []


def test_it_is_there_after_a_restart(tmp_path):
    with running_server(tmp_path) as server:
        with server.connect() as session:
            make_empty(session)
            first = _commit(session, profile(name="a"))
            _commit(session, profile(name="b"), label="second")
            before = [commit["time"].text for commit in _history(session)]
        server.kill("server")
        assert server.start_server() == "ready"
        with server.connect() as session:
            history = _history(session)
            assert [commit["time"].text for commit in history] == before
            assert history[-1]["label"].text == "second"
            _ask(session, "rollback-to-commit", commit_id=first)
            assert names(session, "running") == ["a"]
