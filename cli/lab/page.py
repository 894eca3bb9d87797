"""The report: one HTML page with everything in it, no script, nothing from elsewhere. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from cli.lab import plots, svg
from cli.lab.cases import CaseResult
from cli.lab.scenes import Scenario, Scene

_STYLE = """
:root{color-scheme:light dark;--back:%(back)s;--ink:%(ink)s;--quiet:%(quiet)s;--rule:%(rule)s;
--link:%(stream)s;--bad:%(failure)s;--good:%(switchover)s}
@media (prefers-color-scheme:dark){:root{--back:%(dback)s;--ink:%(dink)s;--quiet:%(dquiet)s;--rule:%(drule)s;
--link:%(dstream)s;--bad:%(dfailure)s;--good:%(dswitchover)s}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:60rem;padding:1.5rem 1rem 4rem;background:var(--back);color:var(--ink);
font:1rem/1.5 "DejaVu Sans",Verdana,Helvetica,Arial,sans-serif}
h1{font-size:1.6rem;margin:0 0 .3rem}h2{font-size:1.2rem;margin:2.5rem 0 .3rem}
h3{font-size:1rem;margin:1.4rem 0 .2rem}
p{margin:.2rem 0 .6rem;max-width:46rem}.quiet{color:var(--quiet)}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.875rem;width:100%%}
table.facts{width:auto;margin-top:.6rem}code{font-family:"DejaVu Sans Mono",monospace;font-size:.95em}
th,td{padding:.35rem .6rem;text-align:left;border-bottom:1px solid var(--rule);vertical-align:top}
a{color:var(--link)}td:nth-child(-n+2){white-space:nowrap}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.bad{color:var(--bad);font-weight:bold}.good{color:var(--good)}
svg{display:block;max-width:100%%;min-width:36rem;height:auto}figure{margin:.5rem 0 0}
ul.key{list-style:none;display:flex;flex-wrap:wrap;gap:.2rem 1.4rem;padding:0;margin:.5rem 0;
font-size:.875rem}
ul.key li{display:flex;align-items:center;gap:.4rem}ul.key svg{min-width:0}
"""


@dataclass(frozen=True, slots=True)
class Report:
    """What a report tells. `machine` describes where it was made, `when` is for people."""

    when: str
    machine: str
    groups: int
    scenarios: Sequence[Scenario]


def of_cases(results: Sequence[CaseResult]) -> Scenario:
    """Return the five cases as one scenario."""
    scenes = [
        Scene(
            result.name,
            f"igmp-copy {str(result.igmp_copy).lower()}, {result.entries_on_backup} of {result.groups} "
            f"entries on the backup, {result.retained_entries} retained.",
            result.timeline,
            None if result.expects_silence else result.allowed_loss,
        )
        for result in results
        if result.timeline is not None
    ]
    found = [f"{result.name}: {miss}" for result in results for miss in result.misses_beside_the_stream()]
    zaps = [f"{result.zap_ms:.0f} ms" for result in results if result.zap_ms is not None]
    facts = {"a new channel after the failover": ", ".join(zaps)} if zaps else {}
    text = "What the README shows: the core link of the master fails, with copying on, off, and on again."
    return Scenario("cases", "The five cases", text, scenes, facts, found=found)


def html(report: Report) -> str:
    """Return the page."""
    dark = {f"d{name}": value for name, value in svg.DARK.items()}
    style = _STYLE % {**svg.LIGHT, **dark} + svg.style()
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Twincast laboratory</title><style>{style}</style></head><body>\n"
        f"{''.join(_body(report))}</body></html>\n"
    )


def _body(report: Report) -> Iterator[str]:
    yield "<h1>Twincast laboratory</h1>"
    yield (
        f'<p class="quiet">{escape(report.when)}, {escape(report.machine)}. Two routers forwarding by the '
        f"kernel, {report.groups} groups a scenario, a stream of 1,000 packets a second.</p>"
    )
    yield _table(report)
    yield _key()
    for scenario in report.scenarios:
        yield from _scenario(scenario)


def _table(report: Report) -> str:
    head = (
        "<tr><th>scenario</th><th>stream</th><th class=n>sent</th><th class=n>lost</th><th class=n>twice</th>"
    )
    head += "<th class=n>longest silence</th><th>as expected</th></tr>"
    rows = "".join(row for scenario in report.scenarios for row in _rows(scenario))
    return f'<div class="scroll"><table><thead>{head}</thead><tbody>{rows}</tbody></table></div>'


def _rows(scenario: Scenario) -> Iterator[str]:
    name = f'<a href="#{escape(scenario.name)}">{escape(scenario.name)}</a>'
    if scenario.skipped:
        yield f"<tr><td>{name}</td><td colspan=6>not played: {escape(scenario.skipped)}</td></tr>"
    for scene in scenario.scenes:
        loss = scene.loss()
        silence = "no return" if loss.gap_ms is None else f"{loss.gap_ms:,.1f} ms"
        cells = f"<td>{name}</td><td>{escape(scene.title)}</td>"
        for value in (f"{loss.sent:,}", f"{loss.lost:,}", f"{scene.timeline.twice():,}", silence):
            cells += f'<td class="n">{value}</td>'
        yield f"<tr>{cells}<td>{_verdict(scene.misses())}</td></tr>"
    for miss in scenario.found:
        yield f"<tr><td>{name}</td><td colspan=5></td><td>{_verdict([miss])}</td></tr>"


def _verdict(misses: Sequence[str]) -> str:
    if not misses:
        return '<span class="good">yes</span>'
    return f'<span class="bad">no: {escape("; ".join(misses))}</span>'


def _small(part: str) -> str:
    return f'<svg width="14" height="14" viewBox="0 0 14 14" aria-hidden="true">{part}</svg>'


def _key() -> str:
    entries = (
        ("commit", "commit of igmp-copy"),
        ("failure", "failure"),
        ("switchover", "change of role, as notified"),
        ("other", "something else"),
    )
    received = svg.line(0, 7, 14, 7, "p-stream") + svg.line(0, 11, 14, 11, "p-sent")
    items = "".join(f"<li>{_small(svg.symbol(kind, 7, 7))}{escape(words)}</li>" for kind, words in entries)
    items += f"<li>{_small(svg.box(0, 2, 14, 10, 'p-shade'))}packets lost</li>"
    items += f"<li>{_small(received)}received; sent, in dots</li>"
    return f'<ul class="key">{items}</ul>'


def _scenario(scenario: Scenario) -> Iterator[str]:
    yield f'<h2 id="{escape(scenario.name)}">{escape(scenario.title)}</h2><p>{_marked(scenario.text)}</p>'
    if scenario.skipped:
        yield f"<p>Not played: {escape(scenario.skipped)}.</p>"
    for scene in scenario.scenes:
        yield f'<h3>{escape(scene.title)}</h3><p class="quiet">{_marked(scene.text)} {_figures(scene)}</p>'
        yield f'<figure class="scroll">{plots.stream(scene)}</figure>'
    if scenario.latencies:
        yield "<h3>From a join to the backup</h3>"
        yield f'<figure class="scroll">{plots.latencies(scenario)}</figure>'
    if scenario.facts:
        rows = "".join(
            f"<tr><th>{escape(key)}</th><td>{escape(value)}</td></tr>"
            for key, value in scenario.facts.items()
        )
        yield f'<table class="facts">{rows}</table>'


def _marked(text: str) -> str:
    """Text in which what is typed stands between backquotes."""
    parts = [escape(part) for part in text.split("`")]
    return "".join(f"<code>{part}</code>" if number % 2 else part for number, part in enumerate(parts))


def _figures(scene: Scene) -> str:
    loss = scene.loss()
    silence = (
        "it does not come back" if loss.gap_ms is None else f"the longest silence is {loss.gap_ms:,.1f} ms"
    )
    return f"{loss.lost:,} of {loss.sent:,} packets are lost; {silence}."


def pictures(report: Report, rules: str) -> Iterator[tuple[str, str]]:
    """Yield a name and an SVG picture for each plot, to stand alone."""
    for scenario in report.scenarios:
        for number, scene in enumerate(scenario.scenes, start=1):
            suffix = f"-{number}" if len(scenario.scenes) > 1 else ""
            yield f"{scenario.name}{suffix}", plots.stream(scene, rules=rules)
        if scenario.latencies:
            yield f"{scenario.name}-latency", plots.latencies(scenario, rules=rules)
