import sys

from cli.lab.progress import Silent, progress
from tests.support.terminal import Terminal

PROGRAM = """
from cli.lab.progress import progress
with progress(2) as shown:
    shown.begin("core-link")
    shown.step("set-top boxes join")
    input()
    print("core-link as expected")
    shown.begin("partition")
    shown.step("mended")
    input()
print("all done")
"""


def test_bars_on_a_terminal() -> None:
    with Terminal([sys.executable, "-P", "-c", PROGRAM]) as terminal:
        terminal.until("set-top boxes join")
        assert "core-link" in terminal.text()
        assert "0/2" in terminal.text()
        terminal.send("\r")
        terminal.until("mended")
        assert "1/2" in terminal.text()
        assert "core-link as expected" in terminal.text()
        terminal.send("\r")
        terminal.until("all done")
        assert terminal.wait() == 0


def test_nothing_where_nobody_looks(capsys) -> None:
    with progress(2) as shown:
        assert isinstance(shown, Silent)
        shown.begin("core-link")
        shown.step("a step")
    assert capsys.readouterr() == ("", "")
