"""What is shipped for the system: units, users, folders and samples, judged by who reads them."""

import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from cli.main import main, parser

ROOT = Path(__file__).parent.parent
PACKAGING = ROOT / "packaging"
UNITS = sorted((PACKAGING / "systemd").iterdir())
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
PROGRAM = "/opt/twincast/bin/twincast"
DEADLINE = 60
EXPOSURE = {"twincast-server.service": 17, "twincast-dataplane.service": 24}
"""Tenths of what `systemd-analyze security` may find at most; 0 is nothing exposed, 100 everything."""


def program(name: str) -> str:
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = list(map(str, words))
    return subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False)


def analyze() -> str:
    path = program("systemd-analyze")
    version = run(path, "--version").stdout.split()[1]
    if int(version.partition(".")[0]) < 250:
        pytest.skip(f"systemd {version} cannot judge units that are not loaded")
    return path


def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    path = analyze()
    for unit in UNITS:
        (tmp_path / unit.name).write_text(unit.read_text().replace(PROGRAM, "/bin/true"))
    told = run(path, "verify", "--man=no", *(tmp_path / unit.name for unit in UNITS))
    about_ours = [line for line in told.stderr.splitlines() if "twincast" in line]
    assert (told.returncode, about_ours) == (0, [])


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.stem)
def test_little_is_exposed(unit: Path) -> None:
    told = run(
        analyze(), "security", "--offline=true", f"--threshold={EXPOSURE[unit.name]}", "--no-pager", unit
    )
    assert told.returncode == 0, told.stdout.splitlines()[-1:]


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.stem)
def test_the_options_of_the_units_are_options(unit: Path) -> None:
    [line] = re.findall(r"^ExecStart=(.*)$", unit.read_text(), re.MULTILINE)
    words = [word for word in shlex.split(line) if not word.startswith("$")]
    assert words[0] == PROGRAM
    options = parser().parse_args(words[1:])
    assert options.only == unit.stem.removeprefix("twincast-")
    assert options.state_dir == "/var/lib/twincast"


def test_the_sample_of_the_options_is_right() -> None:
    lines = (PACKAGING / "etc" / "twincast.conf").read_text().splitlines()
    samples = [line.removeprefix("#").partition("=") for line in lines if line.startswith("#TWINCAST_")]
    assert {name for name, _, _ in samples} == {"TWINCAST_SERVER_OPTIONS", "TWINCAST_DATAPLANE_OPTIONS"}
    for _, _, value in samples:
        parser().parse_args(["run", *shlex.split(value)])
    units = "".join(unit.read_text() for unit in SERVICES)
    assert all(f"${name}\n" in units for name, _, _ in samples)


def test_the_dataplane_alone_has_capabilities() -> None:
    found = {
        unit.stem: re.findall(r"^(?:CapabilityBoundingSet|AmbientCapabilities)=(.*)$", unit.read_text(), re.M)
        for unit in SERVICES
    }
    assert found == {
        "twincast-server": ["", ""],
        "twincast-dataplane": ["CAP_NET_ADMIN CAP_NET_RAW"] * 2,
    }


def test_user_and_folders_can_be_made(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("users and folders of others are made by root")
    (tmp_path / "etc").mkdir()
    users = PACKAGING / "sysusers.d" / "twincast.conf"
    made = run(program("systemd-sysusers"), f"--root={tmp_path}", users)
    assert made.returncode == 0, made.stderr
    assert "\ntwincast:" in "\n" + (tmp_path / "etc" / "passwd").read_text()
    folders = PACKAGING / "tmpfiles.d" / "twincast.conf"
    made = run(program("systemd-tmpfiles"), "--create", f"--root={tmp_path}", folders)
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "etc" / "twincast").stat().st_mode & 0o777 == 0o750


def test_the_sample_of_a_router_is_valid(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-config", str(PACKAGING / "etc" / "router.xml")]) == 0
    assert "valid" in capsys.readouterr().out


def test_sshd_takes_the_snippet(tmp_path: Path) -> None:
    sshd, keygen = shutil.which("sshd", path="/usr/sbin:/sbin"), program("ssh-keygen")
    if sshd is None:
        pytest.skip("OpenSSH server is not installed")
    if os.getuid() == 0:  # where no service has made it yet
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    key = tmp_path / "key"
    run(keygen, "-q", "-t", "ed25519", "-N", "", "-f", key)
    snippet = PACKAGING / "openssh" / "twincast.conf"
    told = run(sshd, "-T", "-f", snippet, "-h", key)
    if "privilege separation" in told.stderr:
        pytest.skip("sshd has no folder to separate privileges in")
    assert told.returncode == 0, told.stderr
    assert f"subsystem netconf {PROGRAM} netconf-subsystem" in told.stdout
    options = parser().parse_args(["netconf-subsystem", "--socket", "/run/twincast/netconf.sock"])
    assert options.socket in (PACKAGING / "systemd" / "twincast-server.service").read_text()


def test_the_sample_for_keepalived_is_the_one_that_is_tested() -> None:
    """docs/vrrp.md has it, and the tests of VRRP run that."""
    sample = (PACKAGING / "keepalived" / "keepalived.conf").read_text()
    documented = (ROOT / "docs" / "vrrp.md").read_text().partition("```keepalived\n")[2].partition("```")[0]
    assert sample.partition("global_defs")[2] == documented.partition("global_defs")[2]


INSTRUCTIONS = {
    "FROM", "WORKDIR", "COPY", "RUN", "LABEL", "ENV", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK",
    "ENTRYPOINT", "CMD",
}  # fmt: skip


def test_the_containerfile_is_made_of_instructions() -> None:
    """No engine is here to build it; hadolint found nothing wrong when it was written."""
    text = (PACKAGING / "container" / "Containerfile").read_text().replace("\\\n", " ")
    lines = [line.split(None, 1) for line in text.splitlines() if line and not line.startswith("#")]
    assert {name for name, _ in lines} == INSTRUCTIONS
    for name, value in lines:
        if name in ("ENTRYPOINT", "CMD", "VOLUME"):
            assert all(isinstance(word, str) for word in json.loads(value))
    health = next(value for name, value in lines if name == "HEALTHCHECK")
    command = json.loads(health.partition("CMD ")[2])
    assert parser().parse_args(command[2].split(";")[0].split(">")[0].split()[1:]).command == "status"


def test_the_command_of_the_containerfile_is_right() -> None:
    text = (PACKAGING / "container" / "Containerfile").read_text()
    [words] = re.findall(r"^CMD \[(.*)\]$", text, re.MULTILINE)
    options = parser().parse_args([word.strip().strip('"') for word in words.split(",")])
    assert (options.command, options.listen) == ("run", "[::]:830")
