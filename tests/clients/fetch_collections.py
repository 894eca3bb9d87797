"""Put ansible.netcommon and what it needs into a folder: `python fetch_collections.py FOLDER`.

The two collections are taken out of the wheel of `ansible`, which has a hundred more that would be 600 MB on
the disk. pip finds that wheel wherever it finds everything else; ansible-galaxy would be one more registry.
"""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Final

WHEEL: Final = "ansible==12.3.0"
WANTED: Final = ("ansible_collections/ansible/netcommon/", "ansible_collections/ansible/utils/")


def main(folder: Path) -> None:
    """Fetch the wheel and keep what is wanted of it."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", scratch, WHEEL]
        subprocess.run(command, check=True)
        (wheel,) = Path(scratch).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder, [name for name in archive.namelist() if name.startswith(WANTED)])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
