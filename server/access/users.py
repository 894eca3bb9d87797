"""Users and their credentials: scrypt password hashes and authorised public keys, in one file.

Pure of transports; the SSH transport asks it. Nothing here logs a secret.
"""

from pathlib import Path


class CredentialsError(Exception):
    """Credentials that were given cannot be used; the text says which line and why."""


class UserStore:
    """The users in `path` (JSON, mode 0600, replaced atomically). Thread-safe."""

    def __init__(self, path: Path) -> None:
        raise NotImplementedError

    @property
    def names(self) -> tuple[str, ...]:
        """The users there are, sorted."""
        raise NotImplementedError

    def add_password(self, user: str, clear: str) -> None:
        """Set the password of `user` and save. Raises CredentialsError when it is empty or too long."""
        raise NotImplementedError

    def add_keys(self, user: str, authorized_keys: str) -> int:
        """Add every key of an authorized_keys text to `user` and save; return how many there are in it.

        Raises CredentialsError naming the line of an entry that is malformed, of an unusable type, or has options.
        """
        raise NotImplementedError

    def check_password(self, user: str, clear: str) -> bool:
        """Whether `clear` is the password of `user`; an unknown user costs as much as a known one."""
        raise NotImplementedError

    def check_key(self, user: str, algorithm: str, blob: bytes) -> bool:
        """Whether the public key `blob` (RFC 4253 section 6.6) is authorised for `user`."""
        raise NotImplementedError
