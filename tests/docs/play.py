"""Plays one page of the documentation: `python -m tests.docs.play docs/tutorial.md`."""

import sys
import tempfile
from pathlib import Path

from cli.lab.namespaces import enter_user_namespace
from tests.docs.blocks import Block, blocks_of, shows
from tests.docs.hosts import BlockFailed, Host, routers


def play(page: Path) -> int:
    """Do what the page says; return 0, or 1 after naming the block that did not do what the page says."""
    output = ""
    with tempfile.TemporaryDirectory(prefix="twincast-page-") as folder, routers(Path(folder)) as hosts:
        for block in blocks_of(page.read_text(encoding="utf-8")):
            try:
                output = _do(block, hosts, output)
            except BlockFailed as error:
                print(f"{page}:{block.line}: {error}", file=sys.stderr)
                return 1
    return 0


def _do(block: Block, hosts: dict[str, Host], output: str) -> str:
    """Do one block at its routers; return what it printed, for the block of text that may follow."""
    if "sample" in block.options:
        return ""
    if "file" in block.options:
        for name in block.hosts:
            path = Path(hosts[name].home, block.options["file"].removeprefix("~/"))
            path.write_text(f"{block.text}\n", encoding="utf-8")
    elif block.language == "sh":
        return "".join(_type(block, hosts[name]) for name in block.hosts)
    elif block.language == "text" and not shows(block.text, output):
        raise BlockFailed(f"the page shows\n{block.text}\nand it printed\n{output}")
    return output


def _type(block: Block, host: Host) -> str:
    if "until" in block.options:
        host.type_elsewhere(block.text, block.options["until"])
        return ""
    if "exit" in block.options:
        return host.type(f"status=0; ( {block.text}\n ) || status=$?; [ $status = {block.options['exit']} ]")
    return host.type(block.text)


if __name__ == "__main__":
    enter_user_namespace()
    sys.exit(play(Path(sys.argv[1])))
