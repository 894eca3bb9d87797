"""The receiving half of a channel by itself."""

import msgspec

from dataplane.replication.incoming import Incoming
from dataplane.replication.outputs import ApplyRecords, Limits
from dataplane.replication.records import RecordKind
from tests.support.pairs import record


def test_a_record_of_a_later_kind_counts_in_the_sequence_and_does_nothing():
    later = msgspec.structs.replace(record(1), kind=RecordKind.UNKNOWN, sequence=1)
    known = msgspec.structs.replace(record(2), sequence=2)
    incoming = Incoming(Limits())
    incoming.map({known.backup_id: frozenset({known.access_id})})
    assert incoming.records((later, known), 0.0) == [ApplyRecords((known,))]
    assert incoming.received(known.backup_id) == 2
    assert (incoming.statistics.fail, incoming.statistics.sequence_gap) == (1, 0)
