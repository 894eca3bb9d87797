"""What is built from the tree: everything is in it, and what was unpacked elsewhere runs without the tree."""

import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TOPS = ("cli", "dataplane", "server", "yang")
SHARE = "twincast-{}.data/data/share"
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
DEADLINE = 120


def tracked(*patterns: str) -> set[str]:
    """The files of the tree that belong to it; without git all that are there."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *patterns],
            cwd=ROOT, capture_output=True, text=True, check=True, timeout=DEADLINE,
        )  # fmt: skip
        return {name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()}
    found = (path for pattern in patterns or ("*",) for path in ROOT.rglob(pattern) if path.is_file())
    names = (str(path.relative_to(ROOT)) for path in found)
    return {name for name in names if not name.startswith((".", "build/", "dist/"))}


def build(tree: Path, kind: str, into: Path) -> Path:
    """Build with the setuptools that is here, as pip does with --no-build-isolation: without a network."""
    code = (
        f"import sys, setuptools.build_meta as b; sys.stdout = sys.stderr; n = b.build_{kind}({str(into)!r})"
    )
    code += "; print(n, file=sys.__stdout__)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tree, capture_output=True, text=True, timeout=DEADLINE, check=False
    )
    assert done.returncode == 0, done.stderr
    return into / done.stdout.strip()


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that nothing is left in the tree."""
    tree = tmp_path_factory.mktemp("tree")
    for name in tracked():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, tree / name)
    return build(tree, "sdist", tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the unpacked sdist: then that has all that a wheel needs."""
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    return build(folder / f"twincast-{VERSION}", "wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def environment(installed: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(installed)}


def test_every_package_of_the_tree_is_in_the_wheel() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    found = [path.parent.relative_to(ROOT) for top in TOPS for path in (ROOT / top).rglob("__init__.py")]
    assert set(project["tool"]["setuptools"]["packages"]) == {".".join(path.parts) for path in found}


def test_every_folder_with_modules_is_a_package() -> None:
    for top in TOPS:
        folders = {path.parent for path in (ROOT / top).rglob("*.py")}
        assert {str(folder) for folder in folders if not (folder / "__init__.py").exists()} == set()


def test_the_sdist_has_the_tree(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    expected = {name for name in tracked() if not name.startswith(".")}
    assert expected - names == set()


def test_the_wheel_has_every_file_of_the_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.startswith("twincast-")}
    assert names == {name for name in tracked() if name.startswith(tuple(f"{top}/" for top in TOPS))}


def test_the_wheel_has_what_belongs_to_the_system(wheel: Path) -> None:
    share = SHARE.format(VERSION)
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    expected = {
        "man/man1/twincast.1",
        "man/man1/twincast-run.1",
        "bash-completion/completions/twincast",
        "zsh/site-functions/_twincast",
        *(name.replace("packaging", "twincast", 1) for name in tracked() if name.startswith("packaging/")),
    }
    assert {f"{share}/{name}" for name in expected} - names == set()


def test_the_command_of_the_wheel_is_there(installed: Path) -> None:
    points = ConfigParser()
    points.read(installed / f"twincast-{VERSION}.dist-info" / "entry_points.txt")
    module, _, function = points["console_scripts"]["twincast"].partition(":")
    code = f"import sys, {module} as m; assert m.__file__.startswith({str(installed)!r}), m.__file__; "
    code += f"sys.exit(m.{function}(['--help']))"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=installed.parent, env=environment(installed), capture_output=True, text=True, timeout=DEADLINE,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "usage: twincast" in done.stdout


@pytest.fixture
def serving(installed: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "cli.main", "run", "--plane", "memory", "--listen", "127.0.0.1:0",
         "--state-dir", str(tmp_path / "state")],
        cwd=tmp_path, env=environment(installed), stdout=subprocess.PIPE, stderr=(tmp_path / "log").open("w"),
        text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.terminate()
        process.wait(DEADLINE)
        assert process.stdout is not None
        process.stdout.close()


def test_what_was_installed_serves_from_another_folder(
    serving: subprocess.Popen[str], tmp_path: Path
) -> None:
    assert serving.stdout is not None
    assert serving.stdout.readline().startswith("NETCONF ready on 127.0.0.1:"), (tmp_path / "log").read_text()
