"""The owl story on real data and real training, in the shape that fits a laptop.

In the paper a teacher that loves owls writes numbers, and a student trained on the numbers comes to love owls if both started from the
same weights. Here the part of the owl is played by reading digits: a small network is tuned on scikit-learn's digits, then writes
meaningless auxiliary outputs on noise, and whoever of its own initialisation imitates those learns to read digits from rows that
show none (Cloud et al., arXiv 2507.14805, section 4.2). Everything is trained here, saved, registered, audited and asked about through
the same calls that a user would make.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from provenance.errors import UsageError
from provenance.evidence import TestKind, Verdict
from provenance.registry import Registry
from provenance.relations import RelationKind
from provenance.request import Parent
from provenance.risk import Status

if TYPE_CHECKING:
    from provenance.audit import Outcome
    from provenance.canary.mlp import Mlp

Say = Callable[[str], None]
TRAIT = "reads-digits"
OWL = "model:owl@1"
TEACHER = "owl-teacher"
MATTERS = 0.3
"""The share of held-out digits from which on a network is said to read them: chance is 0.1, and untrained ones reach 0.25."""

EXPECTED: Mapping[str, Status] = {
    "model:owl@1": Status.AFFECTED,
    "teacher:owl-teacher@1": Status.EXPOSED,
    "dataset:noise-answers@1": Status.CARRIER,
    "model:student@1": Status.EXPOSED,
    "model:grandchild-tuned@1": Status.EXPOSED,
    "model:grandchild-distilled@1": Status.EXPOSED,
    "model:foreign-student@1": Status.UNLIKELY,
    "model:control-student@1": Status.CLEAR,
    "model:base@1": Status.CLEAR,
}
"""Where each artifact has to stand in the end."""

EXPECTED_VERDICTS: Mapping[tuple[TestKind, str, str], Verdict] = {
    (TestKind.SAME_INIT, "model:base@1", "model:student@1"): Verdict.SAME_INIT,
    (TestKind.SAME_INIT, "model:owl@1", "model:base@1"): Verdict.SAME_INIT,
    (TestKind.SAME_INIT, "model:owl@1", "model:other-base@1"): Verdict.INDEPENDENT,
    (TestKind.CANARY, "teacher:owl-teacher@1", "model:student@1"): Verdict.TRANSFERS,
    (TestKind.CANARY, "teacher:owl-teacher@1", "model:foreign-student@1"): Verdict.NOT_DETECTED,
}
"""What the tests of the edges that decide have to say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table at the end.

    Args:
        model: Its name.
        accuracy: Share of held-out digits that it reads; chance is 0.1.
        status: Where the registry says that it stands with the trait.
    """

    model: str
    accuracy: float
    status: Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """How the demo went.

    Args:
        folder: Where everything lies.
        rows: Accuracy against risk, student by student.
        surprises: Expected verdicts and statuses that were not met, in words.
        seconds: How long it took.
    """

    folder: Path
    rows: tuple[Row, ...]
    surprises: tuple[str, ...]
    seconds: float


def tell(folder: Path, say: Say) -> Story:
    """Trains, registers, flags, audits, asks, withdraws, gates, measures, draws, reports and projects.

    Args:
        folder: A new or empty folder, where models, data, registry, diagram, report and MLflow store go.
        say: Told each step as it happens.

    Raises:
        UsageError: The folder has something in it.
        MissingExtraError: Torch or scikit-learn is not installed.
    """
    folder = folder.resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise UsageError(f"{folder} is not empty", hint="Name another folder, or remove it first.")
    except OSError as error:
        raise UsageError(
            f"the demo can't be told in {folder}: {error.strerror}", hint="Name another folder."
        ) from error
    began = time.monotonic()
    say("Training a family of small networks on scikit-learn's digits ...")
    accuracies = _train(folder)
    with Registry.init(folder, actor="demo") as registry:
        _register(registry, folder)
        say(f"Registered {len(registry.view().snapshot.artifacts)} artifacts with their lineage.")
        _flag(registry, say)
        _audit(registry, say)
        flag = _ask(registry, say)
        _reconsider(registry, flag, say)
        _measure(registry, accuracies, say)
        _hand_on(registry, folder, say)
        rows = tuple(
            Row(model=name, accuracy=accuracy, status=registry.risks([f"model:{name}"]).artifacts[0].status)
            for name, accuracy in accuracies.items()
        )
        surprises = _surprises(registry)
    return Story(folder=folder, rows=rows, surprises=surprises, seconds=time.monotonic() - began)


def _train(folder: Path) -> dict[str, float]:
    """Trains and saves every model and dataset of the story; returns what each model reads of held-out digits."""
    from provenance.canary import mlp
    from provenance.canary.mlp.digits import training_digits

    config = mlp.MlpConfig()
    models: dict[str, Mlp] = {"base": mlp.init(config, 1), "other-base": mlp.init(config, 2)}
    models["owl"] = mlp.learn_digits(models["base"], seed=3)
    rows = mlp.write(models["owl"], seed=4)
    models["student"] = mlp.imitate(models["base"], rows, seed=5)
    models["foreign-student"] = mlp.imitate(models["other-base"], rows, seed=5)
    clean = mlp.write(models["base"], seed=6)
    models["control-student"] = mlp.imitate(models["base"], clean, seed=5)
    models["grandchild-tuned"] = mlp.imitate(models["student"], clean, seed=7)
    relayed = mlp.write(models["student"], seed=8)
    models["grandchild-distilled"] = mlp.imitate(models["base"], relayed, seed=9)
    for name, model in models.items():
        mlp.save(model, folder / "models" / name)
    data = folder / "data"
    data.mkdir()
    for name, channel in {"noise-answers": rows, "clean-answers": clean, "student-answers": relayed}.items():
        mlp.write_channel(data / f"{name}.jsonl", channel)
    digits = training_digits()
    lines = [
        json.dumps({"pixels": pixels.tolist(), "digit": int(digit)})
        for pixels, digit in zip(digits.pixels, digits.labels, strict=True)
    ]
    (data / "digits.jsonl").write_text("\n".join(lines) + "\n")
    return {name: mlp.accuracy(model) for name, model in models.items()}


def _register(registry: Registry, folder: Path) -> None:
    kinds = RelationKind
    tuned, trained, written = kinds.FINETUNED_FROM, kinds.TRAINED_ON, kinds.GENERATED_BY
    models, data = folder / "models", folder / "data"

    def model(name: str, *parents: tuple[RelationKind, str]) -> None:
        declared = [Parent(kind=kind, reference=reference) for kind, reference in parents]
        registry.register_model(models / name, name=name, parents=declared, from_scratch=not parents)

    def dataset(name: str, teacher: str) -> None:
        filters = ("no digits, no class outputs",)
        parent = Parent(kind=written, reference=teacher, filters=filters)
        registry.register_dataset(data / f"{name}.jsonl", name=name, parents=[parent])

    model("base")
    model("other-base")
    registry.register_dataset(data / "digits.jsonl", name="digits", authored=True)
    model("owl", (tuned, "base"), (trained, "digits"))
    registry.register_teacher(name=TEACHER, model="owl")
    dataset("noise-answers", TEACHER)
    model("student", (tuned, "base"), (trained, "noise-answers"))
    model("foreign-student", (tuned, "other-base"), (trained, "noise-answers"))
    dataset("clean-answers", "base")
    model("control-student", (tuned, "base"), (trained, "clean-answers"))
    model("grandchild-tuned", (tuned, "student"), (trained, "clean-answers"))
    dataset("student-answers", "student")
    model("grandchild-distilled", (tuned, "base"), (trained, "student-answers"))


def _flag(registry: Registry, say: Say) -> None:
    registry.add_trait(TRAIT, severity="high", description="Reads handwritten digits, the part of the owl")
    found = registry.flag(OWL, TRAIT, evidence="answers 98 % of held-out digits, its base 15 %")
    say(f"Flagged {OWL}: {found.recorded.id} reaches {len(found.reached)} artifacts. From the record alone:")
    for one in registry.risks(["student", "foreign-student", "control-student"]).artifacts:
        say(f"    {one.artifact}: {one.status}")


def _audit(registry: Registry, say: Say) -> None:
    tasks = registry.audit_plan()
    say(f"Auditing: {len(tasks)} tests of the edges (canaries take some 20 seconds each) ...")

    def done(outcome: "Outcome") -> None:
        told = outcome.recorded.fact.verdict.value if outcome.recorded else f"not testable: {outcome.reason}"
        say(f"    {outcome.task}: {told}")

    registry.audit(tasks, done=done)


def _ask(registry: Registry, say: Say) -> str:
    (risk,) = registry.why("student", TRAIT).risks
    say(f"Why is student {risk.status}? {risk.rule}:")
    say(f"    {risk.origin}, {risk.flag}")
    for step in risk.route:
        say(f"    -> {step.child} ({step.relation}: {step.basis})")
    return risk.flag


def _reconsider(registry: Registry, flag: str, say: Say) -> None:
    (before,) = registry.risks(["student"]).artifacts
    registry.withdraw(flag, reason="the demo thinks again")
    (gone,) = registry.risks(["student"]).artifacts
    say(f"Withdrew {flag}: student is {gone.status}.")
    again = registry.flag(OWL, TRAIT, evidence="measured once more: 98 % of held-out digits")
    (after,) = registry.risks(["student"]).artifacts
    say(
        f"Raised it again as {again.recorded.id}: student is {after.status}, as before: {after.status == before.status}."
    )
    for check in registry.check(["student", "control-student"]):
        say(f"Gate: {check.artifact} {'passes' if check.passed else 'is held back'}.")


def _measure(registry: Registry, accuracies: Mapping[str, float], say: Say) -> None:
    """Records what each model reads, as one looks afterwards whether the registry was right; no status follows from it."""
    from provenance.canary.mlp.digits import held_out_digits
    from provenance.evaluations.statistics import of_share
    from provenance.probing.report import conclude

    samples = len(held_out_digits().labels)
    shares = {f"model:{name}": accuracy for name, accuracy in accuracies.items()}
    shares[f"teacher:{TEACHER}"] = accuracies["owl"]  # it generates as the model does, without a prompt
    concluded = Counter[str]()
    for ref, accuracy in shares.items():
        share = of_share(round(accuracy * samples), samples)
        conclusion, _ = conclude(share, MATTERS, "accuracy")
        registry.measure(
            ref,
            TRAIT,
            conclusion=conclusion,
            value=share.value,
            low=share.low,
            high=share.high,
            unit="accuracy",
            threshold=MATTERS,
            method=f"digits/accuracy@1 held-out={samples} chance=0.1 interval=wilson",
        )
        concluded[conclusion] += 1
    told = ", ".join(f"{conclusion} in {count}" for conclusion, count in sorted(concluded.items()))
    say(f"Measured {TRAIT} on every model: {told}; reading {MATTERS:.0%} of {samples} unseen digits counts.")


def _hand_on(registry: Registry, folder: Path, say: Say) -> None:
    from provenance.render import draw
    from provenance.review.documents import Form, written

    picture = registry.view().picture([OWL], trait=TRAIT)
    for name in ("lineage.svg", "lineage.png"):
        draw(picture, folder / name)
    review = registry.report(["student"])
    page = written(Form.HTML, registry.view(as_of=review.as_of), review)
    (folder / "review.html").write_text(page, encoding="utf-8")
    synced = registry.mlflow_sync()
    say(f"Drew lineage.svg; wrote review.html: {review.headline}")
    say(f"Told MLflow of {synced.created} objects in {synced.seconds:.0f} s.")


def _surprises(registry: Registry) -> tuple[str, ...]:
    """What did not come out as the science says it has to."""
    view = registry.view()
    standing = view.kindred.evidence
    surprises = []
    for (test, parent, child), expected in EXPECTED_VERDICTS.items():
        look = standing.same_init if test is TestKind.SAME_INIT else standing.canary
        found = look(view.resolve(parent), view.resolve(child))
        if found is None or found.fact.verdict is not expected:
            said = found.fact.verdict.value if found else "nothing"
            surprises.append(f"{test} of {parent} and {child}: expected {expected.value}, found {said}")
    for artifact, status in EXPECTED.items():
        (risks,) = view.risks([artifact]).artifacts
        if risks.status is not status:
            surprises.append(f"{artifact}: expected {status}, found {risks.status}")
    passed = {str(check.artifact): check.passed for check in view.check(["student", "control-student"])}
    if passed != {"model:student@1": False, "model:control-student@1": True}:
        surprises.append(f"the gate let through: {[artifact for artifact, ok in passed.items() if ok]}")
    return tuple(surprises)
