"""The twenty rules on two real routers, the kernels' forwarding included: one play, one test a rule.

`python -m tests.netns.rules` plays them by hand and prints what was seen.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cli.lab.namespaces import user_namespaces_problem
from tests.netns.observed import A_CHANGE, OBSERVED, Seen, observed
from tests.netns.rules import SHORT
from tests.unit.test_rules_table import SEEN

pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.skipif(user_namespaces_problem() is not None, reason="user namespaces are off"),
]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Seen]:
    file = tmp_path_factory.mktemp("rules") / "seen.json"
    command = [sys.executable, "-m", "tests.netns.scenarios", "rules", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=390, check=False)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    found: dict[str, Seen] = json.loads(Path(file).read_text())
    return found


def test_rule_1_copied_by_whoever_received_it_whatever_its_role(played: dict[str, Seen]) -> None:
    assert played["1"]["origin_on_backup"] == "copied"
    assert played["1"]["zapped_lost"] < A_CHANGE


def test_rule_2_pppoe_is_copied_whatever_the_leaf_says(played: dict[str, Seen]) -> None:
    assert played["2"] == {
        "pppoe": ["pppoe-stb", "copied", "false"],
        "states": ["admin-disabled", "active"],
        "dhcp_on_backup": False,
    }


def test_rule_3_the_setting_is_read_when_the_message_is_accepted(played: dict[str, Seen]) -> None:
    assert played["3"] == {"before": True, "after": False}


def test_rule_4_disabling_withdraws_nothing(played: dict[str, Seen]) -> None:
    assert played["4"]["retained"]
    assert played["4"]["lost_at_failover"] < A_CHANGE
    assert 0 < played["4"]["rest_of_lifetime"] <= SHORT


def test_rule_5_another_profile_goes_on_copying(played: dict[str, Seen]) -> None:
    assert played["5"] == {"other_profile": True, "this_profile": False}


def test_rule_6_without_the_service_type_nothing_is_copied(played: dict[str, Seen]) -> None:
    assert played["6"] == {
        "states": ["service-disabled", "service-disabled"],
        "copied": False,
        "refused": "multicast-service-not-enabled",
    }


def test_rule_7_enabling_again_sends_one_batch(played: dict[str, Seen]) -> None:
    assert played["7"] == {"absent_before": True, "batch": True, "second_batch": False}


def test_rule_8_what_was_copied_is_not_copied_back_and_no_timer_grows(played: dict[str, Seen]) -> None:
    assert played["8"] == {"copied_by_backup": 0, "lifetime_grew": False, "on_both": True}


def test_rule_9_the_backup_has_the_stream_at_hand_and_forwards_nothing(played: dict[str, Seen]) -> None:
    assert played["9"] == {"at_hand": True, "reason": "standby", "lost": 0, "duplicates": 0}


def test_rule_10_the_new_master_forwards_at_once_and_asks(played: dict[str, Seen]) -> None:
    assert played["10"]["lost"] < A_CHANGE
    assert played["10"]["new_master_asked"] >= 2
    assert played["10"]["counters_kept"]


def test_rule_11_without_the_channel_all_stays_as_it_is(played: dict[str, Seen]) -> None:
    assert played["11"] == {
        "roles": ["master", "backup"],
        "entry_stays": True,
        "not_copied": True,
        "lost": 0,
        "duplicates": 0,
    }


def test_rule_12_failback_waits_until_everything_is_back(played: dict[str, Seen]) -> None:
    assert played["12"]["complete_at_failback"]
    assert played["12"]["lost"] < A_CHANGE
    assert played["12"]["origin"] in ("local", "both")


def test_rule_13_unbinding_removes_here_and_not_there(played: dict[str, Seen]) -> None:
    assert played["13"] == {
        "entry_of_the_peer": True,
        "filled_by_a_batch": True,
        "copy_state": "unbound",
        "stays": True,
    }


def test_rule_14_what_is_never_copied_is_counted(played: dict[str, Seen]) -> None:
    assert played["14"] == {
        "grown": {"link-local-group": 1, "malformed": 1, "query": 1},
        "link_local_on_backup": False,
    }


def test_rule_15_a_block_overrides_everything(played: dict[str, Seen]) -> None:
    assert played["15"] == {"states": ["blocked", "blocked"], "sent": False}


def test_rule_16_interfaces_are_mapped_by_access_id(played: dict[str, Seen]) -> None:
    assert played["16"] == {"absent": True, "mismatch": ["access-id"]}


def test_rule_17_only_the_master_asks(played: dict[str, Seen]) -> None:
    assert played["17"] == {"master_asked": True, "backup_asked": 0}


def test_rule_18_forwarding_outlives_the_dataplane(played: dict[str, Seen]) -> None:
    assert played["18"] == {"lost": 0}


def test_rule_19_of_two_masters_one_stops(played: dict[str, Seen]) -> None:
    assert played["19"] == {
        "both": ["master", "master"],
        "after": ["master", "backup"],
        "forfeit": "upstream-down",
    }


def test_rule_20_master_where_the_virtual_address_is(played: dict[str, Seen]) -> None:
    assert played["20"]["masters"] == ["b", "a"]
    assert played["20"]["lost"] < 10 * A_CHANGE


@pytest.mark.parametrize("rule", OBSERVED)
def test_the_page_says_what_was_seen(rule: int, played: dict[str, Seen]) -> None:
    assert SEEN[rule].split(" | ")[2].removesuffix(" |") == f"{observed(rule, played[str(rule)])}."
