"""What `top` asks for: subscriptions of RFC 8639 and RFC 8641, and data of RFC 8526. Pure.

Groups are apart from the rest: there may be a hundred thousand, and only who looks at a few wants them.
"""

from datetime import datetime
from typing import Final

from lxml import etree

TRB: Final = "urn:twincast:yang:remote-backup"
IF: Final = "urn:ietf:params:xml:ns:yang:ietf-interfaces"
SN: Final = "urn:ietf:params:xml:ns:yang:ietf-subscribed-notifications"
YP: Final = "urn:ietf:params:xml:ns:yang:ietf-yang-push"
DS: Final = "urn:ietf:params:xml:ns:yang:ietf-datastores"
NMDA: Final = "urn:ietf:params:xml:ns:yang:ietf-netconf-nmda"

_COPYING: Final = "<subscriber-type/>"
_OVERVIEW: Final = f"""
<remote-backup xmlns="{TRB}">
  <remote-backup-service><name/><enabled/><peer><address/></peer><channel-state/><channel-security/><sync-state/>
    <last-down-reason/><peer-mismatch/><statistics/></remote-backup-service>
  <remote-backup-profile><name/><service-name/><dhcp-stb/><local-role/><peer-role/><last-role-change/>
    <last-role-change-reason/><bound-interface/><mld-copy-status>{_COPYING}</mld-copy-status>
    <igmp-copy-status>{_COPYING}<groups-count/><entries-count/><retained-count/></igmp-copy-status>
  </remote-backup-profile>
</remote-backup>
<interfaces xmlns="{IF}"><interface><name/><multicast xmlns="{TRB}"><remote-backup-profile/><upstream/>
  <querier/><mld-querier/><plane/><statistics/></multicast></interface></interfaces>"""
_GROUP: Final = "<interface/><subscriber/><group-address/><origin/><forwarding/><forwarding-reason/>"
_GROUPS: Final = f"""
<remote-backup xmlns="{TRB}"><remote-backup-profile><name/><group>{_GROUP}</group></remote-backup-profile>
</remote-backup>"""
_EVENTS: Final = f"""
<remote-backup xmlns="{TRB}">
  <remote-backup-service><channel-state-changed/><batch-backup-completed/><out-of-sync/></remote-backup-service>
  <remote-backup-profile><role-changed/><igmp-copy-state-changed/><dual-master/></remote-backup-profile>
</remote-backup>"""


def overview() -> etree._Element:
    """Ask once for everything but the groups."""
    return _get(_OVERVIEW)


def groups() -> etree._Element:
    """Ask once for the groups."""
    return _get(_GROUPS)


def _get(content: str) -> etree._Element:
    return etree.fromstring(
        f'<get-data xmlns="{NMDA}" xmlns:ds="{DS}"><datastore>ds:operational</datastore>'
        f"<subtree-filter>{content}</subtree-filter></get-data>"
    )


def push(seconds: float) -> etree._Element:
    """Subscribe to the overview, each `seconds` from now on."""
    return _establish(
        f"<yp:datastore>ds:operational</yp:datastore>"
        f"<yp:datastore-subtree-filter>{_OVERVIEW}</yp:datastore-subtree-filter>"
        f"<yp:periodic><yp:period>{round(seconds * 100)}</yp:period></yp:periodic>"
    )


def events(since: datetime) -> etree._Element:
    """Subscribe to our notifications, beginning with those since a time."""
    return _establish(
        f"<stream>NETCONF</stream><stream-subtree-filter>{_EVENTS}</stream-subtree-filter>"
        f"<replay-start-time>{since:%Y-%m-%dT%H:%M:%SZ}</replay-start-time>"
    )


def _establish(inner: str) -> etree._Element:
    return etree.fromstring(
        f'<establish-subscription xmlns="{SN}" xmlns:yp="{YP}" xmlns:ds="{DS}">{inner}'
        "</establish-subscription>"
    )


def pushed(notification: etree._Element) -> etree._Element | None:
    """Return the data of a push-update, None for another notification."""
    return notification.find(f"{{{YP}}}push-update/{{{YP}}}datastore-contents")


def over(notification: etree._Element) -> str:
    """Return why the server ended a subscription, "" when it did not."""
    ended = notification.find(f"{{{SN}}}subscription-terminated")
    if ended is None:
        return ""
    return ended.findtext(f"{{{SN}}}reason") or "the server ended the subscription"


def data(reply: etree._Element) -> etree._Element:
    """Return the data of a reply to get-data."""
    found = reply.find(f"{{{NMDA}}}data")
    return etree.Element("data") if found is None else found
