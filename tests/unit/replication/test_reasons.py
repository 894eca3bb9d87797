"""Every reason that a channel may give for being down is on the page that tells what they mean."""

import re
from pathlib import Path

import pytest

from dataplane.replication import sockets, tls

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/channel.md").read_text()
SAID = re.compile(
    r"""(?:_fail\(|TlsError\(|KeyProblem\(|self\.fail,\s|_down\(|\.stop\(now,\s|_stop_service\(world,\sservice,\s|return\s)
        "([a-z]+(?:-[a-z0-9]+)+|stopped|fault)\"""",
    re.VERBOSE,
)
FILES = (
    *(ROOT / "dataplane/replication").glob("*.py"),
    *(ROOT / "dataplane/engine" / name for name in ("engine.py", "copying.py", "reconfigure.py")),
)
FOUND = {word for file in FILES for word in SAID.findall(file.read_text())}
WORDS = {
    *(FOUND - {"peer-key-unreadable"}),  # "and the same for", says the page
    *sockets._WORDS.values(),
    *(word for _, word in tls._WORDS),
    *(f"peer-{word}" for word in ("certificate-expired", "certificate-not-yet-valid")),
}


def test_the_reasons_are_found():
    assert {"heartbeat-timeout", "too-many-access-ids", "key-mismatch", "fault", "connection-closed"} <= WORDS
    assert len(FOUND) > 25


@pytest.mark.parametrize("word", sorted(WORDS))
def test_a_reason_is_on_the_page(word):
    assert f"`{word}`" in PAGE
