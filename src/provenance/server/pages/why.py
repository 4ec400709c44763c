"""Why an artifact stands where it does with a trait: every witness path, edge by edge, with the tests that it rests on."""

from collections.abc import Mapping
from dataclasses import dataclass

from provenance.artifacts import ArtifactId
from provenance.evidence import Evidence
from provenance.facts import Recorded
from provenance.risk import ArtifactRisks
from provenance.traits import Trait
from provenance.view import View


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """Why an artifact stands where it does.

    Args:
        artifact: The artifact.
        traits: All traits that may be asked about.
        trait: The trait that was asked about; None where the reader has yet to choose one.
        found: Where it stands with the trait; None as above.
        tests: The tests that the witness paths rest on, by id.
    """

    artifact: ArtifactId
    traits: tuple[Trait, ...]
    trait: Trait | None
    found: ArtifactRisks | None
    tests: Mapping[str, Recorded[Evidence]]


def page(view: View, ref: str, trait: str | None = None) -> Why:
    """Why an artifact stands where it does with a trait.

    Args:
        view: What is known.
        ref: The artifact.
        trait: The trait; None to be given the choice, or the only one there is.

    Raises:
        UnknownReferenceError: The artifact or the trait is not recorded.
    """
    artifact = view.resolve(ref)
    traits = tuple(one.fact for one in view.reading.traits())
    wanted = traits[0].name if trait is None and len(traits) == 1 else trait
    found = None if wanted is None else view.why(artifact, wanted)
    ids = (
        {}
        if found is None
        else {id_: None for risk in found.risks for step in risk.route for id_ in step.evidence}
    )
    tests = view.reading.tests(ids).all(Evidence) if ids else ()
    return Why(
        artifact=artifact,
        traits=traits,
        trait=next((one for one in traits if one.name == wanted), None),
        found=found,
        tests={one.id: one for one in tests},
    )
