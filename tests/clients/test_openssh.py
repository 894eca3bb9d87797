"""OpenSSH's client and a person who types NETCONF."""

import os
import subprocess

import pytest
from lxml import etree

from tests.support.netconf import NC, NCM, TRB
from tests.support.profiles import SCHEMA, copying, stop_copying, subtree, undo, wrong, xpath

covers = pytest.mark.covers
END = "]]>]]>"
DEFAULTS = "urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults"
ALL_DEFAULTS = f'<with-defaults xmlns="{DEFAULTS}">report-all</with-defaults>'


@pytest.fixture
def answers(twincast, from_debian, askpass, tmp_path):
    """Send operations in one session and end it once `last` came; all messages in their order."""
    program = from_debian("ssh", "openssh-client")

    def converse(*operations, last=""):
        command = [program, "-F", "none", "-p", str(twincast.port), "-o", "StrictHostKeyChecking=no"]
        command += ["-o", f"UserKnownHostsFile={tmp_path / 'known'}", "-s", "admin@127.0.0.1", "netconf"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen(command, **pipes, env={**os.environ, **askpass}) as ssh:
            ssh.stdin.write(typed(*operations).encode())
            ssh.stdin.flush()
            received = b""
            while last.encode() not in received:
                received += (piece := ssh.stdout.read1())
                assert piece, received
            rest, _ = ssh.communicate(request(len(operations), "<close-session/>").encode(), timeout=120)
        assert ssh.returncode == 0
        return [etree.fromstring(message.strip()) for message in (received + rest).split(END.encode())[:-1]]

    return converse


def typed(*operations):
    hello = f'<hello xmlns="{NC}"><capabilities><capability>urn:ietf:params:netconf:base:1.0</capability>'
    requests = [request(number, operation) for number, operation in enumerate(operations)]
    return "".join((f"{hello}</capabilities></hello>{END}", *requests))


def request(number, operation):
    return f'<rpc xmlns="{NC}" message-id="{number}">{operation}</rpc>{END}'


def target(name):
    return f"<target><{name}/></target>"


def source(name):
    return f"<source><{name}/></source>"


def edit(config):
    return f"<edit-config>{target('candidate')}{config}</edit-config>"


@covers("hello", "lock", "edit-config", "validate", "commit", "get-config", "get", "subtree", "xpath")
def test_a_change_is_locked_edited_validated_committed_and_read(answers):
    name = "ssh"
    by_xpath = f'<filter type="xpath" xmlns:trb="{TRB}" select="{xpath(name)}"/>'
    hello, *replies = answers(
        f"<lock>{target('candidate')}</lock>",
        edit(stop_copying(name)),
        f"<validate>{source('candidate')}</validate>",
        "<commit/>",
        f"<unlock>{target('candidate')}</unlock>",
        f"<get-config>{source('running')}<filter>{subtree(name)}</filter></get-config>",
        f"<get>{by_xpath}</get>",
        edit(undo(name)),
        "<commit/>",
        f"<get-config>{source('running')}{by_xpath}</get-config>",
    )
    assert hello.findtext("{*}session-id").isdigit()
    accepted = [reply[0].tag.rpartition("}")[2] for reply in replies]
    assert accepted == ["ok"] * 5 + ["data"] * 2 + ["ok"] * 2 + ["data", "ok"]
    assert [copying(replies[number]) for number in (5, 6, 9)] == [
        {name: "false"},
        {name: "false"},
        {name: None},
    ]


@covers("confirmed-commit", "cancel-commit", "discard-changes")
def test_a_confirmed_commit_is_cancelled(answers):
    name = "ssh-confirmed"
    wanted = f"<get-config>{source('running')}<filter>{subtree(name)}</filter></get-config>"
    _hello, *replies = answers(
        edit(stop_copying(name)),
        "<commit><confirmed/></commit>",
        wanted,
        "<cancel-commit/>",
        wanted,
        "<discard-changes/>",
    )
    assert copying(replies[2]) == {name: "false"}
    assert copying(replies[4]) == {}
    assert replies[5][0].tag == f"{{{NC}}}ok"


@covers("get-schema", "with-defaults", "errors")
def test_a_module_defaults_and_an_error(answers):
    _hello, module, defaults, error, *_ = answers(
        f'<get-schema xmlns="{NCM}"><identifier>{SCHEMA}</identifier></get-schema>',
        f"<get-config>{source('running')}{ALL_DEFAULTS}</get-config>",
        edit(wrong("refused")),
    )
    assert module[0].text.startswith(f"module {SCHEMA} {{")
    assert defaults.findtext(".//{*}enable-nacm") == "true"
    assert error.findtext(".//{*}error-tag") == "invalid-value"
    assert error.findtext(".//{*}error-path").endswith("/trb:dhcp-stb/trb:igmp-copy")


@covers("notifications")
def test_notifications_come_beside_answers(answers):
    subscription = '<create-subscription xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"/>'
    change = edit(stop_copying("ssh-told"))
    messages = answers(subscription, change, "<commit/>", last="</notification>")
    assert any(message.tag.endswith("}notification") for message in messages)


@covers("kill-session")
def test_another_session_is_killed(answers, victim, is_gone):
    _hello, killed, _closed = answers(
        f"<kill-session><session-id>{victim.session_id}</session-id></kill-session>"
    )
    assert killed[0].tag == f"{{{NC}}}ok"
    assert is_gone(victim)
