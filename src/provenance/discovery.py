"""Discovery: what the weights of a model say of its ancestry when it is registered, and which registered models are like it.

Three things are looked for, in this order; what is conclusive is evidence, and what the record does not tell is a warning, too.

1. *Copies*: the same content under another name.
2. *Claims*: each declared weights parent against the model, by their sketches. A claim that those confirm is recorded as tested. Where
   they find nothing, though they could be compared, the files of both are tested in full if they are there, since a sketch has no
   eye for what was permuted or rotated, and only that test may deny the claim. Where the two can't be set side by side, that is told.
3. *Undeclared kin*: the sketches of all registered models are searched, and what comes up is tested exactly: of models that are
   known to belong together (a `clan`) only the most striking. Kin that records and older tests explain is not told again.

Nothing is asked twice: where a pair was tested before, that test stands. No registration fails for what can't be compared: that is
left to the audit.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from provenance.artifacts import ArtifactId, ArtifactKind
from provenance.errors import ContentError, MissingExtraError, ProvenanceError
from provenance.evidence import Evidence, TestKind, Verdict
from provenance.facts import Recorded, Snapshot
from provenance.holdings import Holdings
from provenance.lineage import Kindred, Lineage
from provenance.lineage.kinship import is_whole
from provenance.relations import WEIGHT_KINDS, Link, RelationKind
from provenance.sameinit import Comparison, Limits
from provenance.store import Ledger, Reading, StoredSketches

if TYPE_CHECKING:
    from provenance.sameinit.search import Hit, SignIndex
    from provenance.sameinit.sketch import Sketch

IDENTICAL = "identical"
"""The kinship of copies."""
SAME_CONTENT = "content-digest@1"
"""The method of evidence on copies."""
_MOST_CLANS = 8  # of which undeclared kinship is tested at one registration
_MOST_CONFIRMED = 16  # hits of a search that are tested, best first
_LEAST_SHARE = 0.2  # of a parent in a merge, for its absence from the weights to deny it


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """What was found for one model.

    Args:
        evidence: The tests that came to a conclusion, as recorded.
        warnings: What the registrant should know, a sentence each.
    """

    evidence: tuple[Recorded[Evidence], ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchHit:
    """A registered model whose sketch is like the one that was searched for.

    Args:
        artifact: Which.
        z: How far their signs agree beyond chance, in standard errors, where they do so most.
        log10_p: Of that agreement, for all that was searched: a screen, and no proof.
        part: The part of the model where they agree most, or ``whole``.
        verdict: What the exact test of the two sketches says; None where it was not run, for hits further down.
        kinship: What kind of kinship that test found; ``identical`` where the content is the same, byte for byte.
        log10_p_exact: Its p-value.
    """

    artifact: ArtifactId
    z: float
    log10_p: float
    part: str
    verdict: Verdict | None = None
    kinship: str | None = None
    log10_p_exact: float | None = None

    @classmethod
    def of(cls, artifact: ArtifactId, hit: "Hit", tested: Comparison | None, *, is_same: bool) -> "SearchHit":
        """A hit with what the exact test says of it, where it was run; ``is_same`` where its content is that of the query."""
        return cls(
            artifact=artifact,
            z=hit.z,
            log10_p=hit.log10_p,
            part=hit.part,
            verdict=None if tested is None else tested.verdict,
            kinship=IDENTICAL if is_same else None if tested is None else tested.kinship,
            log10_p_exact=None if tested is None else tested.log10_p,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchReport:
    """The answer to `search`.

    Args:
        query: What was searched for, as it was asked.
        hits: Those above chance, most striking first.
        searched: Number of sketches that were looked at.
        unsearched: Number of models that were registered with their files, and have no sketch to be looked at.
        seconds: Wall-clock time.
    """

    query: str
    hits: tuple[SearchHit, ...]
    searched: int
    unsearched: int
    seconds: float


def discover(ledger: Ledger, actor: str, models: Sequence[ArtifactId]) -> Mapping[ArtifactId, Discovery]:
    """Looks into the weights of registered models, one after the other, and records what is conclusive."""
    look = _Look.at(ledger, models)
    found = {model: look.into(model) for model in models}
    with ledger.transaction(actor) as transaction:
        return {
            model: Discovery(evidence=tuple(transaction.append(one) for one in tests), warnings=warnings)
            for model, (tests, warnings) in found.items()
        }


def _drawn(holdings: Holdings, model: ArtifactId) -> "Sketch | None":
    """The stored sketch of a model; None also where it can't be read."""
    try:
        return holdings.sketch(model)
    except ContentError:
        return None


def signs(sketches: StoredSketches) -> "SignIndex":
    """The signs of all stored sketches, to be searched."""
    from provenance.sameinit.search import SignIndex
    from provenance.sameinit.sketch_method import METHOD

    stored = sketches.index(method=METHOD)
    return SignIndex.of(stored.digests, stored.plans, stored.bits, stored.plan_texts)


@dataclass(eq=False)
class _Look:
    """A look into models, one after the other; what was found before counts for the next.

    Args:
        holdings: What is recorded and at hand, the models in question included, and all whose content or sketches are like theirs.
        hits: Of each model with a sketch, the stored sketches that are like it.
        waiting: Models that were registered together with the present one and whose turn comes: kinship to it is told of them then.
    """

    holdings: Holdings
    hits: "Mapping[ArtifactId, tuple[Hit, ...]]"
    waiting: set[ArtifactId] = field(default_factory=set)
    _found: list[Evidence] = field(default_factory=list)
    _kindred: Kindred | None = None

    @classmethod
    def at(cls, ledger: Ledger, models: Sequence[ArtifactId]) -> "_Look":
        """A look at what bears on some models: their own line, and that of all which have the same content or a like sketch.

        Where two are joined by a chain of tests that leads far beyond these, they are taken to be joined by nothing: kinship that is
        known already is told once more.
        """
        from provenance.sameinit.search import search as search_signs

        reading, sketches = ledger.at(), ledger.sketches()
        index, own = signs(sketches), Holdings(reading.line(models), sketches)
        drawn = {model: _drawn(own, model) for model in models}
        hits = {model: search_signs(found, index) for model, found in drawn.items() if found is not None}
        digests = {own.digest(model) for model in models}
        digests.update(hit.digest for some in hits.values() for hit in some)
        near = reading.bearing(digests - {""})
        holdings = Holdings(reading.line(dict.fromkeys((*models, *near))), sketches)
        return cls(holdings, hits, waiting=set(models))

    def into(self, model: ArtifactId) -> tuple[Sequence[Evidence], tuple[str, ...]]:
        """What the weights of a model say: the tests that came to a conclusion, and warnings."""
        self.waiting.discard(model)
        before = len(self._found)
        warnings: list[str] = []
        try:
            for finding in (self._copies, self._claims, self._undeclared):
                warnings += finding(model)
        except ProvenanceError as error:
            warnings.append(f"not all that the weights of {model} say was looked at: {error.message}")
        return self._found[before:], tuple(warnings)

    def _copies(self, model: ArtifactId) -> Iterator[str]:
        """Records that a model's content is registered under another name, and tells it where no record does."""
        copies = [one for one in self._by_digest.get(self._digest(model), ()) if one != model]
        if not copies:
            return
        known = clan(self.kindred, self.kindred.line(model)) | self.waiting
        declared = [one for one in self._parents(model) if one in copies]
        unknown = [one for one in copies if one not in known]
        for copy in (*declared, *unknown[:1]):
            if self.kindred.evidence.same_init(model, copy) is None:
                self._add(self._identity(model, copy))
        if unknown:
            more = f" (and {len(unknown) - 1} more)" if len(unknown) > 1 else ""
            yield f"{model} is {unknown[0]}{more} under another name: their content is the same, byte for byte"

    def _claims(self, model: ArtifactId) -> Iterator[str]:
        """Tests the declared weights parents."""
        for relation in self.kindred.weight_parents(model):
            if self.kindred.evidence.same_init(relation.parent, model) is not None:
                continue
            sampled = self._sampled(relation.parent, model)
            if obstacle := self._obstacle(relation, sampled):
                yield f"{model} is declared {relation.kind} {relation.parent}, but their weights were not set side by side: {obstacle}"
            found = self._tested(relation, sampled)
            if found is None:
                continue
            # What a sketch does not show may still be there: only the whole weights leave a doubt on record.
            if found.verdict is not Verdict.INCONCLUSIVE or not found.sampled:
                # Who is kin does not change by a test that says what the record says.
                is_news = found.verdict is not Verdict.SAME_INIT
                self._add(self.holdings.evidence(found, relation.parent, model), is_news=is_news)
            if found.verdict is not Verdict.SAME_INIT:
                said = "independent" if found.verdict is Verdict.INDEPENDENT else "not seen to be kin"
                yield (
                    f"{model} is declared {relation.kind} {relation.parent}, but the weights are {said}: {found.reason}"
                )

    def _obstacle(self, relation: Link, sampled: Comparison | None) -> str | None:
        """Why the sketches of two models that both had files don't tell of a declared relation; None where they do."""
        ends = (relation.child, relation.parent)
        if not all(map(self._digest, ends)):
            return None
        if sampled is not None:
            return sampled.reason if sampled.log10_p is None else None
        if relation.kind is RelationKind.ADAPTER_OF:
            return "an adapter has to be merged into its base for that, as `provenance audit` does"
        lacking = [str(one) for one in ends if _drawn(self.holdings, one) is None]
        return f"no sketch that can be read is kept of {' and '.join(lacking)}; `provenance audit` compares the files where they are at hand"

    def _tested(self, relation: Link, sampled: Comparison | None) -> Comparison | None:
        """What the weights say of a declared relation; None where they can't be set side by side, or had to show nothing."""
        if sampled is None or sampled.verdict is Verdict.SAME_INIT:
            return sampled
        is_silent = sampled.log10_p is not None and sampled.log10_p > math.log10(Limits().doubt)
        share = 1.0 if relation.share is None else relation.share
        if not is_silent or (relation.kind is RelationKind.MERGED_FROM and share < _LEAST_SHARE):
            return None
        try:
            return self.holdings.compare(relation.parent, relation.child)
        except (ContentError, MissingExtraError):
            return sampled

    def _undeclared(self, model: ArtifactId) -> Iterator[str]:
        """Searches for kin that nothing explains, and tests one of each clan."""
        drawn, own = self.holdings.sketch(model), self._digest(model)
        hits = [] if drawn is None else [hit for hit in self.hits[model] if hit.digest != own]
        if not hits:
            return
        known = clan(self.kindred, self.kindred.line(model)) | self.waiting
        clans = 0
        for other in (one for hit in hits for one in self._by_digest.get(hit.digest, ())):
            if other in known or clans == _MOST_CLANS:
                continue
            clans += 1
            known |= clan(self.kindred, [other])
            is_tested = self.kindred.evidence.same_init(other, model) is not None
            found = None if is_tested else self._sampled(other, model)
            if found is not None and found.verdict is Verdict.SAME_INIT:
                self._add(self.holdings.evidence(found, other, model))
                parents = ", ".join(map(str, self._parents(model))) or "none"
                yield (
                    f"{model} shares its initialisation with {other} ({found.kinship}, "
                    f"p = 10^{found.log10_p or 0.0:.0f}), and no record says why; declared parents: {parents}"
                )

    @property
    def kindred(self) -> Kindred:
        """Who is kin by all that is recorded and was found so far."""
        if self._kindred is None:
            snapshot = self.holdings.snapshot
            first = snapshot.facts[-1].seq + 1 if snapshot.facts else 1
            fresh = (
                Recorded(seq, evidence, "", snapshot.as_of) for seq, evidence in enumerate(self._found, first)
            )
            known = Snapshot((*snapshot.facts, *fresh), snapshot.as_of)
            self._kindred = Kindred.of(Lineage.of(known))
        return self._kindred

    def _add(self, evidence: Evidence, *, is_news: bool = True) -> None:
        self._found.append(evidence)
        if is_news:
            self._kindred = None

    def _parents(self, model: ArtifactId) -> tuple[ArtifactId, ...]:
        return tuple(relation.parent for relation in self.kindred.weight_parents(model))

    @cached_property
    def _by_digest(self) -> Mapping[str, tuple[ArtifactId, ...]]:
        return models_by_digest(self.holdings.snapshot)

    def _digest(self, model: ArtifactId) -> str:
        return self.holdings.digest(model)

    def _sampled(self, one: ArtifactId, other: ArtifactId) -> Comparison | None:
        try:
            return self.holdings.compare_sketches(one, other)
        except ContentError:
            return None

    def _identity(self, model: ArtifactId, copy: ArtifactId) -> Evidence:
        return Evidence(
            test=TestKind.SAME_INIT,
            parent=copy,
            child=model,
            verdict=Verdict.SAME_INIT,
            method=SAME_CONTENT,
            inputs=self.holdings.inputs(copy, model),
            result={"kinship": IDENTICAL, "reason": "the content of both has the same digest"},
            tested_at=datetime.now(UTC),
        )


def search(
    query: str,
    drawn: "Sketch",
    reading: Reading,
    sketches: StoredSketches,
    *,
    digest: Callable[[], str],
    itself: ArtifactId | None = None,
) -> SearchReport:
    """The registered models whose sketches are like one, the most striking first; the first few are tested exactly.

    Args:
        query: What is searched for, as it was asked.
        drawn: Its sketch.
        reading: The ledger up to a date.
        sketches: Of the registered weights.
        digest: Says the digest of what is searched for; asked where a hit's sketch is the very same.
        itself: The model that the sketch is of, where it is registered: no hit of its own.
    """
    from provenance.sameinit.battery import compare_networks
    from provenance.sameinit.search import search as search_signs
    from provenance.sameinit.sketch import side_by_side
    from provenance.sameinit.sketch_method import METHOD

    started = time.perf_counter()
    index = signs(sketches)
    alike = search_signs(drawn, index)
    holdings = Holdings(reading.line(reading.bearing({hit.digest for hit in alike})), sketches)
    models = models_by_digest(holdings.snapshot)
    hits: list[SearchHit] = []
    for hit in alike:
        artifacts = [one for one in models.get(hit.digest, ()) if one != itself]
        other = holdings.sketch(artifacts[0]) if artifacts and len(hits) < _MOST_CONFIRMED else None
        tested = None if other is None else compare_networks(*side_by_side(drawn, other), sampled=True)
        is_same = other == drawn and hit.digest == digest()
        hits += [SearchHit.of(artifact, hit, tested, is_same=is_same) for artifact in artifacts]
    return SearchReport(
        query=query,
        hits=tuple(hits),
        searched=len(index),
        unsearched=len(reading.unsketched(METHOD)),
        seconds=time.perf_counter() - started,
    )


def clan(kindred: Kindred, models: Iterable[ArtifactId]) -> set[ArtifactId]:
    """All that are joined to some models by records and tests of whole initialisations, through however many, and they themselves.

    Wider than `Kindred.family`, which takes one test at a time: this tells what is known somehow, and need not be told again. From a
    merge it does not go up, so that a model which is kin to one of its parents is not taken for kin to the other.
    """
    joined = set(models)
    frontier = list(joined)
    while frontier:
        one = frontier.pop()
        above = kindred.weight_parents(one) if len(kindred.starting_weights(one)) == 1 else ()
        below = [relation for relation in kindred.lineage.children(one) if relation.kind in WEIGHT_KINDS]
        near = {
            end
            for relation in (*above, *below)
            if kindred.contradiction(relation) is None
            for end in (relation.parent, relation.child)
        }
        tests = kindred.evidence.tests_of(one)
        near.update(other for other, test in tests.items() if is_whole(test.fact))
        frontier += near - joined
        joined |= near
    return joined


def models_by_digest(snapshot: Snapshot) -> Mapping[str, tuple[ArtifactId, ...]]:
    """The registered models of each content, oldest first."""
    found: dict[str, list[ArtifactId]] = {}
    for artifact, recorded in snapshot.artifacts.items():
        content = recorded.fact.content
        if artifact.kind is ArtifactKind.MODEL and content is not None:
            found.setdefault(str(content.digest), []).append(artifact)
    return {digest: tuple(artifacts) for digest, artifacts in found.items()}
