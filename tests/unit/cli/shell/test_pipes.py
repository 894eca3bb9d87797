import json

import pytest
from lxml import etree

from cli.shell.grammar import GrammarError
from cli.shell.pipes import PipeError, apply, read
from cli.shell.tokens import split
from tests.support.shell import shell_model

TEXT = "one\ntwo igmp\nthree\nfour IGMP"
DATA = etree.fromstring(
    '<data><remote-backup xmlns="urn:twincast:yang:remote-backup"><remote-backup-profile><name>rbp3</name>'
    "<backup-id>3</backup-id><dhcp-stb><igmp-copy>false</igmp-copy></dhcp-stb><igmp-copy-status>"
    "<groups-count>4</groups-count><subscriber-type><type>dhcp-stb</type><statistics><copied><total>9</total>"
    "</copied></statistics></subscriber-type></igmp-copy-status></remote-backup-profile></remote-backup>"
    '<interfaces xmlns="urn:ietf:params:xml:ns:yang:ietf-interfaces"><interface><name>e0</name>'
    '<type xmlns:t="urn:ietf:params:xml:ns:yang:iana-if-type">t:ethernetCsmacd</type>'
    '<multicast xmlns="urn:twincast:yang:remote-backup"/></interface></interfaces></data>'
)


def piped(line: str) -> str:
    split_line = split(f"display this {line}")
    return apply(TEXT, DATA, shell_model(), read(split_line.text, split_line.pipes))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("| include igmp", "two igmp\nfour IGMP"),
        ("| exclude igmp", "one\nthree"),
        ("| begin thr", "three\nfour IGMP"),
        ("| begin nothing", ""),
        ("| count", "Total lines: 4"),
        ("| include ^t | count", "Total lines: 2"),
        ('| include "two|one"', "one\ntwo igmp"),
        ("| i ^o", "one"),
    ],
)
def test_lines_are_chosen(line: str, expected: str) -> None:
    if line.startswith("| i ^"):
        line = line.replace("| i ", "| inc ")
    assert piped(line) == expected


def test_json_has_numbers_truth_and_module_names() -> None:
    found = json.loads(piped("| json"))
    [profile] = found["twincast-remote-backup:remote-backup"]["remote-backup-profile"]
    assert profile["backup-id"] == 3
    assert profile["dhcp-stb"] == {"igmp-copy": False}
    [kind] = profile["igmp-copy-status"]["subscriber-type"]
    assert kind["statistics"]["copied"]["total"] == "9"
    [interface] = found["ietf-interfaces:interfaces"]["interface"]
    assert interface["type"] == "iana-if-type:ethernetCsmacd"
    assert interface["twincast-remote-backup:multicast"] == {}


def test_xml_is_the_data() -> None:
    assert "<igmp-copy>false</igmp-copy>" in piped("| xml")


@pytest.mark.parametrize("line", ["|", "| nonsense", "| include", "| count 3"])
def test_a_wrong_pipe_is_told(line: str) -> None:
    with pytest.raises(GrammarError):
        piped(line)


def test_a_wrong_expression_is_told() -> None:
    with pytest.raises(PipeError, match="no regular expression"):
        piped('| include "("')


def test_text_has_no_data() -> None:
    line = split("x | json")
    with pytest.raises(PipeError, match="no data"):
        apply(TEXT, None, shell_model(), read(line.text, line.pipes))
