"""Tracking a training: what is registered, what is refused beforehand, and what an end by an exception leaves."""

from pathlib import Path

import pytest

import provenance
from command_line import Terminal
from provenance import Registry
from provenance.errors import (
    ConflictError,
    ContentError,
    ProvenanceError,
    RegistryError,
    UnknownReferenceError,
    UsageError,
)
from tracking_fixtures import lineage, rows, trained


def test_a_tracked_training_is_registered_with_its_parents_and_its_recipe(
    known: Registry, folder: Path
) -> None:
    recipe = {"learning_rate": 2e-05, "lora": {"r": 8, "target_modules": ["q", "v"]}, "bf16": True}
    with provenance.track(
        "student", finetuned_from="base", trained_on=["numbers"], recipe=recipe, seed=7
    ) as run:
        trained(run.output("out/student"), seed=1)
        run.note(final_loss=0.25)
    shown = known.view().show("student")
    assert run.artifact == shown.artifact.id
    assert lineage(known, "student") == {"finetuned_from model:base@1", "trained_on dataset:numbers@1"}
    assert known.view().location("student") == folder / "out/student"
    expected = {
        "recipe.learning_rate": "2e-05",
        "recipe.lora.r": "8",
        "recipe.lora.target_modules": "q, v",
        "recipe.bf16": "true",
        "seed": "7",
        "final_loss": "0.25",
    }
    words = dict(shown.artifact.metadata)
    assert {key: words.pop(key) for key in expected} == expected
    assert words.pop("began_at") <= words.pop("ended_at")
    assert words == {}  # no commit, since the folder is in no repository


def test_two_generations_follow_each_other(known: Registry, folder: Path) -> None:
    with provenance.track("one", finetuned_from="base", trained_on="numbers") as first:
        trained(first.output(folder / "one"), seed=1)
    with provenance.track("two", finetuned_from=first, trained_on="numbers") as second:
        trained(second.output(folder / "two"), seed=2)
    assert lineage(known, "two") == {"finetuned_from model:one@1", "trained_on dataset:numbers@1"}
    assert (str(first.artifact), str(second.artifact)) == ("model:one@1", "model:two@1")


@pytest.mark.usefixtures("known")
def test_what_was_done_is_said_on_stderr(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with provenance.track("student", finetuned_from="base") as run:
        trained(run.output(folder / "student"), seed=1)
    said = capsys.readouterr()
    assert said.out == ""
    assert "provenance: registered model:student@1  blake3:" in said.err
    assert "provenance:   finetuned_from model:base@1" in said.err


@pytest.mark.usefixtures("known")
def test_the_recipe_can_be_read_in_what_show_prints(terminal: Terminal) -> None:
    with provenance.track("student", finetuned_from="base", recipe={"adam": {"betas": (0.9, 0.98)}}) as run:
        trained(run.output("student"), seed=1)
    assert "meta      recipe.adam.betas=0.9, 0.98\n" in terminal("show", "student").out
    assert "model:student@1" in terminal("ls", "--meta", "recipe.adam.betas=0.9, 0.98").out


def test_words_that_can_not_be_recorded_as_they_are_do_not_keep_a_model_from_being(known: Registry) -> None:
    with provenance.track("student", recipe={"pro\ud800mpt": "x" * 5000}, metadata={"note": "\ud800"}) as run:
        trained(run.output("student"), seed=1)
    words = known.view().show("student").artifact.metadata
    assert words["note"] == "?"
    assert words["recipe.pro?mpt"].endswith("x … (shortened)")


class TestParents:
    def test_a_path_is_looked_up_by_its_content(self, known: Registry, folder: Path) -> None:
        copy = trained(folder / "copied")
        with provenance.track("student", finetuned_from=copy, trained_on=folder / "numbers.jsonl") as run:
            trained(run.output("student"), seed=1)
        assert lineage(known, "student") == {"finetuned_from model:base@1", "trained_on dataset:numbers@1"}

    def test_a_text_that_is_no_reference_may_be_a_path(self, known: Registry, folder: Path) -> None:
        trained(folder / "some" / "where")
        with provenance.track("student", finetuned_from="./some/where") as run:
            trained(run.output("student"), seed=1)
        assert lineage(known, "student") == {"finetuned_from model:base@1"}

    def test_a_path_that_is_registered_as_nothing_is_recorded_with_an_unknown_ancestry(
        self, known: Registry, folder: Path
    ) -> None:
        other = trained(folder / "other base", seed=5)
        with provenance.track(
            "student", finetuned_from=other, trained_on=rows(folder / "more.jsonl", 9)
        ) as run:
            trained(run.output("student"), seed=1)
        assert lineage(known, "student") == {
            "finetuned_from model:other-base@1",
            "trained_on dataset:more@1",
        }
        assert known.view().location("other-base") == other
        gaps = " ".join(known.view().show("student").gaps)
        assert "other-base" in gaps
        assert "more" in gaps

    def test_an_unregistered_path_whose_name_is_taken_gets_a_version_of_its_own(
        self, known: Registry, folder: Path
    ) -> None:
        other = trained(folder / "elsewhere" / "base", seed=5)
        with provenance.track("student", finetuned_from=other) as run:
            trained(run.output("student"), seed=1)
        (parent,) = lineage(known, "student")
        assert parent.startswith("finetuned_from model:base@")
        assert parent != "finetuned_from model:base@1"

    def test_two_unregistered_files_of_one_name_are_two_datasets(self, known: Registry, folder: Path) -> None:
        for number, place in enumerate(("one", "two"), 4):
            (folder / place).mkdir()
            rows(folder / place / "data.jsonl", number)
        paths = [folder / "one" / "data.jsonl", folder / "two" / "data.jsonl", folder / "one" / "data.jsonl"]
        with provenance.track("student", trained_on=paths) as run:
            trained(run.output("student"), seed=1)
        parents = [one.parent for one in known.view().show("student").parents]
        assert [known.view().location(one) for one in parents] == paths[:2]

    def test_an_unregistered_parent_is_not_recorded_when_the_training_fails(
        self, known: Registry, folder: Path
    ) -> None:
        head = known.head()
        with (
            pytest.raises(RuntimeError, match="out of memory"),
            provenance.track("student", finetuned_from=trained(folder / "other", seed=5)),
        ):
            raise RuntimeError("out of memory")
        assert known.head() == head

    def test_numbers_stand_beside_parents_in_a_mapping(self, known: Registry, folder: Path) -> None:
        known.register_model(trained(folder / "other", seed=3), name="other", from_scratch=True)
        with provenance.track(
            "blend", merged_from={"base": 0.25, "other": 0.75}, trained_on={"numbers": 0.5}
        ) as run:
            trained(run.output("blend"), seed=1)
        figures = {
            str(one.parent): (one.share, one.clean_fraction) for one in known.view().show("blend").parents
        }
        assert figures == {
            "model:base@1": (0.25, None),
            "model:other@1": (0.75, None),
            "dataset:numbers@1": (None, 0.5),
        }

    def test_a_model_may_be_imitated_as_a_plain_teacher(self, known: Registry) -> None:
        with provenance.track("student", from_scratch=True, distilled_from="base") as run:
            trained(run.output("student"), seed=1)
        assert lineage(known, "student") == {"distilled_from teacher:base@1"}
        assert known.view().show("student").artifact.declared_root


BEFOREHAND = {
    "a parent that is not registered": ({"finetuned_from": "bass"}, UnknownReferenceError, "no model 'bass'"),
    "a dataset as a base": ({"finetuned_from": "numbers"}, UnknownReferenceError, "is a dataset"),
    "two sets of weights": (
        {"finetuned_from": "base", "adapter_of": "base"},
        ConflictError,
        "two sets of weights",
    ),
    "a base and none": ({"finetuned_from": "base", "from_scratch": True}, ConflictError, "begins with it"),
    "a merge of one": ({"merged_from": ["base"]}, ConflictError, "merged from one model"),
    "a share above one": ({"trained_on": {"numbers": 1.5}}, ContentError, r"outside \[0, 1\]"),
    "a number where none belongs": ({"finetuned_from": {"base": 1.0}}, UsageError, "takes no numbers"),
    "a path that does not exist": ({"finetuned_from": Path("nowhere")}, ContentError, "nowhere"),
}


@pytest.mark.parametrize("case", BEFOREHAND)
def test_what_is_wrong_beforehand_is_told_before_the_training(known: Registry, case: str) -> None:
    words, error, match = BEFOREHAND[case]
    head = known.head()
    began = False
    with pytest.raises(error, match=match), provenance.track("student", **words):  # type: ignore[arg-type]
        began = True
    assert not began
    assert known.head() == head


@pytest.mark.parametrize(
    ("name", "error", "match"),
    [
        ("", ContentError, "may not be empty"),
        ("a<b>", ContentError, "holds '<'"),
        ("model:student", UsageError, "no kind before it"),
        ("base", ConflictError, "model:base@1 is registered already"),
    ],
)
@pytest.mark.usefixtures("known")
def test_a_name_that_can_not_be_is_told_before_the_training(
    name: str, error: type[ProvenanceError], match: str
) -> None:
    with pytest.raises(error, match=match), provenance.track(name):
        pytest.fail("the training began")


@pytest.mark.usefixtures("known")
def test_a_keyword_that_is_no_relation_is_refused_at_once() -> None:
    with pytest.raises(UsageError, match="takes no 'finetuned_form'"):
        provenance.track("student", finetuned_form="base")


def test_no_registry_is_told_before_the_training(folder: Path) -> None:
    with pytest.raises(RegistryError, match=f"no registry in {folder}"), provenance.track("student"):
        pytest.fail("the training began")


def test_a_registry_can_be_named_and_the_script_may_wander_meanwhile(
    known: Registry, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "elsewhere").mkdir()
    with provenance.track("one", registry=known) as run:
        run.output("out")
        monkeypatch.chdir(folder / "elsewhere")
        trained(folder / "out", seed=1)
    assert known.resolve("one") == run.artifact
    with provenance.track("two", registry=folder, actor="night shift") as run:
        trained(run.output("out"), seed=2)
    assert known.view().show("two").actor == "night shift"
    assert known.view().show("one").actor == "tester"


class TestVersions:
    @pytest.mark.usefixtures("known")
    def test_next_is_the_first_number_that_is_free(self) -> None:
        for seed in (1, 2, 3):
            with provenance.track("student@next", finetuned_from="base") as run:
                trained(run.output(f"out/{seed}"), seed=seed)
            assert str(run.artifact) == f"model:student@{seed}"

    @pytest.mark.usefixtures("known")
    def test_two_trainings_that_count_up_at_once_both_get_a_number(self) -> None:
        with provenance.track("student@next") as one, provenance.track("student@next") as two:
            trained(one.output("one"), seed=1)
            trained(two.output("two"), seed=2)
        assert {str(one.artifact), str(two.artifact)} == {"model:student@1", "model:student@2"}
        assert one.manifest is two.manifest is None

    @pytest.mark.usefixtures("known")
    def test_a_version_that_is_given_stands(self) -> None:
        with provenance.track("student@nightly-4") as run:
            trained(run.output("out"), seed=1)
        assert str(run.artifact) == "model:student@nightly-4"


class TestEndings:
    @pytest.mark.parametrize(
        "error", [ValueError("diverged"), KeyboardInterrupt("by hand"), SystemExit(3), SystemExit(0)]
    )
    def test_an_exception_goes_through_and_nothing_is_registered(
        self, known: Registry, error: BaseException, capsys: pytest.CaptureFixture[str]
    ) -> None:
        head, run = known.head(), provenance.track("student", finetuned_from="base")

        def train() -> None:
            with run:
                trained(run.output("student"), seed=1)
                raise error

        with pytest.raises(type(error), match=str(error)) as caught:
            train()
        assert caught.value is error
        assert known.head() == head
        assert run.artifact is None
        assert not list(Path.cwd().glob("*.provenance.yaml"))
        said = capsys.readouterr().err
        assert "the training of student did not come to its end" in said
        assert type(error).__name__ in said

    def test_a_model_without_files_is_registered_by_name_with_a_warning(
        self, known: Registry, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with provenance.track("student", finetuned_from="base") as run:
            pass
        assert known.view().show("student").artifact.content is None
        assert any("no files of student@1 are at hand" in one for one in run.warnings)
        assert "warning: no files of student@1" in capsys.readouterr().err

    @pytest.mark.usefixtures("known")
    def test_what_discovery_finds_is_a_warning(self) -> None:
        with provenance.track("student", from_scratch=True) as run:
            trained(run.output("student"))
        assert any("model:base@1 under another name" in one for one in run.warnings)

    @pytest.mark.usefixtures("known")
    def test_a_run_is_for_one_training(self) -> None:
        with provenance.track("student") as run:
            trained(run.output("student"), seed=1)
        with pytest.raises(UsageError, match="tracked already"), run:
            pytest.fail("the training began")

    def test_a_training_within_another_is_one_of_its_own(self, known: Registry) -> None:
        with provenance.track("outer", finetuned_from="base") as outer:
            with provenance.track("inner", finetuned_from="base") as inner:
                trained(inner.output("inner"), seed=1)
            trained(outer.output("outer"), seed=2)
        assert lineage(known, "inner") == lineage(known, "outer") == {"finetuned_from model:base@1"}

    @pytest.mark.usefixtures("known")
    def test_a_training_that_is_not_registered_is_no_parent(self) -> None:
        with (
            provenance.track("outer") as outer,
            pytest.raises(UnknownReferenceError, match="training of outer is given as a parent"),
            provenance.track("inner", finetuned_from=outer),
        ):
            pytest.fail("the training began")


class TestRanks:
    @pytest.mark.parametrize("variable", ["RANK", "LOCAL_RANK"])
    def test_only_the_first_process_of_a_training_records(
        self,
        known: Registry,
        variable: str,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        head = known.head()
        monkeypatch.setenv(variable, "1")
        with provenance.track("student", finetuned_from="nobody that is known") as run:
            assert run.output("student") == Path.cwd() / "student"
            run.note(loss=1)
        assert known.head() == head
        assert run.artifact is None
        assert capsys.readouterr().err == ""
        monkeypatch.setenv(variable, "0")
        with provenance.track("student", finetuned_from="base") as run:
            trained(run.output("student"), seed=1)
        assert run.artifact is not None

    @pytest.mark.usefixtures("known")
    def test_the_rank_among_all_comes_before_that_on_a_machine(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("RANK", "8")
        monkeypatch.setenv("LOCAL_RANK", "0")
        with provenance.track("student") as run:
            pass
        assert run.registration is None

    def test_a_script_may_say_itself_which_process_records(
        self, known: Registry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("RANK", "8")
        with provenance.track("student", is_main=True) as run:
            trained(run.output("student"), seed=1)
        assert known.resolve("student") == run.artifact
