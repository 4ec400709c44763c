"""What a black-box comparison says."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NoReturn

from provenance.errors import UsageError
from provenance.evidence import Verdict
from provenance.facts import adapter

if TYPE_CHECKING:
    from pydantic import JsonValue

METHOD = "blackbox/duels-pairs"
METHOD_VERSION = 1


class Behaviour(StrEnum):
    """Whether two models answer alike, beyond what strangers do. It has no truth value, since the third outcome is neither yes nor no."""

    MATCHED = "MATCHED"
    NOT_MATCHED = "NOT_MATCHED"
    INCONCLUSIVE = "INCONCLUSIVE"

    def __bool__(self) -> NoReturn:
        raise TypeError(
            f"an outcome has no truth value: compare it, as in `behaviour is Behaviour.{self.name}`"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseLimits:
    """What an outcome takes, declared before the responses are seen.

    Args:
        alpha: Over prompts: `MATCHED` needs one of the two models to be nearer to the other than to each control, at this p-value or
            below.
        level: Over models: `MATCHED` needs the pair to rank this high among all pairs of models; also 1 minus the confidence
            with which `NOT_MATCHED` holds.
        share: `NOT_MATCHED` needs, for each of the two models, a control that the other one is nearer than on at most this share of
            the prompts on which they differ.
        prompts: Prompts that all models have to have answered before anything is said.
    """

    alpha: float = 1e-3
    level: float = 0.05
    share: float = 0.6
    prompts: int = 50

    def __post_init__(self) -> None:
        for name in ("alpha", "level"):
            if not 0 < getattr(self, name) < 1:
                raise UsageError(f"the limit {name} lies between 0 and 1, got {getattr(self, name):g}")
        if not 0.5 <= self.share < 1:  # noqa: PLR2004 - half is what strangers have
            raise UsageError(f"the limit share lies at or above 0.5 and below 1, got {self.share:g}")
        if self.prompts < 1:
            raise UsageError(f"at least one prompt is needed, got {self.prompts}")

    @property
    def method(self) -> str:
        """The method with every parameter that changes its value."""
        values = ",".join(f"{name}={getattr(self, name):g}" for name in self.__slots__)
        return f"{METHOD}({values})@{METHOD_VERSION}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """A control, set against one of the two models in the other's place.

    Args:
        control: Path of its responses.
        against: Path of the model that it was set against.
        agreement: Mean agreement of the two.
        nearer: Prompts on which A and B are nearer to each other than these two are.
        farther: Prompts on which they are farther.
        log10_p: Exact: of the prompts on which they differ, A and B are nearer on at most half.
        most: Upper bound on that share.
    """

    control: str
    against: str
    agreement: float
    nearer: int
    farther: int
    log10_p: float
    most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseTest:
    """One way to say how near two models' answers are, and its calibration.

    Args:
        name: ``top-k`` or ``text``.
        prompts: Number of prompts on which it was taken.
        agreement: Mean agreement of A and B, in [0, 1].
        rivals: Every control against A and against B.
        log10_p: Over prompts, exact: one of the two is nearer to the other than to any control. Twice the lesser, of A and of B, of the
            largest p-value among its rivals.
        rank_log10_p: Over models: the rank of A and B among all pairs of models, by how much nearer they are than to models in general.
        rank_kind: What that p-value rests on, ``conformal N=... pairs of ... models``.
        untestable: Why there is no test; all figures are then None.
    """

    name: str
    prompts: int = 0
    agreement: float | None = None
    rivals: tuple[Rival, ...] = ()
    log10_p: float | None = None
    rank_log10_p: float | None = None
    rank_kind: str | None = None
    untestable: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BlackBox:
    """Whether two models answer alike. Of their initialisations it says nothing, whatever the outcome.

    Args:
        a: Path of the one's responses.
        b: Path of the other's. Exchanging the two changes nothing else.
        controls: Paths of the controls' responses.
        verdict: Always `INCONCLUSIVE`: answers tell nothing of initialisations.
        behaviour: Whether A and B answer alike beyond what the controls do.
        decisive: Name of the test that the outcome rests on; None where there is none.
        tests: The tests: log-probabilities where they were recorded, and texts.
        left_out: Prompts that some model was asked and some model was not.
        assumptions: What has to hold for the p-values to mean what they say.
        reason: The outcome in words.
        method: Name and version with every parameter.
    """

    a: str
    b: str
    controls: tuple[str, ...]
    verdict: Verdict
    behaviour: Behaviour
    decisive: str | None
    tests: tuple[ResponseTest, ...]
    left_out: int
    assumptions: tuple[str, ...]
    reason: str
    method: str

    def __post_init__(self) -> None:
        if self.verdict is not Verdict.INCONCLUSIVE:
            raise ValueError("answers alone never decide whether initialisations are shared")

    def document(self) -> "dict[str, JsonValue]":
        """The result as JSON values."""
        values: dict[str, JsonValue] = adapter(BlackBox).dump_python(self, mode="json")
        return values
