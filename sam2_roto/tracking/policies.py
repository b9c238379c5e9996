"""The memory policies by name."""

from __future__ import annotations

from sam2_roto.errors import PromptError

from .distractor_policy import DistractorPolicy
from .motion_policy import MotionPolicy
from .policy import PolicyFactory

POLICIES: dict[str, PolicyFactory | None] = {
    "plain": None,
    "distractor": DistractorPolicy,
    "motion": MotionPolicy,
}
"""By name; None is the published tracker, which asks no one."""


def find_policy(name: str) -> PolicyFactory | None:
    """What makes the policy of that name for one object; PromptError where there is none."""
    if name not in POLICIES:
        raise PromptError(f"there is no memory policy '{name}'; use one of {', '.join(POLICIES)}")
    return POLICIES[name]
