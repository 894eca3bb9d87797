"""Leafrefs that a feature has switched off are taken out, and nothing else."""

from server.schema.off_references import without_off_references

TEXT = """module m {
  namespace "urn:m"; prefix m; import n { prefix n; }
  feature far;
  container c {
    leaf away { if-feature "far"; type leafref { path "/n:a/n:b"; } }
    leaf plain { if-feature far; type string; }
    leaf near { type leafref { path "../plain"; } }
  }
}"""


def test_what_is_off_goes() -> None:
    text = without_off_references(TEXT, ())
    assert "away" not in text
    assert "plain" in text
    assert "near" in text


def test_what_is_on_stays_letter_by_letter() -> None:
    assert without_off_references(TEXT, ("far",)) == TEXT
    assert without_off_references('module m { prefix "m"; }', ()) == 'module m { prefix "m"; }'
