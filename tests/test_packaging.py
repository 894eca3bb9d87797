"""What a wheel is made of is what stands in the tree."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_every_package_of_the_tree_is_in_the_wheel() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    tops = ("cli", "dataplane", "server", "yang")
    found = [path.parent.relative_to(ROOT) for top in tops for path in (ROOT / top).rglob("__init__.py")]
    assert project["tool"]["setuptools"]["packages"] == sorted(".".join(path.parts) for path in found)


def test_every_folder_with_modules_is_a_package() -> None:
    for top in ("cli", "dataplane", "server", "yang"):
        folders = {path.parent for path in (ROOT / top).rglob("*.py")}
        assert {str(folder) for folder in folders if not (folder / "__init__.py").exists()} == set()
