"""Users and their credentials: scrypt password hashes and authorised public keys, in one file.

Knows nothing of transports; they ask it. No secret is ever logged or part of an error's text.
"""

import base64
import hashlib
import hmac
import re
import secrets
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

from server.access.private_file import PrivateFileError, read_private, write_private

KEY_TYPES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")
LONGEST_NAME = 64
LONGEST_PASSWORD = 1024
SMALLEST_RSA_KEY = 2048
CONCURRENT_HASHES = 2
"""Each scrypt takes 16 MiB and a core for some 40 ms; others wait their turn."""

ADMIN_GROUP = "admin"
"""Its members may do everything (the recovery session of RFC 8341 section 3.3.1)."""

_VERSION = 2
_BEFORE_GROUPS = 1
"""The version of the file in which every user might do everything."""
_MEMORY = 160 * 1024 * 1024
"""Bytes that one hash may take: 128 MiB at the highest cost that is accepted."""
_SALT_SIZE = 16
_HASH_SIZE = 32
_HASH = re.compile(r"\$scrypt\$ln=(1[0-7]),r=8,p=1\$([A-Za-z0-9+/]{22})\$([A-Za-z0-9+/]{43})")


class CredentialsError(Exception):
    """Credentials that were given cannot be used; the text says which line and why."""


class ScryptHash(msgspec.Struct, frozen=True):
    """A password as scrypt (RFC 7914) keeps it. `n`, `r`, `p` are its cost parameters."""

    salt: bytes
    digest: bytes
    n: int = 2**14
    r: int = 8
    p: int = 1


class AuthorizedKey(msgspec.Struct, frozen=True):
    """A public key in the wire format of RFC 4253 section 6.6."""

    type: str
    blob: bytes
    comment: str = ""


class User(msgspec.Struct, frozen=True):
    """What one user may log in with, and the groups that he is in whatever the configuration says."""

    password: ScryptHash | None = None
    keys: tuple[AuthorizedKey, ...] = ()
    groups: tuple[str, ...] = ()


class _UsersFile(msgspec.Struct, frozen=True):
    users: dict[str, User]
    version: int = _VERSION


class UserStore:
    """The users in `path` (JSON, mode 0600, replaced atomically) and those of the configuration. Thread-safe.

    Raises CredentialsError when the file is there and cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._users = _load(path)
        self._configured: dict[str, User] = {}
        self._changing = threading.Lock()
        self._hashing = threading.BoundedSemaphore(CONCURRENT_HASHES)
        self._nobody = ScryptHash(secrets.token_bytes(_SALT_SIZE), secrets.token_bytes(_HASH_SIZE))

    @property
    def names(self) -> tuple[str, ...]:
        """The users there are, sorted."""
        return tuple(sorted(self._users))

    def add_password(self, user: str, clear: str) -> None:
        """Set the password of `user` and save. Raises CredentialsError when it is empty or too long."""
        stored = hashed(clear)
        self._change(user, lambda known: msgspec.structs.replace(known, password=stored))

    def add_keys(self, user: str, authorized_keys: str) -> int:
        """Add every key of an authorized_keys text to `user` and save; return how many there are in it.

        Raises CredentialsError naming the line of an entry that is malformed, of an unusable type or has
        options (which Twincast does not enforce and so must not ignore).
        """
        keys = parse_authorized_keys(authorized_keys)
        self._change(user, lambda known: msgspec.structs.replace(known, keys=_joined(known.keys, keys)))
        return len(keys)

    def add_group(self, user: str, group: str) -> None:
        """Put `user`, whom there may not have been before, into `group` and save."""
        if group not in self.stored(user).groups:
            self._change(user, lambda known: msgspec.structs.replace(known, groups=(*known.groups, group)))

    def groups(self, user: str) -> frozenset[str]:
        """The groups of `user`; none for one who is not known."""
        return frozenset(group for entry in self._entries(user) for group in entry.groups)

    def by_password(self, user: str, clear: str) -> str:
        """Return the credential that `clear` is as the password of `user`, empty when it is none.

        An unknown user costs as much as a known one.
        """
        candidate = _password_bytes(clear)[: LONGEST_PASSWORD + 1]
        stored = [entry.password for entry in self._entries(user) if entry.password is not None]
        with self._hashing:
            good = [each for each in stored or [self._nobody] if _matches(each, candidate)]
        return credential(good[0]) if good and stored else ""

    def by_key(self, user: str, blob: bytes) -> str:
        """Return the credential that a public key (RFC 4253 section 6.6) is, empty when not authorised."""
        keys = [key for entry in self._entries(user) for key in entry.keys]
        good = [key for key in keys if hmac.compare_digest(key.blob, blob)]
        return credential(good[0]) if good else ""

    def check_password(self, user: str, clear: str) -> bool:
        """Whether `clear` is the password of `user`."""
        return bool(self.by_password(user, clear))

    def check_key(self, user: str, blob: bytes) -> bool:
        """Whether the public key `blob` is authorised for `user`."""
        return bool(self.by_key(user, blob))

    def configure(self, users: Mapping[str, User]) -> None:
        """Take these users beside those of the file, in place of those that were given before."""
        self._configured = dict(users)

    def stored(self, user: str) -> User:
        """Return what the file says of a user."""
        return self._users.get(user, User())

    def _entries(self, user: str) -> tuple[User, ...]:
        return tuple(users[user] for users in (self._users, self._configured) if user in users)

    def _change(self, user: str, change: Callable[[User], User]) -> None:
        if not user.isprintable() or " " in user or not 0 < len(user) <= LONGEST_NAME:
            raise CredentialsError(f"a user name has 1 to {LONGEST_NAME} printable characters and no space")
        with self._changing:
            users = {**self._users, user: change(self._users.get(user, User()))}
            write_private(self._path, msgspec.json.format(msgspec.json.encode(_UsersFile(users)), indent=2))
            self._users = users


def hashed(clear: str) -> ScryptHash:
    """Return the hash of a password with a new salt. Raises CredentialsError when it is empty or too long."""
    candidate = _password_bytes(clear)
    if not 0 < len(candidate) <= LONGEST_PASSWORD:
        raise CredentialsError(f"a password has 1 to {LONGEST_PASSWORD} bytes")
    empty = ScryptHash(secrets.token_bytes(_SALT_SIZE), b"")
    return msgspec.structs.replace(empty, digest=_scrypt(empty, candidate))


def hash_text(stored: ScryptHash) -> str:
    """Return a hash as the password-hash of twincast-server."""
    salt, digest = (base64.b64encode(part).decode().rstrip("=") for part in (stored.salt, stored.digest))
    return f"$scrypt$ln={stored.n.bit_length() - 1},r={stored.r},p={stored.p}${salt}${digest}"


def parse_hash(text: str) -> ScryptHash:
    """Read a password-hash of twincast-server; raises CredentialsError."""
    found = _HASH.fullmatch(text)
    if found is None:
        raise CredentialsError("not a password hash as `twincast hash-password` makes it")
    cost, salt, digest = found.groups()
    return ScryptHash(base64.b64decode(salt + "=="), base64.b64decode(digest + "="), 1 << int(cost))


def credential(secret: ScryptHash | AuthorizedKey) -> str:
    """Return what stands for a credential without telling it: equal for equal ones."""
    kind = "password" if isinstance(secret, ScryptHash) else "key"
    return f"{kind}:{hashlib.sha256(msgspec.json.encode(_bare(secret))).hexdigest()}"


def credentials(user: User) -> frozenset[str]:
    """Return the credentials of a user."""
    found = {credential(key) for key in user.keys}
    return frozenset(found if user.password is None else {*found, credential(user.password)})


def _bare(secret: ScryptHash | AuthorizedKey) -> ScryptHash | bytes:
    """A key is the same whatever its comment says."""
    return secret if isinstance(secret, ScryptHash) else secret.blob


def parse_authorized_keys(text: str) -> tuple[AuthorizedKey, ...]:
    """Read an authorized_keys text (sshd(8)). Raises CredentialsError naming the line."""
    keys = []
    for number, line in enumerate(text.splitlines(), start=1):
        entry = line.strip()
        if not entry or entry.startswith("#"):
            continue
        try:
            keys.append(parse_key(entry))
        except CredentialsError as error:
            raise CredentialsError(f"authorized keys, line {number}: {error}") from None
    return tuple(keys)


def parse_key(entry: str) -> AuthorizedKey:
    """Read one key as OpenSSH writes it. Raises CredentialsError."""
    kind, _, rest = entry.partition(" ")
    if kind not in KEY_TYPES:
        if any(f" {known} " in entry for known in KEY_TYPES):
            raise CredentialsError("options before the key are not supported")
        raise CredentialsError(f"keys of type {kind[:40]!r} are not supported")
    encoded, _, comment = rest.strip().partition(" ")
    try:
        key = load_ssh_public_key(f"{kind} {encoded}".encode())
        blob = base64.b64decode(encoded, validate=True)
    except (ValueError, UnsupportedAlgorithm):
        raise CredentialsError("the key is malformed") from None
    if isinstance(key, RSAPublicKey) and key.key_size < SMALLEST_RSA_KEY:
        raise CredentialsError(f"an RSA key has at least {SMALLEST_RSA_KEY} bits")
    return AuthorizedKey(kind, blob, comment.strip())


def _joined(known: tuple[AuthorizedKey, ...], added: tuple[AuthorizedKey, ...]) -> tuple[AuthorizedKey, ...]:
    """Both without repeats; a blob counts once, whatever its comment."""
    return tuple({key.blob: key for key in (*known, *added)}.values())


def _password_bytes(clear: str) -> bytes:
    return clear.encode(errors="surrogatepass")


def _matches(stored: ScryptHash, candidate: bytes) -> bool:
    return hmac.compare_digest(_scrypt(stored, candidate), stored.digest)


def _scrypt(stored: ScryptHash, candidate: bytes) -> bytes:
    return hashlib.scrypt(
        candidate, salt=stored.salt, n=stored.n, r=stored.r, p=stored.p, maxmem=_MEMORY, dklen=_HASH_SIZE
    )


def _load(path: Path) -> dict[str, User]:
    try:
        data = read_private(path)
        return _users_of(msgspec.json.decode(data, type=_UsersFile)) if data is not None else {}
    except PrivateFileError as error:
        raise CredentialsError(str(error)) from None
    except msgspec.DecodeError as error:
        raise CredentialsError(f"{path} is damaged: {error}") from None


def _users_of(file: _UsersFile) -> dict[str, User]:
    """The users of a file; one of the time before groups has administrators only."""
    if file.version > _BEFORE_GROUPS:
        return file.users
    return {name: msgspec.structs.replace(user, groups=(ADMIN_GROUP,)) for name, user in file.users.items()}
