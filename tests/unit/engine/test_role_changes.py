"""Roles in unlucky moments: spare upstreams and profiles that come later."""

from ipaddress import IPv4Address

import msgspec
import pytest

from dataplane.config import ETrunkArbitration, ProfileConfig
from dataplane.engine import effects
from tests.support.routers import CORE, PORT, SERVICE, Pair, access, profile, upstream

TRUNK = ETrunkArbitration(1, hello_interval=0.1, revert_delay=1.0)


def trunk(priority: int, **changes: object) -> ProfileConfig:
    return profile(arbitration=msgspec.structs.replace(TRUNK, priority=priority, **changes))


def trunks(**changes: object) -> Pair:
    """Router a is the preferred one, and master; a member is known to both."""
    pair = Pair()
    pair.start(trunk(10, **changes), trunk(20, **changes))
    pair.run(2.0)
    pair.a.join()
    pair.run(0.1)
    assert roles(pair) == ("master", "backup")
    return pair


def roles(pair: Pair) -> tuple[str, str]:
    return pair.a.profile_state().local_role, pair.b.profile_state().local_role


def groups(count: int) -> list[IPv4Address]:
    return [IPv4Address(f"239.2.{number // 250}.{number % 250 + 1}") for number in range(count)]


def test_rule_12_failback_waits_for_the_joins_on_a_spare_upstream_too() -> None:
    pair = Pair()
    for router, priority in ((pair.a, 10), (pair.b, 20)):
        for number, name in enumerate((PORT, CORE, "core1"), 1):
            router.link(name, number)
        settings = trunk(priority, revertive=priority == 20, revert_delay=0.0)
        router.configure(router.service(), settings, access(), upstream(), upstream("core1", 200))
    pair.run(2.0)
    for group in groups(1000):
        pair.b.join(group)
    pair.run(1.0)
    pair.a.configure(trunk(30, revert_delay=0.0))
    pair.b.order.clear()
    pair.b.link(CORE, 2, up=False)  # the spare is joined to now
    pair.run(1.0)
    assert roles(pair) == ("backup", "master")
    done = pair.b.order
    before = done[: done.index(effects.SetActive(PORT, True))]
    reports = [report for each in before if isinstance(each, effects.SendReports) for report in each.reports]
    assert len({record.group for report in reports for record in report.records}) == 1000


def test_rule_12_failback_waits_for_the_batch_of_a_profile_that_comes_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pair = trunks(revert_delay=0.0)
    late = ProfileConfig("late", SERVICE, 8, arbitration=msgspec.structs.replace(TRUNK, revert_delay=0.0))
    for router in (pair.a, pair.b):
        router.link("access1", 3)
    pair.b.configure(late, access("access1", profile="late"))
    pair.run(1.0)
    assert pair.b.profile_state("late").local_role == "master"
    for group in groups(300):
        pair.b.join(group, interface="access1")
    pair.run(0.1)
    held: list[bytes] = []
    monkeypatch.setattr(pair.b, "outbox", Held(held))
    pair.a.configure(late, access("access1", profile="late"))
    pair.run(1.5)
    assert pair.a.profile_state("late").local_role == "backup"
    monkeypatch.undo()
    pair.b.outbox.extend(held)
    pair.run(0.5)
    assert pair.a.profile_state("late").local_role == "master"
    assert len(pair.a.groups(interface="access1")) == 300


class Held:
    """An outbox that nothing leaves: the octets wait in a slow channel."""

    def __init__(self, held: list[bytes]) -> None:
        self.append = held.append

    def __bool__(self) -> bool:
        return False
