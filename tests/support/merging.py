"""What a three-way merge has to be, on plain data: nodes are known by their paths only."""

from typing import Any

from tests.support.gardens import CONTAINERS, KEYS, ORDERED, Data

Path = tuple[str, ...]
Flat = dict[Path, Any]
EXISTS = "exists"


def flat(data: Data, at: Path = ()) -> Flat:
    """Every node that can differ, with its value."""
    found: Flat = {}
    for name, value in data.items():
        here = (*at, name)
        if isinstance(value, list):
            for member in value:
                if isinstance(member, dict):
                    found[*here, str(member[KEYS[name]])] = EXISTS
                    found.update(flat(member, (*here, str(member[KEYS[name]]))))
                else:
                    found[*here, str(member)] = EXISTS
        elif isinstance(value, dict):
            if name not in CONTAINERS:
                found[here] = EXISTS
            found.update(flat(value, here))
        else:
            found[here] = str(value)
    return found


def orders(data: Data, at: Path = ()) -> dict[Path, list[str]]:
    """The order of every list that the user orders."""
    found: dict[Path, list[str]] = {}
    for name, value in data.items():
        here = (*at, name)
        if isinstance(value, dict):
            found.update(orders(value, here))
        for member in value if isinstance(value, list) else ():
            key = str(member[KEYS[name]] if isinstance(member, dict) else member)
            if name in ORDERED:
                found.setdefault(here, []).append(key)
            if isinstance(member, dict):
                found.update(orders(member, (*here, key)))
    return found


def below(nodes: Flat, order: dict[Path, list[str]], path: Path) -> Any:
    """Everything at and below a path, comparable."""
    size = len(path)
    return (
        {each: value for each, value in nodes.items() if each[:size] == path},
        {each: keys for each, keys in order.items() if each[:size] == path},
    )


def expected_conflicts(base: Data, ours: Data, theirs: Data) -> set[Path]:
    """The conflicts but those about an order."""
    flats, sequences = (
        [flat(each) for each in (base, ours, theirs)],
        [orders(each) for each in (base, ours, theirs)],
    )
    conflicts: set[Path] = set()
    for path in sorted(set().union(*flats), key=len):
        there = [path in each for each in flats]
        above = [path[:size] for size in range(1, len(path))]
        if any(
            len({up in each for each in flats}) == 2 and any(up in each for each in flats) for up in above
        ):
            continue  # whether what is above exists is decided there
        was, mine, other = (below(*pair, path) for pair in zip(flats, sequences, strict=True))
        is_leaf = EXISTS not in {each.get(path) for each in flats}
        if (is_leaf or not all(there)) and mine != was and other != was and mine != other:
            conflicts.add(path)
    return conflicts


def merged(base: Flat, ours: Flat, theirs: Flat) -> Flat:
    """What both sides make of it together where there is no conflict."""
    sides = {path: ours if ours.get(path) != base.get(path) else theirs for path in {*base, *ours, *theirs}}
    return {path: side[path] for path, side in sides.items() if path in side}
