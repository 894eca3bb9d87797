"""Reading a list of subscribers."""

import pytest

from cli.subscribers import read

MAC = "02:00:00:00:00:01"


def test_patterns_comments_and_objects() -> None:
    lines = [
        "# from the BNG",
        "",
        f"  {MAC.upper()}@100/7 ",
        f"{MAC}@100/7",
        f'{{"mac": "{MAC}", "username": "somebody"}}',
        '{"outer-vlan": 100, "inner-vlan": 200, "pppoe-session": 0}',
    ]
    assert list(read(lines)) == [f"{MAC}@100/7", f"{MAC}@*/*", "*@100.200"]


@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        "{",
        "[]",
        "{}",
        '{"username": "somebody"}',
        '{"mac": 5}',
        '{"mac": "02"}',
        '{"outer-vlan": 4096}',
        '{"outer-vlan": true}',
        '{"outer-vlan": "100"}',
        '{"pppoe-session": -1}',
        "#" + "x" * 5000,
    ],
)
def test_a_line_that_cannot_be_read_names_itself(line: str) -> None:
    with pytest.raises(ValueError, match="line 2: "):
        list(read([MAC, line]))
