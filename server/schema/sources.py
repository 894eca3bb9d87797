"""Which YANG modules are served, and where their text comes from.

Our own modules are in the `yang` package, those of the IETF and IANA in the package data of pyang, found at
run time, and the user's in the files he names. The selection crosses to the validator child as JSON, so
that both engines load the same files with the same features.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata, resources
from pathlib import Path

import msgspec


class SchemaError(Exception):
    """A YANG module cannot be loaded; the text names file, line and cause."""


@dataclass(frozen=True, slots=True)
class ModuleChoice:
    """One module to implement.

    `path` empty: searched by name, in `revision` unless that is empty too. `features` None: all it defines.
    """

    name: str
    path: str = ""
    features: tuple[str, ...] | None = None
    revision: str = ""


@dataclass(frozen=True, slots=True)
class ModuleSource:
    """One file of the selection. `implemented` false means import-only; submodules follow their module."""

    name: str
    revision: str
    path: str
    implemented: bool
    features: tuple[str, ...] = ()
    submodule: bool = False

    def text(self) -> str:
        """Return the module's text; raises SchemaError when the file cannot be read."""
        return read_module(Path(self.path))


@dataclass(frozen=True, slots=True)
class ModuleSources:
    """Everything that is loaded: implemented modules in order, what they import, their submodules."""

    modules: tuple[ModuleSource, ...]

    def to_json(self) -> str:
        """Return a JSON text that `from_json` turns back."""
        return msgspec.json.encode(self).decode()

    @classmethod
    def from_json(cls, text: str) -> "ModuleSources":
        """Inverse of `to_json`; raises ValueError."""
        try:
            return msgspec.json.decode(text.encode(), type=cls)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise ValueError(f"not a selection of modules: {error}") from error

    @property
    def implemented(self) -> tuple[ModuleSource, ...]:
        """The implemented modules, without their submodules."""
        return tuple(module for module in self.modules if module.implemented and not module.submodule)


NETCONF_FEATURES = ("candidate", "confirmed-commit", "rollback-on-error", "validate", "xpath")
"""What of ietf-netconf every server of ours has; the others are chosen when it is started."""

SUBSCRIPTION_FEATURES = ("encode-xml", "replay", "subtree", "xpath")
"""What of ietf-subscribed-notifications is done. RFC 8640 defines no configured subscriptions, NETCONF no
JSON, and the octets of one SSH connection have one DSCP."""

# ietf-netconf's features are capabilities of the session (RFC 6241 section 8); pre-provisioning holds
# because an interface that does not exist yet is accepted (RFC 8343 section 2).
_STANDARD = (
    ModuleChoice("ietf-yang-types"),
    ModuleChoice("ietf-inet-types"),
    ModuleChoice("ietf-netconf", features=NETCONF_FEATURES),
    ModuleChoice("ietf-netconf-with-defaults"),
    ModuleChoice("ietf-netconf-monitoring"),
    ModuleChoice("ietf-netconf-notifications"),
    ModuleChoice("ietf-netconf-acm"),
    ModuleChoice("ietf-x509-cert-to-name"),
    ModuleChoice("ietf-datastores"),
    ModuleChoice("ietf-origin"),
    ModuleChoice("ietf-netconf-nmda"),
    ModuleChoice("ietf-yang-library"),
    ModuleChoice("ietf-interfaces", features=("pre-provisioning",)),
    ModuleChoice("iana-if-type"),
    ModuleChoice("ietf-subscribed-notifications", features=SUBSCRIPTION_FEATURES),
    ModuleChoice("ietf-yang-push", features=("on-change",)),
)


def read_module(path: Path) -> str:
    """Return the text of a YANG file; raises SchemaError when it cannot be read or is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise SchemaError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SchemaError(f"{path}: is not UTF-8: {error.reason} at byte {error.start}") from error


def own_modules() -> tuple[ModuleChoice, ...]:
    """The modules of the `yang` package, sorted by name, with all their features."""
    folder = Path(str(resources.files("yang")))
    return tuple(ModuleChoice(file.stem, str(file)) for file in sorted(folder.glob("*.yang")))


def standard_folders() -> tuple[Path, ...]:
    """The folders that hold the IETF and IANA modules of pyang; raises SchemaError when there are none."""
    default = Path(sys.prefix) / "share" / "yang" / "modules"
    if default.is_dir():
        folders = {file.parent for file in default.rglob("*.yang")}
    else:
        files = metadata.files("pyang") or []
        folders = {Path(str(file.locate())).resolve().parent for file in files if file.suffix == ".yang"}
    found = tuple(sorted(folder for folder in folders if folder.is_dir()))
    if not found:
        raise SchemaError("the IETF and IANA modules that pyang installs are missing")
    return found


def parse_module_argument(argument: str) -> ModuleChoice:
    """Read `FILE.yang` or `FILE.yang:feature,feature`; `FILE.yang:` switches all features off.

    Raises SchemaError when there is no such file.
    """
    file, colon, features = argument, "", ""
    if not file.endswith(".yang"):
        file, colon, features = argument.rpartition(".yang:")[0] + ".yang", ":", argument.rpartition(":")[2]
    path = Path(file)
    if not path.is_file():
        raise SchemaError(f"{argument}: no such YANG file")
    chosen = tuple(name.strip() for name in features.split(",") if name.strip()) if colon else None
    return ModuleChoice(path.name.removesuffix(".yang").split("@")[0], str(path.resolve()), chosen)


def default_sources(
    extra: Sequence[str] = (), yang_path: Sequence[Path] = (), netconf: Sequence[str] = ()
) -> ModuleSources:
    """Our modules, the standard ones a server has to have, and the user's.

    `extra` are `--module` arguments, `FILE.yang` or `FILE.yang:feature,feature`; a module of the same name
    takes the place of ours or of a standard one. `yang_path` are folders for their imports, searched after
    ours, with the folders below them; the folder of each file comes last. `netconf` are further features
    of ietf-netconf. Raises SchemaError.
    """
    from server.schema.resolve import resolve

    own = own_modules()
    chosen = {choice.name: choice for choice in (*_STANDARD, *own)}
    chosen["ietf-netconf"] = ModuleChoice("ietf-netconf", features=(*NETCONF_FEATURES, *netconf))
    user = [parse_module_argument(argument) for argument in extra]
    chosen.update((choice.name, choice) for choice in user)
    folders = [Path(own[0].path).parent] if own else []
    folders += standard_folders()
    folders += [folder for root in yang_path for folder in folders_below(root)]
    folders += [Path(choice.path).parent for choice in user]
    return resolve(tuple(chosen.values()), folders)


def folders_below(root: Path) -> tuple[Path, ...]:
    """`root` and the folders below it, sorted; raises SchemaError when it is no folder."""
    if not root.is_dir():
        raise SchemaError(f"{root}: no such folder of YANG modules")
    return (root, *sorted(path for path in root.rglob("*") if path.is_dir()))
