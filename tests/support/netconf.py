"""Requests and answers as the tests of the server write them, with ncclient underneath."""

from typing import Any

import pytest
from lxml import etree
from ncclient.operations import RPCError

NC = "urn:ietf:params:xml:ns:netconf:base:1.0"
NCM = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"
TRB = "urn:twincast:yang:remote-backup"
SPACES = {"nc": NC, "ncm": NCM, "trb": TRB}

SERVICE = "/trb:remote-backup/trb:remote-backup-service"
PROFILE = "/trb:remote-backup/trb:remote-backup-profile"


def config(inner: str) -> str:
    """A `<config>` element; `nc` is bound for operation attributes."""
    return f'<config xmlns="{NC}" xmlns:nc="{NC}">{inner}</config>'


def backup(inner: str) -> str:
    """A `<config>` with what stands below `remote-backup`."""
    return config(f'<remote-backup xmlns="{TRB}">{inner}</remote-backup>')


def profile(inner: str = "", name: str = "rbp3", attributes: str = "") -> str:
    """One remote-backup-profile."""
    return f"<remote-backup-profile {attributes}><name>{name}</name>{inner}</remote-backup-profile>"


def service(inner: str = "", name: str = "rbs1") -> str:
    """One remote-backup-service."""
    return f"<remote-backup-service><name>{name}</name>{inner}</remote-backup-service>"


def edit(session: Any, inner: str, **options: str) -> Any:
    """edit-config of the candidate with what stands below `remote-backup`."""
    return session.edit_config(backup(inner), target="candidate", **options)


def make_empty(session: Any) -> None:
    """Take everything out of candidate and running."""
    session.discard_changes()
    session.edit_config(config(""), target="candidate", default_operation="replace")
    session.commit()


def request(session: Any, xml: str) -> Any:
    """Send an operation as it is written."""
    return session.dispatch(etree.fromstring(xml))


def refused(call: Any, *arguments: Any, **options: Any) -> RPCError:
    """The error that a request is answered with."""
    with pytest.raises(RPCError) as answer:
        call(*arguments, **options)
    return answer.value


def info(error: RPCError) -> dict[str, str | None]:
    """The children of `<error-info>` by local name."""
    if error.info is None:
        return {}
    element = etree.fromstring(error.info.encode())
    return {etree.QName(child).localname: child.text for child in element}


def names(session: Any, source: str = "candidate") -> list[str | None]:
    """The names of the profiles in a datastore."""
    data = session.get_config(source).data
    return [element.text for element in data.iterfind(".//trb:remote-backup-profile/trb:name", SPACES)]
