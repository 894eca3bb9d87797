"""The persistent map against a dict, and what two maps share."""

import random

from server.tree.members import Insert, Members, Style
from server.tree.sorted_map import CHUNK_SIZE, SortedMap, differing


def filled(size: int) -> SortedMap[int, str]:
    return SortedMap.from_sorted(list(range(size)), [str(number) for number in range(size)])


def test_behaves_as_a_dict() -> None:
    chance = random.Random(7)
    plain: dict[int, str] = {}
    mapped: SortedMap[int, str] = SortedMap()
    for step in range(6_000):
        key = chance.randrange(1_500)
        if chance.random() < (0.7 if step < 3_000 else 0.2):
            plain[key] = str(step)
            mapped = mapped.put(key, plain[key])
        else:
            plain.pop(key, None)
            mapped = mapped.remove(key)
        assert len(mapped) == len(plain)
    assert list(mapped.items()) == sorted(plain.items())
    assert all(mapped.get(key) == plain.get(key) for key in range(1_500))


def test_a_change_copies_one_chunk() -> None:
    before = filled(100 * CHUNK_SIZE)
    after = before.put(5_000, "x")
    unshared = [chunk for chunk in after.chunks if not any(chunk is other for other in before.chunks)]
    assert len(unshared) == 1
    assert list(differing(before, after)) == [(5_000, "5000", "x")]


def test_putting_the_same_returns_the_same_map() -> None:
    mapped = filled(10)
    assert mapped.put(3, mapped.get(3) or "") is mapped
    assert mapped.remove(99) is mapped


def test_chunks_neither_grow_nor_dwindle() -> None:
    mapped: SortedMap[int, str] = SortedMap()
    for key in range(5_000):
        mapped = mapped.put(key, "")
    assert all(len(chunk.keys) < 2 * CHUNK_SIZE for chunk in mapped.chunks)
    for key in range(4_900):
        mapped = mapped.remove(key)
    assert len(mapped.chunks) <= 4


def test_neighbours_cross_chunks() -> None:
    mapped = filled(2 * CHUNK_SIZE)
    assert mapped.key_before(CHUNK_SIZE) == CHUNK_SIZE - 1
    assert mapped.key_after(CHUNK_SIZE - 1) == CHUNK_SIZE
    assert mapped.key_before(0) is None
    assert mapped.key_after(2 * CHUNK_SIZE - 1) is None


def test_user_order_survives_a_used_up_gap() -> None:
    members: Members[str, str] = Members.build(Style.USER, [("a", "a"), ("z", "z")])
    expected = ["a", "z"]
    for number in range(300):
        name = str(number)
        members = members.insert(name, name, Insert.AFTER, "a")
        expected.insert(1, name)
    assert list(members) == expected
    assert members.get("17") == "17"
    assert [key for key, _ in members.items()] == expected


def test_inserting_where_it_stands_changes_nothing() -> None:
    members: Members[str, str] = Members.build(Style.USER, [(name, name) for name in "abc"])
    for name, where, point in (
        ("a", Insert.FIRST, None),
        ("c", Insert.LAST, None),
        ("b", Insert.AFTER, "a"),
        ("b", Insert.BEFORE, "c"),
        ("b", Insert.AFTER, "b"),
    ):
        assert members.insert(name, members.get(name) or "", where, point) is members, (name, where)


def test_an_insertion_keeps_the_places_of_others() -> None:
    members: Members[str, str] = Members.build(Style.USER, [(name, name) for name in "abc"])
    places = {name: members.place(name) for name in "abc"}
    after = members.insert("d", "d", Insert.BEFORE, "b")
    assert {name: after.place(name) for name in "abc"} == places
    assert "".join(after) == "adbc"


def test_differences_are_those_of_dicts() -> None:
    chance = random.Random(11)
    values = [object() for _ in range(50)]
    for _ in range(300):
        old = {chance.randrange(1_200): chance.choice(values) for _ in range(chance.choice((3, 900)))}
        before = SortedMap.from_sorted(sorted(old), [old[key] for key in sorted(old)])
        new, after = dict(old), before
        for _ in range(chance.randrange(6)):
            key = chance.randrange(1_200)
            if chance.random() < 0.5:
                new[key] = chance.choice(values)
                after = after.put(key, new[key])
            else:
                new.pop(key, None)
                after = after.remove(key)
        expected = [
            (key, old.get(key), new.get(key))
            for key in sorted(old.keys() | new.keys())
            if old.get(key) is not new.get(key)
        ]
        assert list(differing(before, after)) == expected


def test_the_same_members_at_other_places_differ() -> None:
    members = [object() for _ in range(600)]
    before = SortedMap.from_sorted(list(range(600)), members)
    after = SortedMap.from_sorted(
        [key if key < 100 or key > 500 else key * 1_000 for key in range(501)], members[:501]
    )
    moved = {key for key, _, _ in differing(before, after)}
    assert set(range(100, 600)) <= moved


def test_mapped_keeps_chunks_that_do_not_change_and_what_it_made():
    keys = list(range(1000))
    before = SortedMap.from_sorted(keys, [str(key) for key in keys])
    calls = []

    def change(value):
        calls.append(value)
        return value if int(value) != 300 else "other"

    after = before.mapped(change, "a name")
    assert list(after.items()) == [(key, str(key) if key != 300 else "other") for key in keys]
    assert [one is other for one, other in zip(before.chunks, after.chunks, strict=True)].count(False) == 1
    assert list(before.mapped(change, "a name").items()) == list(after.items())
    assert len(calls) == 1000
    assert before.mapped(lambda value: value) is before
