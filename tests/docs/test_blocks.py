"""What a fence says, and when an output is what the page shows."""

import pytest

from tests.docs.blocks import Block, PageError, blocks_of, shows

PAGE = """
Text.

<!-- play: on=both until="NETCONF ready" -->
```sh
twincast run
```

<!-- Hidden.
play: file=router.xml on=b
```xml
<config/>
```
-->

1. In a list:

   ```text
   a
     b
   ```
"""


def test_blocks_with_their_words_and_lines():
    assert blocks_of(PAGE) == [
        Block("sh", "twincast run", 5, {"on": "both", "until": "NETCONF ready"}),
        Block("xml", "<config/>", 11, {"file": "router.xml", "on": "b"}),
        Block("text", "a\n  b", 18),
    ]
    assert blocks_of(PAGE)[0].hosts == ("a", "b")


@pytest.mark.parametrize("page", ["```sh\nls", "play: om=a\n```sh\nls\n```"])
def test_a_page_that_cannot_be_read_says_where(page):
    with pytest.raises(PageError, match="line "):
        blocks_of(page)


@pytest.mark.parametrize(
    ("expected", "output", "same"),
    [
        ("ready", "ready\n", True),
        ("ready", "not ready\n", False),
        ("port ...", "first\nport 8300\nlast\n", True),
        ("a\nb", "a\nx\nb\n", False),
        ("a\n...\nb", "a\nx\ny\nb\n", True),
        ("a\n...\nb", "a\nb\n", True),
        ("a\n...", "a\n", True),
        ("a\n...\nb", "a\nx\n", False),
        ("a (b) *", "a (b) *", True),
    ],
)
def test_dots_stand_for_anything(expected, output, same):
    assert shows(expected, output) is same
