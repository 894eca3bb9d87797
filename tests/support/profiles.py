"""What the tests with clients of others edit and look for: one profile and whether its joins are copied."""

from lxml import etree

from tests.support.netconf import SPACES, TRB, backup, profile

OFF = "<dhcp-stb><igmp-copy>false</igmp-copy></dhcp-stb>"
WRONG = "<dhcp-stb><igmp-copy>perhaps</igmp-copy></dhcp-stb>"
UNDO = '<dhcp-stb><igmp-copy nc:operation="delete"/></dhcp-stb>'
SCHEMA = "twincast-remote-backup"


def stop_copying(name: str) -> str:
    """A `<config>` that makes the profile and says that its joins are not copied."""
    return backup(profile(OFF, name))


def undo(name: str) -> str:
    """A `<config>` that takes the leaf away again, so that joins are copied by default."""
    return backup(profile(UNDO, name))


def wrong(name: str) -> str:
    """A `<config>` that is refused: the leaf takes true and false."""
    return backup(profile(WRONG, name))


def subtree(name: str) -> str:
    """A subtree filter for the profile."""
    return f'<remote-backup xmlns="{TRB}">{profile(name=name)}</remote-backup>'


def xpath(name: str) -> str:
    """An XPath filter for the profile, with the prefix trb."""
    return f"/trb:remote-backup/trb:remote-backup-profile[trb:name='{name}']"


def copying(xml: str | bytes | etree._Element) -> dict[str, str | None]:
    """For each profile in an answer, what its leaf igmp-copy says; None when it is not there."""
    element = etree.fromstring(xml.encode()) if isinstance(xml, str) else xml
    root = etree.fromstring(element) if isinstance(element, bytes) else element
    leaf = "trb:dhcp-stb/trb:igmp-copy"
    return {
        entry.findtext("trb:name", "", SPACES): entry.findtext(leaf, None, SPACES)
        for entry in root.iterfind(".//trb:remote-backup-profile", SPACES)
    }
