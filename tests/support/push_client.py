"""A client of subscriptions: requests as they go over the wire, notifications read with lxml as they come."""

from collections import deque
from collections.abc import Sequence
from typing import Any

from lxml import etree

from server.protocol.messages import BASE_1_0, BASE_1_1
from tests.support.netconf import NC
from tests.support.netconf_client import RawClient
from tests.support.server import PASSWORD, USER

EVENT = "urn:ietf:params:xml:ns:netconf:notification:1.0"
SN = "urn:ietf:params:xml:ns:yang:ietf-subscribed-notifications"
YP = "urn:ietf:params:xml:ns:yang:ietf-yang-push"
DS = "urn:ietf:params:xml:ns:yang:ietf-datastores"


class PushClient(RawClient):
    """One session. `ask` returns a reply; notifications that come before it are kept for `take`."""

    def __init__(
        self, port: int, user: str = USER, password: str = PASSWORD, announced: Sequence[str] = ()
    ) -> None:
        super().__init__(port, user, password=password)
        self.hello((BASE_1_0, BASE_1_1, *announced))
        self._told: deque[etree._Element] = deque()

    def ask(self, body: str) -> etree._Element:
        """Send a request and return its reply."""
        self.send(body)
        while True:
            element = etree.fromstring(self.receive())
            if element.tag != f"{{{EVENT}}}notification":
                return element
            self._told.append(element)

    def ok(self, body: str) -> None:
        """Send a request that has to succeed."""
        reply = self.ask(body)
        assert reply.find(f"{{{NC}}}rpc-error") is None, etree.tostring(reply)

    def refused(self, body: str) -> "Refused":
        """Send a request that has to fail with one error."""
        reply = self.ask(body)
        error = reply.find(f"{{{NC}}}rpc-error")
        assert error is not None, etree.tostring(reply)
        return Refused(error)

    def take(self) -> etree._Element:
        """Return the content of the next notification; the envelope is its parent."""
        if not self._told:
            self._told.append(etree.fromstring(self.receive()))
        return self._told.popleft()[1]

    def until(self, name: str) -> etree._Element:
        """Return the content of the next notification of this name, whatever comes before it."""
        while True:
            content = self.take()
            if etree.QName(content).localname == name:
                return content

    def establish(self, inner: str) -> int:
        """Establish a subscription and return its id."""
        reply = self.ask(establish(inner))
        number = reply.findtext(f"{{{SN}}}id")
        assert number is not None, etree.tostring(reply)
        return int(number)

    def edit(self, config: str, target: str = "candidate") -> None:
        """Edit the candidate and commit."""
        self.ok(f"<edit-config><target><{target}/></target><config>{config}</config></edit-config>")
        if target == "candidate":
            self.ok("<commit/>")


class Refused:
    """One `<rpc-error>`."""

    def __init__(self, error: etree._Element) -> None:
        self.tag = error.findtext(f"{{{NC}}}error-tag")
        self.app_tag = error.findtext(f"{{{NC}}}error-app-tag")
        self.path = error.findtext(f"{{{NC}}}error-path")
        self.message = error.findtext(f"{{{NC}}}error-message") or ""
        self.info: Any = error.find(f"{{{NC}}}error-info")

    def hint(self, name: str) -> str | None:
        """A leaf of the yang-data in error-info."""
        return None if self.info is None else self.info.findtext(f"*/{{*}}{name}")

    @property
    def structure(self) -> str:
        """The name of the yang-data in error-info."""
        return str(etree.QName(self.info[0]).localname)


def establish(inner: str) -> str:
    """An establish-subscription."""
    return operation("establish-subscription", inner)


def operation(name: str, inner: str) -> str:
    """An operation of ietf-subscribed-notifications."""
    return f'<{name} xmlns="{SN}" xmlns:yp="{YP}" xmlns:ds="{DS}">{inner}</{name}>'


def name_of(content: etree._Element) -> str:
    """The local name of a notification."""
    return str(etree.QName(content).localname)
