"""The status page of two real routers in a real Chromium: a join, a change of role, a lost channel."""

import re
from collections.abc import Iterator

import pytest
from ncclient.xml_ import to_ele

from cli.lab import configuration
from tests.support.browser import DRIVER, MISSING, PROGRAM, Browser, running_browser
from tests.support.duo import Duo, free_port, running_duo
from tests.support.wait import wait_for

pytestmark = pytest.mark.skipif(not (PROGRAM and DRIVER), reason=MISSING)

NOT_REVERTIVE = "<e-trunk><id>1</id><priority>10</priority><revertive>false</revertive></e-trunk>"


@pytest.fixture(scope="module")
def duo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Duo]:
    with running_duo(tmp_path_factory.mktemp("duo"), "--web", "0") as running:
        running.configure(free_port(), arbitration=NOT_REVERTIVE)
        running.connected()
        for number, role in enumerate(("master", "backup")):
            running.wait_for(number, configuration.profile_state("local-role"), "local-role", role)
        yield running


@pytest.fixture(scope="module")
def browser(duo: Duo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Looks at router 0, for all tests: pages stay live."""
    with running_browser(tmp_path_factory.mktemp("browser")) as running:
        running.size(1200, 1600)
        running.open(address(duo, 0))
        running.wait_for("#profiles", "rbp3")
        yield running


def address(duo: Duo, number: int) -> str:
    ready = re.compile(r"web-ready address=(127\.0\.0\.1:\d+)")
    found = wait_for(lambda: ready.search("".join(duo.routers[number].log)), what="the page is served")
    return f"http://{found[1]}/"


def test_it_shows_roles_channel_and_copying(browser: Browser) -> None:
    browser.wait_for("#profiles", "master", "backup", "election-won")
    browser.wait_for("#services", "rbs1", "127.0.0.2", "connected", "tls", "in-sync")
    browser.wait_for("#copying", "igmp dhcp-stb", "igmp pppoe-stb", "mld dhcp-stb", "active")
    browser.wait_for("#interfaces", "access0", "core0", "upstream")
    browser.wait_for("#events", "role-changed", "channel-state-changed")
    said = str(browser.run("return document.getElementById('map').getAttribute('aria-label')"))
    assert said == "Here master, peer backup, channel connected"


def test_it_shows_a_join(duo: Duo, browser: Browser) -> None:
    duo.join(0, "239.7.7.7")
    assert "yes" in browser.wait_for("#groups", "239.7.7.7", "02:00:00:00:01:01", "local")


def test_it_shows_a_commit(duo: Duo, browser: Browser) -> None:
    for enabled, state in ((False, "admin-disabled"), (True, "active")):
        for session in duo.sessions:
            session.edit_config(configuration.igmp_copy(enabled=enabled), target="candidate")
            session.commit()
        browser.wait_for("#copying tr:nth-child(1) td:nth-child(3)", state)


def test_it_shows_a_change_of_role(duo: Duo, browser: Browser) -> None:
    duo.sessions[0].dispatch(to_ele(configuration.switchover()))
    browser.wait_for("#profiles td:nth-child(2)", "backup")
    browser.wait_for("#profiles td:nth-child(3)", "master")
    browser.wait_for("#map", "rbp3: backup")
    browser.wait_for("#events tbody", "backup (switchover)")


def test_nothing_reaches_beyond_the_window_of_a_telephone(browser: Browser) -> None:
    browser.size(500, 1000)  # Chromium makes no window narrower
    wide = "return document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    assert browser.run(wide)
    browser.size(1200, 1600)


LONG = "residential-iptv-profile-0"
SHOW_ALONE = "const draw = show; window.show = () => null; draw(arguments[0]); return document.images.length"
"""Draws a picture that is not replaced by those that the router sends."""
OVERLAPS = """
const texts = [...document.querySelectorAll("#map text")].filter((each) => each.textContent);
const boxes = texts.map((each) => each.getBBox());
const over = (a, b) => a !== b && a.x < b.x + b.width && b.x < a.x + a.width
  && a.y < b.y + b.height && b.y < a.y + a.height;
const wrong = (box) => box.x < 0 || box.x + box.width > 580 || boxes.some((other) => over(box, other));
return texts.filter((each, place) => wrong(boxes[place])).map((each) => each.textContent);
"""


def many() -> dict[str, object]:
    """A picture with names as long as they come."""
    service = {"enabled": True, "security": "tls", "sync": "in-sync", "down_reason": "", "mismatches": []}
    service |= dict.fromkeys(("sent", "received", "sent_rate", "received_rate", "dropped", "gaps"), 0)
    profile = {"service": "a", "since": "", "reason": "", "groups": 1, "entries": 100_000, "retained": 0}
    interface = {"profile": "", "plane": "", "querier": "", "dropped": {}}
    interface |= dict.fromkeys(("received", "sent", "received_rate", "sent_rate", "dropped_rate"), 0)
    return {
        "router": "edge-router-frankfurt-07.example.net",
        "state": True,
        "services": [
            {
                "name": "a",
                "peer": "2001:db8:1234:5678:9abc:def0:1234:5678",
                "channel": "connected",
                **service,
            },
            {"name": "b", "peer": "192.0.2.2", "channel": "synchronizing", **service},
        ],
        "profiles": [
            {"name": f"{LONG}{number}", "role": "backup", "peer_role": "master", "copying": [], **profile}
            for number in range(9)
        ],
        "interfaces": [
            {"name": f"enp5s0f0np0.409{number}", "side": side, **interface}
            for number in range(4)
            for side in ("access", "upstream")
        ],
        "groups": [],
        "more": {"groups": 900_000},
        "events": [],
    }


def test_on_the_map_no_text_covers_another_whatever_the_names(duo: Duo, browser: Browser) -> None:
    browser.run(SHOW_ALONE, many())
    for width in (1200, 500):
        browser.size(width, 1600)
        assert wait_for(lambda: browser.run(OVERLAPS) == [], what=f"{browser.run(OVERLAPS)} at {width}")
    assert browser.text("#map").count(": backup") == 4
    browser.size(1200, 1600)
    browser.open(address(duo, 0))
    browser.wait_for("#profiles", "rbp3")


def test_names_are_text_and_never_markup(duo: Duo, browser: Browser) -> None:
    service = "<img src=x>"
    shown = {"router": service, "state": True, "services": [], "interfaces": [], "groups": [], "more": {}}
    shown |= {"profiles": [], "events": [{"time": "", "what": service, "where": service, "text": service}]}
    assert browser.run(SHOW_ALONE, shown) == 0
    assert service in browser.text("#events")
    browser.open(address(duo, 0))
    browser.wait_for("#profiles", "rbp3")


def test_the_policy_is_kept(browser: Browser) -> None:
    assert browser.complaints() == []
    browser.run("const script = document.createElement('script'); script.textContent = 'window.ran = 1';"
                "document.body.append(script)")  # fmt: skip
    assert browser.run("return window.ran === undefined")
    assert any("Content Security Policy" in each for each in browser.complaints())


def test_it_shows_a_lost_channel_and_that_the_server_has_gone(duo: Duo, browser: Browser) -> None:
    duo.routers[1].stop()
    browser.wait_for("#banner", "channel of rbs1 is lost")
    browser.wait_for("#copying", "channel-down")
    browser.wait_for("#services", "out-of-sync", "connection-refused")
    duo.routers[0].stop()
    browser.wait_for("#banner", "server does not answer")
