"""Configurations of our modules, judged by the server and by yanglint: both find the same ones valid.

yanglint of Debian 12 is libyang 2.1 with the common types of 2013, the server's validator libyang 4.5 with
those of 2025. No configuration of ours was found on which the two part because of that. What the server
refuses beyond what YANG can say is in `EXPLAINED`, with an example of each.
"""

from collections import Counter
from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from tests.support.configurations import configuration
from tests.support.depot import DepotClient, Refusal
from tests.support.yanglint import MISSING, PROGRAM, Yanglint, yanglint

pytestmark = pytest.mark.skipif(PROGRAM is None, reason=MISSING)

CASES = 400
TRB = "urn:twincast:yang:remote-backup"
TSRV = "urn:twincast:yang:server"


def server(inner: str) -> str:
    """What stands below `/server`."""
    return f'<server xmlns="{TSRV}">{inner}</server>'


def backup(inner: str) -> str:
    """What stands below `/remote-backup`."""
    return f'<remote-backup xmlns="{TRB}">{inner}</remote-backup>'


def listener(transport: str) -> str:
    """A listener at an address and port that others want too."""
    return f"<{transport}><name>a</name><address>192.0.2.1</address><port>830</port></{transport}>"


TLS = "<tls><key>k</key><client-authority>a</client-authority>{}</tls>"
NAMED = (
    '<cert-to-name><id>1</id><fingerprint>00:11</fingerprint><map-type xmlns:x="urn:ietf:params:xml:ns:yang:'
    'ietf-x509-cert-to-name">x:common-name</map-type></cert-to-name>'
)
EXPLAINED = {
    "key-unusable": (
        "a key is a string to YANG; that OpenSSH has it so is looked at by the server",
        server(
            "<users><user><name>a</name><authorized-key><name>k</name><key>x</key></authorized-key></user></users>"
        ),
    ),
    "fingerprint-unusable": (
        "whether a hash exists and has the right length no pattern says",
        server(TLS.format(NAMED)),
    ),
    "address-in-use": (
        "`unique` holds within one list; two transports have two",
        server(f"<listen>{listener('ssh')}{listener('tls')}</listen>{TLS.format('')}"),
    ),
}
"""app-tags of what the server refuses and yanglint takes: why, and one that is so."""


@pytest.fixture(scope="module")
def lint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yanglint]:
    with yanglint(tmp_path_factory.mktemp("yanglint")) as running:
        yield running


def refused(client: DepotClient, xml: str) -> list[Refusal]:
    """What the server finds wrong with a whole configuration."""
    return client.errors(f"<validate><source><config>{xml}</config></source></validate>")


def part(client: DepotClient, lint: Yanglint, xml: str) -> bool:
    """Whether the two judges part, for a reason that is not explained."""
    ours, theirs = refused(client, xml), lint.errors(xml)
    if ours and not theirs:
        return not all(error.app_tag in EXPLAINED for error in ours)
    return bool(theirs) and not ours


def test_the_server_and_yanglint_agree(depot_session: DepotClient, lint: Yanglint) -> None:
    valid: Counter[bool] = Counter()
    kinds: set[tuple[str, str]] = set()

    @settings(max_examples=max(CASES, settings.default.max_examples))
    @given(st.integers(0, 2**32 - 1))
    def judge(seed: int) -> None:
        xml = configuration(Random(seed))
        if part(depot_session, lint, xml):
            smallest = reduced(depot_session, lint, xml)
            pytest.fail(f"{smallest}\n{refused(depot_session, smallest)}\n{lint.errors(smallest)}")
        found = refused(depot_session, xml)
        valid[not found] += 1
        kinds.update((error.tag, error.app_tag) for error in found)

    judge()
    assert min(valid[True], valid[False]) > CASES // 5, valid
    assert len(kinds) > 10, kinds


def reduced(client: DepotClient, lint: Yanglint, xml: str) -> str:
    """Take elements away as long as the judges part."""
    root = etree.fromstring(f"<all>{xml}</all>")
    smaller = True
    while smaller:
        smaller = False
        for element in list(root.iterdescendants()):
            above = element.getparent()
            if above is None:
                continue
            at = above.index(element)
            above.remove(element)
            if len(root) and part(client, lint, _inside(root)):
                smaller = True
            else:
                above.insert(at, element)
    return _inside(root)


def _inside(root: etree._Element) -> str:
    return "".join(etree.tostring(child, encoding="unicode") for child in root)


@pytest.mark.parametrize("app_tag", EXPLAINED)
def test_what_only_the_server_refuses(depot_session: DepotClient, lint: Yanglint, app_tag: str) -> None:
    _, xml = EXPLAINED[app_tag]
    assert lint.errors(xml) == ""
    assert [error.app_tag for error in refused(depot_session, xml)] == [app_tag]


ALIKE = {
    "a default takes part in what is unique": (
        server(
            "<listen><ssh><name>a</name><address>192.0.2.1</address></ssh>"
            "<ssh><name>b</name><address>192.0.2.1</address><port>830</port></ssh></listen>"
        ),
        "data-not-unique",
    ),
    "a leafref to nothing": (
        backup(
            "<remote-backup-profile><name>a</name><service-name>b</service-name><backup-id>1</backup-id></remote-backup-profile>"
        ),
        "instance-required",
    ),
    "addresses of two families": (
        backup(
            "<remote-backup-service><name>a</name><peer><address>2001:db8::1</address>"
            "<source-address>192.0.2.1</source-address><port>2000</port></peer></remote-backup-service>"
        ),
        "address-family-mismatch",
    ),
    "no endpoint": (
        server("<call-home><client><name>a</name></client></call-home>"),
        "too-few-elements",
    ),
    "two ways to protect a channel": (
        backup(
            "<remote-backup-service><name>a</name><tcp-md5><key>x</key></tcp-md5><none/></remote-backup-service>"
        ),
        "",
    ),
}


@pytest.mark.parametrize("name", ALIKE)
def test_both_refuse(depot_session: DepotClient, lint: Yanglint, name: str) -> None:
    xml, app_tag = ALIKE[name]
    assert [error.app_tag for error in refused(depot_session, xml)] == [app_tag]
    assert lint.errors(xml) != ""
