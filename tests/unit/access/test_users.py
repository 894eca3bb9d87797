"""Passwords, authorised keys, and the file they live in."""

import base64
import json
import stat

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from server.access.private_file import write_private
from server.access.users import ADMIN_GROUP, CredentialsError, UserStore, parse_authorized_keys

KEYS = {
    "ssh-ed25519": ed25519.Ed25519PrivateKey.generate,
    "ecdsa-sha2-nistp256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ecdsa-sha2-nistp384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ssh-rsa": lambda: rsa.generate_private_key(65537, 2048),
}


def public_line(kind: str = "ssh-ed25519", comment: str = "") -> str:
    public = KEYS[kind]().public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    return f"{public} {comment}".strip()


def blob_of(line: str) -> bytes:
    return base64.b64decode(line.split()[1])


@pytest.fixture
def store(tmp_path):
    return UserStore(tmp_path / "users.json")


def test_password(store):
    store.add_password("admin", "s3cret é")
    assert store.check_password("admin", "s3cret é")
    assert not store.check_password("admin", "s3cret e")
    assert not store.check_password("admin", "")
    assert not store.check_password("other", "s3cret é")
    assert not store.check_password("admin", "x" * 1_000_000)
    assert not store.check_password("admin", "\udcff")


def test_a_user_with_keys_only_has_no_password(store):
    store.add_keys("admin", public_line())
    assert not store.check_password("admin", "")


@pytest.mark.parametrize("password", ["", "x" * 1025])
def test_unusable_passwords(store, password):
    with pytest.raises(CredentialsError):
        store.add_password("admin", password)
    assert store.names == ()


@pytest.mark.parametrize("name", ["", "a b", "a\n", "x" * 65])
def test_unusable_names(store, name):
    with pytest.raises(CredentialsError):
        store.add_password(name, "secret")


@pytest.mark.parametrize("kind", KEYS)
def test_keys(store, kind):
    line, other = public_line(kind, "me@here with spaces"), public_line(kind)
    assert store.add_keys("admin", f"# mine\n\n  {line}\n") == 1
    assert store.check_key("admin", blob_of(line))
    assert not store.check_key("admin", blob_of(other))
    assert not store.check_key("other", blob_of(line))


def test_everything_is_there_after_a_restart(store, tmp_path):
    line = public_line()
    store.add_password("admin", "secret")
    store.add_keys("admin", line)
    store.add_keys("second", public_line())
    again = UserStore(tmp_path / "users.json")
    assert again.names == ("admin", "second")
    assert again.check_password("admin", "secret")
    assert again.check_key("admin", blob_of(line))


def test_the_same_key_counts_once(store, tmp_path):
    line = public_line()
    store.add_keys("admin", f"{line}\n{line} again\n")
    store.add_keys("admin", line)
    (user,) = json.loads((tmp_path / "users.json").read_text())["users"].values()
    assert len(user["keys"]) == 1


def test_file_is_private_and_holds_no_clear_text(store, tmp_path):
    store.add_password("admin", "very-secret")
    path = tmp_path / "users.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b"very-secret" not in path.read_bytes()
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_others_may_read_is_refused(store, tmp_path):
    store.add_password("admin", "secret")
    (tmp_path / "users.json").chmod(0o640)
    with pytest.raises(CredentialsError, match="mode 0640"):
        UserStore(tmp_path / "users.json")


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"users": {"a": {"password": 1}}}'])
def test_a_damaged_file_is_refused(tmp_path, data):
    write_private(tmp_path / "users.json", data)
    with pytest.raises(CredentialsError, match="damaged"):
        UserStore(tmp_path / "users.json")


def test_a_failed_write_leaves_the_old_file(tmp_path):
    (tmp_path / "users.json").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_private(tmp_path / "users.json", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["users.json"]


def small_rsa() -> str:
    key = rsa.generate_private_key(65537, 1024).public_key()
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (lambda: f'from="192.0.2.1" {public_line()}', "options"),
        (lambda: f'command="echo a b",no-pty {public_line()}', "options"),
        (lambda: public_line()[:-8], "malformed"),
        (lambda: public_line().replace("AAAA", "!!!!", 1), "malformed"),
        (lambda: public_line().replace("ssh-ed25519", "ssh-rsa", 1), "malformed"),
        (lambda: "ssh-ed25519", "malformed"),
        (lambda: "ssh-dss AAAAB3NzaC1kc3MAAACB", "not supported"),
        (lambda: "sk-ssh-ed25519@openssh.com AAAA", "not supported"),
        (small_rsa, "2048 bits"),
    ],
)
def test_unusable_keys_are_named_by_line(store, line, why):
    with pytest.raises(CredentialsError, match=f"line 3: .*{why}"):
        store.add_keys("admin", f"# comment\n{public_line()}\n{line()}\n")
    assert store.names == ()


def test_an_empty_text_has_no_keys():
    assert parse_authorized_keys("\n# nothing\n") == ()


def test_groups_are_kept(tmp_path):
    users = UserStore(tmp_path / "users.json")
    users.add_password("ann", "secret")
    assert users.groups("ann") == frozenset()
    assert users.groups("nobody") == frozenset()
    users.add_group("ann", ADMIN_GROUP)
    users.add_group("ann", ADMIN_GROUP)
    again = UserStore(tmp_path / "users.json")
    assert again.groups("ann") == {ADMIN_GROUP}
    assert again.check_password("ann", "secret")


def test_who_could_do_everything_before_there_were_groups_still_can(tmp_path):
    UserStore(tmp_path / "users.json").add_password("ann", "secret")
    file = tmp_path / "users.json"
    content = json.loads(file.read_text())
    content["version"] = 1
    del content["users"]["ann"]["groups"]
    file.write_text(json.dumps(content))
    users = UserStore(file)
    assert users.groups("ann") == {ADMIN_GROUP}
    users.add_password("bob", "secret")
    assert UserStore(file).groups("ann") == {ADMIN_GROUP}
    assert UserStore(file).groups("bob") == frozenset()
