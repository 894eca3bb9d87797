"""Which YANG modules are served, and where their text comes from.

Our own modules are in the `yang` package, those of the IETF and IANA in the package data of pyang, found at
run time, and the user's in the files he names. The selection crosses to the validator child as JSON, so
that both engines load the same modules with the same features.
"""

from dataclasses import dataclass
from pathlib import Path


class SchemaError(Exception):
    """A YANG module cannot be loaded; the text names file, line and cause."""


@dataclass(frozen=True, slots=True)
class ModuleChoice:
    """One module to implement. `features` None means all of them. `path` empty: searched by name."""

    name: str
    path: str = ""
    features: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class ModuleSources:
    """The modules to implement, in order, and the folders that imports are searched in, first match wins."""

    modules: tuple[ModuleChoice, ...]
    search: tuple[str, ...]

    def to_json(self) -> str:
        """Return a JSON text that `from_json` turns back."""
        raise NotImplementedError

    @classmethod
    def from_json(cls, text: str) -> "ModuleSources":
        """Inverse of `to_json`; raises ValueError."""
        raise NotImplementedError


def default_sources(extra: tuple[str, ...] = (), yang_path: tuple[Path, ...] = ()) -> ModuleSources:
    """Our modules, the standard ones a server has to have, and the user's.

    `extra` are `--module` arguments, `FILE.yang` or `FILE.yang:feature,feature`; `yang_path` are folders
    for their imports. Raises SchemaError when a file or a standard module is missing.
    """
    raise NotImplementedError
