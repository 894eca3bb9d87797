"""The scenarios of `twincast lab --scenario`: each does what its name says and records what a viewer saw."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence

from cli.lab import keepalived
from cli.lab.hosts import LabError
from cli.lab.play import QUERY_INTERVAL, QUERY_RESPONSE
from cli.lab.scenes import Scenario, ScenarioName, Scene
from cli.lab.stage import Recording, Stage, role_is
from cli.lab.timeline import MarkKind, Timeline
from cli.lab.topology import CHANNEL_INTERFACE

ALLOWED_LINK = 5
"""Lost packets of 1,000 a second where the master itself sees its core link fail."""
ALLOWED_DEATH = 500
"""Where hellos of 100 ms times 3 have to be missed first, and the kernel's clean-up is in the way."""
ALLOWED_VRRP = 100
"""Where keepalived gives the address up and the other takes it: for some milliseconds nobody has it."""
ALLOWED_STORM = 100
"""Where the change of role has to wait its turn among a storm of reports."""
ZAP_FIRST = "239.160.0.0"
STORM_SECONDS = 10
"""How long the last entries may take on a machine that has other work."""


def core_link(stage: Stage) -> Scenario:
    """The master's core link fails: once with copied joins, once after the procedure turned copying off."""
    groups = stage.joined(stage.a, stage.b)
    copied = Scene(
        "joins copied", "igmp-copy is true: the backup had the entry.", _cut(stage, groups), ALLOWED_LINK
    )
    stage.restored(groups)
    recording = Recording(stage, stage.player.block()[0], member=False)
    group = recording.group
    recording.goes_on(0.5)
    recording.mark(MarkKind.COMMIT, "undo igmp-copy")
    stage.player.copy(enabled=False)
    recording.mark(MarkKind.OTHER, "join")
    stage.player.join([group])
    recording.arrives()
    line = _fail(stage, recording)
    lost = Scene(
        "joins not copied",
        "The operator commits `undo dhcp-stb igmp-copy`, then a set-top box joins: the backup knows nothing "
        "of it.",
        line,
        None,
    )
    stage.player.copy(enabled=True)
    stage.restored([group])
    return _scenario(
        ScenarioName.CORE_LINK,
        "The core link of the master fails",
        "Only the master hears the set-top boxes. Its link to the core is cut while a stream runs.",
        copied,
        lost,
    )


def _cut(stage: Stage, groups: Sequence[str]) -> Timeline:
    return _fail(stage, Recording(stage, groups[0]))


def _fail(stage: Stage, recording: Recording) -> Timeline:
    """Cut the core link of router a in the middle of a recording, and end it."""
    recording.goes_on(stage.pace.before)
    recording.fail("core link fails", lambda: stage.topology.cut_core_link(stage.a.site))
    recording.goes_on(stage.pace.after)
    return recording.end()


def re_enable(stage: Stage) -> Scenario:
    """Joins that were not copied are, with one batch, once copying is on again."""
    stage.player.copy(enabled=False)
    groups = stage.joined(stage.a)
    unknown = len(stage.player.entries(stage.b, groups))
    recording = Recording(stage, groups[0])
    recording.goes_on(stage.pace.before / 2)
    recording.mark(MarkKind.COMMIT, "igmp-copy")
    stage.player.copy(enabled=True)
    stage.player.wait_for_entries(stage.b, groups)
    recording.mark(MarkKind.OTHER, "batch done")
    scene = Scene(
        "copied by the batch",
        "Nothing is said by the set-top boxes after the commit: the batch carries what they said before.",
        _fail(stage, recording),
        ALLOWED_LINK,
    )
    stage.restored(groups)
    return _scenario(
        ScenarioName.RE_ENABLE,
        "Copying is turned on again",
        "Joins were heard while igmp-copy was false. The operator commits `dhcp-stb igmp-copy`, and a batch "
        "follows.",
        scene,
        facts={"entries on the backup before the commit": str(unknown)},
        found=[f"{unknown} entries on the backup that nobody copied"] if unknown else [],
    )


def zapping_storm(stage: Stage) -> Scenario:
    """Fifty set-top boxes zap as fast as they can, and the core link fails meanwhile."""
    groups = stage.joined(stage.a, stage.b)
    zaps, rate = str(stage.pace.zaps), stage.pace.zap_rate
    watcher = _program(
        stage.topology.b.namespace.popen, "watch", zaps, str(stage.pace.zaps / rate + STORM_SECONDS)
    )
    if watcher.stdout is None or watcher.stdout.readline() != b"watching\n":
        raise LabError("the program that watches the kernel did not start")
    recording = Recording(stage, groups[0])
    recording.mark(MarkKind.OTHER, "storm")
    sender = _program(stage.topology.stbs[1].popen, "zap", "eth0", zaps, str(rate), ZAP_FIRST)
    line = _fail(stage, recording)
    sent, seen = (json.loads(each.communicate()[0]) for each in (sender, watcher))
    latencies = [(seen[group] - sent[group]) / 1e6 for group in sent if group in seen]
    stage.restored(groups)
    scene = Scene(
        "a stream during the storm", "One set-top box that stays with its channel.", line, ALLOWED_STORM
    )
    return _scenario(
        ScenarioName.ZAPPING_STORM,
        "A zapping storm, and the core link fails",
        f"50 set-top boxes change the channel {rate} times a second, each time to one that nobody "
        "watches. A latency is the time from the report on the wire to the entry in the backup's kernel.",
        scene,
        facts={"zaps": f"{stage.pace.zaps:,}, {rate} a second"},
        latencies=latencies,
        missing=len(sent) - len(latencies),
    )


def _program(popen: Callable[..., "subprocess.Popen[bytes]"], *arguments: str) -> "subprocess.Popen[bytes]":
    return popen([sys.executable, "-P", "-m", "cli.lab.joins", *arguments], stdout=subprocess.PIPE)


def node_death(stage: Stage) -> Scenario:
    """The master loses its power: its links go down, its processes are gone, and it is started again."""
    groups = stage.joined(stage.a, stage.b)
    recording = Recording(stage, groups[0])
    recording.goes_on(stage.pace.before)
    recording.fail("router a dies", lambda: _power(stage, on=False))
    role_is(stage, stage.b, "master")
    recording.goes_on(stage.pace.after)
    line = recording.end()
    _power(stage, on=True)
    stage.step("router a starts")
    stage.player.wait_for_roles()
    stage.player.wait_for_entries(stage.a, groups)
    stage.restored(groups)
    return _scenario(
        ScenarioName.NODE_DEATH,
        "The master dies",
        "The power of router a fails. The backup has to miss three hellos of 100 ms before it takes the "
        "role; router a is started again afterwards and gets its entries back from router b.",
        Scene(
            "a stream when the master dies", "The outage is the time of three hellos.", line, ALLOWED_DEATH
        ),
    )


def _power(stage: Stage, *, on: bool) -> None:
    """The link to the other router goes first: one that loses its power says no goodbye."""
    topology, site = stage.topology, stage.a.site
    (site.namespace.up if on else site.namespace.down)(CHANNEL_INTERFACE)
    if not on:
        stage.a.kill()
    for space, name in ((site.cut, "inner"), (topology.access, site.access_port)):
        (space.up if on else space.down)(name)
    if on:
        stage.a.start_again()


def partition(stage: Stage) -> Scenario:
    """The link between the routers fails: both are master, until it is back."""
    groups = stage.joined(stage.a, stage.b)
    recording = Recording(stage, groups[0])
    recording.goes_on(stage.pace.before)
    recording.fail("channel link fails", lambda: stage.b.site.namespace.down(CHANNEL_INTERFACE))
    role_is(stage, stage.b, "master")
    during = stage.joined(stage.a)
    recording.goes_on(stage.pace.after / 2)
    unknown = len(stage.player.entries(stage.b, during))
    recording.mark(MarkKind.OTHER, "mended")
    stage.b.site.namespace.up(CHANNEL_INTERFACE)
    stage.player.wait_for_roles()
    stage.player.wait_for_entries(stage.b, during)
    recording.goes_on(stage.pace.after / 2)
    line = recording.end()
    stage.restored([*groups, *during])
    return _scenario(
        ScenarioName.PARTITION,
        "The routers do not hear each other",
        "The link that carries channel and hellos fails. Router b takes the role as well: the stream "
        "arrives twice until the link is back, and is never missing. Joins of that time come with the batch.",
        Scene("a stream during the partition", "Twice the rate: both routers forward.", line, ALLOWED_LINK),
        facts={
            "packets that arrived twice": f"{line.twice():,}",
            "joined meanwhile": f"{len(during)} groups, on the backup before the batch: {unknown}",
        },
    )


def vrrp(stage: Stage) -> Scenario:
    """keepalived decides: it is stopped on the master."""
    title, text = (
        "The role follows VRRP",
        (
            "A keepalived on each router owns the virtual address, on the link between the routers; the role "
            "follows the address. On the master it is stopped, then started again."
        ),
    )
    if keepalived.PROGRAM is None:
        return Scenario(ScenarioName.VRRP, title, text, skipped=keepalived.MISSING)
    stage.step("keepalived starts on both routers")
    with keepalived.following(stage.laboratory.routers, QUERY_INTERVAL, QUERY_RESPONSE) as (first, _):
        role_is(stage, stage.a, "master")
        groups = stage.joined(stage.a, stage.b)
        recording = Recording(stage, groups[0])
        recording.goes_on(stage.pace.before)
        recording.fail("keepalived stops", first.stop)
        role_is(stage, stage.b, "master")
        recording.goes_on(stage.pace.after)
        recording.mark(MarkKind.OTHER, "starts again")
        first.start()
        role_is(stage, stage.a, "master")
        recording.goes_on(stage.pace.after / 2)
        line = recording.end()
    stage.prepare()
    stage.restored(groups)
    scene = Scene(
        "a stream over failover and failback",
        "What is lost is the time without an owner.",
        line,
        ALLOWED_VRRP,
    )
    return _scenario(ScenarioName.VRRP, title, text, scene)


def _scenario(
    name: ScenarioName,
    title: str,
    text: str,
    *scenes: Scene,
    facts: Mapping[str, str] | None = None,
    latencies: Sequence[float] = (),
    missing: int = 0,
    found: Sequence[str] = (),
) -> Scenario:
    return Scenario(name, title, text, scenes, facts or {}, latencies=latencies, missing=missing, found=found)


SCENARIOS: Mapping[ScenarioName, Callable[[Stage], Scenario]] = {
    ScenarioName.CORE_LINK: core_link,
    ScenarioName.RE_ENABLE: re_enable,
    ScenarioName.ZAPPING_STORM: zapping_storm,
    ScenarioName.NODE_DEATH: node_death,
    ScenarioName.PARTITION: partition,
    ScenarioName.VRRP: vrrp,
}
"""In the order in which `all` plays them: the one that changes the arbitration is the last."""
