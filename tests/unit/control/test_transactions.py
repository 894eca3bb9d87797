"""Generations, tokens and refusals of the two-phase change."""

from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from dataplane.config import (
    AccessConfig,
    FilterRule,
    IgmpConfig,
    InterfaceConfig,
    PeerConfig,
    ProfileConfig,
    Refusal,
    ServiceConfig,
    Subject,
    TlsConfig,
)
from dataplane.control.messages import ConfigDelta, ControlError, Generation, ServiceOnWire
from dataplane.control.transactions import (
    MAXIMUM_PREPARED,
    OutOfStep,
    PrepareRefused,
    TransactionError,
    Transactions,
)
from dataplane.engine.messages import Reconfigure

OWNER = object()
ONE, TWO = ProfileConfig("one"), ProfileConfig("two")


@pytest.fixture
def transactions() -> Transactions:
    made = Transactions("here")
    made.restore(ConfigDelta(profiles=(ONE,)))
    return made


def test_prepare_changes_nothing_and_apply_everything(transactions: Transactions) -> None:
    before = transactions.generation
    token = transactions.prepare(OWNER, before, ConfigDelta(profiles=(TWO,)))
    assert transactions.generation == before
    assert transactions.profiles == {"one": ONE}
    assert transactions.apply(token) == Reconfigure(profiles=(TWO,))
    assert transactions.generation == Generation("here", before.number + 1)
    assert transactions.profiles == {"one": ONE, "two": TWO}


def test_revert_undoes_the_last_apply_only(transactions: Transactions) -> None:
    changed = ProfileConfig("one", igmp_copy=False)
    delta = ConfigDelta(profiles=(changed, TWO))
    token = transactions.prepare(OWNER, transactions.generation, delta)
    transactions.apply(token)
    assert transactions.revert(token) == Reconfigure(profiles=(ONE,), removed_profiles=("two",))
    assert transactions.profiles == {"one": ONE}
    with pytest.raises(TransactionError):
        transactions.revert(token)


def test_a_change_from_another_generation_is_out_of_step(transactions: Transactions) -> None:
    with pytest.raises(OutOfStep):
        transactions.prepare(OWNER, Generation("there", 1), ConfigDelta())


def test_a_change_from_nothing_is_compared_with_what_is_there(transactions: Transactions) -> None:
    token = transactions.prepare(OWNER, None, ConfigDelta(profiles=(ONE, TWO)))
    assert transactions.apply(token) == Reconfigure(profiles=(TWO,))


def test_restore_removes_what_it_does_not_name(transactions: Transactions) -> None:
    assert transactions.restore(ConfigDelta(profiles=(TWO,))) == Reconfigure(
        profiles=(TWO,), removed_profiles=("one",)
    )


def test_of_two_prepared_changes_only_one_can_be_applied(transactions: Transactions) -> None:
    first = transactions.prepare(OWNER, transactions.generation, ConfigDelta(profiles=(TWO,)))
    second = transactions.prepare(OWNER, transactions.generation, ConfigDelta(removed_profiles=("one",)))
    transactions.apply(first)
    with pytest.raises(TransactionError):
        transactions.apply(second)


def test_what_is_aborted_or_abandoned_cannot_be_applied(transactions: Transactions) -> None:
    first = transactions.prepare(OWNER, transactions.generation, ConfigDelta())
    second = transactions.prepare(OWNER, transactions.generation, ConfigDelta())
    transactions.abort(first)
    transactions.abandon(OWNER)
    for token in (first, second):
        with pytest.raises(TransactionError):
            transactions.apply(token)


def test_prepared_changes_are_bounded(transactions: Transactions) -> None:
    for _ in range(MAXIMUM_PREPARED):
        transactions.prepare(OWNER, transactions.generation, ConfigDelta())
    with pytest.raises(TransactionError):
        transactions.prepare(OWNER, transactions.generation, ConfigDelta())


def test_what_the_means_do_not_allow_of_a_service_is_refused() -> None:
    def problems(service: ServiceConfig) -> Iterator[Refusal]:
        if service.tls.key == "missing":
            yield Refusal(Subject.SERVICE, service.name, "tls/key", "There is no such key.", "key-not-usable")

    transactions = Transactions("i", problems_of=problems)
    transactions.restore(ConfigDelta())
    usual = ConfigDelta(services=(ServiceOnWire("rbs1"),))
    transactions.prepare(OWNER, transactions.generation, usual)
    named = ConfigDelta(services=(ServiceOnWire("rbs1", tls=TlsConfig(key="missing")),))
    with pytest.raises(PrepareRefused, match="no such key") as refused:
        transactions.prepare(OWNER, transactions.generation, named)
    assert [item.leaf for item in refused.value.refusals] == ["tls/key"]
    transactions.restore(named)
    assert transactions.services["rbs1"].tls.key == "missing"


def meeting(name: str, peer: str, port: int, *, enabled: bool = True) -> ServiceOnWire:
    there = PeerConfig(ip_address(peer), ip_address("192.0.2.9"), port)
    return ServiceOnWire.wrap(ServiceConfig(name, enabled, there))


def test_two_services_cannot_have_one_port_of_one_address(transactions: Transactions) -> None:
    """The second would never listen, and two E-Trunk routers without hellos are both master."""
    first, other = meeting("one", "192.0.2.1", 2000), meeting("two", "192.0.2.2", 2001)
    both = ConfigDelta(services=(first, other))
    transactions.apply(transactions.prepare(OWNER, transactions.generation, both))
    same = ConfigDelta(services=(meeting("two", "192.0.2.2", 2000),))
    with pytest.raises(PrepareRefused, match=r"Service one has port 2000 of 192\.0\.2\.9 already") as refused:
        transactions.prepare(OWNER, transactions.generation, same)
    (refusal,) = refused.value.refusals
    assert (refusal.name, refusal.leaf, refusal.app_tag) == ("two", "peer/port", "port-in-use")
    exchanged = ConfigDelta(
        services=(meeting("one", "192.0.2.1", 2001), meeting("two", "192.0.2.2", 2000)),
    )
    disabled = ConfigDelta(services=(meeting("two", "192.0.2.2", 2000, enabled=False),))
    instead = ConfigDelta(services=same.services, removed_services=("one",))
    for good in (exchanged, disabled, instead):
        transactions.abort(transactions.prepare(OWNER, transactions.generation, good))


@pytest.mark.parametrize("odd", ["0.0.0.0", "255.255.255.255", "224.0.0.1", "::", "ff02::1", "fe80::1"])
def test_addresses_that_no_channel_can_have_are_refused(transactions: Transactions, odd: str) -> None:
    address = ip_address(odd)
    good = ip_address("192.0.2.1" if address.version == 4 else "2001:db8::1")
    for leaf, peer in (
        ("peer/address", PeerConfig(address, good, 2000)),
        ("peer/source-address", PeerConfig(good, address, 2000)),
    ):
        delta = ConfigDelta(services=(ServiceOnWire.wrap(ServiceConfig("one", peer=peer)),))
        with pytest.raises(PrepareRefused) as refused:
            transactions.prepare(OWNER, transactions.generation, delta)
        assert [(each.leaf, each.app_tag) for each in refused.value.refusals] == [
            (leaf, "address-not-usable")
        ]


def test_access_ports_beyond_the_tables_are_refused(transactions: Transactions) -> None:
    ports = tuple(InterfaceConfig(f"access{number}", access=AccessConfig()) for number in range(121))
    transactions.apply(transactions.prepare(OWNER, transactions.generation, ConfigDelta(interfaces=ports)))
    one_more = ConfigDelta(interfaces=(InterfaceConfig("more", access=AccessConfig()),))
    with pytest.raises(PrepareRefused) as refused:
        transactions.prepare(OWNER, transactions.generation, one_more)
    assert [(item.name, item.leaf) for item in refused.value.refusals] == [("more", "multicast")]
    assert "4 multicast routing tables hold 121" in str(refused.value)
    replaced = ConfigDelta(interfaces=one_more.interfaces, removed_interfaces=("access0",))
    transactions.prepare(OWNER, transactions.generation, replaced)


def test_a_filter_that_is_no_prefix_ends_the_connection(transactions: Transactions) -> None:
    rules = (FilterRule(permit=False, group="239.1.1.1/40"),)
    bad = InterfaceConfig("eth0", access=AccessConfig(igmp=IgmpConfig(group_filter=rules)))
    with pytest.raises(ControlError):
        transactions.prepare(object(), None, ConfigDelta(interfaces=(bad,)))


def test_a_kernel_with_one_table_takes_fewer_access_ports() -> None:
    one_table = Transactions("here", tables=1)
    ports = tuple(InterfaceConfig(f"access{number}", access=AccessConfig()) for number in range(32))
    with pytest.raises(PrepareRefused, match="one multicast routing table holds 31"):
        one_table.prepare(OWNER, None, ConfigDelta(interfaces=ports))
