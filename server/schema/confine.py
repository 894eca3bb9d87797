"""Gives up what the validator child does not need: capabilities, new privileges, processes, descriptors."""

import ctypes
import logging
import os
import resource

_LOG = logging.getLogger("twincast.schema.confine")

# linux/prctl.h and linux/capability.h
_PR_SET_NO_NEW_PRIVS = 38
_CAPABILITY_VERSION_3 = 0x20080522

MEMORY_LIMIT = 4 * 1024**3
"""Bytes of address space: validating 100,000 entries takes about 200 MB."""
DESCRIPTOR_LIMIT = 64


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapabilityData(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def confine(memory_limit: int = MEMORY_LIMIT) -> None:
    """Confine the calling process for good; what the kernel refuses is logged and left."""
    libc = ctypes.CDLL(None, use_errno=True)
    _checked("no-new-privileges", libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    header = _CapabilityHeader(_CAPABILITY_VERSION_3, 0)
    nothing = (_CapabilityData * 2)()
    _checked("capabilities", libc.capset(ctypes.byref(header), ctypes.byref(nothing)))
    _limit(resource.RLIMIT_AS, memory_limit)
    _limit(resource.RLIMIT_NOFILE, DESCRIPTOR_LIMIT)
    _limit(resource.RLIMIT_NPROC, 0)
    _limit(resource.RLIMIT_CORE, 0)


def _checked(what: str, result: int) -> None:
    if result != 0:
        reason = os.strerror(ctypes.get_errno())
        _LOG.warning("validator-not-confined", extra={"what": what, "reason": reason})


def _limit(which: int, value: int) -> None:
    """Lower a resource limit; a lower hard limit that is set already stays."""
    _soft, hard = resource.getrlimit(which)
    limit = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (limit, limit))
