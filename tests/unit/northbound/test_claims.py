"""Every data node of our module is claimed by code or deviated away, and nothing else is claimed."""

import pytest

from server.northbound import claims
from server.schema.model import Schema, SchemaError


def test_schema_and_code_agree(schema: Schema) -> None:
    claims.verify(schema)


def test_a_node_that_no_code_claims_refuses_the_start(
    schema: Schema, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = claims.PROFILE_PATH
    monkeypatch.setitem(claims.CONFIGURATION, path, claims.CONFIGURATION[path].replace("static-role", ""))
    with pytest.raises(SchemaError, match=r"no code acts on configuration node .*/static-role"):
        claims.verify(schema)


def test_a_claim_without_a_node_refuses_the_start(schema: Schema, monkeypatch: pytest.MonkeyPatch) -> None:
    path = claims.MULTICAST_PATH
    monkeypatch.setitem(claims.STATE, path, f"{claims.STATE[path]} colour")
    with pytest.raises(SchemaError, match=r"state node .*:multicast/colour is not in the schema"):
        claims.verify(schema)
