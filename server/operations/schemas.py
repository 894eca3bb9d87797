"""get-schema (RFC 6022 section 3.1)."""

from dataclasses import dataclass
from xml.sax.saxutils import escape

from lxml import etree

from server.operations.handler import Handlers
from server.operations.parameters import Parameters
from server.protocol import errors
from server.protocol.errors import ErrorType
from server.protocol.messages import Data, Reply
from server.schema.library import schema_text
from server.schema.model import Schema
from server.telemetry.sessions import Session

MONITORING_NAMESPACE = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"


@dataclass(frozen=True, slots=True)
class GetSchema:
    """Parameters of get-schema; `form` is the local name of the schema-format identity."""

    identifier: str
    version: str | None
    form: str | None

    @classmethod
    def parse(cls, operation: etree._Element) -> "GetSchema":
        """Read the parameters; raises RpcError."""
        parameters = Parameters(operation)
        identifier = parameters.required_leaf("identifier")
        version = parameters.leaf("version")
        form = parameters.element("format")
        parameters.finish()
        return cls(identifier, version, None if form is None else _format(parameters, form))


def _format(parameters: Parameters, element: etree._Element) -> str:
    """The identity's name; its prefix has to be bound to the module's namespace, or be absent."""
    prefix, colon, name = (element.text or "").strip().rpartition(":")
    if colon and element.nsmap.get(prefix) != MONITORING_NAMESPACE:
        message = f"the prefix {prefix[:64]!r} of <format> is not bound to {MONITORING_NAMESPACE}"
        raise parameters.at(errors.invalid_value(message, type=ErrorType.PROTOCOL), "format")
    return name


class Schemas:
    """The operation that hands out the YANG modules."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema

    def handlers(self) -> Handlers:
        """Return the operations of this file."""
        return {f"{{{MONITORING_NAMESPACE}}}get-schema": self.get_schema}

    def get_schema(self, _session: Session, operation: etree._Element) -> Reply:
        """Return the text of one module.

        Raises RpcError invalid-value when there is none, operation-failed with the app-tag
        data-not-unique when several match.
        """
        wanted = GetSchema.parse(operation)
        text = schema_text(self._schema, wanted.identifier, wanted.version, wanted.form)
        return Data.data([escape(text).encode()], MONITORING_NAMESPACE)
