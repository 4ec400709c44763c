"""The rules by which each relation carries a trait.

What an edge does depends on the relation, on how the trait came to the parent (the `Manner`), and, where data meets a student, on
what is known of the student and the trait's origin. docs/risk.md gives the rules with their reasons.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

from provenance.artifacts import ArtifactId, ArtifactKind
from provenance.evidence import Verdict
from provenance.lineage.kinship import Kindred
from provenance.relations import GENERATING_KINDS, WEIGHT_KINDS, Link, RelationKind
from provenance.risk.compatibility import (
    CanaryFinding,
    Compatibility,
    InitFinding,
    Origin,
    compare_init,
    hear_canaries,
)
from provenance.risk.policy import Policy
from provenance.risk.report import Status, Step, Term
from provenance.risk.ruling import ruling
from provenance.traits import Trait

SINGULAR = 255
"""The sort of the edges that have to be asked one by one."""

_STATUSES = tuple(Status)


class Manner(NamedTuple):
    """How a trait came to an artifact. Of two manners the smaller is the worse; the fields stand in the order in which they count.

    Args:
        rank: Rank of the status where the artifact stands by this way of coming, 0 for the worst.
        disputed: Whether the way leads over a weights relation that the weights contradict.
        how: Of a dataset, the relation that marked it; empty where that is not known, and for models and teachers.
        author: Of a dataset, the identity of who marked it, where canaries were run from there; else empty.
    """

    rank: int
    disputed: bool = False
    how: str = ""
    author: str = ""

    @property
    def standing(self) -> Status:
        """Where the artifact stands."""
        return _STATUSES[self.rank]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """What one edge does to a trait.

    Args:
        manner: How the trait comes to the child.
        rule: The rule that decided the child's standing, in words.
        edge: What the rule says of the edge.
    """

    manner: Manner
    rule: str
    edge: "_Edge"

    @property
    def factor(self) -> float:
        """What it multiplies the score by."""
        return self.edge.factor

    def step(self, link: Link) -> Step:
        """The edge as a witness path shows it."""
        edge = self.edge
        return Step(
            parent=link.parent,
            relation=link.kind,
            child=link.child,
            factor=edge.factor,
            terms=edge.terms,
            verdict=edge.verdict,
            evidence=edge.evidence,
            basis=edge.basis,
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class Terrain:
    """What every spread of one answer runs over, whatever its trait and origin.

    Args:
        kindred: Lineage, evidence and kinship.
        policy: The factors.
    """

    kindred: Kindred
    policy: Policy

    @cached_property
    def heard(self) -> frozenset[ArtifactId]:
        """The authors of whom canaries tell: those that canaries were run from, and the teachers that such models embody."""
        lineage = self.kindred.lineage
        tested = {teacher for teacher in self.kindred.evidence.canary_teachers if teacher in lineage}
        embodied = (
            lineage.artifact(lineage.table.children[edge])
            for teacher in tested
            for edge in lineage.below(lineage.node(teacher))
            if lineage.table.kinds[edge] is RelationKind.EMBODIED_BY
        )
        return frozenset(tested.union(embodied))

    @cached_property
    def sorts(self) -> bytearray:
        """What each edge does to a trait depends on: its kind of relation alone (a `Lineage.verbs`), or more than that (`SINGULAR`).

        Singular are the edges where data meets a student, those that hand on a share of some rows, those that the weights contradict, and
        those by which an author of whom canaries tell left its mark.
        """
        lineage = self.kindred.lineage
        sorts = bytearray(lineage.verbs.translate(_SORTS))
        marks = (
            edge
            for author in self.heard
            for edge in lineage.below(lineage.node(author))
            if lineage.table.kinds[edge] in GENERATING_KINDS
        )
        for edge in (*self.kindred.contradicted, *marks):
            sorts[edge] = SINGULAR
        return sorts


@dataclass(frozen=True, slots=True, kw_only=True)
class Conduction:
    """The spread of one trait from one origin, edge by edge.

    Args:
        terrain: What it runs over.
        origin: Where the trait was found.
        trait: Which.
    """

    terrain: Terrain
    origin: Origin
    trait: Trait
    _inits: dict[tuple[Kindred, ArtifactId], InitFinding] = field(
        default_factory=dict, init=False, repr=False
    )
    _canaries: dict[tuple[Kindred, ArtifactId | None, ArtifactId], CanaryFinding | None] = field(
        default_factory=dict, init=False, repr=False
    )

    @property
    def kindred(self) -> Kindred:
        """Lineage, evidence and kinship."""
        return self.terrain.kindred

    @property
    def policy(self) -> Policy:
        """The factors."""
        return self.terrain.policy

    def start(self) -> Manner:
        """How the trait came to the origin: established, save for a dataset, of whose author nothing is known."""
        is_dataset = self.origin.artifact.kind is ArtifactKind.DATASET
        return Manner((Status.CARRIER if is_dataset else Status.EXPOSED).rank)

    def hop(self, manner: Manner, link: Link) -> Hop:
        """What a relation does to a trait that came to its parent in some manner."""
        edge = _RULES[link.kind](self, manner, link)
        standing, rule = edge.standing, edge.rule
        disputed = manner.disputed or edge.disputed
        if disputed and standing is Status.EXPOSED:
            standing = Status.SUSPECTED
            if not edge.disputed:
                rule = f"{rule}; suspected only, since the way here is disputed"
        return Hop(manner=Manner(standing.rank, disputed, edge.how, edge.author), rule=rule, edge=edge)

    def init(self, reading: Kindred, student: ArtifactId) -> InitFinding:
        """How the student's initialisation compares to the origin's by one of `Kindred.readings`, worked out once."""
        key = (reading, student)
        if key not in self._inits:
            self._inits[key] = compare_init(reading, self.origin, student)
        return self._inits[key]

    def canary(
        self, reading: Kindred, author: ArtifactId | None, student: ArtifactId
    ) -> CanaryFinding | None:
        """What canaries say of the student and the author of its data by one of `Kindred.readings`, worked out once."""
        key = (reading, author, student)
        if key not in self._canaries:
            self._canaries[key] = hear_canaries(reading, self.origin, author, student)
        return self._canaries[key]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Edge:
    """What a rule says of an edge; the fields are those of `Manner`, `Step` and `Hop`."""

    standing: Status
    basis: str
    rule: str
    terms: tuple[Term, ...] = ()
    disputed: bool = False
    how: str = ""
    author: str = ""
    verdict: Verdict | None = None
    evidence: tuple[str, ...] = ()

    @property
    def factor(self) -> float:
        """The product of its terms."""
        return math.prod(term.value for term in self.terms)


def _weights(conduction: Conduction, manner: Manner, link: Link) -> _Edge:
    """Weights hand on the standing; a claim that the weights contradict goes on as suspected at worst."""
    denials = [reading.contradiction(link) for reading in conduction.kindred.readings]
    contradiction = denials[0]
    terms = (Term(name="exposure.weights", value=conduction.policy.weights),)
    if contradiction is None or None in denials:
        return _Edge(
            standing=manner.standing,
            terms=terms,
            basis="weights, by record"
            if contradiction is None
            else "weights, by record: the test that denies it is too old",
            rule=f"has its weights from {link.parent}, which is {manner.standing}",
            evidence=() if contradiction is None else (contradiction.id,),
        )
    return _Edge(
        standing=manner.standing,
        terms=terms,
        basis="disputed: weights by record, independent by test",
        rule=f"disputed: by record it has its weights from {link.parent}, by test it has not",
        disputed=True,
        verdict=contradiction.fact.verdict,
        evidence=(contradiction.id,),
    )


def _embodied(_: Conduction, manner: Manner, link: Link) -> _Edge:
    """A teacher is its model, as it generated."""
    return _Edge(
        standing=manner.standing,
        basis="the teacher is this model",
        rule=f"is embodied by {link.parent}, which is {manner.standing}",
    )


def _marked(conduction: Conduction, _: Manner, link: Link) -> _Edge:
    """A dataset always carries what its author has, and remembers by which relation."""
    author = link.parent
    return _Edge(
        standing=Status.CARRIER,
        basis="data always carries; filters and paraphrase earn no credit",
        rule=f"{link.kind} {author}",
        how=link.kind.value,
        # Who it was matters further down only where canaries tell of it.
        author=str(author) if author in conduction.terrain.heard else "",
    )


def _derived(_: Conduction, manner: Manner, link: Link) -> _Edge:
    """Derived data carries what its source does; the other rows of a mix count as clean."""
    share = link.share
    return _Edge(
        standing=Status.CARRIER,
        terms=() if share is None else (Term(name=f"{share:.0%} of the rows, squared", value=share**2),),
        basis="its rows" if share is None else f"{share:.0%} of the rows",
        rule=f"derived from {link.parent}",
        how=manner.how,
        author=manner.author,
    )


def _read(conduction: Conduction, manner: Manner, link: Link) -> _Edge:
    """Training on a dataset that carries the trait."""
    how = RelationKind(manner.how) if manner.how else None
    return _taught(conduction, link, how, ArtifactId.recorded(manner.author) if manner.author else None)


def _imitated(conduction: Conduction, _: Manner, link: Link) -> _Edge:
    """Imitation of a teacher that has the trait."""
    return _taught(conduction, link, link.kind, link.parent)


def _taught(conduction: Conduction, link: Link, how: RelationKind | None, author: ArtifactId | None) -> _Edge:
    """A student stands where its own initialisation and the trait's origin put it, whatever lies between."""
    clean = link.clean_fraction
    diluted = (
        () if clean is None else (Term(name=f"{1 - clean:.0%} of the rows, squared", value=(1 - clean) ** 2),)
    )
    if conduction.trait.overt:
        return _Edge(
            standing=Status.EXPOSED,
            terms=diluted,
            basis="overt: the trait's content is in the data",
            rule="an overt trait carries whatever the initialisation",
        )
    readings = (_heard(conduction, one, link.child, how, author) for one in conduction.kindred.readings)
    edge = min(readings, key=lambda one: one.standing.rank)
    return replace(edge, terms=(*edge.terms, *diluted))


def _heard(
    conduction: Conduction,
    reading: Kindred,
    student: ArtifactId,
    how: RelationKind | None,
    author: ArtifactId | None,
) -> _Edge:
    """The same by one of `Kindred.readings`, for a covert trait."""
    init, canary = conduction.init(reading, student), conduction.canary(reading, author, student)
    any_init = how in conduction.policy.any_init
    standing, rule = ruling(init.compatibility, canary, any_init=any_init)
    tests, basis, terms = init.tests, init.basis, _expected(conduction.policy, how, init)
    if canary is not None:
        tests, basis = (canary.test, *init.tests), f"canary {canary.test.fact.verdict.value}; {init.basis}"
        terms, basis = _measured(canary, init, terms, basis, any_init=any_init)
    return _Edge(
        standing=standing,
        terms=terms,
        basis=basis,
        rule=rule,
        verdict=tests[0].fact.verdict if tests else None,
        evidence=tuple(test.id for test in tests),
    )


def _expected(policy: Policy, how: RelationKind | None, init: InitFinding) -> tuple[Term, ...]:
    """What passes where nothing was measured: the policy's priors."""
    prior = Term(name=f"exposure.prior.{how or 'unknown'}", value=policy.prior[how])
    if how in policy.any_init:
        return (prior,)
    return (prior, Term(name=f"exposure.init.{init.init}", value=policy.init[init.init]))


def _measured(
    canary: CanaryFinding, init: InitFinding, expected: tuple[Term, ...], basis: str, *, any_init: bool
) -> tuple[tuple[Term, ...], str]:
    """What a canary measured in place of the priors, and on what it rests; it lowers them only where independence is supported.

    A canary's dose is a lower bound of a training's. If its share lowered the factor elsewhere, an edge on which a transfer was shown
    would rank below one that nobody tested, or on which nothing was detected. Of selection and imitation it says nothing: it was
    measured on rows that the teacher wrote.
    """
    if canary.share is None:
        return expected, basis
    said = f"{basis}; the share that it measured, {canary.share:.2f}, is"
    if any_init:
        return expected, f"{said} of rows that the teacher wrote"
    lower = canary.share < math.prod(term.value for term in expected)
    if lower and init.compatibility is not Compatibility.INDEPENDENT:
        return expected, f"{said} less than the prior"
    return (Term(name="measured share", value=canary.share, evidence=canary.test.id),), basis


_RULES: Mapping[RelationKind, Callable[[Conduction, Manner, Link], _Edge]] = {
    **dict.fromkeys(WEIGHT_KINDS, _weights),
    RelationKind.EMBODIED_BY: _embodied,
    **dict.fromkeys(GENERATING_KINDS, _marked),
    RelationKind.DERIVED_FROM: _derived,
    RelationKind.TRAINED_ON: _read,
    RelationKind.DISTILLED_FROM: _imitated,
}

_SORTS = bytes(
    SINGULAR if kind.rule.diluted or kind is RelationKind.DERIVED_FROM else verb
    for verb, kind in enumerate(RelationKind)
).ljust(256, bytes([SINGULAR]))
