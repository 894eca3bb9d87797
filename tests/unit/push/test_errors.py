"""Errors of subscriptions as RFC 8640 section 7 has them."""

import pytest
from lxml import etree

from server.protocol.errors import ErrorTag
from server.protocol.messages import Errors, encode_reply
from server.push.errors import NAMESPACES, Problem, Request, Unacceptable, refused
from server.schema.model import load_schema
from server.schema.sources import default_sources

NC = "{urn:ietf:params:xml:ns:netconf:base:1.0}"


def printed(error: object) -> etree._Element:
    return etree.fromstring(b"".join(encode_reply(None, Errors((error,)))))  # type: ignore[arg-type]


def test_an_identity_is_the_app_tag_and_the_reason() -> None:
    problem = Unacceptable(Problem.PERIOD_UNSUPPORTED, "too short", {"period-hint": 10})
    error = printed(problem.of(Request.MODIFY_DATASTORE))
    assert error.findtext(f".//{NC}error-type") == "application"
    assert error.findtext(f".//{NC}error-app-tag") == "ietf-yang-push:period-unsupported"
    push = NAMESPACES["ietf-yang-push"]
    structure = error.find(f".//{NC}error-info/{{{push}}}modify-subscription-datastore-error-info")
    assert structure is not None
    reason = structure.find(f"{{{push}}}reason")
    assert reason is not None
    assert (reason.text, reason.nsmap["yp"]) == ("yp:period-unsupported", push)
    assert structure.findtext(f"{{{push}}}period-hint") == "10"


@pytest.mark.parametrize(
    ("problem", "tag"),
    [
        (Problem.FILTER_UNSUPPORTED, ErrorTag.INVALID_VALUE),
        (Problem.INSUFFICIENT_RESOURCES, ErrorTag.RESOURCE_DENIED),
        (Problem.REPLAY_UNSUPPORTED, ErrorTag.OPERATION_NOT_SUPPORTED),
        (Problem.SYNC_TOO_BIG, ErrorTag.TOO_BIG),
        (Problem.UNCHANGING_SELECTION, ErrorTag.OPERATION_FAILED),
    ],
)
def test_each_has_its_tag(problem: Problem, tag: ErrorTag) -> None:
    assert refused(problem, "", Request.ESTABLISH_STREAM).tag is tag


def test_all_are_identities_of_the_modules() -> None:
    schema = load_schema(default_sources())
    assert {str(problem) for problem in Problem} <= set(schema.identities)
