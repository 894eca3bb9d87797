"""What the laboratory configures its routers with, as an operator would over NETCONF."""

from cli.lab.topology import ACCESS_INTERFACE, CHANNEL_PORT, CORE_INTERFACE, RouterSite

PROFILE = "rbp3"
SERVICE = "rbs1"
REMOTE_BACKUP = "urn:twincast:yang:remote-backup"

_ROUTER = """
<config xmlns="urn:ietf:params:xml:ns:netconf:base:1.0">
  <remote-backup xmlns="urn:twincast:yang:remote-backup">
    <remote-backup-service>
      <name>{service}</name>
      <peer>
        <address>{peer}</address>
        <source-address>{own}</source-address>
        <port>{port}</port>
      </peer>
    </remote-backup-service>
    <remote-backup-profile>
      <name>{profile}</name>
      <service-name>{service}</service-name>
      <backup-id>3</backup-id>
      <e-trunk>
        <id>1</id>
        <priority>{priority}</priority>
        <security-key>laboratory</security-key>
        <revert-delay>1</revert-delay>
      </e-trunk>
    </remote-backup-profile>
  </remote-backup>
  <interfaces xmlns="urn:ietf:params:xml:ns:yang:ietf-interfaces">
    <interface>
      <name>{core}</name>
      <type xmlns:ianaift="urn:ietf:params:xml:ns:yang:iana-if-type">ianaift:ethernetCsmacd</type>
      <multicast xmlns="urn:twincast:yang:remote-backup"><upstream/></multicast>
    </interface>
    <interface>
      <name>{access}</name>
      <type xmlns:ianaift="urn:ietf:params:xml:ns:yang:iana-if-type">ianaift:ethernetCsmacd</type>
      <multicast xmlns="urn:twincast:yang:remote-backup">
        <remote-backup-profile>{profile}</remote-backup-profile>
        <igmp>
          <query-interval>{interval}</query-interval>
          <query-max-response-time>{response}</query-max-response-time>
        </igmp>
      </multicast>
    </interface>
  </interfaces>
</config>
"""


def router(
    own: str, peer: str, port: int, priority: int, *, query_interval: int, query_max_response_time: int
) -> str:
    """Return the whole configuration of one router; intervals are seconds."""
    return _ROUTER.format(
        service=SERVICE,
        profile=PROFILE,
        own=own,
        peer=peer,
        port=port,
        priority=priority,
        core=CORE_INTERFACE,
        access=ACCESS_INTERFACE,
        interval=query_interval,
        response=query_max_response_time,
    )


def of_site(site: RouterSite, query_interval: int, query_max_response_time: int) -> str:
    """Return the whole configuration of a router of the topology."""
    return router(
        site.channel_address,
        site.peer_address,
        CHANNEL_PORT,
        site.priority,
        query_interval=query_interval,
        query_max_response_time=query_max_response_time,
    )


def igmp_copy(*, enabled: bool) -> str:
    """Return `undo dhcp-stb igmp-copy` as an edit, or its reverse: the leaf deleted, default true again."""
    leaf = '<igmp-copy nc:operation="remove"/>' if enabled else "<igmp-copy>false</igmp-copy>"
    return (
        '<config xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"'
        ' xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0">'
        f'<remote-backup xmlns="{REMOTE_BACKUP}"><remote-backup-profile><name>{PROFILE}</name>'
        f"<dhcp-stb>{leaf}</dhcp-stb></remote-backup-profile></remote-backup></config>"
    )


def vrrp(vrid: int, interface: str, address: str) -> str:
    """Return an edit by which the role follows a virtual address, in place of the e-trunk."""
    return (
        '<config xmlns="urn:ietf:params:xml:ns:netconf:base:1.0">'
        '<interfaces xmlns="urn:ietf:params:xml:ns:yang:ietf-interfaces"><interface>'
        f"<name>{interface}</name>"
        '<type xmlns:ianaift="urn:ietf:params:xml:ns:yang:iana-if-type">ianaift:ethernetCsmacd</type>'
        f'</interface></interfaces><remote-backup xmlns="{REMOTE_BACKUP}"><remote-backup-profile>'
        f"<name>{PROFILE}</name><vrrp><vrid>{vrid}</vrid><interface>{interface}</interface>"
        f"<virtual-address>{address}</virtual-address></vrrp></remote-backup-profile></remote-backup></config>"
    )


def switchover() -> str:
    """Return the action that moves the role of the profile."""
    return (
        f'<action xmlns="urn:ietf:params:xml:ns:yang:1"><remote-backup xmlns="{REMOTE_BACKUP}">'
        f"<remote-backup-profile><name>{PROFILE}</name><switchover/></remote-backup-profile>"
        "</remote-backup></action>"
    )


def profile_state(*nodes: str) -> str:
    """Return a subtree filter for some nodes of the profile."""
    wanted = "".join(f"<{node}/>" for node in nodes)
    return (
        f'<remote-backup xmlns="{REMOTE_BACKUP}"><remote-backup-profile><name>{PROFILE}</name>'
        f"{wanted}</remote-backup-profile></remote-backup>"
    )


def service_state(*nodes: str) -> str:
    """Return a subtree filter for some nodes of the service."""
    wanted = "".join(f"<{node}/>" for node in nodes)
    return (
        f'<remote-backup xmlns="{REMOTE_BACKUP}"><remote-backup-service><name>{SERVICE}</name>'
        f"{wanted}</remote-backup-service></remote-backup>"
    )


def groups() -> str:
    """Return a subtree filter for the groups of the profile."""
    return profile_state("group")
