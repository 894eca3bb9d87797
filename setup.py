"""Adds to a wheel what stands beside the code; all the rest is in pyproject.toml.

That is manual pages and completions, made from the help of the command line, and what is in `packaging/`.
"""

import os
import sys
import time
from pathlib import Path

from setuptools import setup
from setuptools.command.build import build

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT))


class Build(build):
    """The build with the shared files; bdist_wheel installs them after it."""

    def run(self) -> None:
        """Build, then make the shared files and name them."""
        super().run()
        shared = self._packaging()
        folder = Path(self.build_base) / "share"
        for name, text in _generated(self.distribution.get_version()).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            shared.append((str(Path("share") / name), path))
        self.distribution.data_files = [(str(Path(name).parent), [str(path)]) for name, path in shared]

    @staticmethod
    def _packaging() -> list[tuple[str, Path]]:
        folder = ROOT / "packaging"
        files = sorted(path.relative_to(ROOT) for path in folder.rglob("*") if path.is_file())
        return [(str(Path("share/twincast") / path.relative_to("packaging")), path) for path in files]


def _generated(version: str) -> dict[str, str]:
    """What is made from the help, by its name below share."""
    from cli.main import parser
    from cli.reference import commands, completion, manual

    top = commands.read(parser())
    day = time.strftime("%Y-%m-%d", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))))
    pages = manual.pages(top, version, day)
    return {
        **{f"man/man{manual.SECTION}/{name}": text for name, text in pages.items()},
        "bash-completion/completions/twincast": completion.bash(top),
        "zsh/site-functions/_twincast": completion.zsh(top),
    }


setup(cmdclass={"build": Build})
