"""Where an operation reads and writes: a datastore, a URL, or a configuration in the request.

Owns which of them this server has (RFC 6241 sections 8.2, 8.7 and 8.8): that is chosen when it is started.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lxml import etree

from server.datastores.locks import Datastore
from server.operations.parameters import NMDA_NAMESPACE, Parameters
from server.protocol import errors
from server.protocol.errors import RpcError
from server.protocol.messages import BASE_NAMESPACE
from server.schema.model import Schema

DATASTORES_NAMESPACE: Final = "urn:ietf:params:xml:ns:yang:ietf-datastores"
_CAPABILITY: Final = {
    "startup": ":startup",
    "url": ":url",
}


@dataclass(frozen=True, slots=True)
class Offer:
    """What the server was started with; `schemes` are those of the URLs that it reads and writes."""

    writable_running: bool = False
    startup: bool = False
    schemes: tuple[str, ...] = ()

    @classmethod
    def of(cls, schema: Schema, schemes: tuple[str, ...]) -> "Offer":
        """Read it from the features of ietf-netconf, which clients see too."""
        module = schema.by_name.get("ietf-netconf")
        features = () if module is None else module.features
        return cls("writable-running" in features, "startup" in features, schemes)

    @property
    def datastores(self) -> tuple[Datastore, ...]:
        """The datastores that there are."""
        return tuple(name for name in Datastore if name is not Datastore.STARTUP or self.startup)


@dataclass(frozen=True, slots=True)
class Url:
    """A URL as it was given, and the path of the parameter that holds it."""

    text: str
    path: str

    def blame(self, error: RpcError) -> RpcError:
        """The error at this parameter."""
        bound = {"nc": BASE_NAMESPACE, "ncds": NMDA_NAMESPACE}
        return error.at(self.path, {each: bound[each] for each in bound if f"/{each}:" in self.path})


@dataclass(frozen=True, slots=True)
class Source:
    """One of the three; `config` is the element `<config>`."""

    datastore: Datastore | None = None
    config: etree._Element | None = None
    url: Url | None = None

    def is_same(self, other: "Source") -> bool:
        """Whether both are the same datastore, or the same URL letter by letter."""
        if self.url is not None and other.url is not None:
            return self.url.text == other.url.text
        return self.datastore is not None and self.datastore is other.datastore


def take_source(
    parameters: Parameters,
    name: str,
    offer: Offer,
    *,
    inline: bool = False,
    url: bool = False,
    identity: bool = False,
) -> Source:
    """Take a parameter that names a datastore or, if `inline`, holds `<config>` or, with `url`, `<url>`.

    With `identity` a datastore may also be named as NMDA does (RFC 8526 section 3.2).

    Raises RpcError operation-not-supported for what needs a capability that the server does not have.
    """
    choice = parameters.inside(name)
    child = choice.only()
    choice.finish()
    label = etree.QName(child)
    if identity and child.tag == f"{{{NMDA_NAMESPACE}}}datastore":
        return Source(Datastore(take_identity(choice, child, offer.datastores)))
    if label.namespace != BASE_NAMESPACE:
        raise choice.unknown(child)
    kind = label.localname
    if kind in offer.datastores:
        Parameters(child, choice.path).finish()
        return Source(Datastore(kind))
    if kind == "config" and inline:
        Parameters(child, choice.path)
        return Source(config=child)
    if kind == "url" and url and offer.schemes:
        return Source(url=_url(child, choice.path))
    if kind in _CAPABILITY and not (kind == "url" and offer.schemes):
        raise choice.at(unsupported(kind, name), kind)
    raise choice.unknown(child)


def take_identity(parameters: Parameters, element: etree._Element, possible: Sequence[str]) -> str:
    """Read a datastore named by an identity of ietf-datastores; raises RpcError invalid-value."""
    Parameters(element, parameters.path).finish(text=True)
    text = (element.text or "").strip()
    prefix, _, name = text.rpartition(":")
    if element.nsmap.get(prefix or None) != DATASTORES_NAMESPACE or name not in possible:
        raise parameters.invalid("datastore", text, (f"ds:{each}" for each in possible), NMDA_NAMESPACE)
    return name


def take_url(parameters: Parameters, offer: Offer) -> Url | None:
    """Take `<url>` where it stands for itself (edit-config); None when it is absent."""
    found = parameters.element("url")
    if found is None:
        return None
    if not offer.schemes:
        raise parameters.at(unsupported("url", etree.QName(parameters.parent).localname), "url")
    return _url(found, parameters.path)


def _url(element: etree._Element, path: str) -> Url:
    inside = Parameters(element, path)
    inside.finish(text=True)
    return Url((element.text or "").strip(), inside.path)


def unsupported(kind: str, parameter: str) -> RpcError:
    """The error for `<startup>` or `<url>` on a server that was started without."""
    message = f"<{kind}> in <{parameter}> needs the capability {_CAPABILITY[kind]}, which is not supported"
    return errors.operation_not_supported(message)
