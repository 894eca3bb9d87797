"""A picture on a terminal: tables that fit the width and the height. Pure.

State is said in words; colour and reverse video only repeat it. Terminals' own colours are used, so that the
user's choice of light or dark holds.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from io import StringIO

from rich.console import Console, Group, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from cli.shell.answer import printable
from server.status.picture import Event, Picture

PLAIN_WIDTH = 120
GAP = 2
FLEXIBLE_LEAST, NAME_LEAST = 6, 8
"""Columns between two of a table's, and those that remain of what is cut."""
WIDE = 100
"""Columns of a terminal that has room for every column."""
_GOOD, _BAD, _QUIET = "green", "bold red", "dim"


class View(StrEnum):
    """What the screen shows below the head."""

    OVERVIEW = "overview"
    GROUPS = "groups"
    EVENTS = "events"


@dataclass(frozen=True, slots=True)
class Column:
    """A column. `flexible` ones share what is left of the width, `spare` ones are left out of a narrow one.

    Where there is too little room for all, those that may be `cut` are: names, never states and numbers.
    """

    head: str
    right: bool = False
    flexible: bool = False
    spare: bool = False
    cut: bool = False


Row = Sequence[Text]
_Section = tuple[str, Sequence[Column], Sequence[Row], str]
"""Title, columns, rows, and what is said when there are none."""


def screen(picture: Picture, view: View, width: int, height: int) -> RenderableType:
    """Return what fills a terminal of `width` columns and `height` lines."""
    foot = _line(_text("q quit   o overview   g groups   e events", style=_QUIET))
    parts: list[RenderableType] = [
        _head(picture),
        *(_line(_text(each, style=_BAD)) for each in warnings(picture)),
    ]
    left = height - len(parts) - 1
    sections = list(_sections(picture, view))
    while sections and left > 4:
        title, columns, rows, empty = sections.pop(0)
        shown = max(1, min(len(rows), left - 4))
        more = max(0, len(rows) - shown)
        parts.append(_table(title, columns, rows[:shown], more, empty, width))
        left -= 2 + shown + (more > 0)
    if sections and picture.events and left > 1:
        parts.append(_line(_text("last event: ") + _text("  ").join(_event(picture.events[-1]))))
        left -= 1
    parts.append(Text("\n" * max(0, left - 1)))
    return Group(*parts, foot)


def plain(picture: Picture, width: int = PLAIN_WIDTH) -> str:
    """Return everything as text without colours, as long as it is."""
    out = StringIO()
    console = Console(file=out, width=width, color_system=None, force_terminal=False, legacy_windows=False)
    console.print(_head(picture))
    for warning in warnings(picture):
        console.print(_text(warning))
    for title, columns, rows, empty in (*_overview(picture), _groups(picture), _events(picture)):
        console.print()
        console.print(_table(title, columns, rows, 0, empty, width))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _head(picture: Picture) -> Text:
    return _line(Text.assemble((f"twincast {picture.router}", "bold"), ("   times are UTC", _QUIET)))


def _text(content: str, style: str = "") -> Text:
    """What a router says may neither steer the terminal nor take a second line."""
    return Text(printable(" ".join(content.splitlines()).replace("\t", " ")), style=style)


def _line(text: Text) -> Text:
    """Have a text take one line, however narrow the terminal is."""
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def warnings(picture: Picture) -> Iterable[str]:
    """Say what needs somebody, most urgent first."""
    if not picture.state:
        yield "! the dataplane does not answer: what is shown is the configuration alone"
        return
    both = [each.name for each in picture.profiles if each.role == each.peer_role == "master"]
    if both:
        yield f"! both routers are master of {', '.join(both)}"
    lost = [each.name for each in picture.services if each.enabled and each.channel != "connected"]
    if lost:
        yield f"! the channel of {', '.join(lost)} is lost: joins are not copied"


def _sections(picture: Picture, view: View) -> Iterable[_Section]:
    if view is View.GROUPS:
        yield _groups(picture)
    elif view is View.EVENTS:
        yield _events(picture)
    else:
        yield from (*_overview(picture), _events(picture))


def _overview(picture: Picture) -> Iterable[_Section]:
    yield from (_profiles(picture), _copying(picture), _services(picture), _interfaces(picture))


def _profiles(picture: Picture) -> _Section:
    columns = (
        Column("profile", cut=True),
        *(Column(head) for head in ("role", "peer", "since")),
        Column("why", flexible=True),
        *(Column(head, right=True) for head in ("groups", "members", "retained")),
    )
    rows = [
        (
            _text(each.name),
            _role(each.role),
            _role(each.peer_role),
            _text(_time(each.since)),
            _text(each.reason),
            *(_number(value) for value in (each.groups, each.entries, each.retained)),
        )
        for each in picture.profiles
    ]
    return _counted("Profiles", picture, "profiles"), columns, rows, "none is configured"


def _copying(picture: Picture) -> _Section:
    columns = (
        Column("profile", cut=True),
        *(Column(head) for head in ("messages", "state")),
        *(Column(head, right=True) for head in ("copied/s", "applied/s")),
        *(Column(head, right=True, spare=True) for head in ("copied", "applied")),
        Column("not copied", flexible=True),
    )
    rows = [
        (
            _text(profile.name),
            _text(f"{each.protocol} {each.type}"),
            _state(each.state, good=each.state == "active"),
            _rate(each.copied_rate),
            _rate(each.applied_rate),
            _number(each.copied),
            _number(each.applied),
            _text(_reasons(each.not_copied) + ("; the peer is set otherwise" if each.mismatch else "")),
        )
        for profile in picture.profiles
        for each in profile.copying
    ]
    return "Copying", columns, rows, "no profile is configured"


def _services(picture: Picture) -> _Section:
    columns = (
        *(Column(head, cut=True) for head in ("service", "peer")),
        Column("channel"),
        Column("security", spare=True),
        Column("sync"),
        Column("sent/s", right=True),
        Column("received/s", right=True, spare=True),
        Column("dropped", right=True),
        Column("gaps", right=True, spare=True),
        Column("remarks", flexible=True),
    )
    rows = [
        (
            _text(each.name),
            _text(each.peer),
            _state(each.channel, good=each.channel == "connected"),
            _text(each.security),
            _state(each.sync, good=each.sync == "in-sync"),
            _rate(each.sent_rate),
            _rate(each.received_rate),
            _number(each.dropped),
            _number(each.gaps),
            _text(
                "; ".join([*([each.down_reason] if each.channel != "connected" else []), *each.mismatches])
            ),
        )
        for each in picture.services
    ]
    return _counted("Channels", picture, "services"), columns, rows, "no service is configured"


def _interfaces(picture: Picture) -> _Section:
    columns = (
        Column("interface", cut=True),
        Column("side"),
        Column("profile", cut=True),
        Column("plane", spare=True),
        Column("querier", cut=True),
        *(Column(head, right=True) for head in ("received/s", "sent/s", "dropped/s")),
        Column("dropped", flexible=True),
    )
    rows = [
        (
            *(_text(value) for value in (each.name, each.side, each.profile, each.plane, each.querier)),
            *(_rate(value) for value in (each.received_rate, each.sent_rate, each.dropped_rate)),
            _text(_reasons(each.dropped)),
        )
        for each in picture.interfaces
    ]
    return _counted("Interfaces", picture, "interfaces"), columns, rows, "none has multicast"


def _groups(picture: Picture) -> _Section:
    columns = (
        *(Column(head) for head in ("group", "subscriber")),
        *(Column(head, cut=True) for head in ("interface", "profile")),
        Column("origin"),
        Column("forwarded", flexible=True),
    )
    rows = [
        (
            *(
                _text(value)
                for value in (each.group, each.subscriber, each.interface, each.profile, each.origin)
            ),
            _text("yes", style=_GOOD) if each.forwarding else _text(f"no: {each.why}", style=_QUIET),
        )
        for each in picture.groups
    ]
    missing = picture.more.get("groups", 0)
    empty = f"{missing:,} members: too many to list" if missing else "nobody has joined"
    return "Groups", columns, rows, empty


def _events(picture: Picture) -> _Section:
    columns = (Column("time"), Column("what"), Column("where", cut=True), Column("content", flexible=True))
    rows = [_event(each) for each in reversed(picture.events)]
    return "Events", columns, rows, "nothing has been notified"


def _event(event: Event) -> Row:
    return tuple(_text(each) for each in (_time(event.time), event.what, event.where, event.text))


def _counted(title: str, picture: Picture, name: str) -> str:
    more = picture.more.get(name, 0)
    return f"{title} ({more:,} more)" if more else title


def _table(
    title: str, columns: Sequence[Column], rows: Sequence[Row], more: int, empty: str, width: int
) -> Table:
    places = [place for place, column in enumerate(columns) if width >= WIDE or not column.spare]
    shown = [[row[place] for place in places] for row in rows] or [[_text(empty, style=_QUIET)]]
    table = Table(
        title=_text(title, style="bold"),
        title_justify="left",
        box=None,
        pad_edge=False,
        padding=(0, GAP, 0, 0),
        header_style=_QUIET,
        caption=f"and {more:,} more" if more else None,
        caption_justify="left",
    )
    kept = [columns[place] for place in places]
    needs = [
        max([len(column.head), *(row[place].cell_len for row in shown if place < len(row))])
        for place, column in enumerate(kept)
    ]
    for column, size in zip(kept, widths(kept, needs, width), strict=True):
        justify: JustifyMethod = "right" if column.right else "left"
        table.add_column(column.head, justify=justify, no_wrap=True, overflow="ellipsis", width=size)
    for row in shown:
        table.add_row(*row)
    return table


def widths(columns: Sequence[Column], needs: Sequence[int], width: int) -> list[int]:
    """Return how wide each column is, so that they need no more than `width` with the gaps between them.

    What may be cut is, the widest first: flexible columns before names, and the rest only when they are gone.
    """
    found = list(needs)
    over = sum(found) + GAP * (len(found) - 1) - width
    flexible = [place for place, column in enumerate(columns) if column.flexible]
    named = [place for place, column in enumerate(columns) if column.cut]
    for places, least in ((flexible, FLEXIBLE_LEAST), (named, NAME_LEAST), (range(len(found)), 1)):
        while over > 0 and (wide := max(places, key=found.__getitem__, default=None)) is not None:
            if found[wide] <= least:
                break
            found[wide] -= 1
            over -= 1
    if flexible and over < 0:
        found[flexible[-1]] -= over
    return found


def _role(role: str) -> Text:
    return _text(role or "unknown", style={"master": "bold reverse", "backup": ""}.get(role, _QUIET))


def _state(state: str, *, good: bool) -> Text:
    return _text(state or "unknown", style=_GOOD) if good else _text(f"! {state or 'unknown'}", style=_BAD)


def _number(value: int) -> Text:
    return _text(f"{value:,}")


def _rate(value: float) -> Text:
    return _text(f"{value:,.0f}" if value >= 100 else f"{value:.1f}", style="" if value else _QUIET)


def _reasons(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _time(text: str) -> str:
    """A time of RFC 3339 in UTC without its year and what every one of them has."""
    return text[5:].replace("T", " ").removesuffix("Z")
