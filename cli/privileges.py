"""Giving up privileges: what a child process does not need, it does not keep.

Owns the system calls for it (capabilities(7), prctl(2)); a process that has none loses none.
"""

import ctypes
import os
import signal
from enum import IntEnum

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_CAPABILITY_VERSION_3 = 0x20080522


class Capability(IntEnum):
    """The capabilities that the dataplane works with."""

    NET_ADMIN = 12
    NET_RAW = 13


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Data(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def keep_only(*capabilities: Capability) -> None:
    """Drop every capability but these, for good; one that is not held is not gained.

    Raises OSError when the kernel refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    header = _Header(_CAPABILITY_VERSION_3, 0)
    held = (_Data * 2)()
    _check(libc.capget(ctypes.byref(header), held))
    wanted = sum(1 << capability for capability in capabilities)
    low = held[0].permitted & wanted
    kept = (_Data * 2)(_Data(low, low, 0), _Data(0, 0, 0))
    _check(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _check(libc.capset(ctypes.byref(header), kept))


def die_with(parent: int) -> None:
    """End this process by SIGTERM when process `parent`, which started it, ends in whatever way."""
    libc = ctypes.CDLL(None, use_errno=True)
    _check(libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0))
    if os.getppid() != parent:
        raise SystemExit(1)


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
