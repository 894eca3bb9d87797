"""A configuration printed with etags: what is marked, and what is left out because the client has it."""

import pytest
from lxml import etree

from server.schema.model import Schema
from server.tree.etag import ETAG, TXID_NAMESPACE
from server.tree.etag import etag as etag_of
from server.tree.filter import read_filter, subtree
from server.tree.node import Branch, Container, ListNode
from server.tree.sorted_map import CHUNK_SIZE
from server.tree.tagged import Asked, TaggedPrinter
from tests.support.trees import GARDEN, bed, tree

CONTENT = (
    "<owner>x</owner><bed><name>a</name><row>1</row><soil><depth>3</depth></soil></bed>"
    "<bed><name>b</name><water><litres>2</litres></water></bed><tag>t</tag>"
)


def printed(schema: Schema, root: Container, asked: Asked, selected: Container | None = None) -> str:
    printer = TaggedPrinter(schema, root)
    return b"".join(printer.pieces(selected or root, asked)).decode()


def filtered(schema: Schema, root: Container, inner: str, above: str = "") -> str:
    """What a client gets for this filter below `<garden>`; `A`, `B`, ... stand for etags of entries."""
    for name in ("a", "b"):
        inner = inner.replace(name.upper() * 3, etag_of(entry(root, name)))
    text = f'<filter xmlns:txid="{TXID_NAMESPACE}"><garden xmlns="{GARDEN}"{above}>{inner}</garden></filter>'
    element = etree.fromstring(text)
    asked = Asked.of("", read_filter(schema, element))
    assert asked is not None
    return printed(schema, root, asked, subtree(schema, root, element))


def entry(root: Container, name: str) -> Branch:
    beds = garden(root).get(f"{{{GARDEN}}}bed")
    assert isinstance(beds, ListNode)
    found = beds.get((name,))
    assert found is not None
    return found


def garden(root: Container) -> Container:
    found = root.branch(f"{{{GARDEN}}}garden")
    assert found is not None
    return found


@pytest.fixture
def root(schema: Schema) -> Container:
    return tree(schema, bed(CONTENT))


def test_everything_is_marked_when_all_is_asked_for(schema: Schema, root: Container) -> None:
    text = printed(schema, root, Asked("?"))
    element = etree.fromstring(f'<data xmlns:txid="{TXID_NAMESPACE}">{text}</data>')
    found = {etree.QName(each).localname: each.get(ETAG) for each in element.iter() if each.get(ETAG)}
    assert set(found) == {"garden", "bed", "soil", "water"}
    assert found["garden"] == etag_of(garden(root))
    beds = [each.get(ETAG) for each in element.iter(f"{{{GARDEN}}}bed")]
    assert beds == [etag_of(entry(root, name)) for name in ("a", "b")]


def test_the_content_is_what_it_is_without_etags(schema: Schema, root: Container) -> None:
    element = etree.fromstring(f'<d xmlns:txid="{TXID_NAMESPACE}">{printed(schema, root, Asked("?"))}</d>')
    for each in element.iter():
        each.attrib.pop(ETAG, None)
    plain = tree(schema, "".join(etree.tostring(child).decode() for child in element))
    assert etag_of(plain) == etag_of(root)


def test_the_root_is_told_or_matched(schema: Schema, root: Container) -> None:
    printer = TaggedPrinter(schema, root)
    own = etag_of(root)
    assert [printer.root(Asked(given)) for given in ("", "?", "x", own)] == ["", own, own, "="]
    assert list(printer.pieces(root, Asked(own))) == []


def test_with_state_nothing_is_left_out(schema: Schema, root: Container) -> None:
    printer = TaggedPrinter(schema, root, state=True)
    assert printer.root(Asked(etag_of(root))) == etag_of(root)
    assert b"owner" in b"".join(printer.pieces(root, Asked(etag_of(root))))


def test_only_what_is_asked_for_is_marked(schema: Schema, root: Container) -> None:
    text = filtered(schema, root, '<owner/><bed><name>a</name><soil txid:etag="?"/></bed>')
    assert text.count("txid:etag") == 1
    assert '<soil txid:etag="' in text


def test_an_entry_that_the_client_has_keeps_its_key(schema: Schema, root: Container) -> None:
    text = filtered(
        schema, root, '<bed txid:etag="AAA"><name>a</name></bed><bed txid:etag="x"><name>b</name></bed>'
    )
    assert '<bed txid:etag="="><name>a</name></bed>' in text
    assert f'<bed txid:etag="{etag_of(entry(root, "b"))}"><name>b</name><water txid:etag=' in text


def test_known_entries_beside_all_the_others(schema: Schema, root: Container) -> None:
    text = filtered(schema, root, '<bed txid:etag="BBB"><name>b</name></bed><bed txid:etag="?"/>')
    assert '<bed txid:etag="="><name>b</name></bed>' in text
    assert "<depth>3</depth>" in text


def test_an_etag_for_another_entry_matches_nothing(schema: Schema, root: Container) -> None:
    text = filtered(schema, root, '<bed txid:etag="AAA"><name>b</name></bed>')
    assert '"="' not in text
    assert "<litres>2</litres>" in text


def test_what_is_selected_of_a_node_does_not_change_its_etag(schema: Schema, root: Container) -> None:
    text = filtered(schema, root, '<bed txid:etag="?"><name>a</name><row/></bed>')
    assert f'<bed txid:etag="{etag_of(entry(root, "a"))}"><name>a</name><row>1</row></bed>' in text
    assert "soil" not in text


def test_a_leaf_is_known_by_what_it_is_in(schema: Schema, root: Container) -> None:
    text = filtered(schema, root, '<bed><name>a</name><row txid:etag="AAA"/></bed>')
    assert '<bed><name>a</name><row txid:etag="="></row></bed>' in text


def test_marked_bytes_are_kept_until_something_changes(schema: Schema) -> None:
    beds = "".join(f"<bed><name>{number:03}</name></bed>" for number in range(3 * CHUNK_SIZE))
    root = tree(schema, bed(beds))
    before = list(TaggedPrinter(schema, root).pieces(root, Asked("?")))
    again = list(TaggedPrinter(schema, root).pieces(root, Asked("?")))
    assert [one is other for one, other in zip(before, again, strict=True)].count(True) >= 3
    changed = tree(schema, bed(beds.replace("<name>000</name>", "<name>000</name><row>1</row>")))
    assert b"".join(TaggedPrinter(schema, changed).pieces(changed, Asked("?"))) != b"".join(before)
