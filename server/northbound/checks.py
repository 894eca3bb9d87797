"""What is wrong with a configuration beyond what YANG says, without asking the dataplane.

Pure. Each error names the leaf to change. Lists that did not change since the last check are not looked
at again.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, NamedTuple

from dataplane.config import Address, InterfaceConfig, ServiceConfig
from server.northbound.config import ConfigReader
from server.northbound.names import MULTICAST_PATH, SERVICE_PATH
from server.protocol.errors import RpcError, invalid_value
from server.schema.model import Schema, SchemaNode
from server.tree.location import Location
from server.tree.node import Container, ListNode


class _Checked(NamedTuple):
    """The lists of the last check and what was found; equal lists have equal errors."""

    services: ListNode | None
    interfaces: ListNode | None
    errors: tuple[RpcError, ...]


class Checker:
    """Checks trees of one schema; safe for many threads, which share the last result."""

    def __init__(self, schema: Schema, reader: ConfigReader) -> None:
        self._reader: Final = reader
        self._port: Final = schema.node(f"{SERVICE_PATH}/peer/port")
        self._access_id: Final = schema.node(f"{MULTICAST_PATH}/access-id")
        self._response_times: Final = {
            protocol: schema.node(f"{MULTICAST_PATH}/{protocol}/query-max-response-time")
            for protocol in ("igmp", "mld")
        }
        self._last: _Checked | None = None

    def check(self, root: Container) -> tuple[RpcError, ...]:
        """Return the errors of `root`, in the order of its lists."""
        services = self._reader.list_node(root, self._reader.services)
        interfaces = self._reader.list_node(root, self._reader.interfaces)
        last = self._last
        if last is not None and last.services is services and last.interfaces is interfaces:
            return last.errors
        errors = (*self._services(root), *self._interfaces(root))
        self._last = _Checked(services, interfaces, errors)
        return errors

    def _services(self, root: Container) -> Iterator[RpcError]:
        ends: dict[tuple[Address, int], str] = {}
        for entry, service in self._reader.service_configs(root):
            yield from self._service(service, ends)
            if service.peer is not None:
                ends.setdefault((service.peer.source_address, service.peer.port), entry.key[0])

    def _service(self, service: ServiceConfig, ends: dict[tuple[Address, int], str]) -> Iterator[RpcError]:
        peer = service.peer
        if peer is None:
            return
        other = ends.get((peer.source_address, peer.port))
        if other is not None:
            message = f"Service {other!r} has this source-address and port already."
            yield self._blame(self._port, service.name, message, "port-in-use", other)

    def _interfaces(self, root: Container) -> Iterator[RpcError]:
        numbers: dict[tuple[str, int], str] = {}
        for entry, interface in self._reader.interface_configs(root):
            yield from self._interface(interface, numbers)
            access = interface.access
            if access is not None and access.profile:
                numbers.setdefault((access.profile, access.access_id), entry.key[0])

    def _interface(
        self, interface: InterfaceConfig, numbers: dict[tuple[str, int], str]
    ) -> Iterator[RpcError]:
        access = interface.access
        if access is None:
            return
        other = numbers.get((access.profile, access.access_id)) if access.profile else None
        if other is not None:
            message = (
                f"Interface {other!r} of profile {access.profile!r} has access-id {access.access_id} already."
            )
            yield self._blame(self._access_id, interface.name, message, "access-id-not-unique", other)
        for protocol, settings in (("igmp", access.igmp), ("mld", access.mld)):
            if settings.query_max_response_time >= settings.query_interval:
                # RFC 3376 section 8.3, RFC 3810 section 9.3
                message = "query-max-response-time must be less than query-interval."
                leaf = self._response_times[protocol]
                yield self._blame(leaf, interface.name, message, "response-time-too-long")

    def _blame(
        self, schema: SchemaNode, name: str, message: str, app_tag: str, mentioned: str = ""
    ) -> RpcError:
        """Return the error at the leaf `schema` of entry `name`; the message speaks of entry `mentioned`."""
        error = Location(schema, ((name,),)).blame(invalid_value(message, app_tag=app_tag))
        if not mentioned:
            return error
        other = Location(schema, ((mentioned,),))
        return replace(error, mentions=((other.path, other.namespaces),))
