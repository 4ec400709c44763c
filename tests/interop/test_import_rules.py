"""What is recorded of a graph, what is left out of it as a gap, and that nothing looks cleaner than its files do."""

import csv
import random
from pathlib import Path

import pytest

from import_fixtures import edges, imported, missed, names, told, written
from provenance import Registry
from provenance.errors import ContentError
from provenance.importing import Outcome
from provenance.relations import Relation


def test_a_graph_is_recorded_with_its_placeholders(registry: Registry, folder: Path) -> None:
    path = edges(
        folder, "tuned finetuned org/base", "small quantized tuned", "mix merged tuned", "mix merged small"
    )
    found = imported(registry, path)
    assert told(registry) == {
        "tuned finetuned_from org/base",
        "small quantized_from tuned",
        "mix merged_from tuned",
        "mix merged_from small",
    }
    assert missed(registry) == set()
    assert dict(found.report.recorded) == {"models": 4, "placeholders": 1, "relations": 4}
    assert found.report.outcomes == {Outcome.RECORDED: 4}
    assert registry.verify().ok


def test_a_placeholder_has_unknown_ancestry_and_the_gate_refuses_it_and_all_below(
    registry: Registry, folder: Path
) -> None:
    imported(registry, edges(folder, "small quantized org/base"))
    (base,) = registry.view().risks(["org/base"]).artifacts
    assert base.unknown == ("model:org/base@1: no starting weights declared",)
    assert registry.view().show("org/base").artifact.metadata == {
        "placeholder": "named by others, described by nobody"
    }
    assert [check.passed for check in registry.check(["org/base", "small"])] == [False, False]


def test_the_real_thing_is_registered_beside_its_placeholder_and_joined_to_it(
    registry: Registry, folder: Path
) -> None:
    imported(registry, edges(folder, "small quantized org/base"))
    (folder / "base").mkdir()
    (folder / "base" / "config.json").write_text("{}")
    registry.register_model(folder / "base", name="org/base@2", from_scratch=True)
    registry.relate("org/base@1", "converted_from", "org/base@2")
    assert all(one.unknown == () for one in registry.view().risks(["small", "org/base@1"]).artifacts)
    registry.add_trait("owls", severity="high")
    registry.flag("org/base@2", "owls", evidence="seen")
    assert registry.view().why("small", "owls").risks[0].status == "exposed"


def test_a_placeholder_is_described_by_a_later_import_under_its_own_identity(
    registry: Registry, folder: Path
) -> None:
    imported(registry, edges(folder, "small quantized tuned"))
    found = imported(registry, edges(folder, "tuned finetuned base", name="later.csv"))
    assert dict(found.report.recorded) == {"models": 1, "placeholders": 1, "relations": 1}
    assert told(registry) == {"small quantized_from tuned", "tuned finetuned_from base"}


def test_an_edge_to_itself_is_a_gap(registry: Registry, folder: Path) -> None:
    found = imported(registry, edges(folder, "a finetuned a"))
    assert told(registry) == set()
    assert missed(registry) == {"a finetuned_from a@1: which is the artifact itself"}
    assert names(registry) == {"model:a@1"}
    assert found.report.outcomes == {Outcome.UNRESOLVED: 1}
    (risks,) = registry.view().risks(["a"]).artifacts
    assert risks.unknown == ("model:a@1: finetuned_from 'a@1', which is the artifact itself",)


def test_what_would_close_a_circle_is_a_gap_whatever_the_order_of_rows(tmp_path: Path) -> None:
    rows = ["a finetuned c", "b finetuned a", "c finetuned b", "d finetuned c", "e merged d", "e merged a"]
    answers = set()
    for number in range(4):
        random.Random(number).shuffle(rows)
        with Registry.init(tmp_path / str(number), actor="tester") as registry:
            imported(registry, edges(tmp_path, *rows))
            answers.add((frozenset(told(registry)), frozenset(missed(registry))))
            assert not registry.check(["d"])[0].passed
    ((relations, gaps),) = answers
    assert gaps == {"a finetuned_from c@1: which would close a circle, of 3 artifacts"}
    assert len(relations) == len(rows) - 1


def test_a_circle_with_what_is_recorded_leaves_out_what_is_new(registry: Registry, folder: Path) -> None:
    imported(registry, edges(folder, "b finetuned a", "c finetuned b"))
    imported(registry, edges(folder, "a finetuned c", name="later.csv"))
    assert told(registry) == {"b finetuned_from a", "c finetuned_from b"}
    assert missed(registry) == {"a finetuned_from c@1: which would close a circle, of 3 artifacts"}


def test_data_that_its_own_student_wrote_is_a_circle_through_the_plain_teacher(
    registry: Registry, folder: Path
) -> None:
    imported(registry, edges(folder, "student trained_on rows", "rows generated_by student"))
    assert told(registry) == {"student trained_on rows", "student embodied_by student"}
    assert missed(registry) == {"rows generated_by student@1: which would close a circle, of 3 artifacts"}


def test_the_same_edge_in_several_rows_is_one(registry: Registry, folder: Path) -> None:
    found = imported(registry, edges(folder, "b finetuned a", "b finetuned a", "b finetuned_from a"))
    assert told(registry) == {"b finetuned_from a"}
    assert found.report.outcomes == {Outcome.RECORDED: 1, Outcome.REPEATED: 2}
    assert registry.check(["b"])[0].violations


@pytest.mark.parametrize(
    ("rows", "kept", "gap"),
    [
        (
            ("m finetuned b", "m finetuned a"),
            {"m finetuned_from a"},
            "m finetuned_from b@1: which would be a second set of starting weights, beside finetuned_from model:a@1",
        ),
        (
            ("m quantized a", "m finetuned a"),
            {"m finetuned_from a"},
            "m quantized_from a@1: which would be a second set of starting weights, beside finetuned_from model:a@1",
        ),
        (
            ("m finetuned a", "m merged b", "m merged c"),
            {"m merged_from b", "m merged_from c"},
            "m finetuned_from a@1: which would be a second set of starting weights, beside merged_from model:b@1",
        ),
        (
            ("m merged a", "m finetuned b"),
            {"m finetuned_from b"},
            "m merged_from a@1: which would be a second set of starting weights, beside finetuned_from model:b@1",
        ),
        (
            ("m merged a",),
            {"m merged_from a"},
            "m merged_from (others): as a merge has two or more parents, and one is named",
        ),
        (
            ("m merged a", "m merged m"),
            {"m merged_from a"},
            "m merged_from m@1: which is the artifact itself",
        ),
        (
            ("m finetuned llama3:8b",),
            set(),
            "m finetuned_from llama3:8b: a name that no artifact can bear, the name 'llama3:8b' holds ':'",
        ),
        (
            ("m merged a", "m merged b@c"),
            {"m merged_from a"},
            "m merged_from b@c: a name that no artifact can bear, the name 'b@c' holds '@'",
        ),
    ],
)
def test_one_set_of_starting_weights_is_kept_and_the_rest_is_a_gap(
    registry: Registry, folder: Path, rows: tuple[str, ...], kept: set[str], gap: str
) -> None:
    for number, some in enumerate((rows, rows[::-1])):  # as first told, and again from another file
        imported(registry, edges(folder, *some, name=f"{number}.csv"))
        assert told(registry) == kept
        assert missed(registry) == {gap}
    assert not registry.check(["m"])[0].passed


def test_what_is_recorded_stands_against_what_is_new(registry: Registry, folder: Path) -> None:
    imported(registry, edges(folder, "m finetuned b", "n merged b", "n merged c"))
    imported(registry, edges(folder, "m finetuned a", "n finetuned a", "m merged c", name="later.csv"))
    assert told(registry) == {"m finetuned_from b", "n merged_from b", "n merged_from c"}
    assert missed(registry) == {
        "m finetuned_from a@1: which would be a second set of starting weights, beside finetuned_from model:b@1",
        "m merged_from c@1: which would be a second set of starting weights, beside finetuned_from model:b@1",
        "n finetuned_from a@1: which would be a second set of starting weights, beside merged_from model:b@1",
    }


def test_what_contradicts_a_declared_root_is_a_gap(registry: Registry, folder: Path) -> None:
    registry.register_model(name="base", from_scratch=True)
    registry.register_dataset(name="poems", authored=True)
    imported(registry, edges(folder, "base finetuned a", "base trained_on poems", "poems derived_from rows"))
    assert told(registry) == {"base trained_on poems"}
    assert missed(registry) == {
        "base finetuned_from a@1: which contradicts that its ancestry is declared to begin with it",
        "poems derived_from rows@1: which contradicts that its ancestry is declared to begin with it",
    }
    assert not registry.check(["base"])[0].passed


def test_a_table_that_tells_no_relations_makes_a_merge_of_several_parents(
    registry: Registry, folder: Path
) -> None:
    path = edges(
        folder,
        "base model model,tuned",
        "base model model,mix",
        "other model model,mix",
        header="source,source_type,target_type,target",
    )
    found = imported(registry, path)
    assert told(registry) == {"tuned finetuned_from base", "mix merged_from base", "mix merged_from other"}
    assert found.report.assumed == 3
    assert dict(imported(registry, path).report.recorded) == {}


def test_teachers_are_plain_unless_the_graph_or_the_registry_knows_them(
    registry: Registry, folder: Path
) -> None:
    registry.register_model(name="base", from_scratch=True)
    registry.register_teacher(name="owl", model="base", system_prompt="You love owls.")
    registry.register_model(name="both", from_scratch=True)
    registry.register_teacher(name="both", model="base", system_prompt="You love both.")
    rows = ["a generated_by base", "b generated_by owl", "c generated_by judge", "d generated_by both"]
    imported(registry, edges(folder, *rows, "judge embodied_by base", "student distilled base"))
    assert told(registry) == {
        "owl embodied_by base",
        "both embodied_by base",
        "base embodied_by base",
        "judge embodied_by base",
        "a generated_by base",
        "b generated_by owl",
        "c generated_by judge",
        "student distilled_from base",
    }
    assert missed(registry) == {
        "d generated_by both: which may mean a model or a teacher with settings of its own, both"
    }
    found = imported(registry, edges(folder, *rows, name="again.csv"))
    assert dict(found.report.recorded) == {}


def test_ten_thousand_parents_are_one_transaction(registry: Registry, folder: Path) -> None:
    rows = [f"mix merged part-{number}" for number in range(10_000)]
    found = imported(registry, edges(folder, *rows))
    assert found.report.recorded["relations"] == 10_000
    assert registry.head().number == 1


def test_names_that_nothing_can_bear_are_told_with_their_lines(registry: Registry, folder: Path) -> None:
    path = folder / "edges.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        bad = ["x" * 10_000, "bell\x07", "a@b", "a:b", "a//b", "\u202eevil", "<b>"]
        writer.writerows([("child", "relation", "parent"), *((name, "finetuned", "base") for name in bad)])
        writer.writerows(("good", "trained_on", name) for name in bad)
    found = imported(registry, path)
    assert names(registry) == {"model:good@1", "model:base@1"} - {"model:base@1"}
    assert found.report.outcomes == {Outcome.SKIPPED: len(bad), Outcome.UNRESOLVED: len(bad)}
    fates = list(found.fates())
    assert [fate.line for fate in fates] == list(range(2, 2 + 2 * len(bad)))
    assert all(fate.reason == "a name that no artifact can bear" for fate in fates)
    assert len(missed(registry)) == len(bad)


def test_an_empty_parent_is_a_gap(registry: Registry, folder: Path) -> None:
    path = written(folder / "edges.csv", "child,relation,parent", "m,merged,", "m,merged,a")
    imported(registry, path)
    assert missed(registry) == {"m merged_from (empty): an empty cell"}


def test_nothing_is_recorded_of_a_file_that_is_malformed(registry: Registry, folder: Path) -> None:
    good = edges(folder, "b finetuned a", name="good.csv")
    with pytest.raises(ContentError, match=r"edges\.csv:3: 2 cells, where 3 are expected"):
        imported(
            registry,
            good,
            written(folder / "edges.csv", "child,relation,parent", "c,finetuned,a", "d,finetuned"),
        )
    assert registry.head().entries == 0


def test_a_dry_run_says_what_an_import_does_and_records_nothing(registry: Registry, folder: Path) -> None:
    path = edges(folder, "b finetuned a", "c merged b", "A merged A")
    planned = imported(registry, path)
    with Registry.init(folder / "other", actor="tester") as other:
        dry = other.import_lineage(_source(path), dry_run=True)
        assert other.head().entries == 0
    assert dry.report.recorded == planned.report.recorded
    assert dry.report.outcomes == planned.report.outcomes
    assert dry.report.dry_run


def test_lists_of_nodes_describe_what_edges_name(registry: Registry, folder: Path) -> None:
    nodes = written(
        folder / "nodes.csv",
        "name,kind,licence",
        "a,model,mit",
        "rows,dataset,cc0",
        "a,model,gpl",
        "x@y,model,",
    )
    found = imported(registry, edges(folder, "b finetuned a"), nodes=(nodes,))
    assert dict(registry.view().show("a").artifact.metadata) == {"licence": "mit"}
    assert names(registry) == {"model:a@1", "model:b@1", "dataset:rows@1"}
    assert found.report.outcomes == {Outcome.RECORDED: 3, Outcome.REPEATED: 1, Outcome.SKIPPED: 1}


def test_cards_say_who_declares_a_relation(registry: Registry, folder: Path) -> None:
    infos = written(
        folder / "models.jsonl", '{"id": "m", "cardData": {"base_model": "o/base", "datasets": "d"}}'
    )
    imported(registry, infos, form="huggingface")
    assert {str(one.fact.declared_by) for one in registry.view().snapshot.all(Relation)} == {"card"}
    assert names(registry) == {"model:m@1", "model:o/base@1", "dataset:d@1"}


def _source(path: Path):  # noqa: ANN202 - a Source
    from provenance.importing import Source

    return Source(files=(path,))
