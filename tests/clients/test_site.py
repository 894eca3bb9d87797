"""The documentation is built as a site, by the program that the extra `docs` brings."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_site_has_every_page_and_its_blocks(installed, tmp_path):
    command = [installed("mkdocs"), "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    pages = [path for path in (ROOT / "docs").rglob("*.md") if "examples" not in path.parts]
    for page in pages:
        name = page.relative_to(ROOT / "docs").with_suffix("")
        folder = name.parent if name.name == "index" else name
        built = (tmp_path / "site" / folder / "index.html").read_text(encoding="utf-8")
        assert "```" not in built, f"{page} has a block that the site does not show as one"
