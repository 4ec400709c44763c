"""Differences: which standings are not what they were or what they are elsewhere, and which records made them so."""

from provenance.differences.in_time import History
from provenance.differences.report import Cause, Diff, Difference, How, Turn

__all__ = ["Cause", "Diff", "Difference", "History", "How", "Turn"]
