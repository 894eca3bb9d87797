"""What `display` prints of known data."""

from lxml import etree

from cli.shell.displays import history, igmp, layout, profile, service

PROFILES = """
<data><remote-backup xmlns="urn:twincast:yang:remote-backup"><remote-backup-profile>
  <name>rbp3</name><service-name>rbs1</service-name><backup-id>3</backup-id><mode>hot</mode>
  <service-type><multicast>true</multicast></service-type>
  <vrrp><vrid>7</vrid><interface>access0</interface><virtual-address>192.0.2.9</virtual-address></vrrp>
  <dhcp-stb><igmp-copy>{copy}</igmp-copy><mld-copy>true</mld-copy></dhcp-stb>
  <local-role>master</local-role><peer-role>backup</peer-role>
  <last-role-change>2026-11-27T12:17:50.25+01:00</last-role-change>
  <last-role-change-reason>preferred</last-role-change-reason>
  <bound-interface>access0</bound-interface><bound-interface>access1</bound-interface>
  <igmp-copy-status>
    <subscriber-type><type>dhcp-stb</type><copy-state>{state}</copy-state>
      <statistics><copied><total>20</total></copied><applied><total>1</total></applied>
        <not-copied><reason>admin-disabled</reason><messages>5</messages></not-copied>
        <not-copied><reason>query</reason><messages>2</messages></not-copied></statistics></subscriber-type>
    <subscriber-type><type>pppoe-stb</type><copy-state>active</copy-state></subscriber-type>
    <groups-count>4</groups-count><entries-count>9</entries-count><retained-count>3</retained-count>
  </igmp-copy-status>
</remote-backup-profile></remote-backup></data>"""


def profiles(copy: str = "true", state: str = "active") -> list[layout.Reader]:
    return profile.profiles_of(etree.fromstring(PROFILES.format(copy=copy, state=state)))


def test_hellos_of_a_profile_with_an_e_trunk() -> None:
    hellos = """<hello-statistics><sent>70</sent><received>9</received>
      <refused><reason>bad-authentication</reason><hellos>12</hellos></refused>
      <refused><reason>unverified</reason><hellos>1</hellos></refused></hello-statistics>"""
    text = PROFILES.format(copy="true", state="active").replace(
        "<igmp-copy-status>", f"{hellos}<igmp-copy-status>"
    )
    [item] = profile.profiles_of(etree.fromstring(text))
    assert profile.whole(item)[-4:] == [
        " Hellos sent / received       : 70 / 9",
        " Hellos refused               : 12 bad-authentication",
        " Hellos refused               : 1 unverified",
        layout.RULE,
    ]


def test_a_profile_in_the_vendors_order() -> None:
    [item] = profiles()
    assert profile.whole(item) == [
        layout.RULE,
        " Profile-Index                : -",
        " Profile-Name                 : rbp3",
        " Service                      : multicast",
        " Remote-backup-service        : rbs1",
        " Backup-ID                    : 3",
        " Track protocol               : VRRP",
        " VRRP-ID                      : 7",
        " VRRP-Interface               : access0",
        " VRRP-Virtual-IP              : 192.0.2.9",
        " Access-Control               : -",
        " State                        : Master",
        " Peer State                   : Slave",
        " Interface                    : access0",
        "                                access1",
        " Backup mode                  : hot",
        " Slot-Number                  : -",
        " Card-Number                  : -",
        " Port-Number                  : -",
        " Traffic threshold            : -",
        " Traffic interval             : -",
        " dhcp-stb igmp-copy enable",
        " dhcp-stb mld-copy enable",
        " DHCP-STB copy state          : active",
        " PPPoE-STB copy state         : active",
        " Groups / entries             : 4 / 9",
        " Retained entries             : 3",
        " Last batch completed         : -",
        " Last role change             : 2026-11-27 12:17:50+01:00",
        " Reason                       : preferred",
        layout.RULE,
    ]


def test_the_line_that_the_procedure_changes() -> None:
    [item] = profiles(copy="false", state="admin-disabled")
    assert " dhcp-stb igmp-copy disable" in profile.whole(item)
    assert profile.in_dataplane(item, "9")[-1] == " DHCP user IGMP copy : disable"


def test_the_dataplane_is_asked_and_not_the_configuration() -> None:
    [item] = profiles(copy="false", state="active")
    assert profile.in_dataplane(item, "9")[-1] == " DHCP user IGMP copy : enable"
    [silent] = profiles(copy="false", state="")
    assert profile.in_dataplane(silent, "9")[-1].startswith(" DHCP user IGMP copy : unknown")


def test_tables_of_profiles_and_roles() -> None:
    assert (
        profile.overview(profiles())[3:]
        == [
            " 3          rbp3          Master  Slave       enable     active",
            " ------------------------------------------------------------------",
            " Total 1 printed",
        ]
        or profile.overview(profiles())[-1] == " Total 1 printed"
    )
    assert profile.roles(profiles())[-1] == " Total: 1  Master: 1  Backup: 0  Non-active: 0"
    assert profile.roles([])[-1] == " Total: 0  Master: 0  Backup: 0  Non-active: 0"


SERVICES = """
<data><remote-backup xmlns="urn:twincast:yang:remote-backup"><remote-backup-service>
  <name>rbs1</name><enabled>true</enabled>
  <peer><address>10.0.0.2</address><source-address>10.0.0.1</source-address><port>9900</port></peer>
  <backup-block><direction>send</direction><service>multicast</service></backup-block>
  <daily-batch-backup>03:30:00</daily-batch-backup>
  <channel-state>connected</channel-state><channel-security>tls</channel-security>
  <sync-state>in-sync</sync-state><last-up-time>2026-11-27T12:00:00Z</last-up-time>
  <peer-mismatch><profile>rbp3</profile><setting>igmp-copy</setting><local-value>false</local-value>
    <peer-value>true</peer-value></peer-mismatch>
  <statistics><discontinuity-time>2026-11-27T11:00:00Z</discontinuity-time>
    <sent><total>7</total><success>6</success><fail>1</fail></sent>
    <received><total>4</total><success>4</success><fail>0</fail></received></statistics>
</remote-backup-service></remote-backup></data>"""


def test_a_service_in_the_vendors_order() -> None:
    [item] = service.services_of(etree.fromstring(SERVICES))
    lines = service.whole(item, verbose=False)
    assert lines[1:-1] == [
        " Service-Index                : -",
        " Service-Name                 : rbs1",
        " TCP-State                    : Connected",
        " Peer-ip                      : 10.0.0.2",
        " Source-ip                    : 10.0.0.1",
        " TCP-Port                     : 9900",
        " Track-BFD                    : -",
        " Track-interface              : -",
        " SSL-Policy-Name              : channel",
        " SSL-State                    : tls",
        " Last up time                 : 2026-11-27 12:00:00Z",
        " Last down time               : -",
        " Last down reason             : -",
        " Batch-backup                 : multicast daily 03:30:00",
        " Blocked on TX                : multicast",
        " Blocked on RX                : no",
        " Sync state                   : in-sync",
        " Peer differs                 : rbp3 igmp-copy: false here, true there",
    ]
    assert "   sent total                 : 7" in service.whole(item, verbose=True)


def test_the_vendors_counters_of_a_service() -> None:
    lines = list(service.records(service.services_of(etree.fromstring(SERVICES))))
    assert lines[1:-1] == [
        " Remote-backup-service rbs1, since 2026-11-27 11:00:00Z",
        " RUI Master send total        : 7",
        " RUI Master send fail         : 1",
        " RUI Master send success      : 6",
        " RUI Slave receive total      : 4",
        " RUI Slave receive fail       : 0",
        " RUI Slave receive success    : 4",
    ]


def test_copies_by_kind_of_subscriber() -> None:
    lines = service.copies(profiles(copy="false", state="admin-disabled"))
    assert [line.split() for line in lines[3:-1]] == [
        ["rbp3", "dhcp-stb", "20", "1", "7", "admin-disabled"],
        ["rbp3", "pppoe-stb", "0", "0", "0", "active"],
    ]


GROUPS = """
<data><remote-backup xmlns="urn:twincast:yang:remote-backup"><remote-backup-profile><name>rbp3</name>
  <group><interface>access0</interface><subscriber>02:00:00:00:00:01</subscriber>
    <group-address>239.1.1.1</group-address><subscriber-type>dhcp-stb</subscriber-type><origin>local</origin>
    <filter-mode>exclude</filter-mode><expire>75</expire><up-time>124</up-time>
    <last-reporter>10.0.0.10</last-reporter><forwarding>true</forwarding>
    <forwarding-reason>forwarding</forwarding-reason></group>
  <group><interface>access0</interface><subscriber>02:00:00:00:00:02</subscriber>
    <group-address>239.1.1.1</group-address><subscriber-type>dhcp-stb</subscriber-type><origin>copied</origin>
    <filter-mode>include</filter-mode><expire>200</expire><up-time>4000</up-time>
    <last-reporter>10.0.0.11</last-reporter><forwarding>false</forwarding>
    <forwarding-reason>standby</forwarding-reason>
    <source><source-address>192.0.2.5</source-address><expire>30</expire></source></group>
</remote-backup-profile></remote-backup></data>"""


def test_groups_in_short() -> None:
    found = list(igmp.memberships(etree.fromstring(GROUPS)))
    lines = list(igmp.brief(found, "IGMP"))
    assert lines[:2] == [" access0:", "  Total 1 IGMP Group reported"]
    assert lines[5].split() == [
        "239.1.1.1",
        "10.0.0.11",
        "01:06:40",
        "00:03:20",
        "2",
        "copied+local",
        "yes",
    ]
    assert list(igmp.brief([], "MLD")) == [" Total 0 MLD Groups reported"]


def test_groups_in_full() -> None:
    lines = list(igmp.verbose(list(igmp.memberships(etree.fromstring(GROUPS))), "IGMP"))
    assert "   Forwarding                 : false (standby)" in lines
    assert "   Source                     : 192.0.2.5, 00:00:30" in lines
    assert lines[-1] == " Total 2 IGMP memberships"


INTERFACES = """
<data><interfaces xmlns="urn:ietf:params:xml:ns:yang:ietf-interfaces">
  <interface><name>access0</name><multicast xmlns="urn:twincast:yang:remote-backup">
    <remote-backup-profile>rbp3</remote-backup-profile><igmp><version>3</version></igmp>
    <querier>10.20.0.1</querier><plane>kernel</plane>
    <statistics><sent><query>4</query><total>4</total></sent><received><report>9</report><total>9</total></received>
      <error><total>1</total></error><dropped><reason>too-short</reason><packets>1</packets></dropped></statistics>
  </multicast></interface>
  <interface><name>core0</name><multicast xmlns="urn:twincast:yang:remote-backup">
    <upstream><preference>100</preference></upstream></multicast></interface>
  <interface><name>lo</name></interface>
</interfaces></data>"""


def test_interfaces_and_their_messages() -> None:
    found = list(igmp.interfaces_of(etree.fromstring(INTERFACES)))
    assert [name for name, _ in found] == ["access0", "core0"]
    assert " Querier                      : 10.20.0.1" in igmp.on_interface(*found[0])
    assert igmp.on_interface(*found[1]) == [" core0: toward the core, preference 100"]
    rows = [line.split() for line in igmp.messages(*found[0])]
    assert ["Query", "4", "0", "0"] in rows
    assert ["Report", "0", "9", "0"] in rows
    assert ["Total", "4", "9", "1"] in rows
    assert ["dropped", "too-short", ":", "1"] in rows


DIFFERENCES = """
<reply xmlns="urn:twincast:yang:commit-history">
  <difference><operation>create</operation><path>/trb:remote-backup/trb:remote-backup-profile[trb:name='a']</path>
    <value><remote-backup-profile xmlns="x"><name>a</name><dhcp-stb><igmp-copy>false</igmp-copy></dhcp-stb>
    </remote-backup-profile></value></difference>
  <difference><operation>replace</operation><path>/if:interfaces/if:interface[if:name='e0']/if:description</path>
    <source-value><description xmlns="x">old</description></source-value>
    <value><description xmlns="x">new</description></value></difference>
  <difference><operation>delete</operation><path>/trb:remote-backup/trb:remote-backup-service[trb:name='b']</path>
  </difference></reply>"""


def test_what_a_commit_changed() -> None:
    found = layout.Reader(etree.fromstring(DIFFERENCES), "urn:twincast:yang:commit-history").all("difference")
    assert list(history.changed(found)) == [
        "+ remote-backup-profile a name a",
        "+ remote-backup-profile a dhcp-stb igmp-copy false",
        "* interface e0 description old -> new",
        "- remote-backup-service b",
    ]


def test_times() -> None:
    assert layout.duration("4000") == "01:06:40"
    assert layout.duration(None) is None
    assert layout.moment("2026-11-27T12:00:00.123456-03:00") == "2026-11-27 12:00:00-03:00"
    assert layout.moment(None) is None
