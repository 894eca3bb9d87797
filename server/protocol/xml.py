"""Reading XML that strangers send, and writing XML by hand (RFC 6241 section 3).

Pure. Documents are UTF-8 without a document type; entities, DTDs and the network stay out of reach.
"""

import re
from collections.abc import Iterable

from lxml import etree

XML_NAMESPACE = "http://www.w3.org/XML/1998/namespace"

_BOM = b"\xef\xbb\xbf"
_WHITESPACE = b" \t\r\n"
_LONGEST_PROLOG = 64 * 1024
_SPACE = re.compile(rb"[ \t\r\n]*")
_SKIPPED = ((b"<?", b"?>"), (b"<!--", b"-->"))
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TEXT_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_ATTRIBUTE_ESCAPES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;", "\n": "&#10;", "\t": "&#9;"}
)


class XmlError(Exception):
    """A document is not acceptable; the text may go to the client that sent it."""


class TooDeepError(XmlError):
    """The elements of a document are nested too deeply."""


class XmlReader:
    """A hardened parser. One per session: lxml parsers lock while they parse.

    `max_depth` is the number of nested elements accepted (libxml2's own limit, 256, comes on top).
    `max_markup` bounds tags and attributes together: a parsed element takes about 120 bytes, thirty times
    what `<a/>` takes on the wire.
    """

    def __init__(self, max_depth: int = 128, max_markup: int = 4_000_000) -> None:
        self._max_depth = max_depth
        self._max_markup = max_markup
        self._parser = etree.XMLParser(
            encoding="utf-8",
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            dtd_validation=False,
            attribute_defaults=False,
            huge_tree=False,
            recover=False,
            remove_comments=True,
            remove_pis=True,
            strip_cdata=True,
        )

    def parse(self, data: bytes) -> etree._Element:
        """Return the root element. Raises XmlError. Comments and processing instructions are left out."""
        document = data.removeprefix(_BOM).lstrip(_WHITESPACE)
        if document.count(b"<") + document.count(b"=") > self._max_markup:
            raise XmlError(f"the document has more than {self._max_markup} tags and attributes")
        if _has_doctype(document):
            raise XmlError("a document type declaration is not accepted")
        try:
            root = etree.fromstring(document, self._parser)
        except etree.XMLSyntaxError as error:
            raise XmlError(
                f"not well-formed: {' '.join((error.msg or 'no document').split())[:200]}"
            ) from None
        if root.getroottree().docinfo.internalDTD is not None:
            raise XmlError("a document type declaration is not accepted")
        if len(document) > self._max_depth * len("<a></a>"):
            self._check_depth(root)
        return root

    def _check_depth(self, root: etree._Element) -> None:
        # Compiled anew each time: kept, it would be a tenth of what an idle session costs.
        too_deep_at = etree.XPath(f"boolean({'/*' * (self._max_depth + 1)})")
        try:
            too_deep = too_deep_at(root)
        except etree.XPathError:
            # libxml2 refuses node sets of more than ten million elements.
            raise XmlError("the document has too many elements") from None
        if too_deep:
            raise TooDeepError(f"elements are nested more than {self._max_depth} deep")


def _has_doctype(document: bytes) -> bool:
    """Whether a DOCTYPE stands before the root element, told before libxml2 sees it. Raises XmlError."""
    position = 0
    while position < _LONGEST_PROLOG:
        space = _SPACE.match(document, position, _LONGEST_PROLOG)
        position = space.end() if space else position
        end = next((end for begin, end in _SKIPPED if document.startswith(begin, position)), None)
        if end is None:
            return document.startswith(b"<!DOCTYPE", position)
        found = document.find(end, position, _LONGEST_PROLOG)
        if found < 0:
            break
        position = found + len(end)
    raise XmlError("what stands before the root element is too long or has no end")


def escape_text(text: str) -> str:
    """Escape character data; what XML 1.0 cannot hold becomes U+FFFD, a carriage return a reference."""
    return _NOT_XML.sub("\ufffd", text).translate(_TEXT_ESCAPES)


def escape_attribute(text: str) -> str:
    """Escape an attribute value for double quotes."""
    return _NOT_XML.sub("\ufffd", text).translate(_ATTRIBUTE_ESCAPES)


def attributes(pairs: Iterable[tuple[str, str]]) -> str:
    """Print qualified names and values as attributes, each with a space before it."""
    return "".join(f' {name}="{escape_attribute(value)}"' for name, value in pairs)


def element(name: str, text: str, pairs: Iterable[tuple[str, str]] = ()) -> str:
    """Print one element that holds text."""
    return f"<{name}{attributes(pairs)}>{escape_text(text)}</{name}>"
