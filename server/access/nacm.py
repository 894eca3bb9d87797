"""The decision of the access control model (RFC 8341 section 3.4). Pure.

`Grants` are what one policy gives to one identity. Rules that cannot match are left out when they are made,
and an identity for whom nothing is decided by rules costs nothing later.
"""

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Final

from server.access.reach import Reach
from server.access.rules import ANY, Access, Identity, Policy, Rule, RuleKind
from server.schema.node import SchemaNode, Tag
from server.tree.location import Location

ALWAYS_PERMITTED: Final = "close-session"
"""RFC 8341 section 3.4.4 step 3."""
_NETCONF: Final = "ietf-netconf"
_DEFAULT_DENIED: Final = frozenset({"kill-session", "delete-config"})
"""RFC 8341 section 3.4.4 step 11: whatever their module says of them."""
_ALWAYS_SENT: Final = frozenset({"replayComplete", "notificationComplete"})
"""RFC 8341 section 3.4.6: events that are no secret."""


class Grants:
    """What `policy` grants to `identity`; safe for many threads."""

    def __init__(self, policy: Policy, identity: Identity) -> None:
        self.unrestricted: Final = identity.recovery or not policy.enabled
        """True when nothing is ever denied."""
        self._policy = policy
        self._rules = () if self.unrestricted else tuple(_rules_for(policy, identity))
        self._reaches: dict[Access, Reach] = {}

    def may_execute(self, module: str, name: str, *, default_deny: bool = False) -> bool:
        """Whether the protocol operation may be invoked (section 3.4.4).

        `default_deny`: its definition says default-deny-all.
        """
        if self.unrestricted or name == ALWAYS_PERMITTED:
            return True
        rule = self._first(RuleKind.OPERATION, Access.EXEC, module, name)
        if rule is not None:
            return rule.permit
        if default_deny or (module == _NETCONF and name in _DEFAULT_DENIED):
            return False
        return self._policy.exec_default

    def may_act(self, parent: Location, module: str, tag: Tag, *, default_deny: bool = False) -> bool:
        """Whether the action `tag` of the node at `parent` may be invoked (sections 3.1.3 and 3.4.5).

        Whoever may not read the node, or one above it, may not.
        """
        if self.unrestricted:
            return True
        if not self.reach(Access.READ).permits_all_above(parent):
            return False
        decided = self.reach(Access.EXEC).decide_below(parent, module, tag)
        if decided is not None:
            return decided
        return not (default_deny or parent.schema.default_deny_all) and self._policy.exec_default

    def may_receive(
        self,
        module: str,
        name: str,
        parent: Location | None = None,
        *,
        tag: Tag = "",
        default_deny: bool = False,
    ) -> bool:
        """Whether a notification of this type may be sent (section 3.4.6).

        `parent`: the node that a notification of a data node is about; it has to be readable.
        """
        if self.unrestricted or name in _ALWAYS_SENT:
            return True
        if parent is not None and not self.reach(Access.READ).permits_all_above(parent):
            return False
        denied = default_deny
        if parent is not None:
            decided = self.reach(Access.READ).decide_below(parent, module, tag)
            denied = denied or parent.schema.default_deny_all
        else:
            rule = self._first(RuleKind.NOTIFICATION, Access.READ, module, name)
            decided = None if rule is None else rule.permit
        if decided is not None:
            return decided
        return not denied and self._policy.read_default

    def reach(self, access: Access) -> Reach:
        """What may be done to data with `access` (section 3.4.5)."""
        found = self._reaches.get(access)
        if found is None:
            rules = tuple(rule for rule in self._data_rules if access in rule.access)
            found = self._reaches[access] = Reach(rules, self._default(access), everything=self.unrestricted)
        return found

    @cached_property
    def _data_rules(self) -> tuple[Rule, ...]:
        return tuple(
            rule
            for rule in self._rules
            if rule.kind is RuleKind.GENERAL or (rule.kind is RuleKind.DATA and rule.path is not None)
        )

    def _default(self, access: Access) -> Callable[[SchemaNode], bool]:
        if access is Access.READ:
            return lambda node: self._policy.read_default and not node.default_deny_all
        return lambda node: (
            self._policy.write_default and not (node.default_deny_all or node.default_deny_write)
        )

    def _first(self, kind: RuleKind, access: Access, module: str, name: str) -> Rule | None:
        for rule in self._rules:
            if (
                rule.kind in (kind, RuleKind.GENERAL)
                and access in rule.access
                and rule.module in (ANY, module)
                and (rule.kind is RuleKind.GENERAL or rule.name in (ANY, name))
            ):
                return rule
        return None


def _rules_for(policy: Policy, identity: Identity) -> Iterator[Rule]:
    """The rules that concern an identity, in order; a user without a group has none (3.4.4 step 5)."""
    groups = set((policy.groups or {}).get(identity.user, ()))
    if policy.external_groups:
        groups |= identity.groups
    if not groups:
        return
    for rules in policy.rule_lists:
        if ANY in rules.groups or not groups.isdisjoint(rules.groups):
            yield from rules.rules
