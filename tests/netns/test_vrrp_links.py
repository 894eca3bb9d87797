"""The machine that follows VRRP, fed by a real kernel: addresses, carriers, macvlans (rule 20)."""

import select
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cli.lab.namespaces import Namespace, veth
from dataplane.config import Role, VrrpArbitration
from dataplane.links import LinkRemoved, Links
from dataplane.roles import VrrpRole
from tests.support.wait import wait_for

VIRTUAL = "192.0.2.254"


class Follower:
    """One machine and the links that it follows, as the engine does it."""

    def __init__(self, here: Namespace, address: str) -> None:
        self._here = here
        self._links = Links()
        self._machine = VrrpRole(VrrpArbitration(51, "eth0", address))
        self._machine.links_known(self._links.all().values())
        self._machine.start(0.0)

    def becomes(self, role: Role) -> None:
        def step() -> bool:
            if select.select([self._links], [], [], 0.1)[0]:
                for event in self._links.read():
                    gone = isinstance(event, LinkRemoved)
                    self._machine.link_changed(event.link.name, None if gone else event.link, 0.0)
            return self._machine.role is role

        wait_for(step, what=f"the role {role}")

    def address(self, command: str, address: str, length: int, interface: str = "eth0") -> None:
        index = self._here.index(interface)
        self._here.run(
            lambda: self._here._route.addr(command, index=index, address=address, prefixlen=length)
        )

    def protodown(self, interface: str, value: int) -> None:
        index = self._here.index(interface)
        self._here.run(lambda: self._here._route.link("set", index=index, proto_down=value))

    def close(self) -> None:
        self._links.close()


@contextmanager
def following(address: str = VIRTUAL) -> Iterator[tuple[Namespace, Namespace, Follower]]:
    with Namespace("router", new=False) as here, Namespace("access") as access:
        veth(here, "eth0", access, "port")
        follower = Follower(here, address)
        try:
            yield here, access, follower
        finally:
            follower.close()


def there_and_back(follower: Follower, move: Callable[[str], None]) -> None:
    follower.becomes(Role.BACKUP)
    move("add")
    follower.becomes(Role.MASTER)
    move("del")
    follower.becomes(Role.BACKUP)


def test_an_address_of_the_interface() -> None:
    with following() as (_, _, follower):
        there_and_back(follower, lambda command: follower.address(command, VIRTUAL, 24))


def test_an_ipv6_address_of_the_interface() -> None:
    with following("2001:db8::fe") as (_, _, follower):
        there_and_back(follower, lambda command: follower.address(command, "2001:db8::fe", 64))


def test_the_carrier_and_the_interface_itself() -> None:
    with following() as (here, access, follower):
        follower.address("add", VIRTUAL, 24)
        follower.becomes(Role.MASTER)
        access.down("port")
        follower.becomes(Role.BACKUP)
        access.up("port")
        follower.becomes(Role.MASTER)
        here.delete("eth0")
        follower.becomes(Role.INIT)


def test_a_macvlan_with_the_address_that_is_kept_down_by_protocol() -> None:
    """As FRR does it: the address is there for good, the link is not."""
    with following() as (here, access, follower):
        here.device("vrrp4-2-1", "macvlan", link=here.index("eth0"), macvlan_mode="bridge")
        follower.protodown("vrrp4-2-1", 1)
        follower.address("add", VIRTUAL, 24, "vrrp4-2-1")
        follower.becomes(Role.BACKUP)
        follower.protodown("vrrp4-2-1", 0)
        follower.becomes(Role.MASTER)
        access.down("port")
        follower.becomes(Role.BACKUP)
        access.up("port")
        follower.becomes(Role.MASTER)
        follower.protodown("vrrp4-2-1", 1)
        follower.becomes(Role.BACKUP)
