"""Several systems under trial at once, at different shares of traffic: one decision each.

Every system is judged by itself; rules over them, and the order in which they depend on each
other, then decide together. The error budget's promise is each system's own: a rule that lets one
system's evidence roll another back lends that one's budget to both.
"""

from canarystats.joint.deciding import judge_systems
from canarystats.joint.policy import JointPolicy, JointRule, System, When
from canarystats.joint.verdict import JointFiring, JointVerdict, SystemVerdict

__all__ = [
    "JointFiring",
    "JointPolicy",
    "JointRule",
    "JointVerdict",
    "System",
    "SystemVerdict",
    "When",
    "judge_systems",
]
