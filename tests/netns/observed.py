"""What was seen of each rule, in words made of what was seen: docs/rules.md has them, and a test compares.

Nothing is said here that the values do not say, or without which the play would not have gone on. Numbers
that differ from play to play are told as a bound while they keep it, else as they are: a play that goes wrong
has other words than the page.
"""

from collections.abc import Callable, Sequence
from typing import Any

Seen = dict[str, Any]
A_CHANGE = 100
"""Packets of 1,000 a second that one change of role may cost on a busy machine."""


def observed(rule: int, seen: Seen) -> str:
    """The sentence for a rule, without its full stop."""
    return OBSERVED[rule](seen)


def _lost(count: int, changes: int = 1) -> str:
    most = changes * A_CHANGE
    return f"fewer than {most} packets" if count < most else f"{count} packets"


def _in_time(seconds: int, most: int) -> str:
    return f"within {most} s" if 0 < seconds <= most else f"after {seconds} s"


def _is(holds: object, yes: str, no: str) -> str:
    return yes if holds is True else no


def _code(words: Sequence[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _stream(seen: Seen) -> str:
    return f"{seen['lost']} packets of a stream were lost and {seen['duplicates']} came twice"


OBSERVED: dict[int, Callable[[Seen], str]] = {
    1: lambda seen: (
        f"the backup has the entry with origin `{seen['origin_on_backup']}`; of a channel that was"
        " chosen after the"
        f" failover, on the leg to the old master, {_lost(seen['zapped_lost'])} were lost once it was there"
    ),
    2: lambda seen: (
        f"with `igmp-copy` false the copy-states are {_code(seen['states'])}; the PPPoE join is a"
        f" `{seen['pppoe'][0]}` of origin `{seen['pppoe'][1]}` on the backup, the DHCP join is"
        f" {_is(seen['dhcp_on_backup'], 'there too', 'not there')}"
    ),
    3: lambda seen: (
        f"what was accepted before the commit {_is(seen['before'], 'arrived', 'did not arrive')}, what"
        " came after its"
        f" reply {_is(seen['after'], 'arrived', 'did not')}"
    ),
    4: lambda seen: (
        f"after the commit and a leave both entries {_is(seen['retained'], 'stay', 'do not stay')} on"
        " the backup; a"
        f" failover cost {_lost(seen['lost_at_failover'])} of the stream of one; an entry that was left ended"
        f" {_in_time(seen['rest_of_lifetime'], 10)}, with a membership interval of 10 s"
    ),
    5: lambda seen: (
        f"the join of the other profile {_is(seen['other_profile'], 'reached', 'did not reach')} the"
        " backup, that of"
        f" this one {_is(seen['this_profile'], 'did too', 'did not')}"
    ),
    6: lambda seen: (
        f"copy-states {_code(seen['states'])}; {_is(seen['copied'], 'something', 'nothing')} was"
        " copied; `igmp-copy`"
        f" false was refused with `{seen['refused']}`"
    ),
    7: lambda seen: (
        f"the join {_is(seen['absent_before'], 'was not', 'was')} on the backup while copying was off, and"
        f" {_is(seen['batch'], 'came', 'did not come')} with the batch when it was on again; the same"
        " commit once more"
        f" sent {_is(seen['second_batch'], 'another batch', 'none')}"
    ),
    8: lambda seen: (
        f"after a reconnect both {_is(seen['on_both'], 'have', 'do not have')} the entry, its timer on"
        " the backup"
        f" {_is(seen['lifetime_grew'], 'grew', 'did not grow')}, and the backup copied"
        f" {seen['copied_by_backup']}"
        " messages back"
    ),
    9: lambda seen: (
        f"the stream {_is(seen['at_hand'], 'arrives', 'does not arrive')} at the backup, whose entry says"
        f" `{seen['reason']}`; {_stream(seen)}"
    ),
    10: lambda seen: (
        f"the failover cost {_lost(seen['lost'])}; the new master sent"
        f" {_is(seen['new_master_asked'] >= 2, 'its queries and finished', 'too few queries for')} the"
        " leave that was"
        f" under way; the counters {_is(seen['counters_kept'], 'were kept', 'were lost')}"
    ),
    11: lambda seen: (
        f"roles {_code(seen['roles'])} as before; the entry"
        f" {_is(seen['entry_stays'], 'stays', 'is gone')}, a new join"
        f" is {_is(seen['not_copied'], 'not copied', 'copied')}; {_stream(seen)}"
    ),
    12: lambda seen: (
        "when it was master again all entries"
        f" {_is(seen['complete_at_failback'], 'were there', 'were not there')};"
        f" {_lost(seen['lost'])} were lost"
    ),
    13: lambda seen: (
        "unbound at the backup, the entry of the master"
        f" {_is(seen['entry_of_the_peer'], 'stays', 'is gone')}, and bound"
        f" again a batch {_is(seen['filled_by_a_batch'], 'brings', 'does not bring')} it; unbound at"
        " the master"
        f" (`{seen['copy_state']}`) that of the backup"
        f" {_is(seen['stays'], 'stays until its time is over', 'is gone')}"
    ),
    14: lambda seen: (
        "one message of each grew the counters "
        + ", ".join(f"`{reason}` by {count}" for reason, count in sorted(seen["grown"].items()))
        + f"; the backup has {_is(seen['link_local_on_backup'], 'the', 'no')} entry of 224.0.0.251"
    ),
    15: lambda seen: (
        f"copy-states {_code(seen['states'])}; {_is(seen['sent'], 'something', 'nothing')} was sent,"
        " and both joins came"
        " with the batch after the block"
    ),
    16: lambda seen: (
        f"with another access-id the join {_is(seen['absent'], 'does not reach', 'reaches')} the backup, and"
        f" `peer-mismatch` names {_code(seen['mismatch'])}; with the same it does"
    ),
    17: lambda seen: (
        f"for a leave the master {_is(seen['master_asked'], 'asked', 'did not ask')}, the backup sent"
        f" {seen['backup_asked']} queries; a foreign querier with a lower address was elected, and"
        " forgotten when it was"
        " silent"
    ),
    18: lambda seen: f"{seen['lost']} packets were lost over three kills of the master's dataplane",
    19: lambda seen: (
        f"without hellos {_code(seen['both'])}, with the first ones {_code(seen['after'])}; a master"
        " without upstream gave"
        f" the role up, for `{seen['forfeit']}`"
    ),
    20: lambda seen: (
        f"the role went with the virtual address to {' and '.join(seen['masters'])}; the two moves cost"
        f" {_lost(seen['lost'], 10)}"
    ),
}
