"""Policies in reviews: every key with its value, so that the same policy can be applied again without its file."""

import json

from provenance.review.content import AppliedPolicy
from provenance.risk import Policy
from provenance.risk.policy_keys import Value


def applied(policy: Policy) -> AppliedPolicy:
    """A policy as a review tells it."""
    return AppliedPolicy(
        digest=policy.digest,
        settings={one.key: one.value for one in policy.settings},
        changed=tuple(one.key for one in policy.settings if one.value != one.default),
        text="".join(f"{one.key} = {_toml(one.value)}\n" for one in policy.settings),
    )


def _toml(value: Value) -> str:
    """A value as TOML writes it, which is as JSON does but for one sign."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
