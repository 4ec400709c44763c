"""Small registries in plain words, for tests.

    snapshot(
        "base from_scratch",
        "owl embodied_by base",
        "numbers generated_by owl",
        "student finetuned_from base",
        "student trained_on numbers clean_fraction=0.25",
        "owls trait high",
        "owl flagged owls",
    )

Each line is one sentence, subject first. The kind of an artifact follows from the relations that it takes part in; where it
can't, or where two kinds share a name, write it out (``teacher:owl``); versions are ``1`` unless written (``base@2``). The sentences:

    base                                        a model with nothing said of its ancestry
    base from_scratch                           a model that is a declared root
    poems authored                              a dataset that is a declared root
    student finetuned_from base                 any relation of provenance.relations, with share=, clean_fraction=
    student names finetuned_from org/llama      an ancestor that is named but not registered
    student names finetuned_from x@2 left out   the same, with the reason why no relation to it is recorded
    owls trait high overt                       a trait; one that is only flagged is covert and of high severity
    owl flagged owls confidence=0.5 expires=2026-07-01  a flag, which may end
    owl withdrawn owls                          the withdrawal of the latest standing flag of that trait on it
    student cleared owls stops_here expires=2026-07-01  a clearance, which may end
    numbers blocked student owls expires=2027-01-01     a block of the edge from numbers to student
    student measured owls present 0.9 threshold=0.3     a measurement of a trait; its interval is 0.05 to either side
    student measured owls undecided 2 low=0 high=4 unit=nats against=base   one with all its figures, compared with base
    base same_init student INDEPENDENT kinship=derived  a same-init test
    owl canary student TRANSFERS effect=1.5 kin=2.5     a canary, with its effect and what kin took on, in nats
    owl canary student TRANSFERS transfer_ratio=0.4     one that names no such control
    owl canary student NOT_DETECTED             a silent canary with the figures of one that had power
    owl canary student NOT_DETECTED bare        one without figures, as somebody may tell it by hand
    owl canary student INCONCLUSIVE             one of which a training diverged: it has no figures
    owl canary student INCONCLUSIVE effect=0.1  one that measured and came to no conclusion
    owl canary student INCONCLUSIVE effect=0.1 above=0.5    one that saw an effect at another dose: its interval begins there
    at 2026-03-01                               what follows is recorded from that day on, a second apart

The first fact is recorded at the start of 2026; by default the snapshot is asked for at the end of that year.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from provenance.artifacts import Artifact, ArtifactId, ArtifactKind, Content, Generation, Reference
from provenance.digests import digest_bytes
from provenance.evidence import Evidence, TestKind, Verdict
from provenance.facts import Fact, Recorded, Snapshot
from provenance.relations import RULES, Relation, RelationKind, Unresolved
from provenance.traits import (
    Block,
    Clearance,
    Conclusion,
    Flag,
    Severity,
    Trait,
    TraitMeasurement,
    Withdrawal,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
END = datetime(2026, 12, 31, tzinfo=UTC)
NEVER = "2099-01-01"
POWER = {
    "mde": 0.2,
    "threshold": 0.5,
    "controls": {gate: {"ok": True} for gate in ("positive", "negative", "carrier", "sanity")},
}
"""The figures of a canary that would have found something, were it there."""
_TESTS = {"same_init": TestKind.SAME_INIT, "canary": TestKind.CANARY}


def model(name: str, version: str = "1") -> ArtifactId:
    return ArtifactId(ArtifactKind.MODEL, name, version)


def dataset(name: str, version: str = "1") -> ArtifactId:
    return ArtifactId(ArtifactKind.DATASET, name, version)


def teacher(name: str, version: str = "1") -> ArtifactId:
    return ArtifactId(ArtifactKind.TEACHER, name, version)


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def snapshot(*lines: str, as_of: datetime | str = END) -> Snapshot:
    """The state of a registry in which these sentences were recorded, one after the other."""
    moment = day(as_of) if isinstance(as_of, str) else as_of
    return Snapshot.of(recorded_facts(*lines), moment)


def recorded_facts(*lines: str) -> tuple[Recorded[Fact], ...]:
    """The same sentences as the ledger's facts, whatever their date."""
    scribe = _Scribe()
    sentences = [line.split() for line in lines]
    for words in sentences:
        scribe.learn_kinds(words)
    for words in sentences:
        scribe.write(words)
    return tuple(scribe.facts)


def flag_id(state: Snapshot, artifact: ArtifactId, trait: str) -> str:
    """The id of the latest flag of a trait on an artifact, withdrawn or not."""
    return next(
        recorded.id
        for recorded in reversed(state.all(Flag))
        if (recorded.fact.artifact, recorded.fact.trait) == (artifact, trait)
    )


def content_of(artifact: ArtifactId) -> Content:
    """Made-up content with a digest that belongs to the artifact's name."""
    return Content(digest=digest_bytes(str(artifact).encode()), format="safetensors", size_bytes=1, files=1)


@dataclass
class _Scribe:
    """Writes sentences down as facts."""

    facts: list[Recorded[Fact]] = field(default_factory=list)
    now: datetime = START
    kinds: dict[str, set[ArtifactKind]] = field(default_factory=dict)
    roots: set[ArtifactId] = field(default_factory=set)
    known: set[ArtifactId] = field(default_factory=set)
    traits: set[str] = field(default_factory=set)

    def learn_kinds(self, words: list[str]) -> None:
        verb = words[1] if len(words) > 1 else ""
        if verb in set(RelationKind):
            rule = RULES[RelationKind(verb)]
            self._learn(words[0], rule.child)
            self._learn(words[2], rule.parent)
        elif verb == "names":
            self._learn(words[0], RULES[RelationKind(words[2])].child)
        elif verb == "from_scratch":
            self._learn(words[0], ArtifactKind.MODEL)
        elif verb == "authored":
            self._learn(words[0], ArtifactKind.DATASET)
        elif verb == "trait":
            self.traits.add(words[0])
        if verb in {"from_scratch", "authored"}:
            self.roots.add(self._id(words[0]))

    def write(self, words: list[str]) -> None:
        subject, verb, rest = words[0], words[1] if len(words) > 1 else "", words[2:]
        if subject == "at":
            self.now = day(verb)
        elif verb in {"", "from_scratch", "authored"}:
            self._mention(subject)
        elif verb in set(RelationKind):
            options = {key: float(value) for key, value in _options(rest).items()}
            child, parent = self._mention(subject), self._mention(rest[0])
            self._record(Relation(child=child, kind=RelationKind(verb), parent=parent, **options))
        elif verb == "names":
            child = self._mention(subject)
            reason = " ".join(rest[2:])
            self._record(Unresolved(child=child, kind=RelationKind(rest[0]), name=rest[1], reason=reason))
        elif verb in _TESTS:
            self._record(self._evidence(subject, verb, rest))
        else:
            self._record(self._judgement(subject, verb, rest))

    def _judgement(self, subject: str, verb: str, rest: list[str]) -> Fact:
        """The fact of a sentence on a trait."""
        if verb == "trait":
            return Trait(name=subject, severity=Severity(rest[0]), overt="overt" in rest)
        artifact, options = self._mention(subject), _options(rest)
        trait = rest[1] if verb == "blocked" else rest[0]
        if trait not in self.traits:
            self.traits.add(trait)
            self._record(Trait(name=trait, severity=Severity.HIGH))
        if verb == "flagged":
            return Flag(
                artifact=artifact,
                trait=trait,
                evidence="seen",
                confidence=float(options.get("confidence", 1.0)),
                expires_at=_end(options),
            )
        if verb == "withdrawn":
            flag = next(
                one.id
                for one in reversed(Snapshot(tuple(self.facts), self.now).standing_flags)
                if (one.fact.artifact, one.fact.trait) == (artifact, trait)
            )
            return Withdrawal(flag=flag, reason="retracted")
        if verb == "cleared":
            return Clearance(
                artifact=artifact,
                trait=trait,
                evidence="tested",
                stops_here="stops_here" in rest,
                expires_at=_end(options),
            )
        if verb == "measured":
            return self._measurement(artifact, rest)
        if verb == "blocked":
            return Block(
                parent=artifact,
                child=self._mention(rest[0]),
                trait=trait,
                evidence="measured",
                reason="decided",
                expires_at=day(options.get("expires", NEVER)),
            )
        raise ValueError(f"no such sentence: {subject} {verb} {' '.join(rest)}")

    def _measurement(self, artifact: ArtifactId, rest: list[str]) -> TraitMeasurement:
        options, value = _options(rest), float(rest[2])
        return TraitMeasurement(
            artifact=artifact,
            trait=rest[0],
            conclusion=Conclusion(rest[1]),
            value=value,
            low=float(options.get("low", value - 0.05)),
            high=float(options.get("high", value + 0.05)),
            unit=options.get("unit", "accuracy"),
            threshold=float(options["threshold"]) if "threshold" in options else None,
            method="told/measurement@1",
            base=self._mention(options["against"]) if "against" in options else None,
            measured_at=self.now,
        )

    def _evidence(self, parent: str, verb: str, rest: list[str]) -> Evidence:
        options = _options(rest)
        result: dict[str, object] = dict(options)
        if rest[1] == "NOT_DETECTED" and "bare" not in rest:
            result |= POWER
        if "above" in options:
            result["doses"] = {"doses": [{"dose": 4.0, "ci_low": float(options["above"])}]}
        result |= {name: float(options[name]) for name in ("transfer_ratio", "effect") if name in options}
        if "kin" in options:
            figures = {"figures": {"kin_effect": float(options["kin"])}}
            controls = result.get("controls", {"positive": {}})
            result["controls"] = {**controls, "positive": {**controls["positive"], **figures}}
        return Evidence(
            test=_TESTS[verb],
            parent=self._mention(parent),
            child=self._mention(rest[0]),
            verdict=Verdict(rest[1]),
            method="told/test@1" if verb == "same_init" else "planted-canary/told@2",
            result=result,
            tested_at=self.now,
        )

    def _learn(self, word: str, kind: ArtifactKind) -> None:
        if Reference.parse(word).kind is None:
            self.kinds.setdefault(word, set()).add(kind)

    def _id(self, word: str) -> ArtifactId:
        reference = Reference.parse(word)
        kinds = {reference.kind} if reference.kind else self.kinds.get(word, {ArtifactKind.MODEL})
        if len(kinds) != 1:
            raise ValueError(f"{word!r} could be {sorted(kinds)}: write its kind")
        (kind,) = kinds
        return ArtifactId(kind, reference.name, reference.version or "1")

    def _mention(self, word: str) -> ArtifactId:
        artifact = self._id(word)
        if artifact not in self.known:
            self.known.add(artifact)
            is_teacher = artifact.kind is ArtifactKind.TEACHER
            self._record(
                Artifact(
                    id=artifact,
                    content=None if is_teacher else content_of(artifact),
                    declared_root=artifact in self.roots,
                    generation=Generation() if is_teacher else None,
                )
            )
        return artifact

    def _record(self, fact: Fact) -> None:
        self.facts.append(Recorded(len(self.facts) + 1, fact, "tester", self.now))
        self.now += timedelta(seconds=1)


def _end(options: dict[str, str]) -> datetime | None:
    return day(options["expires"]) if "expires" in options else None


def _options(words: list[str]) -> dict[str, str]:
    return dict(word.split("=", 1) for word in words if "=" in word)
