"""The little of SVG that the plots need, and their colours. Pure.

The colours are of the set of Okabe and Ito, darkened or lightened for contrast on their background, and never
the only difference: marks differ in dash and shape, what was lost stands elsewhere than what arrived.
"""

from collections.abc import Iterable, Mapping
from html import escape

LIGHT: Mapping[str, str] = {
    "back": "#ffffff",
    "ink": "#1b1f24",
    "quiet": "#57606a",
    "rule": "#d8dee4",
    "stream": "#0072b2",
    "fill": "#cfe6f5",
    "failure": "#c2410c",
    "shade": "#fde4d3",
    "switchover": "#00755b",
    "commit": "#8a3f7c",
    "other": "#57606a",
}
DARK: Mapping[str, str] = {
    "back": "#14171c",
    "ink": "#e6e9ee",
    "quiet": "#a4adb8",
    "rule": "#39414c",
    "stream": "#56b4e9",
    "fill": "#17405a",
    "failure": "#ff9554",
    "shade": "#4d2912",
    "switchover": "#3ecf9f",
    "commit": "#e39ad1",
    "other": "#a4adb8",
}
_RULES = (
    ".p-back{fill:%(back)s}.p-text{fill:%(ink)s}.p-quiet{fill:%(quiet)s}"
    ".p-rule{stroke:%(rule)s;stroke-width:1}.p-stream{stroke:%(stream)s;stroke-width:1.5;fill:none}"
    ".p-sent{stroke:%(quiet)s;stroke-width:1;stroke-dasharray:2 2;fill:none}"
    ".p-fill{fill:%(fill)s}.p-bar{fill:%(stream)s}.p-shade{fill:%(shade)s}"
    ".p-got{stroke:%(stream)s;stroke-width:1.2}.p-lost{stroke:%(failure)s;stroke-width:2}"
    ".p-failure{stroke:%(failure)s;stroke-width:2}.p-failure-t{fill:%(failure)s}"
    ".p-switchover{stroke:%(switchover)s;stroke-width:2;stroke-dasharray:2 3}"
    ".p-switchover-t{fill:%(switchover)s}"
    ".p-commit{stroke:%(commit)s;stroke-width:2;stroke-dasharray:7 3}.p-commit-t{fill:%(commit)s}"
    ".p-other{stroke:%(other)s;stroke-width:1.5;stroke-dasharray:1 3}.p-other-t{fill:%(other)s}"
)
FONT = "DejaVu Sans, Verdana, Helvetica, Arial, sans-serif"
CHARACTER = 6.9
"""Width of a character of 12 px, a little more than the widest of these fonts has on average."""


def style(*, adaptive: bool = True) -> str:
    """Return the rules of the classes; `adaptive` ones follow the reader's choice of light or dark."""
    rules = _RULES % LIGHT
    return f"{rules}@media (prefers-color-scheme:dark){{{_RULES % DARK}}}" if adaptive else rules


def picture(width: int, height: int, label: str, parts: Iterable[str], rules: str = "") -> str:
    """Return an SVG picture; `rules` are for one that stands alone, `label` is for who cannot see it."""
    head = f"<style>{rules}</style>" if rules else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-label="{escape(label)}" font-family="{FONT}" font-size="12">'
        f'{head}<rect class="p-back" width="{width}" height="{height}"/>{"".join(parts)}</svg>\n'
    )


def text(
    x: float, y: float, content: str, kind: str = "p-text", anchor: str = "start", size: int = 12
) -> str:
    """Return a line of text."""
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">'
        f"{escape(content)}</text>"
    )


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """Return a straight line."""
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def box(x: float, y: float, width: float, height: float, kind: str) -> str:
    """Return a filled rectangle; one too narrow to be seen is widened."""
    return (
        f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{max(width, 1.5):.1f}" height="{height:.1f}"/>'
    )


def path(commands: str, kind: str) -> str:
    """Return a path."""
    return f'<path class="{kind}" d="{commands}"/>'


def symbol(kind: str, x: float, y: float) -> str:
    """Return the shape of a kind of mark, 8 px wide, around a point."""
    shapes = {
        "failure": f"M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8",
        "switchover": f"M{x - 4:.1f} {y + 3:.1f}h8l-4 -7z",
        "commit": f"M{x - 4:.1f} {y:.1f}l4 -4l4 4l-4 4z",
        "other": f"M{x - 3:.1f} {y - 3:.1f}h6v6h-6z",
    }
    ink = "p-failure" if kind == "failure" else f"p-{kind}-t"
    return path(shapes[kind], ink)
