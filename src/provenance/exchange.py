"""Exchange: what a registry takes over from elsewhere; the half of `provenance.registry.Registry` that imports."""

from datetime import datetime
from typing import TYPE_CHECKING

from provenance.artifacts import Alias, ArtifactKind
from provenance.examination import Ref
from provenance.facts import Recorded
from provenance.judgement import Judgement

if TYPE_CHECKING:
    from provenance.importing import Imported, ImportProgress, Source


class Exchange(Judgement):
    """What a registry takes over from elsewhere."""

    def import_lineage(
        self, source: "Source", *, dry_run: bool = False, progress: "ImportProgress | None" = None
    ) -> "Imported":
        """Records the graph that some files hold, as far as it is not recorded; see docs/importing.md.

        An import that was stopped goes on when it is begun again.

        Args:
            source: The files, and how they are read.
            dry_run: Whether to plan only.
            progress: Told how many facts are recorded, of how many.

        Raises:
            ContentError: A file is not what it should be; nothing is recorded.
            UsageError: There is no such format, or it takes no mapping.
        """
        from provenance.importing import import_graph

        return import_graph(self._ledger, source, actor=self.actor, dry_run=dry_run, progress=progress)

    def add_alias(self, name: str, ref: Ref, kind: ArtifactKind | None = None) -> Recorded[Alias]:
        """Records another name of an artifact, or returns the one recorded as the same.

        Raises:
            ConflictError: An artifact of the same kind bears the name itself, or another one has it as an alias.
        """
        from provenance.importing import add_alias

        alias = Alias(name=name, artifact=self.resolve(ref, kind))
        with self._ledger.transaction(self.actor) as transaction:
            return add_alias(transaction, alias)

    def aliases(self, *, as_of: datetime | None = None) -> tuple[Alias, ...]:
        """The other names of artifacts at a date (default: now), in order of the names."""
        found = [recorded.fact for recorded in self._ledger.at(as_of).findings().all(Alias)]
        return tuple(sorted(found, key=lambda one: (one.name, one.artifact)))

    def give_up_imports(self) -> tuple[str, ...]:
        """Gives up the imports that were begun and not finished, a sentence each; what they recorded stays.

        Answers are called partial no longer for their sake: whoever gives one up says that its files have nothing more to tell.
        """
        given_up, begun = self.unfinished_imports(), self._ledger.imports()
        for one in begun.all():
            begun.forget(one.key)
        return given_up

    def unfinished_imports(self) -> tuple[str, ...]:
        """The imports that were begun and not finished, a sentence each."""
        from provenance.importing import unfinished

        return unfinished(self._ledger.imports())
