"""What of an error is shown to whom."""

import tempfile
from functools import cache
from pathlib import Path

from server.access.censor import HIDDEN, censored, locate
from server.access.reach import Reach
from server.access.rules import PathStep, Rule, RuleKind
from server.protocol.errors import ErrorTag, ErrorType, InfoElement, RpcError
from server.schema.model import Schema, load_schema
from tests.support.schema import sources_of

ROOM = '/h:house/h:room[h:name="attic"]'
SPACES = {"h": "urn:house"}


@cache
def schema() -> Schema:
    body = "container house { list room { key name; leaf name { type string; } leaf size { type uint8; } } }"
    with tempfile.TemporaryDirectory() as folder:
        return load_schema(sources_of(Path(folder), house=body))


def without(name: str) -> Reach:
    """Everything may be read but one room."""
    step = PathStep("{urn:house}room", {"{urn:house}name": name})
    rule = Rule(RuleKind.DATA, permit=False, path=(PathStep("{urn:house}house", {}), step))
    return Reach((rule,), lambda _node: True)


def error(path: str = ROOM, **more: object) -> RpcError:
    return RpcError(
        ErrorTag.OPERATION_FAILED, "attic is 7 wide", path=path, path_namespaces=SPACES, app_tag="x", **more
    )


def test_an_error_about_what_may_be_read_stays_as_it_is() -> None:
    told = error(info=(InfoElement("non-unique", f"{ROOM}/h:size", namespaces=SPACES),))
    assert censored(schema(), without("cellar"), told) is told
    assert censored(schema(), without("attic"), error("/nc:rpc/nc:commit")).message == "attic is 7 wide"


def test_an_error_about_a_hidden_node_keeps_its_tag_only() -> None:
    told = censored(schema(), without("attic"), error(f"{ROOM}/h:size"))
    assert (told.tag, told.message, told.path, told.app_tag) == (ErrorTag.OPERATION_FAILED, HIDDEN, "", "")


def test_hidden_nodes_leave_the_info_and_the_words() -> None:
    other = '/h:house/h:room[h:name="cellar"]'
    info = (
        InfoElement("non-unique", f"{ROOM}/h:size", namespaces=SPACES),
        InfoElement("bad-element", "size"),
    )
    told = censored(schema(), without("attic"), error(other, info=info, mentions=((ROOM, SPACES),)))
    assert told.path == other
    assert told.message == HIDDEN
    assert told.info == info[1:]


def test_answers_of_access_control_and_of_other_layers_are_left_alone() -> None:
    denied = RpcError(ErrorTag.ACCESS_DENIED, "no", path=ROOM, path_namespaces=SPACES)
    protocol = RpcError(ErrorTag.IN_USE, "no", ErrorType.PROTOCOL, path=ROOM, path_namespaces=SPACES)
    assert censored(schema(), without("attic"), denied) is denied
    assert censored(schema(), without("attic"), protocol) is protocol


def test_a_path_is_followed_as_far_as_there_are_data_nodes() -> None:
    found = locate(schema(), f"{ROOM}/h:nope", SPACES)
    assert found is not None
    assert found.keys == (("attic",),)
    assert found.schema.name == "room"
    assert locate(schema(), "/nc:rpc", SPACES) is None
    assert locate(schema(), "no path", SPACES) is None
