"""VRRP with a real keepalived on two real routers (rule 20): failover and failback, traffic as the proof.

Between the two routers' addresses keepalived leaves a few milliseconds without an owner; the bounds are those
of a busy machine, far below a query interval without picture.
"""

from pathlib import Path

import pytest

from cli.lab.namespaces import user_namespaces_problem
from tests.netns.test_situations import A_CHANGE, seen
from tests.support.keepalived import MISSING, PROGRAM

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(user_namespaces_problem() is not None, reason="user namespaces are off"),
    pytest.mark.skipif(PROGRAM is None, reason=MISSING),
]


def test_rule_20_the_role_follows_keepalived(tmp_path: Path) -> None:
    found = seen("vrrp", tmp_path)
    for where in ("access", "vmac"):
        assert not found[where]["may be ordered"]  # keepalived decides
        assert found[where]["reason"] == "virtual-address-present"
        assert max(found[where]["core cut"].values()) < A_CHANGE
        # its address stayed: both routers were master until it was started again
        assert found[where]["killed"] == "master"
        assert found[where]["after"] == {"lost": 0, "duplicates": 0}
    for where in ("access", "vmac", "ipv6"):
        assert max(found[where]["stopped"].values()) < A_CHANGE
