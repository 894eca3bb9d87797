"""Facts about the schema for clients: yang-library, schema list of monitoring, capabilities of the hello."""

from server.schema.model import Schema


def content_id(schema: Schema) -> str:
    """Return the content-id of RFC 8525 section 3: hex digest over all that is reported."""
    raise NotImplementedError


def yang_library(schema: Schema, datastores: tuple[str, ...] = ("running", "candidate")) -> dict[str, object]:
    """Return the data of ietf-yang-library 2019-01-04 (RFC 8525): `yang-library` and `modules-state`.

    Keys are member names as in RFC 7951 (`ietf-yang-library:yang-library`).
    """
    raise NotImplementedError


def schema_list(schema: Schema) -> list[dict[str, object]]:
    """Return `/netconf-state/schemas/schema` (RFC 6022 section 2.1.3): one entry a module or submodule."""
    raise NotImplementedError


def schema_text(schema: Schema, identifier: str, version: str | None = None, form: str | None = None) -> str:
    """Return what get-schema returns (RFC 6022 section 3.1): the text of a module.

    Raises RpcError: invalid-value when nothing matches, operation-failed with app-tag data-not-unique when
    several do.
    """
    raise NotImplementedError


def capabilities(schema: Schema) -> tuple[str, ...]:
    """Return the capability URIs that the schema gives the hello (RFC 7950 section 5.6.4, RFC 8526)."""
    raise NotImplementedError
