"""Whatever happens to two real routers at random, they agree with each other and with the hosts afterwards.

More of it: TWINCAST_SEEDS=1,2,3 TWINCAST_ROUNDS=12, or `python -m tests.netns.chaos SEED ROUNDS`.
"""

import os
import subprocess
import sys

import pytest

from cli.lab.namespaces import user_namespaces_problem

SEEDS = os.environ.get("TWINCAST_SEEDS", "7").split(",")
ROUNDS = int(os.environ.get("TWINCAST_ROUNDS", "3"))

pytestmark = [
    pytest.mark.timeout(120 + 90 * ROUNDS),
    pytest.mark.skipif(user_namespaces_problem() is not None, reason="user namespaces are off"),
]


@pytest.mark.parametrize("seed", SEEDS)
def test_after_a_walk_at_random_members_kernels_and_streams_are_right(seed: str) -> None:
    command = [sys.executable, "-m", "tests.netns.chaos", seed, str(ROUNDS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    print(done.stdout)
