"""What the RFCs say of errors: the tags, their types, what goes with them."""

CANNOT_ARISE = {
    "partial-operation": "obsolete: RFC 6241 appendix A says that servers should not send it",
}

_P, _A, _R, _T = "protocol", "application", "rpc", "transport"
TYPES_OF_RFC_6241 = {
    "in-use": {_P, _A},
    "invalid-value": {_P, _A},
    "too-big": {_T, _R, _P, _A},
    "missing-attribute": {_R, _P, _A},
    "bad-attribute": {_R, _P, _A},
    "unknown-attribute": {_R, _P, _A},
    "missing-element": {_P, _A},
    "bad-element": {_P, _A},
    "unknown-element": {_P, _A},
    "unknown-namespace": {_P, _A},
    "access-denied": {_P, _A},
    "lock-denied": {_P},
    "resource-denied": {_T, _R, _P, _A},
    "rollback-failed": {_P, _A},
    "data-exists": {_A},
    "data-missing": {_A},
    "operation-not-supported": {_P, _A},
    "operation-failed": {_R, _P, _A},
    "partial-operation": {_A},
    "malformed-message": {_R},
}
"""Appendix A: every tag, with the types that it may have."""

_ATTRIBUTE = ("bad-attribute", "bad-element")
INFO_OF_RFC_6241 = {
    "missing-attribute": _ATTRIBUTE,
    "bad-attribute": _ATTRIBUTE,
    "unknown-attribute": _ATTRIBUTE,
    "missing-element": ("bad-element",),
    "bad-element": ("bad-element",),
    "unknown-element": ("bad-element",),
    "unknown-namespace": ("bad-element", "bad-namespace"),
    "lock-denied": ("session-id",),
}
"""Appendix A: what has to stand in error-info, in this order; all other tags have none."""

APP_TAGS_OF_RFC_7950 = {
    "data-not-unique": ("operation-failed", "non-unique"),
    "too-many-elements": ("operation-failed", ""),
    "too-few-elements": ("operation-failed", ""),
    "must-violation": ("operation-failed", ""),
    "instance-required": ("data-missing", ""),
    "missing-choice": ("data-missing", "missing-choice"),
    "missing-instance": ("bad-attribute", ""),
}
"""Sections 15.1 to 15.7: app-tag → error-tag, and what stands in error-info of the YANG namespace."""

_ESTABLISH = "establish-subscription-{}-error-info"
STRUCTURES = {
    "txid-value-mismatch": "txid-value-mismatch-error-info",
    "ietf-subscribed-notifications:filter-unsupported": _ESTABLISH.format("datastore"),
    "ietf-yang-push:period-unsupported": _ESTABLISH.format("datastore"),
    "ietf-yang-push:on-change-unsupported": _ESTABLISH.format("datastore"),
    "ietf-yang-push:unchanging-selection": _ESTABLISH.format("datastore"),
    "ietf-subscribed-notifications:no-such-subscription": "delete-subscription-error-info",
}
"""app-tags of extensions whose error-info has a structure of its own."""
