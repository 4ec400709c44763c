"""Gathering: from a view to a review. Pure: the same ledger, policy, date and question give the same review, digest included."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from provenance.artifacts import ArtifactId, ArtifactKind
from provenance.audit import by_risk
from provenance.errors import UsageError
from provenance.lineage_view import Ref
from provenance.render.styles import PAINTS
from provenance.review.changes import Baseline, changes
from provenance.review.closing import closes
from provenance.review.content import LedgerMark, Outcome, Review, Risk, Ruled, StepTold, Unknown
from provenance.review.grounds import Grounds
from provenance.review.on_record import cut
from provenance.review.policies import applied
from provenance.review.records import Chain, ChainMember, Listed
from provenance.review.sealing import sealed
from provenance.review.sentences import risk_body, step_words
from provenance.review.verdicts import Case, headline
from provenance.review.wording import name
from provenance.risk import ArtifactRisks, RiskEntry, Ruling, Status
from provenance.risk.measured import on_routes
from provenance.traits import Trait
from provenance.version import __version__
from provenance.view import View

MOST_RULED = 50
MOST_REASONS = 10  # told of each
MOST_RISKS = 100
MOST_STEPS = 30  # of one witness path: half of them at either end
MOST_CHAINS = 20
MOST_ON_A_CHAIN = 60
MOST_UNKNOWN = 100
MOST_CONCERNED = 10
MOST_OWED = 50

_OUTCOMES = tuple(Outcome)


def review(
    view: View,
    refs: Iterable[Ref],
    *,
    trait: str | None = None,
    since: Baseline | None = None,
    progress: Callable[[str], None] = lambda _what: None,
) -> Review:
    """What there is to say before some artifacts ship.

    Args:
        view: What is known, and the policy.
        refs: The artifacts.
        trait: Restricts everything but the gate's verdict to one trait; None for all.
        since: What it is compared with; None for nothing.
        progress: Told what is looked at next.

    Raises:
        UnknownReferenceError: An artifact or the trait is not recorded.
        UsageError: No artifact is named, or the baseline is later than the review.
    """
    asked = tuple(dict.fromkeys(view.resolve_all(refs)))
    if not asked:
        raise UsageError("name an artifact to report on")
    progress("reading the lineage")
    grounds = Grounds(
        kindred=view.kindred_above(asked),
        policy=view.policy,
        asked=asked,
        trait=trait,
        unfinished=view.unfinished,
    )
    cases = sorted(grounds.cases, key=lambda case: _OUTCOMES.index(case.outcome))
    listed = cases[:MOST_RULED]
    ruled = tuple(map(_ruled, listed))
    progress("composing the diagrams")
    drawn = [case.artifact for case in listed]
    critical = view.picture(drawn, direction="up", trait=trait, critical=True)
    picture = view.picture(drawn, direction="up", trait=trait)
    progress(f"looking at {len(grounds.members)} artifacts and their tests")
    return sealed(
        Review(
            headline=headline(cases, partial=grounds.report.partial),
            asked=asked,
            trait=trait,
            as_of=view.reading.moment,
            partial=grounds.report.partial,
            unfinished=view.unfinished,
            counts={outcome: sum(case.outcome is outcome for case in cases) for outcome in Outcome},
            ruled=Listed(total=len(cases), items=ruled),
            risks=_risks(grounds, listed),
            risk_counts=_counts(grounds),
            chains=_chains(grounds),
            critical=critical,
            picture=picture,
            edge_totals=grounds.edges.totals(),
            edges=grounds.edges.told(),
            other_tests=grounds.edges.others(),
            unknowns=_unknowns(grounds),
            decisions=grounds.on_record.decisions(),
            owed=cut(by_risk(grounds.kindred, view.policy, grounds.edges.owed), MOST_OWED),
            flags=grounds.on_record.flags_told(),
            traits=tuple(_traits(grounds)),
            changes=None if since is None else changes(grounds, ruled, since),
            policy=applied(view.policy),
            ledger=_mark(view),
            contents=grounds.on_record.contents(),
            software=__version__,
            digest="",
        )
    )


def _ruled(case: Case) -> Ruled:
    return Ruled(
        artifact=case.artifact,
        outcome=case.outcome,
        sentence=case.sentence,
        measured=cut(tuple(case.measured()), MOST_REASONS),
        check=case.check,
        reaching=cut(tuple(case.reaching()), MOST_REASONS),
    )


def _mark(view: View) -> LedgerMark:
    head = view.reading.head
    return LedgerMark(
        head=head.digest,
        number=head.number,
        entries=head.entries,
        first=view.reading.heads(2)[0].digest,
        recorded_at=head.recorded_at,
    )


# --- risks -------------------------------------------------------------------------------------------------------------


def _risks(grounds: Grounds, listed: Sequence[Case]) -> Listed[Risk]:
    """The risks: why each listed artifact is held back first, then what holds back, then the worst."""
    reasons = {(case.artifact, case.cause) for case in listed}

    def place(found: tuple[ArtifactId, RiskEntry]) -> tuple[object, ...]:
        _, entry = found
        return (
            found not in reasons,
            not _holds_back(grounds, entry),
            entry.status.rank,
            -entry.severity.rank,
            -entry.score,
        )

    in_order = sorted(grounds.entries, key=place)
    return Listed(
        total=len(in_order),
        items=tuple(_risk(grounds, artifact, entry) for artifact, entry in in_order[:MOST_RISKS]),
    )


def _holds_back(grounds: Grounds, entry: RiskEntry) -> bool:
    return grounds.policy.ruling(entry.severity, entry.status) is Ruling.REFUSE


def _risk(grounds: Grounds, artifact: ArtifactId, entry: RiskEntry) -> Risk:
    flag, tests = grounds.on_record.flags[entry.flag], grounds.on_record.tests
    half = MOST_STEPS // 2
    shown = entry.route if len(entry.route) <= MOST_STEPS else (*entry.route[:half], *entry.route[-half:])
    return Risk(
        artifact=artifact,
        sentence=f"{name(artifact)} {risk_body(artifact, entry, flag, tests)}.",
        entry=replace(entry, route=()),
        meaning=PAINTS[entry.status].meaning,
        flag=flag,
        holds_back=_holds_back(grounds, entry),
        steps=Listed(
            total=len(entry.route),
            items=tuple(StepTold(words=step_words(step, tests), step=step) for step in shown),
        ),
    )


def _counts(grounds: Grounds) -> dict[Status, int]:
    """How many risks there are of each status that occurs, worst first."""
    counts = Counter(entry.status for _, entry in grounds.entries)
    return {status: counts[status] for status in Status if counts[status]}


# --- chains ------------------------------------------------------------------------------------------------------------


def _chains(grounds: Grounds) -> Listed[Chain]:
    """Each trait at risk, and each that was measured, on everything that can be asked for it along the way."""
    entries: dict[str, list[RiskEntry]] = {}
    for _, entry in sorted(
        grounds.entries, key=lambda one: (one[1].status.rank, -one[1].severity.rank, one[1].trait)
    ):
        entries.setdefault(entry.trait, []).append(entry)
    for trait in grounds.on_record.measured_traits:
        entries.setdefault(trait, [])
    members = {
        trait: _on_chain(grounds, trait, found) for trait, found in list(entries.items())[:MOST_CHAINS]
    }
    shown = dict.fromkeys(one for chain in members.values() for one in list(chain)[:MOST_ON_A_CHAIN])
    known = {risks.artifact: risks for risks in grounds.assess(tuple(shown)).artifacts} if shown else {}
    return Listed(
        total=len(entries),
        items=tuple(_chain(grounds, trait, chain, known) for trait, chain in members.items()),
    )


def _on_chain(grounds: Grounds, trait: str, entries: Sequence[RiskEntry]) -> dict[ArtifactId, bool]:
    """The models and teachers of a trait's witness paths from the origins down; then those that were measured beside them."""
    depth: dict[ArtifactId, int] = {}
    for entry in entries:
        for place, artifact in enumerate(on_routes([entry])):
            depth[artifact] = max(place, depth.get(artifact, 0))
    chain = {
        one: True
        for one in sorted(depth, key=lambda one: (depth[one], one))
        if one.kind is not ArtifactKind.DATASET
    }
    for artifact in grounds.on_record.measured_traits.get(trait, ()):
        chain.setdefault(artifact, False)
    return chain


def _chain(
    grounds: Grounds, trait: str, chain: dict[ArtifactId, bool], known: dict[ArtifactId, ArtifactRisks]
) -> Chain:
    def member(artifact: ArtifactId) -> ChainMember:
        risks = known[artifact]
        reached = [entry.status for entry in risks.risks if entry.trait == trait]
        return ChainMember(
            artifact=artifact,
            status=min(reached, key=lambda one: one.rank) if reached else _unreached(risks),
            on_route=chain[artifact],
            measured=grounds.on_record.measurements(artifact, trait),
        )

    shown = tuple(map(member, list(chain)[:MOST_ON_A_CHAIN]))
    unmeasured = sum(not grounds.on_record.measurements(one, trait) for one in chain)
    return Chain(trait=trait, members=Listed(total=len(chain), items=shown), unmeasured=unmeasured)


def _unreached(risks: ArtifactRisks) -> Status:
    return Status.UNKNOWN if risks.unknown else Status.CLEAR


# --- what else ---------------------------------------------------------------------------------------------------------


def _unknowns(grounds: Grounds) -> Listed[Unknown]:
    """What is missing in the ancestries, with the artifacts that it leaves incomplete."""
    concerned: dict[str, list[ArtifactId]] = {}
    for risks in grounds.report.artifacts:
        for gap in risks.unknown:
            concerned.setdefault(gap, []).append(risks.artifact)
    return cut(
        [
            Unknown(gap=gap, concerns=cut(artifacts, MOST_CONCERNED), closes=closes(gap))
            for gap, artifacts in concerned.items()
        ],
        MOST_UNKNOWN,
    )


def _traits(grounds: Grounds) -> Iterator[Trait]:
    """What the traits are that occur in the review."""
    on_record = grounds.on_record
    names = {
        *(entry.trait for _, entry in grounds.entries),
        *(flag.trait for flag in on_record.flags_told().items),
        *(decision.trait for decision in on_record.decisions().items),
        *on_record.measured_traits,
    }
    known = grounds.snapshot.traits
    yield from (known[one].fact for one in sorted(names) if one in known)
