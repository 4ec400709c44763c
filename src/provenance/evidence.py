"""Evidence: the result of one test on one pair of artifacts, and its three-valued verdicts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, NoReturn

from provenance.artifacts import ArtifactId
from provenance.errors import ContentError
from provenance.shown import Shown

if TYPE_CHECKING:
    from pydantic import JsonValue
else:
    JsonValue = object


class TestKind(StrEnum):
    """The two tests of an edge."""

    __test__ = False  # pytest would take the name for a test class.

    SAME_INIT = "same-init"
    CANARY = "canary"


class Verdict(StrEnum):
    """The outcome of a test. It has no truth value, since the third outcome is neither yes nor no."""

    SAME_INIT = "SAME_INIT"
    INDEPENDENT = "INDEPENDENT"
    TRANSFERS = "TRANSFERS"
    NOT_DETECTED = "NOT_DETECTED"
    INCONCLUSIVE = "INCONCLUSIVE"

    def __bool__(self) -> NoReturn:
        raise TypeError(f"a verdict has no truth value: compare it, as in `verdict is Verdict.{self.name}`")


VERDICTS: Mapping[TestKind, frozenset[Verdict]] = {
    TestKind.SAME_INIT: frozenset({Verdict.SAME_INIT, Verdict.INDEPENDENT, Verdict.INCONCLUSIVE}),
    TestKind.CANARY: frozenset({Verdict.TRANSFERS, Verdict.NOT_DETECTED, Verdict.INCONCLUSIVE}),
}
"""What each test can say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence(Shown):
    """The result of one test, reproducible from its fields.

    A same-init test is symmetric: ``parent`` and ``child`` are the two models, in the order of the edge that asked for it. A
    canary is directed: ``parent`` is the teacher (or the bare model), ``child`` the student.

    Args:
        test: Which test.
        parent: The earlier artifact.
        child: The later one.
        verdict: What it says.
        method: Name and version of the method with every parameter that changes its value.
        inputs: Role to content digest of everything that went in, so that stale evidence can be told.
        result: The figures that let a reader distrust it: statistics, effects, intervals, controls, assumptions.
        tested_at: When it ran, aware, UTC.
    """

    test: TestKind
    parent: ArtifactId
    child: ArtifactId
    verdict: Verdict
    method: str
    inputs: Mapping[str, str] = field(default_factory=dict, hash=False)
    result: Mapping[str, JsonValue] = field(default_factory=dict, hash=False)
    tested_at: datetime

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS[self.test]:
            raise ContentError(f"a {self.test} test cannot say {self.verdict.value}")
        if self.tested_at.tzinfo is None:
            raise ContentError(f"the time of a test needs a time zone: {self.tested_at.isoformat()}")

    @property
    def pair(self) -> frozenset[ArtifactId]:
        """The two artifacts, in no order."""
        return frozenset({self.parent, self.child})
