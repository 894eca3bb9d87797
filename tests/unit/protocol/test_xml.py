"""What the hardened parser takes and refuses, and what is escaped on the way out."""

import pytest
from lxml import etree

from server.protocol.xml import XmlError, XmlReader, element, escape_attribute, escape_text

BOMB = b'<!DOCTYPE a [<!ENTITY x "xxxxxxxxxx"><!ENTITY y "&x;&x;&x;">]><a>&y;</a>'
EXTERNAL = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>'


@pytest.mark.parametrize(
    "document",
    [
        BOMB,
        EXTERNAL,
        b'<?xml version="1.0"?>\n<!-- c --><?p i?> ' + BOMB,
        b"\xef\xbb\xbf" + BOMB,
        b'<!DOCTYPE a SYSTEM "http://192.0.2.1/a.dtd"><a/>',
    ],
)
def test_document_types_are_refused(document):
    with pytest.raises(XmlError, match="document type"):
        XmlReader().parse(document)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"   ",
        b"<a>",
        b"<a></b>",
        b"<a/><b/>",
        b"<p:a/>",
        b"<a b='1' b='2'/>",
        b"<a>\x00</a>",
        b"<a>\x01</a>",
        b"<a>&unknown;</a>",
        b"\xff\xfe<\x00a\x00/\x00>\x00",
        "<a>é</a>".encode("latin-1"),
        '<?xml version="1.0" encoding="latin-1"?><a>é</a>'.encode("latin-1"),
        b"<!-- " + b"-" * 100_000 + b" --><a/>",
        b"<!-- never closed",
    ],
)
def test_what_is_not_well_formed_utf8_is_refused(document):
    with pytest.raises(XmlError):
        XmlReader().parse(document)


def test_utf8_counts_whatever_the_declaration_says():
    assert XmlReader().parse('<?xml version="1.0" encoding="latin-1"?><a>é</a>'.encode()).text == "é"


def test_doctype_as_text_is_text():
    root = XmlReader().parse(b"<!-- <!DOCTYPE --><a><![CDATA[<!DOCTYPE x>]]></a>")
    assert root.text == "<!DOCTYPE x>"


def test_white_space_and_byte_order_mark_before_the_declaration():
    assert XmlReader().parse(b'\xef\xbb\xbf\n <?xml version="1.0"?><a/>').tag == "a"


def test_comments_and_instructions_are_left_out():
    root = XmlReader().parse(b"<a>one<!-- c -->two<?p i?>three<b/></a>")
    assert root.text == "onetwothree"
    assert [child.tag for child in root] == ["b"]


def test_depth_limit():
    reader = XmlReader(max_depth=10)
    assert reader.parse(b"<a>" * 10 + b"</a>" * 10).tag == "a"
    with pytest.raises(XmlError, match="more than 10 deep"):
        reader.parse(b"<a>" * 11 + b"</a>" * 11)
    with pytest.raises(XmlError):
        reader.parse(b"<a>" * 100_000)


def test_markup_limit():
    reader = XmlReader(max_markup=10)
    assert len(reader.parse(b"<a>" + b"<b/>" * 8 + b"</a>")) == 8
    with pytest.raises(XmlError, match="more than 10 tags"):
        reader.parse(b"<a>" + b"<b/>" * 9 + b"</a>")
    with pytest.raises(XmlError, match="more than 10 tags"):
        reader.parse(b"<a " + b" ".join(b'b%d=""' % n for n in range(10)) + b"/>")


def test_one_reader_serves_again_after_a_refusal():
    reader = XmlReader()
    with pytest.raises(XmlError):
        reader.parse(b"<a")
    assert reader.parse(b"<a/>").tag == "a"


def test_escapes_come_back_as_they_were():
    text = "a<b>&c\"'\r\n\t]]> é \U0001f4fa"
    printed = element("x", text, [("y", text)])
    root = etree.fromstring(printed)
    assert root.text == text
    assert root.get("y") == text


def test_carriage_return_is_a_reference():
    assert escape_text("a\r") == "a&#13;"
    assert escape_attribute("\r\n\t") == "&#13;&#10;&#9;"


def test_what_xml_cannot_hold_is_replaced():
    assert escape_text("a\x00b\x1f\ud800\ufffe") == "a\ufffdb\ufffd\ufffd\ufffd"
