"""References to what may not be read are answered alike whether or not it is there."""

import pytest

from server.access.nacm import Grants
from server.access.references import hidden_references
from server.access.rules import Access, Identity, PathStep, Policy, Rule, RuleKind, RuleList
from server.tree.diff import diff
from server.tree.node import empty_root
from tests.support.trees import garden, tree

G = "{urn:test:garden}"


def found(inner: str, *hidden: str) -> list[tuple[str, str]]:
    """The errors of a garden that is made, as (path, message), for who may not read some beds."""
    schema = garden()
    denied = [
        Rule(
            RuleKind.DATA,
            permit=False,
            path=(PathStep(f"{G}garden", {}), PathStep(f"{G}bed", {f"{G}name": name})),
            access=frozenset({Access.READ}),
        )
        for name in hidden
    ]
    policy = Policy(groups={"ann": frozenset({"g"})}, rule_lists=(RuleList(frozenset({"g"}), tuple(denied)),))
    readable = Grants(policy, Identity("ann")).reach(Access.READ)
    new = tree(schema, f'<garden xmlns="urn:test:garden">{inner}</garden>')
    changes = diff(empty_root(schema.root), new)
    errors = hidden_references(schema, readable, changes, readable.visible(new))
    return [(error.path, error.message) for error in errors]


BEST = "<best-bed>b</best-bed>"
B = "<bed><name>b</name></bed>"
REFUSED = [("/g:garden/g:best-bed", "no bed has the name 'b'")]


def test_a_target_that_may_be_read_is_left_to_the_validator() -> None:
    assert found(BEST + B, "x") == []
    assert found(BEST) == []


@pytest.mark.parametrize("there", ["", B])
def test_a_hidden_target_is_not_there(there: str) -> None:
    assert found(BEST + there, "b") == REFUSED


def test_references_in_new_entries_are_found() -> None:
    inner = "<bed><name>a</name><next-to>b</next-to></bed>" + B
    path = "/g:garden/g:bed[g:name='a']/g:next-to"
    assert found(inner, "b") == [(path, "no bed has the name 'b'")]
