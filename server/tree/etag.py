"""Entity tags: a short name for the content of a container or list entry (draft-ietf-netconf-transaction-id).

An etag is a hash of the configuration at and below a node. So it changes exactly when that changes, it is the
same in every datastore that holds the same, and the same after a restart. Digests are kept with the immutable
nodes: after a change only the nodes above it are hashed again. State is not part of it.
"""

from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import blake2b
from typing import Any, Final, TypeVar

from server.schema.node import NodeKind, SchemaNode
from server.tree.location import Location
from server.tree.members import Key
from server.tree.node import AnyData, Branch, Container, Entry, Leaf, LeafList, ListNode, Node
from server.tree.sorted_map import Chunk

_B = TypeVar("_B", Container, Entry)

TXID_NAMESPACE: Final = "urn:ietf:params:xml:ns:netconf:txid:1.0"
ETAG: Final = f"{{{TXID_NAMESPACE}}}etag"
"""The attribute, in requests and replies."""
MATCH: Final = "="
"""What stands in the place of content that the client has already."""

_SIZE: Final = 32
_SHOWN: Final = 15  # octets of a digest in an etag: 120 bits, 20 characters
_KEPT_AS: Final = "digest"
_PRIME: Final = 2**255 - 19
_BASE: Final = 0x2B7E151628AED2A6ABF7158809CF4F3C762E7160F38B4DA56A784D9045190CFE


def etag(branch: Branch) -> str:
    """The etag of a container, a list entry or the root of a tree: 20 letters, digits, `-` and `_`.

    Nodes in different places of the schema never have the same, whatever they hold.
    """
    named = b"%b\0%b" % (branch.schema.path.encode(), digest(branch))
    return urlsafe_b64encode(blake2b(named, digest_size=_SHOWN).digest()).decode()


def digest(branch: Branch) -> bytes:
    """The digest of the configuration below a branch, kept with it."""
    found = branch.digest
    if found is None:
        content = b"".join(_content(child) for child in branch.children.values() if child.schema.config)
        found = branch.digest = _hash(content)
    return found


def _hash(content: bytes) -> bytes:
    return blake2b(content, digest_size=_SIZE).digest()


def _content(node: Node) -> bytes:
    """What a digest is made of: the tag, then a text that ends with NUL or a digest, as the tag tells."""
    tag = node.schema.tag.encode()
    if isinstance(node, Leaf):
        return b"%b\0%b\0" % (tag, node.value.encode())
    return b"%b\0%b" % (tag, _inner(node))


def _inner(node: Node) -> bytes:
    if isinstance(node, Container):
        return digest(node)
    if isinstance(node, ListNode):
        return _members(node, digest)
    if isinstance(node, LeafList):
        return _members(node, lambda value: _hash(value.encode()))
    return _hash(node.xml) if isinstance(node, AnyData) else b""


def _members(node: ListNode | LeafList, of: Callable[[Any], bytes]) -> bytes:
    """The digest of a sequence, whatever chunks it is kept in: a polynomial whose parts can be joined."""
    total = 0
    chunks: tuple[Chunk[Any, Any], ...] = node.members.places.chunks
    for chunk in chunks:
        value, power = _part(chunk, of)
        total = (total * power + value) % _PRIME
    return len(node).to_bytes(8, "big") + total.to_bytes(_SIZE, "big")


def _part(chunk: Chunk[Any, Any], of: Callable[[Any], bytes]) -> tuple[int, int]:
    """The polynomial of a chunk's members, and the power of the base that whatever stands before it gets."""
    kept: tuple[int, int] | None = chunk.cache.get(_KEPT_AS)
    if kept is None:
        value = 0
        for member in chunk.values:
            value = (value * _BASE + int.from_bytes(of(member), "big")) % _PRIME
        kept = chunk.cache[_KEPT_AS] = (value, pow(_BASE, len(chunk.values), _PRIME))
    return kept


def versioned(root: Container, location: Location) -> Branch | None:
    """The node whose etag counts for `location`: the lowest container or entry at or above it.

    None when there is nothing at `location`.
    """
    branch: Branch = root
    keys = iter(location.keys)
    for step in location.schema.chain():
        child = branch.get(step.tag)
        if isinstance(child, ListNode):
            key = next(keys, None)
            entry: Entry | None = None if key is None else child.get(key)
            if entry is None:
                return None
            branch = entry
        elif isinstance(child, Container):
            branch = child
        elif child is None or not _holds(child, location):
            return None
    return branch


def along(root: Container, location: Location) -> Container:
    """The tree with nothing but the way to the node that `versioned` finds, and all of that.

    What of a large tree may be read need not be found out for the sake of one node.
    """
    return _along(root, location.schema.chain(), location.keys)


def _along(branch: _B, chain: tuple[SchemaNode, ...], keys: tuple[Key, ...]) -> _B:
    if not chain or chain[0].kind not in (NodeKind.CONTAINER, NodeKind.LIST):
        return branch
    step, below = chain[0], branch.get(chain[0].tag)
    kept = {tag: branch.children[tag] for tag in branch.schema.keys}
    if isinstance(below, Container):
        kept[step.tag] = _along(below, chain[1:], keys)
    elif isinstance(below, ListNode) and keys:
        entry = below.get(keys[0])
        if entry is not None:
            kept[step.tag] = ListNode.of(step, [_along(entry, chain[1:], keys[1:])])
    return branch.with_children(kept)


def _holds(node: Node, location: Location) -> bool:
    return not isinstance(node, LeafList) or location.value is None or location.value in node
