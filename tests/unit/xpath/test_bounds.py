"""An expression ends: by its steps, by the clock, and by what the schema says that it may come by."""

from itertools import count

import pytest

from server.tree.node import StreamedList
from server.xpath.evaluate import Evaluator
from server.xpath.functions import FUNCTIONS
from server.xpath.items import Budget
from server.xpath.parser import parse
from server.xpath.reach import XPathSelection
from server.xpath.select import select
from server.xpath.syntax import XPathError, XPathLimitError
from tests.support.trees import GARDEN, bed, garden, text, tree

PREFIXES = {"g": GARDEN}
BEDS = "".join(f"<bed><name>b{number}</name><row>{number}</row></bed>" for number in range(50))


@pytest.fixture
def root():
    return tree(garden(), bed(BEDS))


def _parsed(expression):
    return parse(expression, PREFIXES, known=frozenset(FUNCTIONS))


HOPELESS = (
    "//*[//*[//*[//*]]]",
    "//*[. = //*[. = //*[. = //*]]]",
    "/" + "/".join(["*/.."] * 400) + "//*[//*]",
    "(" * 20 + "//*" + "[//*])" * 20,
    "concat(" + "concat(/, /)" + ", /" * 50 + ")" * 1 + " = //*[string(/) = string(/)]",
)


@pytest.mark.parametrize("expression", HOPELESS)
def test_the_steps_are_counted(root, expression):
    with pytest.raises(XPathLimitError):
        Evaluator(garden(), root, PREFIXES, Budget(3_000)).value(_parsed(expression))


def test_the_clock_is_looked_at(root):
    ticks = count()
    budget = Budget(1_000_000_000, 5.0, lambda: float(next(ticks)))
    with pytest.raises(XPathLimitError):
        Evaluator(garden(), root, PREFIXES, budget).value(_parsed("//*[//*[//*[//*]]]"))


def test_an_entry_is_looked_up_and_not_searched(root):
    budget = Budget(12)
    selected = select(garden(), root, _parsed("/g:garden/g:bed[g:name='b7']"), PREFIXES, budget)
    assert text(garden(), selected) == bed("<bed><name>b7</name><row>7</row></bed>")


def test_the_schema_leaves_out_what_cannot_hold_it(root):
    assert Evaluator(garden(), root, PREFIXES, Budget(10)).value(_parsed("//g:owner")) == []


def test_a_list_that_is_streamed(root):
    (whole,) = root
    beds = whole.get(f"{{{GARDEN}}}bed")
    halves = [beds, type(beds).of(beds.schema, [])]
    streamed = root.put(whole.put(StreamedList(beds.schema, lambda: iter(halves))))
    for expression in (
        "//g:bed[g:row > 47]",
        "/g:garden/g:bed[g:name='b3']/g:row",
        "//g:bed[3]/g:name | //g:bed[2]",
    ):
        asked = _parsed(expression)
        found = select(garden(), streamed, asked, PREFIXES)
        assert text(garden(), found) == text(garden(), select(garden(), root, asked, PREFIXES))


PROMISES = {
    "/g:garden/g:bed[g:name='b1']": ({("b1",)}, True),
    "/g:garden/g:bed[g:name='b1'] | //g:bed[g:name='b2']": (None, True),
    "/g:garden/g:bed[g:name='b1'][g:row=/g:garden/g:bed[g:name='b2']/g:row]": ({("b1",), ("b2",)}, True),
    "/g:garden/g:owner": (set(), False),
    "/g:garden/g:bed": (None, True),
    "/g:garden/g:bed[g:row=3]": (None, True),
    "/g:garden": (None, True),
    "/g:garden/g:owner/../*": (None, True),
    "//node()" * 300: (None, True),
    "//*" * 300: (None, False),
}


@pytest.mark.parametrize(("expression", "promise"), PROMISES.items(), ids=PROMISES)
def test_what_has_to_be_built(expression, promise):
    keys, wanted = promise
    selection = XPathSelection(garden(), _parsed(expression))
    assert selection.keys("/garden:garden/bed") == (None if keys is None else frozenset(keys))
    assert selection.wants("/garden:garden/bed") is wanted


PARTS = {
    "/g:garden/g:path[g:from='a'][g:to='b']": {("a", "b")},
    "/g:garden/g:path[g:to='b']/g:from": {(None, "b")},
    "/g:garden/g:path[g:to='b'] | /g:garden/g:path[g:from='a']": {(None, "b"), ("a", None)},
    "/g:garden/g:path[g:to='b'] | /g:garden/g:path": None,
    "/g:garden/g:path[1][g:to='b']": None,
    "/g:garden/g:path": None,
    "/g:garden": None,
    "//g:path[g:to='b']": None,
    "/g:garden/g:bed": set(),
}


@pytest.mark.parametrize(("expression", "parts"), PARTS.items(), ids=PARTS)
def test_the_parts_of_keys_that_are_named(expression, parts):
    selection = XPathSelection(garden(), _parsed(expression))
    found = selection.parts_of_keys("/garden:garden/path")
    assert found == (None if parts is None else frozenset(parts))
    whole = found is not None and all(None not in part for part in found)
    assert selection.keys("/garden:garden/path") == (found if whole else None)


def test_the_functions_of_yang(root):
    whole = tree(
        garden(),
        bed(
            "<best-bed>b</best-bed><bed><name>a</name><next-to>b</next-to><plant>"
            '<kind xmlns:x="urn:test:garden">x:basil</kind><number>1</number></plant></bed>'
            "<bed><name>b</name></bed>"
        ),
    )

    def value(expression):
        return Evaluator(garden(), whole, PREFIXES).value(_parsed(expression))

    assert value("derived-from(//g:kind, 'g:herb')") is True
    assert value("derived-from(//g:kind, 'g:basil')") is False
    assert value("derived-from-or-self(//g:kind, 'g:basil')") is True
    assert value("string(deref(//g:next-to)/../g:name)") == "b"
    assert value("count(//g:bed[g:next-to = current()/g:garden/g:best-bed])") == 1.0
    assert value("//g:kind = 'g:basil'") is True
    assert value("bit-is-set(//g:name, 'a')") is True


WRONG = (
    "",
    "1 +",
    "a b",
    "[1]",
    "a[",
    "a]",
    "f()",
    "count()",
    "count(1)",
    "$a",
    "'x",
    "a::b",
    "x:a",
    "@",
    "1(2)",
    "/ /",
    "-",
    "*:a",
)


@pytest.mark.parametrize("expression", WRONG)
def test_what_is_no_expression(root, expression):
    with pytest.raises(XPathError):
        Evaluator(garden(), root, PREFIXES).value(_parsed(expression))
