"""The verdict of `twincast status`, from what was told."""

from dataclasses import replace

import pytest

from cli.health import Copying, Dataplane, Health, Profile, Report, Server, Service
from cli.status import lines

SERVER = Server(sessions=1, since="2026-01-01T00:00:00Z")
DATAPLANE = Dataplane(True, True, "kernel")
SERVICE = Service("rbs1", True, "connected", "tls", "in-sync")
PROFILE = Profile("rbp3", "rbs1", "master", "backup", (Copying("igmp", "dhcp-stb", "active"),))


def report(
    server: Server = SERVER,
    dataplane: Dataplane = DATAPLANE,
    service: Service = SERVICE,
    profile: Profile = PROFILE,
) -> Report:
    return Report(server, dataplane, (service,), (profile,))


def copying(state: str, *, mismatch: bool = False) -> Profile:
    return replace(PROFILE, copying=(Copying("igmp", "dhcp-stb", state, mismatch),))


def test_a_router_with_nothing_wrong_is_well() -> None:
    assert (report().health, report().problems) == (Health.OK, ())
    assert [health.exit_status for health in Health] == [0, 1, 2]


@pytest.mark.parametrize("state", ["active", "admin-disabled", "service-disabled", "unbound", "blocked"])
def test_what_is_configured_is_well(state: str) -> None:
    assert report(profile=copying(state)).health is Health.OK


def test_a_profile_without_a_service_is_alone_by_configuration() -> None:
    assert report(profile=replace(copying("unmapped"), service="")).health is Health.OK


def test_a_service_that_is_disabled_is_well() -> None:
    disabled = Service("rbs1", False, "down")
    assert report(service=disabled, profile=copying("channel-down")).health is Health.OK


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        (report(service=replace(SERVICE, channel_state="connecting", last_down_reason="connection-refused")),
         "service rbs1: channel connecting: connection-refused"),
        (report(service=replace(SERVICE, sync_state="out-of-sync")), "service rbs1: out-of-sync"),
        (report(profile=replace(PROFILE, peer_role="master")), "profile rbp3: both routers are master"),
        (report(profile=copying("unmapped")), "profile rbp3: dhcp-stb igmp not copied: unmapped"),
        (report(profile=copying("active", mismatch=True)),
         "profile rbp3: dhcp-stb igmp set otherwise on the peer"),
        (report(dataplane=replace(DATAPLANE, plane="memory")),
         "dataplane: plane memory: nothing is forwarded"),
        (report(dataplane=replace(DATAPLANE, configured=False)), "dataplane: it has no configuration yet"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_does_not_work_is_told(found: Report, problem: str) -> None:
    assert [str(each) for each in found.problems] == [problem]
    assert found.health is Health.DEGRADED


def test_without_a_server_it_is_down() -> None:
    found = Report(Server(error="no server"), DATAPLANE)
    assert found.health is Health.DOWN
    assert [str(each) for each in found.problems] == ["server: no server"]


@pytest.mark.parametrize("reachable", [False, None])
def test_without_a_dataplane_it_is_down(reachable: bool | None) -> None:
    found = report(dataplane=Dataplane(reachable), service=Service("rbs1", True), profile=Profile("rbp3"))
    assert found.health is Health.DOWN
    assert [each.subject for each in found.problems] == ["dataplane"]


def test_a_user_who_may_not_ask_the_dataplane_is_told_of_the_rest() -> None:
    assert report(dataplane=Dataplane()).health is Health.OK


def test_a_person_reads_the_worst_twenty_and_that_there_are_more() -> None:
    many = tuple(replace(PROFILE, name=f"p{number}", peer_role="master") for number in range(25))
    shown = list(lines(Report(SERVER, DATAPLANE, (SERVICE,), many)))
    assert shown[0] == "twincast: degraded"
    assert "profiles   25: 25 master" in shown
    assert sum(line.startswith("problem") for line in shown) == 21
    assert shown[-1] == "problem    and 5 more; --json has all of them"
