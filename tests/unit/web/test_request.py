from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.web.request import MAXIMUM_HEADERS, RefusedRequest, Request, admit, parse

GET = "GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n"


def refused(head: str) -> tuple[HTTPStatus, str]:
    with pytest.raises(RefusedRequest) as caught:
        parse(f"{head}\r\n".encode("latin-1"))
    return caught.value.status, caught.value.cause


def test_a_request() -> None:
    found = parse(f"{GET}Accept:  text/html \r\n\r\n".encode())
    assert found == Request("GET", "/", {"host": "127.0.0.1:8080", "accept": "text/html"})


def test_a_query_is_left_out() -> None:
    assert parse(b"GET /app.js?x=/../y HTTP/1.1\r\nHost: a\r\n\r\n").path == "/app.js"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "get"])
def test_only_reading_is_allowed(method: str) -> None:
    assert refused(GET.replace("GET", method)) == (HTTPStatus.METHOD_NOT_ALLOWED, "method")


@pytest.mark.parametrize(
    ("head", "cause"),
    [
        ("GET /\r\n", "request-line"),
        ("GET / HTTP/2.0\r\n", "request-line"),
        ("GET  / HTTP/1.1\r\n", "request-line"),
        ("GET http://elsewhere/ HTTP/1.1\r\n", "target"),
        ("GET * HTTP/1.1\r\n", "target"),
        (f"{GET}No colon\r\n", "header"),
        (f"{GET}Space : x\r\n", "header"),
        (f"{GET} folded: x\r\n", "header"),
        (f"{GET}Nul: \0\r\n", "header"),
        (f"{GET}Bare: a\nHost: evil\r\n", "header"),
        (f"{GET}HOST: evil\r\n", "repeated-header"),
        (f"{GET}Umlaut: \xe4\r\n", "not-ascii"),
    ],
)
def test_what_is_not_understood_is_refused(head: str, cause: str) -> None:
    assert refused(head) == (HTTPStatus.BAD_REQUEST, cause)


@pytest.mark.parametrize("header", ["Content-Length: 5", "Transfer-Encoding: chunked", "Content-Length: x"])
def test_a_body_is_refused(header: str) -> None:
    assert refused(f"{GET}{header}\r\n")[1] == "body"


def test_too_many_headers_are_refused() -> None:
    assert refused(GET + "a: b\r\n" * MAXIMUM_HEADERS)[1] == "headers"


def hosted(host: str, address: str = "127.0.0.1", **headers: str) -> str:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        admit(Request("GET", "/events", {"host": host, **names}), address)
    except RefusedRequest as refusal:
        return refusal.cause
    return "admitted"


@pytest.mark.parametrize(
    ("host", "address", "result"),
    [
        ("127.0.0.1:8080", "127.0.0.1", "admitted"),
        ("127.0.0.1:9090", "127.0.0.1", "admitted"),  # the port was forwarded
        ("127.0.0.1", "127.0.0.1", "admitted"),
        ("LOCALHOST:8080", "127.0.0.1", "admitted"),
        ("[::1]:8080", "::1", "admitted"),
        ("[::1]:8080", "127.0.0.1", "admitted"),
        ("::1", "::1", "host"),
        ("attacker.example:8080", "127.0.0.1", "host"),
        ("127.0.0.1.attacker.example:8080", "127.0.0.1", "host"),
        ("localhost.attacker.example", "127.0.0.1", "host"),
        ("127.0.0.1:8080@attacker.example", "127.0.0.1", "host"),
        ("127.1", "127.0.0.1", "host"),
        (":8080", "127.0.0.1", "host"),
        ("", "127.0.0.1", "no-host"),
        ("192.0.2.1:8080", "127.0.0.1", "host"),
        ("192.0.2.1:8080", "192.0.2.1", "admitted"),
        ("localhost:8080", "192.0.2.1", "host"),
        ("[2001:db8::1]:8080", "2001:db8::1", "admitted"),
        ("192.0.2.1:8080", "0.0.0.0", "admitted"),
        ("[2001:db8::1]:8080", "::", "admitted"),
        ("[2001:db8::1]", "::", "admitted"),
        ("localhost:8080", "0.0.0.0", "admitted"),
        ("attacker.example:8080", "0.0.0.0", "host"),
    ],
)
def test_the_host_has_to_be_this_one(host: str, address: str, result: str) -> None:
    assert hosted(host, address) == result


@pytest.mark.parametrize(
    ("site", "result"),
    [
        ("none", "admitted"),
        ("same-origin", "admitted"),
        ("cross-site", "cross-site"),
        ("same-site", "cross-site"),
    ],
)
def test_pages_of_other_sites_get_nothing(site: str, result: str) -> None:
    assert hosted("127.0.0.1:8080", sec_fetch_site=site) == result


def test_a_link_to_the_page_may_be_followed() -> None:
    headers = {"host": "127.0.0.1:8080", "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    admit(Request("GET", "/", headers), "127.0.0.1")


@given(st.binary(max_size=200))
def test_any_octets_are_a_request_or_refused(octets: bytes) -> None:
    for head in (octets, b"GET / HTTP/1.1\r\n" + octets):
        try:
            found = parse(head + b"\r\n\r\n")
        except RefusedRequest:
            continue
        assert found.method in ("GET", "HEAD")
        assert found.path.startswith("/")
