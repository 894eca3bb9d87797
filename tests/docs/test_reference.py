"""The reference is what the modules and the command line say."""

import pytest

from tests.docs.reference import FOLDER, pages


@pytest.mark.parametrize(("name", "text"), list(pages()), ids=lambda value: value if len(value) < 50 else "")
def test_the_reference_is_what_the_modules_and_the_command_line_say(name, text):
    assert (FOLDER / name).read_text(encoding="utf-8") == text, "python -m tests.docs.reference"


def test_every_page_is_made_by_it():
    assert {path.name for path in FOLDER.iterdir()} == {name for name, _ in pages()}
