"""Default values as libyang adds and leaves them out: which are in use, and which nobody set (RFC 6243)."""

import oopt_gnpy_libyang as libyang
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from lxml import etree

from server.schema.model import load_schema
from server.schema.validator_child import _load
from server.tree.xml import DEFAULT_NAMESPACE, parse_bytes, to_xml
from server.xpath.defaults import Defaults
from tests.support.schema import sources_of

SHED = """
  container shed {
    leaf open { type boolean; default "true"; }
    leaf light { when "../open = 'true'"; type uint8; default "3"; }
    leaf bolt { when "not(../open = 'true')"; type string; default "iron"; }
    leaf-list day { type uint8; default "1"; default "5"; }
    container inner {
      leaf a { type string; default "x"; }
      container deep { leaf b { type uint8; default "2"; } leaf c { type string; } }
    }
    container there { presence "yes"; leaf d { type string; default "y"; } }
    container dark { when "../open = 'false'"; leaf e { type int8; default "-1"; } }
    choice door {
      default wood;
      case wood { leaf oak { type string; default "o"; } leaf pine { type string; } }
      case steel { leaf plate { type uint8; default "9"; } leaf rust { type boolean; } }
      container none { leaf why { type string; default "because"; } }
    }
    choice roof {
      leaf tile { type string; default "t"; }
      case flat {
        choice kind {
          default felt;
          leaf felt { type string; default "f"; }
          leaf tar { type string; default "r"; }
        }
        leaf slope { type uint8; }
      }
    }
    list tool {
      key "name";
      leaf name { type string; }
      leaf sharp { type boolean; default "false"; }
      leaf edge { when "../sharp = 'true'"; type uint8; default "4"; }
      container use { leaf times { type uint16; default "0"; } }
      leaf same { when "/shed:shed/shed:open = ../sharp"; type string; default "same"; }
    }
  }
"""

OPEN = {
    "": ("", "<light>3</light>", "<light>4</light>"),
    "<open>true</open>": ("", "<light>3</light>"),
    "<open>false</open>": ("", "<bolt>iron</bolt>", "<bolt>wood</bolt>", "<dark><e>-1</e></dark>"),
}
DOORS = ("", "<oak>o</oak>", "<oak>p</oak>", "<pine>q</pine>", "<plate>9</plate>", "<rust>true</rust>")
DOORS += ("<none/>",)
ROOFS = ("", "<tile>t</tile>", "<felt>f</felt>", "<tar>s</tar>", "<slope>1</slope>")
ROOFS += ("<tar>r</tar><slope>1</slope>",)
TOOL = {"sharp": ("true", "false"), "edge": ("4", "5"), "same": ("same", "other")}


def _elements(leaves):
    return st.builds(
        lambda chosen: "".join(f"<{name}>{value}</{name}>" for name, value in chosen.items() if value),
        st.fixed_dictionaries({name: st.sampled_from(("", *values)) for name, values in leaves.items()}),
    )


INNER = st.sampled_from(("", "<inner><a>x</a></inner>", "<inner><deep><c>z</c></deep></inner>"))
OTHER = st.sampled_from(("", "<there/>", "<there><d>y</d></there>"))
# libyang leaves single values out of a leaf-list that is not its default, which then looks as if it were
DAYS = st.sampled_from(("", "<day>6</day>", "<day>1</day><day>5</day>", "<day>7</day>"))
TOOLS = st.builds(
    lambda each: "".join(f"<tool><name>{n}</name>{inner}</tool>" for n, inner in enumerate(each)),
    st.lists(st.one_of(_elements(TOOL), st.just("<use><times>0</times></use>")), max_size=3),
)
OPENINGS = st.sampled_from([first + then for first, thens in OPEN.items() for then in thens])
DOOR, ROOF = st.sampled_from(DOORS), st.sampled_from(ROOFS)
SHEDS = st.builds("{}{}{}{}{}{}{}".format, OPENINGS, INNER, OTHER, DAYS, DOOR, ROOF, TOOLS)


@pytest.fixture(scope="module")
def engines(tmp_path_factory):
    # libyang tags nothing without the module that defines how
    both = ("shed", "ietf-netconf-with-defaults")
    sources = sources_of(tmp_path_factory.mktemp("yang"), *both, shed=SHED)
    return load_schema(sources), _load(sources, operations=False)


def _theirs(context, xml, flag):
    parse = libyang.ParseOptions
    try:
        data = context.parse_data(xml, libyang.DataFormat.XML, parse.Strict | parse.NoState, None)
    except libyang.Error:
        return None
    flags = libyang.PrintFlags.WithSiblings | libyang.PrintFlags.Shrink | flag
    return "" if data is None else data.print(libyang.DataFormat.XML, flags) or ""


def _told(xml):
    """The leaves as (path, value, whether it is tagged); entries by their name, without an order."""
    found = set()

    def walk(element, path):
        name = element.findtext("{urn:shed}name")
        here = f"{path}/{etree.QName(element).localname}{f'[{name}]' if name else ''}"
        if not len(element) and (element.text or element.get(f"{{{DEFAULT_NAMESPACE}}}default")):
            found.add((here, element.text, element.get(f"{{{DEFAULT_NAMESPACE}}}default") == "true"))
        for child in element:
            walk(child, here)

    for top in etree.fromstring(f"<all>{xml}</all>"):
        walk(top, "")
    return found


@given(SHEDS)
def test_what_is_reported(engines, inner):
    schema, context = engines
    xml = f'<shed xmlns="urn:shed">{inner}</shed>' if inner else ""
    tagged = _theirs(context, xml, libyang.PrintFlags.WithDefaultsImplicitTag)
    assume(tagged is not None)
    canonical = _theirs(context, xml, libyang.PrintFlags.WithDefaultsExplicit) or ""
    root = parse_bytes(schema, canonical.encode())
    defaults = Defaults(schema)
    filled = defaults.filled(root)
    assert _told(b"".join(to_xml(schema, filled, tagged=True)).decode()) == _told(tagged)
    everything = _theirs(context, xml, libyang.PrintFlags.WithDefaultsAll)
    assert _told(b"".join(to_xml(schema, filled)).decode()) == _told(everything)
    settled = defaults.filled(root, marked=False)
    assert _told(b"".join(to_xml(schema, settled, tagged=True)).decode()) == _told(everything)
    trimmed = _theirs(context, xml, libyang.PrintFlags.WithDefaultsTrim)
    assert _told(b"".join(to_xml(schema, defaults.trimmed(root))).decode()) == _told(trimmed)
    assert _told(b"".join(to_xml(schema, defaults.trimmed(settled))).decode()) == _told(trimmed)
    assert defaults.filled(root) is filled or _told(
        b"".join(to_xml(schema, defaults.filled(root), tagged=True)).decode()
    ) == _told(tagged)
