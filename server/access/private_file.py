"""Files that only the server's own user may read: credentials and keys."""

import os
import secrets
from pathlib import Path


class PrivateFileError(Exception):
    """A file with secrets in it can be read or written by others."""


def read_private(path: Path) -> bytes | None:
    """Return the contents, or None without such a file. Raises PrivateFileError when others may read it."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode & 0o777
            if mode & 0o077:
                raise PrivateFileError(f"{path} has mode {mode:04o}; others must not read it (chmod 600)")
            return file.read()
    except FileNotFoundError:
        return None


def write_private(path: Path, data: bytes) -> None:
    """Replace the file at once and durably, with mode 0600: a reader sees the old contents or the new."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
