"""What the weights of a model say when it is registered, on real checkpoints and in real databases."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import create_engine, text

from provenance import Registry, holdings
from provenance.artifacts import ArtifactId
from provenance.errors import ContentError, UsageError
from provenance.evidence import Evidence, Verdict
from provenance.holdings import Holdings
from provenance.registration import Registration
from provenance.relations import RelationKind
from provenance.request import Parent
from sameinit_fixtures import ARCHITECTURES, Shapes, drawn, moved, saved

WIDTH, HIDDEN, TOKENS = 192, 512, 256
BERT: Shapes = {
    "embeddings.word_embeddings.weight": (TOKENS, WIDTH),
    "embeddings.LayerNorm.weight": (WIDTH,),
    **{
        f"encoder.layer.0.attention.{name}.weight": (WIDTH, WIDTH)
        for name in ("self.query", "self.key", "self.value", "output.dense")
    },
    "encoder.layer.0.intermediate.dense.weight": (HIDDEN, WIDTH),
    "encoder.layer.0.output.dense.weight": (WIDTH, HIDDEN),
}
"""Large enough for two strangers to be called independent."""


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two bases, fine-tunes of both, and a merge, as files."""
    folder = tmp_path_factory.mktemp("weights")
    base, other = drawn(BERT, 1), drawn(BERT, 2)
    saved(base, folder / "base")
    saved(other, folder / "other")
    for place in range(5):
        saved(moved(base, 10 + place, 0.9 + 0.01 * place), folder / f"child{place}")
    saved(moved(other, 20, 0.9), folder / "foreign")
    saved({name: 0.5 * (base[name] + other[name]) for name in base}, folder / "merged")
    saved(drawn(ARCHITECTURES["llama"], 3), folder / "llama")
    for path in folder.iterdir():
        path.rename(path.with_suffix(".safetensors"))
    return folder


@pytest.fixture
def files(weights: Path, tmp_path: Path) -> Path:
    """The same files, for the test to take away."""
    return Path(shutil.copytree(weights, tmp_path / "files"))


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Registry]:
    with Registry.init(tmp_path / "registry", actor="tester") as registry:
        yield registry


def register(registry: Registry, path: Path, *relations: str, name: str = "") -> Registration:
    """Registers a file under its name, or another; without relations it is declared to be from scratch."""
    parents = [Parent(kind=RelationKind(one.split()[0]), reference=one.split()[1]) for one in relations]
    return registry.register_model(
        path.with_suffix(".safetensors"), name=name or path.name, parents=parents, from_scratch=not parents
    )


def recorded_tests(registry: Registry) -> list[tuple[str, str, str]]:
    """Parent, child and verdict of all evidence."""
    facts = (one.fact for one in registry.view().snapshot.all(Evidence))
    return [(one.parent.name, one.child.name, one.verdict.value) for one in facts]


def test_undeclared_kin_is_told_and_recorded(store_url: str, tmp_path: Path, weights: Path) -> None:
    with Registry.init(tmp_path / "registry", store=store_url) as registry:
        assert register(registry, weights / "other").evidence == ()
        base = register(registry, weights / "base")
        found = register(registry, weights / "child0")
        (warning,) = found.warnings
        assert warning.startswith(
            "model:child0@1 shares its initialisation with model:base@1 (same_init_diverged, p = 10^-"
        )
        assert warning.endswith("and no record says why; declared parents: none")
        (recorded,) = registry.view().snapshot.all(Evidence)
        assert found.evidence == (recorded.id,)
        evidence = recorded.fact
        assert (evidence.parent.name, evidence.child.name, evidence.verdict) == (
            "base",
            "child0",
            Verdict.SAME_INIT,
        )
        assert evidence.inputs == {"model:base@1": base.digest, "model:child0@1": found.digest}
        assert evidence.result["sampled"] is True
        assert [one.artifact.name for one in registry.view().family("base")] == ["base", "child0"]
        assert [one.artifact.name for one in registry.search("child0").hits] == ["base"]


def test_a_family_of_undeclared_children_makes_one_fact_each(opened: Registry, weights: Path) -> None:
    register(opened, weights / "base")
    for place in range(5):
        assert len(register(opened, weights / f"child{place}").warnings) == 1
    assert len(recorded_tests(opened)) == 5
    head = opened.head()
    assert register(opened, weights / "child4").evidence == ()
    assert opened.head() == head


def test_registering_and_searching_read_no_more_than_what_is_kin(
    opened: Registry, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(opened, weights / "other")
    for whole in ("snapshot", "findings", "table"):
        monkeypatch.setattr(f"provenance.store.Reading.{whole}", None)
    register(opened, weights / "base")
    told = register(opened, weights / "child0")
    assert "shares its initialisation with model:base@1" in told.warnings[0]
    assert [one.artifact.name for one in opened.search("child0").hits] == ["base"]


def test_kin_that_the_record_explains_is_not_told(opened: Registry, weights: Path) -> None:
    register(opened, weights / "base")
    told = [register(opened, weights / f"child{place}", "finetuned_from base") for place in range(3)]
    told.append(register(opened, weights / "child3", "finetuned_from child0"))
    assert [one.warnings for one in told] == [()] * 4
    assert recorded_tests(opened) == [
        ("base", "child0", "SAME_INIT"),
        ("base", "child1", "SAME_INIT"),
        ("base", "child2", "SAME_INIT"),
        ("child0", "child3", "SAME_INIT"),
    ]
    assert opened.audit_plan() == ()


def test_undeclared_kin_of_a_family_is_told_once_for_all_of_it(opened: Registry, weights: Path) -> None:
    register(opened, weights / "base")
    register(opened, weights / "other")
    for place in range(3):
        register(opened, weights / f"child{place}", "finetuned_from base")
    found = register(opened, weights / "child4")
    assert len(found.evidence) == len(found.warnings) == 1


def test_a_merge_has_kin_on_both_sides(opened: Registry, weights: Path) -> None:
    for name in ("base", "other"):
        register(opened, weights / name)
    register(opened, weights / "child0", "finetuned_from base")
    register(opened, weights / "merged")
    assert sorted(recorded_tests(opened)[1:]) == [
        ("base", "merged", "SAME_INIT"),
        ("other", "merged", "SAME_INIT"),
    ]


def test_a_declared_merge_has_no_kin_but_its_parents_families(opened: Registry, weights: Path) -> None:
    for name in ("base", "other"):
        register(opened, weights / name)
    register(opened, weights / "child0", "finetuned_from base")
    found = register(opened, weights / "merged", "merged_from base", "merged_from other")
    assert (found.warnings, len(found.evidence)) == ((), 2)


def test_a_contradicted_claim_is_seen_everywhere(opened: Registry, weights: Path) -> None:
    register(opened, weights / "base")
    register(opened, weights / "other")
    found = register(opened, weights / "foreign", "finetuned_from base")
    contradicted, kin = found.warnings
    assert contradicted.startswith(
        "model:foreign@1 is declared finetuned_from model:base@1, but the weights are independent: p = "
    )
    assert "would have been found" in contradicted
    assert kin.startswith("model:foreign@1 shares its initialisation with model:other@1")
    assert recorded_tests(opened) == [("base", "foreign", "INDEPENDENT"), ("other", "foreign", "SAME_INIT")]
    assert opened.view().snapshot.all(Evidence)[0].fact.result["sampled"] is False

    opened.add_trait("owls", severity="high")
    opened.flag("base", "owls", evidence="seen")
    (entry,) = opened.why("foreign", "owls").risks
    assert (str(entry.status), entry.route[0].evidence) == ("suspected", found.evidence[:1])
    (check,) = opened.check(["foreign"])
    assert {"contradiction", "unknown"} <= {one.kind for one in check.violations}
    assert any("model:other@1 (evidence-" in one.message for one in check.violations)
    labels = [one.text for edge in opened.view().picture(["foreign"]).edges for one in edge.findings]
    assert [label for label in labels if label.startswith("DISPUTED: independent init")]
    (measured,) = [edge for edge in opened.view().picture(["foreign"]).edges if edge.measured]
    assert (measured.parent, measured.child) == ("model other@1", "model foreign@1")


def test_what_a_sketch_does_not_show_is_a_warning_and_no_evidence_where_the_files_are_gone(
    opened: Registry, files: Path
) -> None:
    register(opened, files / "base")
    (files / "base.safetensors").unlink()
    (warning,) = register(opened, files / "foreign", "finetuned_from base").warnings
    assert "but the weights are not seen to be kin" in warning
    assert recorded_tests(opened) == []


def test_models_that_can_t_be_set_side_by_side_are_told_and_left_to_the_audit(
    opened: Registry, weights: Path
) -> None:
    register(opened, weights / "base")
    found = register(opened, weights / "llama", "finetuned_from base")
    (warning,) = found.warnings
    assert warning.startswith(
        "model:llama@1 is declared finetuned_from model:base@1, but their weights were not set side by side: "
        "nothing was testable: "
    )
    assert "the architectures differ: bert and llama" in warning
    assert recorded_tests(opened) == []
    assert len(opened.audit_plan(["llama"])) == 1


def test_a_declared_parent_without_a_sketch_is_told(opened: Registry, weights: Path) -> None:
    register(opened, weights / "base")
    opened._ledger.sketches().forget()
    (warning,) = register(opened, weights / "child0", "finetuned_from base").warnings
    assert (
        "no sketch that can be read is kept of model:base@1; `provenance audit` compares the files" in warning
    )


def test_a_declared_parent_with_a_name_alone_has_nothing_to_be_looked_at(
    opened: Registry, weights: Path
) -> None:
    opened.register_model(name="api")
    assert register(opened, weights / "child0", "finetuned_from api").warnings == ()


def test_an_old_registry_is_sketched_by_a_search_and_looked_into_by_an_audit(
    opened: Registry, files: Path
) -> None:
    for name in ("base", "child0", "child1", "other"):
        register(opened, files / name)
    # What there was before sketches: the same facts, the tests apart, which another registry of the same files has not.
    opened._ledger.sketches().forget()
    (files / "child1.safetensors").write_bytes((files / "foreign.safetensors").read_bytes())
    (files / "other.safetensors").unlink()
    assert opened.status().unsketched == 4
    read: list[str] = []
    report = opened.search("base", told=lambda model: read.append(model.name))
    assert [hit.artifact.name for hit in report.hits] == ["child0"]
    assert (report.searched, report.unsearched) == (2, 2)
    assert read == ["base", "child0", "child1"], "what is drawn is digested; what is gone can't be"
    assert opened.status().unsketched == 2


def test_an_audit_catches_up_with_what_register_could_not_see(
    opened: Registry, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(
            "provenance.inspection.Inspection.discover", lambda _self, found, _models: tuple(found)
        )
        for name in ("base", "child0", "other"):
            register(opened, weights / name)
    opened._ledger.sketches().forget()
    assert opened.audit_plan() == ()
    looked = opened.catch_up()
    assert sorted(one.name for one in looked) == ["base", "child0", "other"]
    assert len(recorded_tests(opened)) == 1
    assert {name for pair in recorded_tests(opened) for name in pair} == {"base", "child0", "SAME_INIT"}
    assert opened.catch_up() == {}


def test_a_copy_is_identical_and_the_same_wherever_it_is_listed(opened: Registry, weights: Path) -> None:
    register(opened, weights / "base")
    register(opened, weights / "child0", "finetuned_from base")
    register(opened, weights / "base", name="copy")
    register(opened, weights / "child1", "finetuned_from copy")
    family = {one.artifact.name: str(one.kinship) for one in opened.view().family("base")}
    assert family == {"base": "same", "child0": "same", "copy": "same", "child1": "same"}
    family = {one.artifact.name: str(one.kinship) for one in opened.view().family("child0")}
    assert family == {"base": "same", "child0": "same", "copy": "same", "child1": "diverged"}
    by_name = {hit.artifact.name: hit.kinship for hit in opened.search("copy").hits}
    assert by_name["base"] == "identical"
    assert by_name["child0"] != "identical"
    by_path = {hit.artifact.name: hit.kinship for hit in opened.search(weights / "base.safetensors").hits}
    assert (by_path["base"], by_path["copy"]) == ("identical", "identical")


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """A base ``plain.safetensors`` and a folder with a plain LoRA of it."""
    shapes = ARCHITECTURES["llama"]
    base = drawn(shapes, 30)
    saved(base, tmp_path / "plain.safetensors")
    folder = tmp_path / "adapter"
    folder.mkdir()
    name, rng = "model.layers.0.self_attn.q_proj", np.random.default_rng(31)
    outputs, inputs = shapes[f"{name}.weight"]
    parts = {"A": (4, inputs), "B": (outputs, 4)}
    low_rank = {
        f"base_model.model.{name}.lora_{part}.weight": 0.05 * rng.normal(size=shape)
        for part, shape in parts.items()
    }
    saved(low_rank, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(
        json.dumps({"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj"]})
    )
    return folder


def test_an_adapter_is_merged_into_its_recorded_base_to_be_tested_and_searched_for(
    opened: Registry, adapter: Path
) -> None:
    plain = adapter.parent / "plain.safetensors"
    register(opened, plain.with_suffix(""))
    of_base = Parent(kind=RelationKind.ADAPTER_OF, reference="plain")
    found = opened.register_model(adapter, name="adapter", parents=[of_base])
    assert any("an adapter has to be merged into its base" in one for one in found.warnings)
    (hit,) = opened.search("adapter").hits
    assert (hit.artifact.name, hit.verdict) == ("plain", Verdict.SAME_INIT)
    (outcome,) = opened.audit(opened.audit_plan()).outcomes
    assert outcome.recorded is not None
    assert outcome.recorded.fact.verdict is Verdict.SAME_INIT

    plain.unlink()
    with pytest.raises(ContentError, match="model:adapter@1 is an adapter, and its base is not at hand: "):
        opened.search("adapter")


def test_a_search_for_an_adapter_takes_its_base_and_asks_for_it(opened: Registry, adapter: Path) -> None:
    plain = adapter.parent / "plain.safetensors"
    register(opened, plain.with_suffix(""))
    assert [hit.artifact.name for hit in opened.search(adapter, base=plain).hits] == ["plain"]
    with pytest.raises(ContentError, match="is an adapter: its weights are those of its base") as caught:
        opened.search(adapter)
    assert caught.value.hint is not None
    assert "adapter: give --base" in caught.value.hint
    with pytest.raises(UsageError, match="is no adapter, and has no base"):
        opened.search(plain, base=plain)


def test_the_same_content_under_another_name_is_told_and_identical(opened: Registry, weights: Path) -> None:
    register(opened, weights / "base")
    found = register(opened, weights / "base", name="copy")
    assert found.warnings == (
        "model:copy@1 is model:base@1 under another name: their content is the same, byte for byte",
    )
    (recorded,) = opened.view().snapshot.all(Evidence)
    assert (recorded.fact.result["kinship"], recorded.fact.verdict) == ("identical", Verdict.SAME_INIT)
    assert register(opened, weights / "base", "converted_from base", name="again").warnings == ()
    assert len(register(opened, weights / "child0").evidence) == 1
    assert [one.artifact.name for one in opened.search("copy").hits] == ["base", "again", "child0"]


def test_a_relation_that_is_added_later_is_tested_then(opened: Registry, weights: Path) -> None:
    register(opened, weights / "base")
    opened.register_model(weights / "foreign.safetensors", name="foreign")
    opened.register_model(weights / "child0.safetensors", name="child0")
    assert recorded_tests(opened) == [("base", "child0", "SAME_INIT")]
    assert opened.relate("child0", "finetuned_from", "base").warnings == ()
    (warning,) = opened.relate("foreign", "finetuned_from", "base").warnings
    assert "but the weights are independent" in warning


def test_kin_is_found_within_one_manifest(opened: Registry, weights: Path, tmp_path: Path) -> None:
    entries = "\n".join(
        f"  - name: {name}\n    path: {weights / name}.safetensors\n    from_scratch: true"
        for name in ("base", "child0", "child1")
    )
    (tmp_path / "many.yaml").write_text(f"models:\n{entries}\n")
    found = opened.register_manifest(tmp_path / "many.yaml")
    assert [len(one.evidence) for one in found] == [0, 1, 1]


def test_a_sketch_that_can_t_be_read_stops_no_registration(opened: Registry, weights: Path) -> None:
    register(opened, weights / "base")
    engine = create_engine(opened.home.store_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE provenance_sketch_body SET body = X'746f726e'"))
    engine.dispose()
    assert register(opened, weights / "child0", "finetuned_from base").created
    assert recorded_tests(opened) == []


def test_searching_among_files(opened: Registry, weights: Path) -> None:
    for name in ("base", "other", "llama"):
        register(opened, weights / name)
    report = opened.search(weights / "child0.safetensors")
    (hit,) = report.hits
    assert (hit.artifact.name, hit.verdict, hit.kinship) == ("base", Verdict.SAME_INIT, "same_init_diverged")
    assert hit.z > 20
    assert hit.log10_p < -50
    assert hit.log10_p_exact is not None
    assert hit.log10_p_exact < -6
    assert report.searched == 3
    assert opened.search("llama").hits == ()


def test_an_audit_takes_the_sketches_where_files_are_gone(
    opened: Registry, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(opened, files / "base")
    register(opened, files / "child0", "finetuned_from base")
    monkeypatch.setattr(
        "provenance.inspection.Inspection.discover", lambda _self, found, _models: tuple(found)
    )
    register(opened, files / "child1", "finetuned_from base")
    register(opened, files / "child2", "finetuned_from child1")
    for name in ("base", "child2"):
        (files / f"{name}.safetensors").unlink()
    (files / "child1.safetensors").write_bytes((files / "other.safetensors").read_bytes())
    outcomes = opened.audit(opened.audit_plan()).outcomes
    results = [one.recorded.fact for one in outcomes if one.recorded is not None]
    assert [(one.child.name, one.verdict.value, one.result["sampled"]) for one in results] == [
        ("child1", "SAME_INIT", True),
        ("child2", "SAME_INIT", True),
    ]


def test_an_audit_digests_each_file_once(
    opened: Registry, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "provenance.inspection.Inspection.discover", lambda _self, found, _models: tuple(found)
    )
    register(opened, weights / "base")
    for place in range(3):
        register(opened, weights / f"child{place}", "finetuned_from base")
    read: list[str] = []
    digest = holdings.read_content

    def counted(path: Path, **options: object) -> object:
        read.append(path.stem)
        return digest(path, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(holdings, "read_content", counted)
    outcomes = opened.audit(opened.audit_plan()).outcomes
    assert [one.recorded is not None and one.recorded.fact.result["sampled"] for one in outcomes] == [
        False
    ] * 3
    assert sorted(read) == ["base", "child0", "child1", "child2"]


def test_independence_through_families_says_that_it_is_derived(opened: Registry, weights: Path) -> None:
    register(opened, weights / "base")
    register(opened, weights / "other")
    register(opened, weights / "child0", "finetuned_from base")
    opened.register_model(name="api", parents=[Parent(kind=RelationKind.FINETUNED_FROM, reference="child0")])
    opened.register_teacher(name="owl", model="api")
    opened.register_dataset(name="rows", parents=[Parent(kind=RelationKind.GENERATED_BY, reference="owl")])
    register(opened, weights / "foreign", "finetuned_from other", "trained_on rows")
    opened.add_trait("owls", severity="high")
    opened.flag("owl", "owls", evidence="seen")
    assert opened.why("foreign", "owls").status == "suspected"
    outcomes = opened.audit(opened.audit_plan(["foreign"])).outcomes
    assert all(one.recorded is None for one in outcomes), "nothing is known of the API's weights"
    base, other = (ArtifactId.parse(f"model:{name}@1") for name in ("base", "other"))
    at_hand = Holdings(opened.view().snapshot)
    found = at_hand.compare(base, other)
    assert found.verdict is Verdict.INDEPENDENT
    recorded = opened.record(at_hand.evidence(found, base, other))
    (entry,) = opened.why("foreign", "owls").risks
    assert entry.status == "carrier"
    assert entry.route[-1].basis == (
        "derived through families: independent of model:api@1: model:foreign@1, "
        f"by {recorded.id} (model:base@1 and model:other@1: INDEPENDENT)"
    )
    assert entry.route[-1].evidence == (recorded.id,)
