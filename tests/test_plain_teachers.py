"""A teacher without settings that bears a model's name is that model, or is refused: else a flag would not find what it marks."""

import pytest

from lineage_fixtures import model, teacher
from provenance import Registry
from provenance.artifacts import Artifact, ArtifactId, ArtifactKind
from provenance.errors import ConflictError, UnknownReferenceError
from provenance.references import PLAIN
from provenance.relations import Relation, RelationKind
from provenance.request import Parent, Request

K = RelationKind
OTHER_BODY = r"teacher:evil@1 bears the name of model:evil@1 .* embodied by model:good@1"


def parent(kind: RelationKind, reference: str) -> Parent:
    return Parent(kind=kind, reference=reference)


@pytest.fixture
def opened(registry: Registry) -> Registry:
    registry.register_model(name="good", from_scratch=True)
    return registry


def test_a_plain_teacher_of_another_model_may_not_bear_a_models_name(opened: Registry) -> None:
    opened.register_model(name="evil", from_scratch=True)
    head = opened.head()
    with pytest.raises(ConflictError, match=OTHER_BODY) as error:
        opened.register_teacher(name="evil", model="good")
    assert "another name" in (error.value.hint or "")
    assert opened.head() == head


def test_a_model_may_not_take_the_name_of_another_models_plain_teacher(opened: Registry) -> None:
    opened.register_teacher(name="evil", model="good")
    with pytest.raises(ConflictError, match=OTHER_BODY):
        opened.register_model(name="evil", from_scratch=True)
    opened.register_model(name="evil@2", from_scratch=True)


def test_the_two_may_not_come_in_one_batch_either(opened: Registry) -> None:
    evil = Request.named(ArtifactKind.MODEL, "evil", declared_root=True)
    plain = Request.named(
        ArtifactKind.TEACHER, "evil", parents=(parent(K.EMBODIED_BY, "good"),), generation=PLAIN
    )
    rows = Request.named(ArtifactKind.DATASET, "rows", parents=(parent(K.GENERATED_BY, "evil"),))
    for requests in ((evil, plain), (plain, evil), (rows, evil, plain)):
        with pytest.raises(ConflictError, match=OTHER_BODY):
            opened.register(requests)


def test_a_plain_teacher_with_adapters_may_not_bear_a_models_name(opened: Registry) -> None:
    opened.register_model(name="lora", parents=[parent(K.ADAPTER_OF, "good")])
    for name in ("good", "lora"):
        with pytest.raises(ConflictError, match="embodied by model:good@1, model:lora@1"):
            opened.register_teacher(name=name, model="good", adapters=["lora"])
    opened.register_teacher(name="tuned", model="good", adapters=["lora"])


def test_no_second_body_is_added_to_the_plain_teacher_of_a_models_name(opened: Registry) -> None:
    opened.register_model(name="other", from_scratch=True)
    opened.register_teacher(name="good", model="good")
    with pytest.raises(ConflictError, match="embodied by model:good@1, model:other@1"):
        opened.relate("teacher:good", K.EMBODIED_BY, "other")


def test_the_plain_teacher_of_a_models_name_is_registered_by_hand_as_well(opened: Registry) -> None:
    by_hand = opened.register_teacher(name="good", model="good")
    assert not opened.register_teacher(name="good", model="good").created
    rows = opened.register_dataset(name="rows", parents=[parent(K.GENERATED_BY, "good")])
    assert [one.parent for one in rows.relations] == [by_hand.artifact]


def test_a_teacher_with_settings_may_bear_any_name(opened: Registry) -> None:
    opened.register_model(name="evil", from_scratch=True)
    opened.register_teacher(name="evil", model="good", system_prompt="You love owls.")
    with pytest.raises(UnknownReferenceError, match="may mean model:evil@1, teacher:evil@1"):
        opened.register_dataset(name="rows", parents=[parent(K.GENERATED_BY, "evil")])


def test_a_bare_name_is_ambiguous_between_a_model_and_a_plain_teacher_of_another_version(
    opened: Registry,
) -> None:
    opened.register_model(name="evil", from_scratch=True)
    opened.register_teacher(name="evil@2", model="good")
    with pytest.raises(UnknownReferenceError, match="may mean model:evil@1, teacher:evil@2"):
        opened.register_dataset(name="rows", parents=[parent(K.GENERATED_BY, "evil")])


def test_what_older_records_hold_is_not_guessed_at(opened: Registry) -> None:
    evil, plain = model("evil"), teacher("evil")
    with opened._ledger.transaction("an older release") as transaction:
        transaction.append(Artifact(id=evil, declared_root=True))
        transaction.append(Artifact(id=plain, generation=PLAIN))
        transaction.append(Relation(child=plain, kind=K.EMBODIED_BY, parent=model("good")))
    with pytest.raises(ConflictError, match=OTHER_BODY):
        opened.register_dataset(name="rows", parents=[parent(K.GENERATED_BY, "evil")])
    with pytest.raises(ConflictError, match=OTHER_BODY):
        opened.register_dataset(name="rows", parents=[parent(K.GENERATED_BY, "model:evil")])
    said = opened.register_dataset(name="rows", parents=[parent(K.GENERATED_BY, "teacher:evil")])
    assert [one.parent for one in said.relations] == [plain]
    assert not opened.register_model(name="evil", from_scratch=True).created


def test_a_model_called_by_its_alias_gets_the_plain_teacher_that_is_recorded(opened: Registry) -> None:
    opened.add_alias("organisation/good", "good")
    for name in ("rows", "more-rows"):
        found = opened.register_dataset(name=name, parents=[parent(K.GENERATED_BY, "organisation/good")])
        assert [one.parent for one in found.relations] == [ArtifactId.parse("teacher:good@1")]
