"""Whether what a registry remembers of an MLflow still holds there: each notes the same mark before it is written to.

A registry that is brought back from a copy remembers less than was written since, and an MLflow that is brought back holds less than is
remembered. Neither is seen by looking at one of the two. So before a process writes the first object, it notes a new random mark in the
memory, as a tag of our experiment, and in the memory once more, as one that MLflow has. Where the tag is neither the mark that was noted nor
the one before it when the next process begins, the memory is worth nothing: everything is looked at again. A mark is used for nothing else;
who forges one has us look at too much.
"""

from uuid import uuid4

from provenance.mlflow_link.address import MlflowError
from provenance.mlflow_link.experiment import Experiment
from provenance.mlflow_link.subjects import is_adopted, telling
from provenance.mlflow_link.text import lookup_key
from provenance.store import StoredProjection

_MARK = "mark of this registry"
"""The subject that the memory holds the mark by, as MLflow's name for it."""


class EstrangedError(MlflowError):
    """What was remembered of an MLflow does not hold, and was forgotten."""


def agree(experiment: Experiment, state: StoredProjection) -> None:
    """Makes sure that the memory of an MLflow holds, and notes a new mark on both sides; to be called before anything is written.

    Raises:
        EstrangedError: It does not; everything is forgotten, and has to be looked at again.
        MlflowError: MLflow does not answer.
    """
    # Where two addresses lead to one MLflow, each has a memory of its own, and so a mark.
    registry = lookup_key(state.registry(), state.target)
    known, there = state.told([_MARK]).get(_MARK, ("", "")), experiment.mark(registry) or ""
    is_agreed = there in known
    if not is_agreed:
        start_over(state)
    mark = uuid4().hex
    state.put(_MARK, there, mark)  # until MLflow has it, either holds: nothing was written in between
    experiment.note(registry, mark)
    state.put(_MARK, mark, mark)
    if not is_agreed:
        raise EstrangedError(
            "this MLflow was told otherwise than is remembered: it, or the registry, was brought back from a copy",
            hint="`provenance mlflow sync` looks at everything again.",
        )


def start_over(state: StoredProjection) -> None:
    """Forgets what an MLflow was told, but not the names of what nobody would find otherwise: superseded objects, and the mark."""
    superseded = (telling(artifact) for artifact, bound in state.bindings().items() if is_adopted(bound))
    state.forget(names=(_MARK, *superseded))
