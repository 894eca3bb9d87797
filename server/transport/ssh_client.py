"""The other end of the SSH transport: opens the subsystem netconf of a server (RFC 6242 section 3).

Server and user prove who they are as with OpenSSH: the host key is looked up in known_hosts, the user shows
keys of the agent, of a file or of ~/.ssh, or a password.
"""

import base64
import getpass
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import paramiko
from paramiko.hostkeys import InvalidHostKey

SECONDS: Final = 20.0
"""For each step until the session is there."""
_TRIES: Final = 3
"""Passwords that are asked for, as OpenSSH does."""


class SshError(Exception):
    """There is no connection; the text says why, and never a password."""


@dataclass(frozen=True, slots=True)
class Target:
    """A server and the user there. `identity` is a file with a private key, empty for the usual ones."""

    host: str
    port: int
    user: str
    identity: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """Whom to ask; both are None when nobody is there.

    `secret` returns a password for a question, `agrees` whether a question was answered with yes.
    """

    secret: Callable[[str], str] | None = None
    agrees: Callable[[str], bool] | None = None


def known_hosts() -> Path:
    """Return the file of the user's OpenSSH."""
    return Path.home() / ".ssh" / "known_hosts"


def fingerprint(key: paramiko.PKey) -> str:
    """Return the fingerprint of a key as `ssh-keygen -l` prints it."""
    digest = base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")
    return f"SHA256:{digest}"


class _Known(paramiko.MissingHostKeyPolicy):
    """Asks about a server that is not known; without somebody to ask it is refused."""

    def __init__(self, file: Path, person: Person) -> None:
        self._file = file
        self._person = person

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        """Accept and keep the key, or raise SshError."""
        print_of = f"{key.get_name()} {fingerprint(key)}"
        if client.get_host_keys().lookup(hostname):
            raise SshError(f"{hostname} showed a key of another kind than the known one: {print_of}")
        if self._person.agrees is None:
            raise SshError(f"the host key of {hostname} is not in {self._file}: {print_of}")
        question = f"The host {hostname} is not known. Its key is {print_of}.\nConnect, and keep the key?"
        if not self._person.agrees(question):
            raise SshError(f"the host key of {hostname} was not accepted")
        client.get_host_keys().add(hostname, key.get_name(), key)
        _remember(self._file, f"{hostname} {key.get_name()} {key.get_base64()}\n")


def _remember(file: Path, line: str) -> None:
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a") as known:
            known.write(line)
    except OSError as error:
        raise SshError(f"the host key cannot be kept in {file}: {error.strerror}") from error


class SshClient:
    """A connection with one session of the subsystem netconf. Raises SshError."""

    def __init__(self, target: Target, person: Person) -> None:
        self._target = target
        self._client = paramiko.SSHClient()
        file = known_hosts()
        self._client.set_missing_host_key_policy(_Known(file, person))
        try:
            self._load(file)
            self._log_in(person)
            self.channel = self._open()
            """The bytes of the session."""
        except BaseException:
            self._client.close()
            raise

    def _load(self, file: Path) -> None:
        try:
            if file.exists():
                self._client.load_host_keys(str(file))
        except (OSError, InvalidHostKey) as error:
            raise SshError(f"{file} cannot be read: {error}") from error

    def _log_in(self, person: Person) -> None:
        """With keys first; a password is asked for when none of them is accepted."""
        passphrase = self._passphrase(person)
        try:
            self._connect(passphrase=passphrase)
            return
        except paramiko.AuthenticationException as error:
            refused = error
        if person.secret is None:
            raise SshError(f"{self._name} accepts none of the keys: {refused}") from refused
        for _ in range(_TRIES):
            try:
                self._connect(password=person.secret(f"Password of {self._name}: "))
                return
            except paramiko.AuthenticationException as error:
                refused = error
        raise SshError(f"{self._name} refused the password: {refused}") from refused

    @property
    def _name(self) -> str:
        return f"{self._target.user}@{self._target.host}"

    def _passphrase(self, person: Person) -> str | None:
        """Ask for the passphrase of a key file that was named and has one."""
        if not self._target.identity:
            return None
        try:
            paramiko.PKey.from_path(self._target.identity)
        except (paramiko.PasswordRequiredException, TypeError) as error:
            if person.secret is None:
                raise SshError(f"{self._target.identity} has a passphrase: use the agent") from error
            return person.secret(f"Passphrase of {self._target.identity}: ")
        except (OSError, ValueError, paramiko.SSHException) as error:
            raise SshError(f"{self._target.identity} is no private key: {error}") from error
        return None

    def _connect(self, *, password: str | None = None, passphrase: str | None = None) -> None:
        target = self._target
        try:
            self._client.connect(
                target.host,
                target.port,
                target.user,
                password=password,
                passphrase=passphrase,
                key_filename=target.identity or None,
                allow_agent=password is None,
                look_for_keys=password is None and not target.identity,
                timeout=SECONDS,
                banner_timeout=SECONDS,
                auth_timeout=SECONDS,
            )
        except paramiko.AuthenticationException:
            raise
        except paramiko.BadHostKeyException as error:
            raise SshError(
                f"the host key of {target.host} has changed: expected {fingerprint(error.expected_key)}, "
                f"got {fingerprint(error.key)}. Somebody may be in between. If the server has a new key, "
                f"remove the old one from {known_hosts()}"
            ) from error
        except paramiko.SSHException as error:
            if "No authentication methods" in str(error):
                raise paramiko.AuthenticationException("there are none") from error
            raise SshError(f"{target.host}:{target.port}: {error}") from error
        except OSError as error:
            raise SshError(f"{target.host}:{target.port}: {error.strerror or error}") from error

    def _open(self) -> paramiko.Channel:
        transport = self._client.get_transport()
        try:
            if transport is None:
                raise SshError(f"{self._name}: the connection is gone")
            channel = transport.open_session(timeout=SECONDS)
            channel.invoke_subsystem("netconf")
        except paramiko.SSHException as error:
            raise SshError(f"{self._name}: there is no subsystem netconf: {error}") from error
        return channel

    def close(self) -> None:
        """End the connection."""
        self._client.close()


def at_the_terminal() -> Person:
    """Return the person at the terminal, if there is one: also when standard input is a script."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR))
    except OSError:
        return Person()
    return Person(getpass.getpass, _agrees)


def _agrees(question: str) -> bool:
    terminal = Path("/dev/tty")
    with terminal.open("w", encoding="utf-8") as out, terminal.open(encoding="utf-8") as answer:
        out.write(f"{question} (yes/no) ")
        out.flush()
        return answer.readline().strip().lower() == "yes"
