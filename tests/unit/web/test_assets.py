"""The page keeps what its policy promises: nothing inline, nothing from elsewhere."""

import re
from http import HTTPStatus

import pytest
from lxml import html

from server.web import response
from server.web.assets import ASSETS


def test_the_page_has_nothing_inline_and_nothing_from_elsewhere() -> None:
    root = html.fromstring(ASSETS["/"].content)
    assert not root.xpath("//style | //@style | //script[not(@src)] | //iframe | //form | //base")
    assert not [name for each in root.iter() for name in each.attrib if str(name).startswith("on")]
    assert {str(each) for each in root.xpath("//@src | //@href")} <= ASSETS.keys()


def test_the_script_writes_text_and_no_markup() -> None:
    script = ASSETS["/app.js"].content.decode()
    assert not re.search(
        r"innerHTML\s*=|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|\.style\b", script
    )
    assert set(re.findall(r'EventSource\("([^"]+)"', script)) == {"/events"}
    assert "fetch(" not in script


@pytest.mark.parametrize("path", ["/app.css", "/icon.svg", "/app.js"])
def test_files_name_no_other_address(path: str) -> None:
    found = set(re.findall(r"https?://[^\"' )]+", ASSETS[path].content.decode()))
    assert found <= {"http://www.w3.org/2000/svg"}


def test_every_response_keeps_the_page_to_itself() -> None:
    for head in (response.head(HTTPStatus.OK, "text/html", 1), response.refusal(HTTPStatus.NOT_FOUND)):
        text = head.decode()
        for name in response.HEADERS:
            assert f"\r\n{name}: " in text
    assert "unsafe" not in response.POLICY
    assert "default-src 'none'" in response.POLICY


def test_who_may_not_is_told_what_he_may() -> None:
    assert b"\r\nAllow: GET, HEAD\r\n" in response.refusal(HTTPStatus.METHOD_NOT_ALLOWED)


def test_an_event_is_one_line_of_data() -> None:
    assert response.event(b'{"a":1}') == b'data: {"a":1}\n\n'
