"""get-data of a conventional datastore is get-config, for any filter, in any mode (RFC 8526)."""

import re

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.depot import DEPOT

NCDS = "urn:ietf:params:xml:ns:yang:ietf-netconf-nmda"
DS = "urn:ietf:params:xml:ns:yang:ietf-datastores"
WD = "urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults"

CONTENT = st.lists(
    st.sampled_from(("<title>x</title>", "<opening>8</opening>", "<lit>true</lit>", "<level>3</level>")),
    unique=True,
).map("".join)
HALLS = st.lists(st.sampled_from("abc"), unique=True).map(
    lambda names: "".join(f"<hall><name>{name}</name></hall>" for name in names)
)
ASKED = st.lists(
    st.sampled_from(
        (
            "<title/>",
            "<title>x</title>",
            "<title>z</title>",
            "<lit/>",
            "<level/>",
            "<hall/>",
            "<hall><name/></hall>",
            "<hall><name>a</name></hall>",
            "<kind/>",
        )
    ),
    max_size=3,
).map("".join)
EXPRESSIONS = st.sampled_from(
    ("/d:depot", "/d:depot/d:hall[d:name='b']", "//d:name", "/d:depot/d:*[. = 'x']", "/*")
)
MODES = st.sampled_from(("", "explicit", "trim", "report-all", "report-all-tagged"))


def _filters(asked, expression):
    """The same filter for get-config and for get-data."""
    if expression is not None:
        old = f'<filter type="xpath" xmlns:d="{DEPOT}" select="{expression}"/>'
        return old, f'<xpath-filter xmlns:d="{DEPOT}">{expression}</xpath-filter>'
    inner = f'<depot xmlns="{DEPOT}">{asked}</depot>'
    return f"<filter>{inner}</filter>", f"<subtree-filter>{inner}</subtree-filter>"


def _answer(depot, body):
    return re.search(rb"<data[^>]*>(.*)</data></rpc-reply>", depot.rpc(body), re.DOTALL)[1]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CONTENT, HALLS, ASKED, st.none() | EXPRESSIONS, MODES)
def test_it_reads_as_get_config_does(depot, content, halls, asked, expression, mode):
    depot.discard()
    assert depot.edit(content + halls) == []
    old, new = _filters(asked, expression)
    modes = [f'<with-defaults xmlns="{space}">{mode}</with-defaults>' if mode else "" for space in (WD, NCDS)]
    config = _answer(depot, f"<get-config><source><candidate/></source>{old}{modes[0]}</get-config>")
    datastore = f'<datastore xmlns:ds="{DS}">ds:candidate</datastore>'
    data = f'<get-data xmlns="{NCDS}">{datastore}{new}{modes[1]}</get-data>'
    assert _answer(depot, data) == config
