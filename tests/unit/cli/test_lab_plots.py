"""The pictures are read as XML, and what matters in them is looked for: places, labels, colours."""

import re

import pytest
from lxml import etree

from cli.lab import plots, svg
from cli.lab.scenes import Scenario, Scene
from cli.lab.timeline import MarkKind
from tests.support.timelines import timeline

MARKS = [
    (MarkKind.COMMIT, 0.5, "undo igmp-copy"),
    (MarkKind.FAILURE, 2.0, "core link fails"),
    (MarkKind.SWITCHOVER, 2.004, "b master"),
    (MarkKind.SWITCHOVER, 2.005, "a backup"),
    (MarkKind.OTHER, 4.9, "close to the right edge"),
]
SVG = "{http://www.w3.org/2000/svg}"


def drawn(*lost: int, **more: object) -> etree._Element:
    line = timeline(5.0, lost=lost, marks=MARKS, **more)  # type: ignore[arg-type]
    return etree.fromstring(plots.stream(Scene("a stream", "", line, 5)))


def texts(root: etree._Element) -> list[str]:
    return [str(each.text) for each in root.iter(f"{SVG}text")]


def extent(each: etree._Element) -> tuple[float, float, float]:
    """Left and right end and height of a text, as wide as the plots believe it to be."""
    width, x = len(str(each.text)) * svg.CHARACTER, float(str(each.get("x")))
    begin = {"start": x, "middle": x - width / 2, "end": x - width}[str(each.get("text-anchor"))]
    return begin, begin + width, float(str(each.get("y")))


def test_every_mark_is_labelled_within_the_picture_and_no_label_covers_another() -> None:
    root = drawn(2000)
    assert {text for _, _, text in MARKS} <= set(texts(root))
    labels = [extent(each) for each in root.iter(f"{SVG}text") if "-t" in str(each.get("class"))]
    assert all(begin >= 0 and end <= plots.WIDTH for begin, end, _ in labels)
    for number, (begin, end, y) in enumerate(labels):
        assert not any(
            y == other[2] and begin < other[1] and other[0] < end for other in labels[number + 1 :]
        )


def test_the_line_of_a_later_mark_goes_through_no_label() -> None:
    root = etree.fromstring(plots.stream(Scene("a stream", "", timeline(5.0, marks=MARKS[:4]), 5)))
    lines = [
        (float(str(each.get("x1"))), float(str(each.get("y1"))))
        for each in root.iter(f"{SVG}line")
        if each.get("class") in {f"p-{kind}" for kind in MarkKind}
    ]
    labels = [extent(each) for each in root.iter(f"{SVG}text") if "-t" in str(each.get("class"))]
    for begin, end, y in labels:
        assert not [x for x, top in lines if begin < x < end and top < y]


def test_lost_packets_stand_apart_from_those_that_arrived() -> None:
    paths = {str(each.get("class")): str(each.get("d")) for each in drawn(2000, 2001).iter(f"{SVG}path")}
    assert paths["p-lost"].count("M") == 2
    assert paths["p-got"].count("M") == pytest.approx(118, abs=2)


def test_twice_the_rate_is_inside_the_picture() -> None:
    root = drawn(twice=range(2500, 4500))
    assert "3,000" in texts(root) or "2,500" in texts(root)


def test_a_stream_that_stops_is_shaded_to_the_end() -> None:
    (shade,) = [
        each for each in drawn(*range(2000, 5000)).iter(f"{SVG}rect") if each.get("class") == "p-shade"
    ]
    assert float(str(shade.get("x"))) + float(str(shade.get("width"))) == pytest.approx(
        plots.WIDTH - 24, abs=1
    )


def test_who_cannot_see_it_is_told_the_same() -> None:
    said = str(drawn(2000).get("aria-label"))
    assert said.startswith("a stream: 1 of 3000 packets lost")
    assert "core link fails at 2.00 s" in said


def test_every_latency_is_in_a_bar() -> None:
    scenario = Scenario("storm", "", "", latencies=[0.02, 0.5, 0.7, 12.0, 99.0, 100.0])
    root = etree.fromstring(plots.latencies(scenario))
    bars = [each for each in root.iter(f"{SVG}rect") if each.get("class") == "p-bar"]
    assert len(bars) == 5  # 0.5 and 0.7 are apart, 99 and 100 are not
    assert "median 6.35 ms" in texts(root)


def luminance(colour: str) -> float:
    """Of WCAG 2.2."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colours", [svg.LIGHT, svg.DARK], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["ink", "quiet", "failure", "switchover", "commit", "other", "stream"])
def test_text_has_the_contrast_that_wcag_asks_for(colours: dict[str, str], name: str) -> None:
    low, high = sorted((luminance(colours[name]), luminance(colours["back"])))
    assert (high + 0.05) / (low + 0.05) >= 4.5


def test_a_picture_that_stands_alone_has_its_colours() -> None:
    alone = plots.stream(Scene("a stream", "", timeline(3.0, marks=MARKS[:2]), 5), rules=svg.style())
    classes = set(re.findall(r'class="([^"]+)"', alone))
    assert classes <= set(re.findall(r"\.(p-[a-z-]+)\{", alone))
    assert "prefers-color-scheme:dark" in alone
    assert "prefers-color-scheme" not in svg.style(adaptive=False)
