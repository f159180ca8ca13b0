"""Trains one or many networks of one shape as one stacked program, each as if it were trained alone."""

from simplicity_sweep.fused.group import Group
from simplicity_sweep.fused.member import Member, NotFusable, StepLog, Work
from simplicity_sweep.fused.memory import member_bytes
from simplicity_sweep.fused.signature import signature, why_not_fusable

__all__ = ["Group", "Member", "NotFusable", "StepLog", "Work", "member_bytes", "signature", "why_not_fusable"]
