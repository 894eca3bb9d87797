"""The lists of subscribers that a site feeds: who is copied at all (rule 14). Pure.

A list comes in parts, so that nothing else waits for a long one, and takes the place of the one before with
its last part, at once. A profile without a list of its own has the one that is for all.
"""

from typing import Final

from dataplane.actions import (
    ActionRefused,
    ClearSubscribers,
    LoadSubscribers,
    Outcome,
    SubscribersCleared,
    SubscribersLoaded,
)
from dataplane.engine.effects import Answer
from dataplane.engine.world import LoadedList, LoadingList, Profile, World
from dataplane.subscriber_list import MAX_PATTERNS, PatternError, SubscriberList

FOR_ALL: Final = ""
"""The name of the list of profiles that have none of their own."""
MAX_LISTS: Final = 1024


def load(world: World, order: LoadSubscribers, now: float) -> None:
    """Take a part of a list."""
    world.out.append(Answer(_load(world, order, now)))


def _load(world: World, order: LoadSubscribers, now: float) -> Outcome:
    if order.first:
        if len(world.subscriber_lists) >= MAX_LISTS and order.profile not in world.subscriber_lists:
            return ActionRefused("too-many-lists", f"There are {MAX_LISTS} subscriber lists already.")
        world.loading = LoadingList(order.loading, order.profile, SubscriberList())
    loading = world.loading
    if loading is None or (loading.number, loading.profile) != (order.loading, order.profile):
        return ActionRefused("superseded", "Another subscriber list is being loaded.")
    try:
        for pattern in order.patterns:
            loading.patterns.add(pattern)
    except PatternError as error:
        world.loading = None
        return ActionRefused("not-a-subscriber", f"{error}.")
    if len(loading.patterns) > MAX_PATTERNS:
        world.loading = None
        return ActionRefused("too-many-subscribers", f"A list holds at most {MAX_PATTERNS} subscribers.")
    if order.last:
        world.loading = None
        world.subscriber_lists[order.profile] = LoadedList(loading.patterns, world.wall(now))
        _assign(world)
    return SubscribersLoaded(len(loading.patterns))


def clear(world: World, order: ClearSubscribers, now: float) -> None:  # noqa: ARG001
    """Forget a list: every subscriber is copied again, or those that the list for all has."""
    known = world.subscriber_lists.pop(order.profile, None)
    _assign(world)
    world.out.append(Answer(SubscribersCleared(0 if known is None else len(known.patterns))))


def _assign(world: World) -> None:
    for profile in world.profiles.values():
        assign(world, profile)


def assign(world: World, profile: Profile) -> None:
    """Give a profile the list that is for it."""
    lists = world.subscriber_lists
    profile.subscribers = lists.get(profile.config.name) or lists.get(FOR_ALL)
