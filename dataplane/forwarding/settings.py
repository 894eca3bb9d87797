"""Settings of the machine that keep packets from being forwarded: read, never written."""

from collections.abc import Iterator
from typing import Final

from dataplane.forwarding.bindings import Bindings
from dataplane.forwarding.devices import link_names, read_setting

STRICT: Final = 1
"""The value of rp_filter that drops packets whose source is not reached by the interface (RFC 3704)."""


def complaints(bindings: Bindings, *, ipv6: bool) -> Iterator[str]:
    """Yield what is wrong, in words; `ipv6`: there are entries of IPv6."""
    everywhere = read_setting("ipv4/conf/all/rp_filter") or 0
    strict = [name for name in _far_ends(bindings) if _is_strict(name, everywhere)]
    if everywhere == STRICT and strict:
        yield "net.ipv4.conf.all.rp_filter is 1: nothing comes out of the links to further tables"
    else:
        yield from (f"rp_filter of {name} is 1: nothing comes out of it" for name in strict)
    if bindings.upstream is not None:
        yield from _of_upstream(bindings.upstream[0], everywhere)
    if ipv6:
        yield from _of_ipv6(bindings)


def _of_upstream(name: str, everywhere: int) -> Iterator[str]:
    if _is_strict(name, everywhere):
        yield f"rp_filter of {name} is 1: streams whose source no route reaches by {name} are dropped"


def _is_strict(name: str, everywhere: int) -> bool:
    """The kernel goes by the higher one of the two values."""
    return max(everywhere, read_setting(f"ipv4/conf/{name}/rp_filter") or 0) == STRICT


def _far_ends(bindings: Bindings) -> Iterator[str]:
    return (link_names(number)[1] for number in range(1, bindings.placement.further + 1))


def _of_ipv6(bindings: Bindings) -> Iterator[str]:
    upstream = () if bindings.upstream is None else (bindings.upstream[0],)
    links = (*bindings.links_in_use(), *_far_ends(bindings))
    for name in (*upstream, *bindings.links, *links):
        if read_setting(f"ipv6/conf/{name}/disable_ipv6"):
            yield f"net.ipv6.conf.{name}.disable_ipv6 is 1: no IPv6 stream passes {name}"
