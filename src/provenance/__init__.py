"""provenance: the registry that knows where models come from and what they may have inherited.

Reading order, from the words to the door:

- `provenance.errors`, `provenance.plain_text`, `provenance.version`: one root for every error, with a hint; words of others made harmless.
- `provenance.digests`, `provenance.artifacts`, `provenance.relations`, `provenance.traits`, `provenance.evidence`: the domain, as
  frozen dataclasses that know nothing of files or databases.
- `provenance.facts`, `provenance.fact_text`: what the ledger holds, how a fact is written, and the state of knowledge at a date.
- `provenance.meanings`: what every verdict means, and what it does not.
- `provenance.store`: the append-only, hash-chained ledger in SQLite or PostgreSQL.
- `provenance.lineage`: the graph of artifacts: ancestors, descendants, exposures, kinship.
- `provenance.risk`: policy and its review, propagation of flags, explanation, the gate and its reports for CI.
- `provenance.weights`: checkpoints as streams of tensors.
- `provenance.sameinit`: do two checkpoints share an initialisation? Pure statistics, then a verdict.
- `provenance.canary`: does a hidden trait pass from this teacher to this student? A controlled experiment.
- `provenance.evaluations`: what the evaluations of other tools measured, read from the files that they leave behind.
- `provenance.intake`: what files and folders are, and what they say of their own ancestry.
- `provenance.interop`, `provenance.importing`: graphs that others gathered, read into plain rows, planned, and recorded.
- `provenance.audit`: what each edge still needs, and the running of it.
- `provenance.probing`: does this model have a trait? Figures that a flag or a clearance can rest on.
- `provenance.preflight`: what a training would inherit, asked before it.
- `provenance.watching`: what happens to flags, told to whoever wants to know, at least once.
- `provenance.render`: lineage diagrams, and pictures of tests.
- `provenance.mlflow_link`: the projection to MLflow.
- `provenance.request`, `provenance.parentage`, `provenance.registration`, `provenance.findings`: from what is handed in to facts.
- `provenance.view`: all that was known at a date, to be asked anything.
- `provenance.review`: all that there is to say before an artifact ships, as a page, Markdown and JSON, and verified later.
- `provenance.home`, `provenance.registry`: where a registry lives, and the one door to all of it; its parts are `provenance.examination`,
  `provenance.judgement`, `provenance.exchange`, `provenance.projection` and `provenance.reporting`.
- `provenance.tracking`: training scripts, captured through that door by one line.
- `provenance.demo`: the owl story, told with real training through that door.
"""

from typing import TYPE_CHECKING, Any

from provenance.version import __version__

if TYPE_CHECKING:
    from provenance.errors import ProvenanceError
    from provenance.registry import Registry
    from provenance.relations import RelationKind
    from provenance.request import Parent
    from provenance.tracking import TrackedRun, track

__all__ = ["Parent", "ProvenanceError", "Registry", "RelationKind", "TrackedRun", "__version__", "track"]

_HOMES = {
    "Parent": "provenance.request",
    "ProvenanceError": "provenance.errors",
    "Registry": "provenance.registry",
    "RelationKind": "provenance.relations",
    "TrackedRun": "provenance.tracking",
    "track": "provenance.tracking",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the public name stands for
    """Hands out the public names when they are first asked for, so that `import provenance` costs next to nothing."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'provenance' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
