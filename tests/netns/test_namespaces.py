"""The namespaces that the lab and the other tests of this folder stand on."""

import os
import socket
import subprocess
from pathlib import Path

import pytest

from cli.lab.namespaces import Namespace, NamespaceError, veth
from tests.support.netns import ChildFailure, run_in_namespaces


def test_two_namespaces_talk_over_a_veth_pair():
    with Namespace("left") as left, Namespace("right") as right:
        veth(left, "eth0", right, "eth0")
        left.address("eth0", "192.0.2.1/24")
        right.address("eth0", "192.0.2.2/24")
        server = right.run(socket.create_server, ("192.0.2.2", 0))
        client = left.run(socket.create_connection, server.getsockname(), 5)
        accepted, _ = server.accept()
        client.sendall(b"x")
        assert accepted.recv(1) == b"x"


def test_a_program_runs_in_its_namespace():
    with Namespace("host") as host:
        host.device("sink0", "ifb")
        program = host.popen(["cat", "/proc/net/dev"], stdout=subprocess.PIPE)
        output, _ = program.communicate(timeout=10)
        assert b"sink0:" in output


def test_bridge_options_and_ports():
    with Namespace("core") as core, Namespace("host") as host:
        core.bridge("br0", mcast_snooping=1, mcast_hash_max=65536)
        core.bridge_options("br0", mcast_query_response_interval=10)
        core.bridge_options("br0", mcast_querier=1)
        veth(core, "port1", host, "eth0")
        core.bridge_port("port1", "br0", mcast_flood=0, isolated=1, learning=0)
        with pytest.raises(NamespaceError, match="no interface port2"):
            core.bridge_port("port2", "br0")


def test_settings_are_per_namespace():
    with Namespace("one") as one, Namespace("two") as two:
        one.sysctl("net/ipv4/igmp_max_memberships", 30_000)
        path = "/proc/sys/net/ipv4/igmp_max_memberships"
        assert one.run(_read, path) == "30000"
        assert two.run(_read, path) != "30000"
        with pytest.raises(NamespaceError, match="no_such_setting"):
            one.sysctl("net/ipv4/no_such_setting", 1)


def _read(path):
    return Path(path).read_text(encoding="ascii").strip()


def test_the_test_is_root_in_a_namespace_of_its_own():
    assert os.geteuid() == 0
    assert [name for _, name in socket.if_nameindex()] == ["lo"]


def test_a_failure_in_the_child_comes_back():
    def fails():
        raise ValueError("told by the child")

    with pytest.raises(ChildFailure, match="told by the child"):
        run_in_namespaces(fails)
