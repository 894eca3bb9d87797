"""The querier against the reference model: who asks, when, what, and whose intervals are in force."""

from ipaddress import IPv4Address

from hypothesis import example, given
from hypothesis import strategies as st

from dataplane.config import IgmpConfig
from dataplane.membership.groups import LastMemberQuery
from dataplane.membership.querier import Querier
from dataplane.membership.timers import Timing
from dataplane.packets.messages import Query
from tests.support.querier_model import QuerierModel

BASE = 0x0A000000
OURS = 5
GROUPS = {"G": IPv4Address("239.1.1.1"), "H": IPv4Address("239.1.1.2")}
NAMES = {address: name for name, address in GROUPS.items()}
RESPONSE, LAST_MEMBER = 4, 1


class Table:
    """What a querier needs of a table: intervals to set, and which timers run for long."""

    def __init__(self, config, outlives):
        self.timing = Timing.of(config)
        self._outlives = outlives

    def outlives(self, group, source, now, limit):
        number = 0 if source is None else int(source) - BASE
        return (NAMES[group], number) in self._outlives

    def query_heard(self, question, limit, now):
        """Timers are the table's business."""


pauses = st.sampled_from([0.0, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0])
groups = st.sampled_from(sorted(GROUPS))
numbers = st.frozensets(st.integers(1, 3), max_size=3)
heard = st.tuples(
    st.just("heard"),
    st.sampled_from([0, 3, 4, OURS, 6]),
    st.integers(0, 7),
    st.sampled_from([0, 5, 20]),
    st.booleans(),
)
steps = st.one_of(
    st.tuples(st.just("active"), st.booleans()),
    heard,
    st.tuples(st.just("left"), groups, numbers),
    st.tuples(st.just("answered"), groups, st.integers(0, 3)),
    st.tuples(st.just("ended"), groups, st.integers(0, 3)),
)
histories = st.lists(st.tuples(pauses, steps), min_size=1, max_size=25)


BEGIN, NOTHING, QUERY = ("active", True), ("ended", "G", 0), ("heard", 3, 0, 0, False)
NONE, ONE = frozenset(), frozenset({1})


def address(number):
    return IPv4Address(BASE + number) if number else IPv4Address(0)


def shown(query):
    if query.group is None:
        return "general"
    return NAMES[query.group], tuple(sorted(int(each) - BASE for each in query.sources)), query.suppress


def play(querier, model, step, now):
    """One step for both; what the querier sends at once."""
    match step:
        case ("active", True):
            model.start(now)
            return querier.set_active(True, now)
        case ("active", False):
            model.stop()
            return querier.set_active(False, now)
        case ("heard", source, robustness, interval, specific):
            group = GROUPS["G"] if specific else None
            querier.heard(Query(3, group, (), 1.0, False, robustness, interval), address(source), now)
            model.hear(source, robustness, interval, now)
        case ("left", group, sources):
            model.left(group, set(sources), now)
            question = LastMemberQuery(GROUPS[group], tuple(address(each) for each in sorted(sources)))
            return querier.ask((question,), now)
        case ("answered", group, source):
            model.outlives.add((group, source))
        case ("ended", group, source):
            model.outlives.discard((group, source))
    return ()


@example(
    1, [(0.0, ("active", True)), (0.0, ("left", "G", frozenset())), (0.0, ("left", "G", frozenset({1, 2})))]
)
@example(
    3,
    [
        (0.0, ("active", True)),
        (1.0, ("heard", 3, 7, 20, False)),
        (50.0, ("heard", 4, 0, 20, True)),
        (50.0, ("left", "G", frozenset({1}))),
        (0.5, ("active", False)),
        (0.0, ("active", True)),
    ],
)
@example(
    2, [(0.0, BEGIN), (0.0, ("left", "G", NONE)), (0.0, ("answered", "G", 1)), (0.0, ("left", "G", ONE))]
)
@example(2, [(0.0, BEGIN), (0.0, QUERY), (20.0, NOTHING), (5.0, NOTHING), (2.0, NOTHING)])
@example(3, [(0.0, BEGIN), (1.0, QUERY), (50.0, NOTHING)])
@given(st.integers(1, 3), histories)
def test_the_querier_does_what_rfc_3376_says(robustness, history):
    config = IgmpConfig(3, 12, RESPONSE, robustness, LAST_MEMBER)
    model = QuerierModel(OURS, robustness, 12, RESPONSE, LAST_MEMBER)
    table = Table(config, model.outlives)
    querier, now, sent = Querier(config, table, address(OURS)), 100.0, []
    for pause, step in history:
        now += pause
        while (due := querier.next_deadline()) is not None and due <= now:
            sent += [(due, shown(send.query)) for send in querier.tick(due)]
        model.advance(now)
        sent += [(now, shown(send.query)) for send in play(querier, model, step, now)]
        assert sorted(sent, key=repr) == sorted(model.sent, key=repr)
        assert table.timing.group_membership_interval == model.membership
        assert (
            querier.state.value == {"off": "off", "querier": "querier", "other": "non-querier"}[model.state]
        )
