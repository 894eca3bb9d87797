"""The host key file, and which exceptions count as faults of this server."""

import stat

import paramiko
import pytest

from server.access.private_file import write_private
from server.access.users import UserStore
from server.transport.ssh_wire import HostKeyError, ServerTransport, is_ours, load_host_key


def test_host_key_is_made_once(tmp_path):
    path = tmp_path / "host_key"
    first = load_host_key(path)
    assert first.get_name() == "ssh-ed25519"
    assert first.can_sign()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_host_key(path).asbytes() == first.asbytes()
    assert list(tmp_path.iterdir()) == [path]


def test_host_key_that_others_may_read_is_refused(tmp_path):
    path = tmp_path / "host_key"
    load_host_key(path)
    path.chmod(0o644)
    with pytest.raises(HostKeyError, match="mode 0644"):
        load_host_key(path)


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n"])
def test_damaged_host_key_is_refused(tmp_path, data):
    write_private(tmp_path / "host_key", data)
    with pytest.raises(HostKeyError):
        load_host_key(tmp_path / "host_key")


def test_host_key_without_a_folder(tmp_path):
    with pytest.raises(HostKeyError):
        load_host_key(tmp_path / "missing" / "host_key")


def test_every_algorithm_offered_is_one_the_library_has():
    assert len(ServerTransport._preferred_kex) >= 6
    assert set(ServerTransport._preferred_kex) <= set(ServerTransport._kex_info)
    assert set(ServerTransport._preferred_ciphers) <= set(paramiko.Transport._cipher_info)
    assert set(ServerTransport._preferred_macs) <= set(paramiko.Transport._mac_info)
    assert set(ServerTransport._preferred_pubkeys) <= set(paramiko.Transport._key_info)


def test_faults_of_ours_are_told_from_what_clients_cause(tmp_path):
    with pytest.raises(AttributeError) as ours:
        UserStore(tmp_path / "users.json").check_password("admin", None)
    assert is_ours(ours.value)
    with pytest.raises(UnicodeDecodeError) as theirs:
        paramiko.Message(b"\x00\x00\x00\x01\xff").get_text()
    assert not is_ours(theirs.value)
