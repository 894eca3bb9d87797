"""`twincast hash-password`: makes of a password what twincast-server keeps of it."""

import getpass
import sys

from server.access.users import LONGEST_PASSWORD, CredentialsError, hash_text, hashed


def hash_password() -> int:
    """Read one line, print its hash. Returns 0, or 1 for a password that cannot be used."""
    try:
        print(hash_text(hashed(_password())))
    except (CredentialsError, EOFError) as error:
        print(f"twincast hash-password: {error or 'no password was given'}", file=sys.stderr)
        return 1
    return 0


def _password() -> str:
    if sys.stdin.isatty():
        return getpass.getpass()
    return sys.stdin.readline(LONGEST_PASSWORD * 4).rstrip("\r\n")
