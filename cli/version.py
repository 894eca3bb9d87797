"""`twincast --version`."""

import argparse
from collections.abc import Sequence


class Version(argparse.Action):
    """Prints the version of the installed package; its metadata are read only then."""

    def __init__(self, option_strings: Sequence[str], dest: str, **options: str) -> None:
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help=options.get("help"))

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Print it and exit."""
        from importlib.metadata import PackageNotFoundError, version

        try:
            print(f"twincast {version('twincast')}")
        except PackageNotFoundError:
            print("twincast, not installed as a package")
        parser.exit()
