"""What a batch says of the time after the timers that run: states as they will be, and side by side. Pure."""

from typing import Final

import msgspec

from dataplane.membership.groups import EntryState, FilterMode, SourceState

_INCLUDE: Final = FilterMode.INCLUDE
_EXCLUDE: Final = FilterMode.EXCLUDE


def longer(state: EntryState, promised: EntryState | None) -> EntryState:
    """The state with the lifetimes that were promised where they are longer."""
    if promised is None:
        return state
    until = {source.address: source.lifetime for source in promised.sources}
    sources = tuple(
        SourceState(each.address, max(each.lifetime, until.get(each.address, 0.0)), each.up_since)
        for each in state.sources
    )
    lifetime = state.lifetime
    if state.filter_mode is promised.filter_mode:
        lifetime = max(lifetime, promised.lifetime)
    return msgspec.structs.replace(state, lifetime=lifetime, sources=sources)


def aged(state: EntryState, seconds: float) -> EntryState | None:
    """What is left of a state after some time; None when all its timers have ended."""
    sources = tuple(
        SourceState(source.address, max(source.lifetime - seconds, 0.0))
        for source in state.sources
        if source.lifetime <= 0 or source.lifetime > seconds
    )
    if state.filter_mode is _EXCLUDE and state.lifetime > seconds:
        return msgspec.structs.replace(state, lifetime=state.lifetime - seconds, sources=sources)
    running = tuple(source for source in sources if source.lifetime > 0)
    return msgspec.structs.replace(state, filter_mode=_INCLUDE, sources=running) if running else None
