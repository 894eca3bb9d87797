"""Facts about the schema for clients: yang-library, schema list of monitoring, capabilities of the hello.

All data is in the form of RFC 7951: member names with module names, identities with their module.
"""

import hashlib
import json

from server.protocol.errors import ErrorType, RpcError, invalid_value, operation_failed
from server.protocol.messages import BASE_NAMESPACE
from server.schema.model import ModuleInfo, Schema

_SET = "complete"
_MONITORING = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"
_LIBRARY_CAPABILITY = "urn:ietf:params:netconf:capability:yang-library:1.1"
_LIBRARY_REVISION = "2019-01-04"


def content_id(schema: Schema) -> str:
    """Return the content-id of RFC 8525 section 3: hex digest over all that is reported, texts included."""
    facts = [
        (
            module.name,
            module.revision,
            module.implemented,
            sorted(module.features),
            sorted(module.deviated_by),
            hashlib.sha256(module.text.encode()).hexdigest(),
            [hashlib.sha256(part.text.encode()).hexdigest() for part in module.submodules],
        )
        for module in schema.modules
    ]
    return hashlib.sha256(json.dumps(sorted(facts)).encode()).hexdigest()[:32]


def _datastores(schema: Schema) -> tuple[str, ...]:
    module = schema.by_name.get("ietf-netconf")
    startup = module is not None and "startup" in module.features
    return ("running", "candidate", *(["startup"] if startup else []), "intended", "operational")


def yang_library(schema: Schema) -> dict[str, object]:
    """Return the data of ietf-yang-library 2019-01-04 (RFC 8525): `yang-library` and `modules-state`."""
    return {
        "ietf-yang-library:yang-library": {
            "module-set": [
                {
                    "name": _SET,
                    "module": [_module(module) for module in schema.modules if module.implemented],
                    "import-only-module": [
                        _module(module) for module in schema.modules if not module.implemented
                    ],
                }
            ],
            "schema": [{"name": _SET, "module-set": [_SET]}],
            "datastore": [
                {"name": f"ietf-datastores:{name}", "schema": _SET} for name in _datastores(schema)
            ],
            "content-id": schema.content_id,
        },
        "ietf-yang-library:modules-state": {
            "module-set-id": schema.content_id,
            "module": [_state_module(schema, module) for module in schema.modules],
        },
    }


def _module(module: ModuleInfo) -> dict[str, object]:
    """An entry of `module` or, with its revision as a key, of `import-only-module`."""
    entry: dict[str, object] = {"name": module.name}
    if module.revision or not module.implemented:
        entry["revision"] = module.revision
    entry["namespace"] = module.namespace
    if module.submodules:
        entry["submodule"] = [
            {"name": part.name, **({"revision": part.revision} if part.revision else {})}
            for part in module.submodules
        ]
    if module.implemented:
        entry |= {key: list(values) for key, values in _conformance(module).items() if values}
    return entry


def _conformance(module: ModuleInfo) -> dict[str, tuple[str, ...]]:
    return {"feature": module.features, "deviation": module.deviated_by}


def _state_module(schema: Schema, module: ModuleInfo) -> dict[str, object]:
    entry: dict[str, object] = {
        "name": module.name,
        "revision": module.revision,
        "namespace": module.namespace,
    }
    if module.features:
        entry["feature"] = list(module.features)
    if module.deviated_by:
        entry["deviation"] = [
            {"name": name, "revision": schema.by_name[name].revision} for name in module.deviated_by
        ]
    entry["conformance-type"] = "implement" if module.implemented else "import"
    if module.submodules:
        entry["submodule"] = [{"name": part.name, "revision": part.revision} for part in module.submodules]
    return entry


def schema_list(schema: Schema) -> list[dict[str, object]]:
    """Return `/netconf-state/schemas/schema` (RFC 6022 section 2.1.3): one entry a module or submodule."""
    return [
        {
            "identifier": name,
            "version": version,
            "format": "ietf-netconf-monitoring:yang",
            "namespace": module.namespace,
            "location": ["NETCONF"],
        }
        for module, name, version, _text in _texts(schema)
    ]


def schema_text(schema: Schema, identifier: str, version: str | None = None, form: str | None = None) -> str:
    """Return what get-schema returns (RFC 6022 section 3.1): the text of a module or submodule.

    `form` is the identity asked for, with or without a prefix; yang is the only one there is. Raises
    RpcError: invalid-value when nothing matches, operation-failed with the app-tag data-not-unique when
    several do.
    """
    if form is not None and form.rpartition(":")[2] != "yang":
        raise _not_there("format", f"there is no schema in the format {form[:64]!r}, only yang")
    texts = {revision: text for _module, name, revision, text in _texts(schema) if name == identifier}
    if not texts:
        raise _not_there("identifier", f"there is no schema {identifier[:64]!r}")
    found = [text for revision, text in texts.items() if version in {None, revision}]
    if len(found) == 1:
        return found[0]
    versions = ", ".join(map(repr, sorted(texts)))
    if not found:
        raise _not_there("version", f"schema {identifier!r} has no version {version!r}; there is {versions}")
    text = f"there are several versions of {identifier!r}: {versions}"
    raise _blamed("identifier", operation_failed(text, type=ErrorType.PROTOCOL, app_tag="data-not-unique"))


def _not_there(parameter: str, message: str) -> RpcError:
    return _blamed(parameter, invalid_value(message, type=ErrorType.PROTOCOL))


def _blamed(parameter: str, error: RpcError) -> RpcError:
    bound = {"nc": BASE_NAMESPACE, "ncm": _MONITORING}
    return error.at(f"/nc:rpc/ncm:get-schema/ncm:{parameter}", bound)


def _texts(schema: Schema) -> list[tuple[ModuleInfo, str, str, str]]:
    """(Module, name, revision, text) of every module and submodule."""
    found = []
    for module in schema.modules:
        found.append((module, module.name, module.revision, module.text))
        found += [(module, part.name, part.revision, part.text) for part in module.submodules]
    return found


def capabilities(schema: Schema) -> tuple[str, ...]:
    """Return the capability URIs that the schema gives the hello.

    Modules of YANG version 1 are named one by one (RFC 6020 section 5.6.4); those of 1.1 must not be, a
    client finds them in yang-library (RFC 7950 section 5.6.4, RFC 8526 section 2).
    """
    library = f"{_LIBRARY_CAPABILITY}?revision={_LIBRARY_REVISION}&content-id={schema.content_id}"
    named = [_uri(module) for module in schema.modules if module.implemented and module.yang_version == "1"]
    return (library, *named)


def _uri(module: ModuleInfo) -> str:
    parts = [f"module={module.name}"]
    if module.revision:
        parts.append(f"revision={module.revision}")
    if module.features:
        parts.append(f"features={','.join(module.features)}")
    if module.deviated_by:
        parts.append(f"deviations={','.join(module.deviated_by)}")
    return f"{module.namespace}?{'&'.join(parts)}"
