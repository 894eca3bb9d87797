"""Manual pages and completions, judged by the programs that read them."""

import argparse
import shutil
import subprocess
from pathlib import Path

import pytest

from cli.main import parser
from cli.reference import commands, completion, manual

TOP = commands.read(parser())
DEADLINE = 60


def run(*words: str, text: str = "", cwd: Path | None = None) -> str:
    done = subprocess.run(
        words, input=text, capture_output=True, text=True, timeout=DEADLINE, check=False, cwd=cwd
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


@pytest.fixture
def pages(tmp_path: Path) -> list[Path]:
    texts = manual.pages(TOP, "1.2.3", "2026-01-02")
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    return sorted(tmp_path.iterdir())


def test_every_option_of_the_command_line_is_read() -> None:
    words = {command.words for command in TOP.walk()}
    assert {("twincast",), ("twincast", "run"), ("twincast", "keys", "import")} <= words
    run_options = {flag for each in TOP.commands[0].options for flag in each.flags}
    assert {"-h", "--listen", "--plane", "--log-level"} <= run_options


def test_every_command_and_argument_has_help() -> None:
    for command in TOP.walk():
        assert command.summary or command is TOP, command.words
        assert [each for each in command.arguments if not each.help] == [], command.words


def test_there_is_a_page_for_the_command_and_each_below_it(pages: list[Path]) -> None:
    names = {"twincast.1", *(f"twincast-{each.name}.1" for each in TOP.commands)}
    assert {path.name for path in pages} == names


def test_mandoc_finds_nothing_wrong(pages: list[Path]) -> None:
    mandoc = program("mandoc")
    assert run(mandoc, "-Tlint", "-Wstyle", *map(str, pages)) == ""


def test_groff_warns_of_nothing(pages: list[Path]) -> None:
    man = program("man")
    for page in pages:
        told = subprocess.run(
            [man, "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page],
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        if "No such file" in told.stderr and "groff" in told.stderr:
            pytest.skip("groff is not installed")
        assert (told.returncode, told.stderr) == (0, ""), page.name


def test_a_page_escapes_what_roff_would_read(tmp_path: Path) -> None:
    mandoc = program("mandoc")
    strange = argparse.ArgumentParser(prog="strange", description=".hidden 'quoted' back\\slash `tick`")
    strange.add_argument("--x", metavar="X", help="'quoted at the start' " + "long enough to wrap " * 8 + ".")
    page = tmp_path / "strange.1"
    page.write_text(manual.pages(commands.read(strange), "1", "2026-01-02")["strange.1"])
    shown = run(mandoc, "-Tascii", "-Owidth=200", str(page))
    assert ".hidden 'quoted' back\\slash `tick`" in shown
    assert "'quoted at the start'" in shown


def test_exit_statuses_come_from_the_closing_words() -> None:
    made = argparse.ArgumentParser(
        prog="made", description="Makes.", epilog="exit status: 0 well; 1 not well."
    )
    page = manual.pages(commands.read(made), "1", "2026-01-02")["made.1"]
    assert ".SH EXIT STATUS\n.TP\n\\fB0\\fR\nwell\n.TP\n\\fB1\\fR\nnot well\n" in page


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (["twincast", "keyg"], {"keygen"}),
        (["twincast", "run", "--plane", ""], {"auto", "kernel", "memory"}),
        (["twincast", "run", "--plane", "=", "k"], {"kernel"}),
        (["twincast", "run", "--plane", "kernel", "--log"], {"--log-level"}),
        (["twincast", "run", "--user", "lab", "--once"], set()),
        (["twincast", "lab", "--on"], {"--once"}),
        (["twincast", "keys", ""], {"import", "list", "show"}),
        (["twincast", "keys", "import", "--p"], {"--pin"}),
        (["twincast", "completion", ""], {"bash", "zsh"}),
        (["twincast", "replay", "rec"], {"recording one.jsonl"}),
        (["twincast", "run", "--state-dir", "st"], {"state"}),
        (["twincast", "run", "--listen", ""], set()),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_bash_completes(tmp_path: Path, line: list[str], expected: set[str]) -> None:
    bash = program("bash")
    (tmp_path / "recording one.jsonl").touch()
    (tmp_path / "state").mkdir()
    words = " ".join(f"'{word}'" for word in line)
    script = (
        completion.bash(TOP)
        + "compopt() { :; }\n"  # it works within a completion only
        + f"COMP_WORDS=({words}); COMP_CWORD={len(line) - 1}; _twincast\n"
        + 'for each in "${COMPREPLY[@]}"; do echo "$each"; done\n'
    )
    assert set(run(bash, "--norc", "-c", script, cwd=tmp_path).splitlines()) == expected


ZSH = r"""
zmodload zsh/zpty
zpty session zsh -f -i
zpty -w session 'stty -echo; PROMPT="" PS2="" RPROMPT=""'
zpty -w session 'fpath=(FUNCTIONS $fpath); autoload -U compinit; compinit -u -d DUMP'
zpty -w session 'print RE''ADY'
zpty -r session out '*READY*'
zpty -n -w session $'LINE\t\t'
zpty -r session out '*WANTED*'
print -r -- $out
"""


@pytest.mark.parametrize(
    ("line", "wanted"),
    [("twincast keyg", "keygen"), ("twincast run --plane kern", "kernel"), ("twincast keys imp", "import")],
)
def test_zsh_completes(tmp_path: Path, line: str, wanted: str) -> None:
    zsh = program("zsh")
    functions = tmp_path / "functions"
    functions.mkdir()
    (functions / "_twincast").write_text(completion.zsh(TOP))
    run(zsh, "-n", str(functions / "_twincast"))
    script = ZSH.replace("FUNCTIONS", str(functions)).replace("DUMP", str(tmp_path / "dump"))
    assert wanted in run(zsh, "-f", "-c", script.replace("LINE", line).replace("WANTED", wanted))
