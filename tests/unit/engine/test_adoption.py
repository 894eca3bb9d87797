"""What adopted entries say about who wanted them: the inverse of how entries are derived."""

from ipaddress import IPv4Address

from hypothesis import given
from hypothesis import strategies as st

from dataplane.engine.former import interests
from dataplane.forwarding.desired import routes_for
from dataplane.membership.groups import Aggregate, FilterMode

GROUP = IPv4Address("239.1.1.1")
SOURCES = st.frozensets(st.sampled_from([IPv4Address(f"10.9.9.{last}") for last in range(4)]))
WANTS = st.builds(Aggregate, st.sampled_from(FilterMode), SOURCES).filter(
    lambda wants: wants.filter_mode is FilterMode.EXCLUDE or bool(wants.sources)
)


@given(st.dictionaries(st.sampled_from(["eth0", "eth1", "eth2"]), WANTS))
def test_entries_lead_back_to_entries_that_are_the_same(wanted: dict[str, Aggregate]) -> None:
    routes = routes_for(GROUP, wanted)
    again = routes_for(GROUP, interests(routes))
    kept = {route.key: route.ports for route in routes if route.ports}
    assert {route.key: route.ports for route in again if route.ports} == kept
