"""`twincast export` and `twincast import`: the running configuration out of a server and into it.

Both are NETCONF over the server's Unix socket, so access control applies. An import goes through the
candidate, under its lock: it is committed as a whole or not at all.
"""

import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from lxml import etree

from cli import documents
from cli.documents import DocumentError
from cli.netconf import LocalSession, RefusedError, UnreachableError
from cli.state_folder import router_of
from server.schema.sources import SchemaError
from server.tree.json import JsonError

DONE: Final = 0
REFUSED: Final = 1
NOT_DONE: Final = 2

_CANDIDATE: Final = "<target><candidate/></target>"
_COMPARE: Final = "urn:ietf:params:xml:ns:yang:ietf-nmda-compare"
_DATASTORES: Final = "urn:ietf:params:xml:ns:yang:ietf-datastores"


def export(options: Namespace) -> int:
    """Print or write the running configuration. Returns 0, 1 when it was refused, 2 without a server."""
    return _attempt("export", options, _export)


def import_(options: Namespace) -> int:
    """Commit a file. Returns 0, 1 when it was refused (nothing has changed), 2 when it never came to it."""
    return _attempt("import", options, _import)


def _attempt(name: str, options: Namespace, work: Callable[[Namespace], None]) -> int:
    try:
        work(options)
    except RefusedError as error:
        for refusal in error.refusals:
            print(f"twincast {name}: {refusal}", file=sys.stderr)
        return REFUSED
    except JsonError as error:
        for fault in error.faults:
            print(f"twincast {name}: {fault}", file=sys.stderr)
        return NOT_DONE
    except (UnreachableError, DocumentError, SchemaError) as error:
        print(f"twincast {name}: {error}", file=sys.stderr)
        return NOT_DONE
    except OSError as error:
        print(f"twincast {name}: {error.filename or options.file}: {error.strerror}", file=sys.stderr)
        return NOT_DONE
    return DONE


def _export(options: Namespace) -> None:
    compiled = documents.schema(options.module, options.yang_path) if options.format == "json" else None
    with _session(options) as session:
        data = session.data("<get-config><source><running/></source></get-config>")
    elements = list(data)
    text = documents.as_xml(elements) if compiled is None else documents.as_json(compiled, elements)
    if options.file == "-":
        sys.stdout.write(text)
        return
    _write(Path(options.file), text)


def _write(path: Path, text: str) -> None:
    """Write for the owner only, since a configuration has keys in it, and in one step."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    temporary.touch(mode=0o600)
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def _import(options: Namespace) -> None:
    content = documents.read(options.file)
    changes: list[str] = []
    compiled = None
    if documents.is_json(content):
        compiled = documents.schema(options.module, options.yang_path)
    config = etree.tostring(documents.config_of(content, compiled), encoding="unicode")
    how = "replace" if options.replace else "merge"
    edit = f"{_CANDIDATE}<default-operation>{how}</default-operation>"
    with _session(options) as session:
        session.ask(f"<lock>{_CANDIDATE}</lock>")
        try:
            session.ask("<discard-changes/>")
            session.ask(f"<edit-config>{edit}{config}</edit-config>")
            session.ask("<validate><source><candidate/></source></validate>")
            if options.dry_run:
                with suppress(RefusedError):
                    changes = list(_changes(session))
            else:
                session.ask("<commit/>")
        finally:
            # unlocking discards what was not committed, and so does the end of the session
            with suppress(UnreachableError, RefusedError):
                session.ask("<discard-changes/>")
                session.ask(f"<unlock>{_CANDIDATE}</unlock>")
    for change in changes:
        print(change)
    print("valid; nothing was changed" if options.dry_run else "committed")


def _changes(session: LocalSession) -> Iterator[str]:
    """Yield what a commit of the candidate would do, each with its path and no value: it may be a secret."""
    running, candidate = "<source>ds:running</source>", "<target>ds:candidate</target>"
    reply = session.ask(
        f'<compare xmlns="{_COMPARE}" xmlns:ds="{_DATASTORES}">{running}{candidate}</compare>'
    )
    for edit in reply.iter(f"{{{_COMPARE}}}edit"):
        operation, target = (edit.findtext(f"{{{_COMPARE}}}{name}", "") for name in ("operation", "target"))
        yield f"{operation:<8} {target}"


def _session(options: Namespace) -> LocalSession:
    _, path = router_of(options.state_dir, options.socket)
    return LocalSession(path)
