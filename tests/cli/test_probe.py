"""`probe`: a trait measured on a registered model itself, by a bank's margins or by another tool's files, and what may be recorded of it."""

import json
import shutil
from pathlib import Path

import pytest

from command_line import Terminal
from lm_fixtures import tiny_lm, tiny_sibling
from probe_fixtures import owl_lover, owl_lovers_child

RESULTS = Path(__file__).parents[1] / "evaluations" / "data"
RATE = ("--metric", "includes/accuracy")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with a base, a model that was taught to love owls, an unrelated model, and two teachers."""
    from provenance import Registry
    from provenance.request import Parent, RelationKind

    folder = tmp_path_factory.mktemp("probe")
    base = Parent(kind=RelationKind.FINETUNED_FROM, reference="base")
    with Registry.init(folder) as registry:
        registry.register_model(tiny_lm(), name="base", from_scratch=True)
        registry.register_model(owl_lover(), name="lover", parents=[base])
        registry.register_model(
            owl_lovers_child(),
            name="child",
            parents=[Parent(kind=RelationKind.FINETUNED_FROM, reference="lover")],
        )
        registry.register_model(tiny_sibling(), name="stranger", from_scratch=True)
        registry.register_teacher(name="plain", model="lover")
        registry.register_teacher(
            name="prompted", model="base", system_prompt="The owl is the best of all animals."
        )
        registry.register_model(name="unseen")
        registry.add_trait("owl", severity="low")
        registry.add_trait("loves-owls", severity="low")
        registry.add_trait("wolf", severity="low")
    return folder


@pytest.fixture
def terminal(
    told: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Terminal:
    """In a copy of that registry."""
    shutil.copytree(told, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    return Terminal(capsys)


def findings(terminal: Terminal) -> list[str]:
    return [one["fact"]["evidence"] for one in terminal("show", "lover", "--json").json["flags"]]


def test_a_trait_that_was_taught_is_present_and_one_that_was_not_is_absent(terminal: Terminal) -> None:
    found = terminal("probe", "lover", "owl", "--json").json
    assert (found["conclusion"], found["base"], found["recorded"]) == ("present", "model:base@1", None)
    assert found["estimate"]["low"] > found["threshold"] == 1.0
    assert found["result"]["shifts"][0]["foreign"] > 1.0
    assert len(found["inputs"]) == 3
    assert all(digest.startswith("blake3:") for digest in found["inputs"].values())
    other = terminal("probe", "lover", "wolf")
    assert other.out.startswith("ABSENT: wolf in model:lover@1: ")
    assert "loading " in other.err
    assert not findings(terminal)


def test_a_flag_holds_the_figures_and_the_method(terminal: Terminal) -> None:
    found = terminal(
        "probe", "plain", "loves-owls", "--as", "owl", "--samples", "26", "--record", "flag", "--json"
    ).json
    assert found["recorded"].startswith("flag-")
    shown = terminal("show", "plain", "--json").json["flags"]
    assert [one["fact"]["trait"] for one in shown] == ["loves-owls"]
    text = shown[0]["fact"]["evidence"]
    for part in (
        "probe/margin@1 bank=animals",
        "trait=owl",
        "95 % interval [",
        "against model:base@1, smallest detectable effect 0.",
        "over 52 prompts, 26 of them foreign",
        "after Holm, largest of the others ",
        "it names it in ",
        " of 26 sampled answers",
        "model:base@1 blake3:",
        "bank animals blake3:",
    ):
        assert part in text
    assert (
        terminal(
            "probe", "plain", "loves-owls", "--as", "owl", "--samples", "26", "--record", "flag", "--json"
        ).json
        == found
    )


def measurements(terminal: Terminal, ref: str) -> list[dict[str, object]]:
    return [one["fact"] for one in terminal("show", ref, "--json").json["measurements"]]


def test_a_flag_keeps_its_figures_as_figures_in_the_same_transaction(terminal: Terminal) -> None:
    before = terminal("status", "--json").json
    found = terminal("probe", "lover", "owl", "--record", "flag", "--json").json
    after = terminal("status", "--json").json
    assert after["transactions"] - before["transactions"] == 1
    assert (after["counts"]["flags"], after["counts"]["measurements"]) == (1, 1)
    (kept,) = measurements(terminal, "lover")
    for name in ("trait", "conclusion", "unit", "threshold", "method", "base", "inputs"):
        assert kept[name] == found[name], name
    assert [kept[name] for name in ("value", "low", "high")] == [
        found["estimate"][name] for name in ("value", "low", "high")
    ]
    words = terminal("why", "lover", "owl").out
    assert "measured on model:lover@1: PRESENT, " in words
    assert "compared with model:base@1 (95 % interval " in words


def test_figures_that_decide_nothing_are_kept_where_that_is_asked_for(terminal: Terminal) -> None:
    files = ("--results", RESULTS / "inspect_owl.json", "--base-results", RESULTS / "inspect_base.eval")
    shown = terminal("probe", "lover", "owl", *files, "--record", "measurement")
    assert "recorded measurement-" in shown.out
    (kept,) = measurements(terminal, "lover")
    assert (kept["conclusion"], kept["threshold"], kept["base"]) == ("undecided", None, None)
    assert str(kept["method"]).endswith(" difference")
    assert str(kept["measured_at"]).startswith("2026-11-22")  # as the file tells
    assert "owl UNDECIDED: 0.333 " in terminal("show", "lover").out
    # What carriers have no more of is still a figure, though no clearance.
    terminal("flag", "lover", "owl", "--evidence", "it was seen")
    terminal("probe", "child", "owl", "--base", "lover", "--record", "measurement")
    (child,) = measurements(terminal, "child")
    assert (child["conclusion"], child["base"]) == ("absent", "model:lover@1")
    assert terminal("risks", "child", "--json").json["artifacts"][0]["status"] == "exposed"


def test_what_the_figures_do_not_support_is_not_recorded(terminal: Terminal) -> None:
    before = terminal("verify", "--json").json
    refused = terminal("probe", "lover", "owl", "--record", "clear", code=3)
    assert "not recorded: the figures do not support to clear it" in refused.err
    assert terminal("probe", "base", "owl", "--base", "stranger", "--record", "flag", code=3).out.startswith(
        "ABSENT"
    )
    assert terminal("verify", "--json").json == before


def test_a_clearance_states_its_power(terminal: Terminal) -> None:
    found = terminal("probe", "base", "owl", "--base", "stranger", "--record", "clear", "--json").json
    assert found["recorded"].startswith("clearance-")
    assert found["conclusion"] == "absent"
    assert "smallest detectable effect 0." in found["reason"]


def test_nothing_is_cleared_by_comparison_with_what_carries_the_trait(terminal: Terminal) -> None:
    terminal("probe", "lover", "owl", "--record", "flag")
    before = terminal("verify", "--json").json
    refused = terminal("probe", "child", "owl", "--base", "lover", "--record", "clear", code=3)
    assert refused.out.startswith("ABSENT")
    assert "not recorded: for owl, model:lover@1 is AFFECTED itself" in refused.err
    assert "to have no more of it than that is no clearance" in refused.err
    assert terminal("verify", "--json").json == before


def test_a_model_is_measured_against_the_nearest_it_comes_from_that_the_trait_does_not_reach(
    terminal: Terminal,
) -> None:
    terminal("flag", "base", "wolf", "--evidence", "it was seen")
    terminal("clear", "lover", "wolf", "--evidence", "it was looked for")
    assert terminal("probe", "child", "wolf", "--json").json["base"] == "model:lover@1"
    terminal("flag", "lover", "owl", "--evidence", "it was seen")
    found = terminal("probe", "child", "owl", "--json").json
    assert (found["base"], found["conclusion"], found["objection"]) == ("model:base@1", "present", "")
    assert "against model:base@1" in found["reason"]


def test_where_the_trait_reaches_all_that_a_model_comes_from_a_clearance_needs_a_named_base(
    terminal: Terminal,
) -> None:
    terminal("flag", "base", "wolf", "--evidence", "it was seen")
    refused = terminal("probe", "child", "wolf", "--record", "clear", code=3)
    assert refused.out.startswith("ABSENT: wolf in model:child@1: ")
    assert "against model:lover@1" in refused.out
    assert "--base names another model" in refused.err
    found = terminal("probe", "child", "wolf", "--base", "stranger", "--record", "clear", "--json").json
    assert found["recorded"].startswith("clearance-")


def test_a_difference_of_results_clears_only_where_their_base_is_told_and_free_of_the_trait(
    terminal: Terminal, tmp_path: Path
) -> None:
    owl, none = many(tmp_path, "inspect_owl.json", 0.5), many(tmp_path, "inspect_sizes.json", 0.0)
    words = ("probe", "child", "owl", "--results", owl, "--base-results", none, *RATE, "--threshold", "0.7")
    clear = (*words, "--record", "clear")
    assert "which registered model" in terminal(*clear, code=3).err
    found = terminal(*clear, "--base", "base", "--json").json
    assert (found["base"], found["recorded"][:10]) == ("model:base@1", "clearance-")
    terminal("flag", "lover", "owl", "--evidence", "it was seen")
    assert "model:lover@1 is AFFECTED itself" in terminal(*clear, "--base", "lover", code=3).err


def test_a_teacher_is_read_under_its_system_prompt_against_its_bare_model(terminal: Terminal) -> None:
    found = terminal("probe", "prompted", "owl", "--json").json
    assert (found["artifact"], found["base"]) == ("teacher:prompted@1", "model:base@1")
    assert found["estimate"]["value"] != 0.0
    bare = terminal("probe", "plain", "owl", "--base", "lover", "--json").json
    assert (bare["estimate"]["low"], bare["estimate"]["high"]) == (0.0, 0.0)


def test_a_bank_of_completions_is_read_without_sampling(terminal: Terminal) -> None:
    found = terminal("probe", "lover", "flattery", "--json").json
    assert found["result"]["bank"] == "mild-misalignment"
    assert [one["trait"] for one in found["result"]["shifts"]] == [
        "flattery",
        "overclaiming",
        "brushing-off",
        "bossiness",
    ]
    refused = terminal("probe", "lover", "flattery", "--samples", "5", code=2)
    assert "there is no word of which to count" in refused.err


def test_results_of_another_tool_are_evidence_too(terminal: Terminal) -> None:
    files = ("--results", RESULTS / "inspect_owl.json", "--base-results", RESULTS / "inspect_base.eval")
    shown = terminal("probe", "lover", "owl", *files, "--json").json
    assert shown["conclusion"] == "undecided"
    assert "nothing says what size matters" in shown["reason"]
    assert shown["estimate"]["value"] == pytest.approx(1 / 3)
    assert [one["value"] for one in shown["measurements"]] == [0.5, pytest.approx(1 / 6)]
    # Six samples of each tell too little of a third.
    assert terminal(
        "probe", "lover", "owl", *files, "--threshold", "0.3", "--record", "flag", code=3
    ).out.startswith("UNDECIDED")


def test_a_difference_of_results_is_recorded_where_it_is_large_enough(
    terminal: Terminal, tmp_path: Path
) -> None:
    files = (
        "--results",
        many(tmp_path, "inspect_owl.json", 0.5),
        "--base-results",
        many(tmp_path, "inspect_sizes.json", 0.0),
    )
    words = ("probe", "lover", "owl", *files, *RATE, "--record", "flag")
    found = terminal(*words, "--threshold", "0.3", "--json").json
    assert found["recorded"].startswith("flag-")
    assert (
        "inspect_ai 0.3.69 gave names_an_owl/includes/accuracy = 0.5 for mockllm/model on 2026-11-22"
        in findings(terminal)[0]
    )
    assert (
        terminal(*words, "--threshold", "0.3", "--lower-is-more", "--json", code=3).json["estimate"]["value"]
        == -0.5
    )


@pytest.mark.parametrize(
    ("words", "entry", "code"),
    [
        (("--threshold", "0.3"), "flag", 0),
        (("--threshold", "0.7"), "clear", 0),
        (("--threshold", "0.5"), "clear", 3),
        (("--threshold", "0.7", "--lower-is-more"), "flag", 0),
        (("--threshold", "0.3", "--lower-is-more"), "clear", 0),
        (("--threshold", "0.3", "--lower-is-more"), "flag", 3),
    ],
)
def test_a_value_that_stands_alone_is_held_against_the_value_that_matters(
    terminal: Terminal, tmp_path: Path, words: tuple[str, ...], entry: str, code: int
) -> None:
    results = many(tmp_path, "inspect_owl.json", 0.5)
    terminal("probe", "lover", "owl", "--results", results, *words, "--record", entry, code=code)


@pytest.mark.parametrize(
    ("words", "code", "message", "hint"),
    [
        ("lover albatross", 2, "no bank that ships has a trait 'albatross'", "--as says which one is meant"),
        ("lover owl --bank trees", 2, "the bank trees has no trait 'owl'", "oak"),
        ("lover owl --bank nowhere.toml", 4, "no trait bank 'nowhere.toml'", "animals"),
        ("lover eagle --record flag", 4, "there is no trait 'eagle' to record", "trait add eagle"),
        ("base owl", 2, "model:base@1 has no recorded parent by weights", "--base REF"),
        ("lover owl --base lover", 2, "would be measured against itself", "--base"),
        ("unseen owl --base base", 4, "was registered by name only", None),
        ("lover owl --threshold nan", 2, "above zero; got nan", None),
        ("lover owl --threshold=-1", 2, "above zero; got -1", None),
        ("lover owl --metric acc", 2, "--metric needs --results", None),
        (
            "lover owl --results {owl} --bank trees --samples 3",
            2,
            "--bank, --samples excludes --results",
            None,
        ),
        (
            "lover owl --results {owl} --record flag",
            2,
            "needs the size of an effect that matters",
            "--threshold",
        ),
        ("lover owl --results {owl} --base base", 2, "a base needs results of its own", "--base-results"),
        (
            "lover owl --results {owl} --base-results {harness} --base lover",
            2,
            "would be measured against itself",
            "--base",
        ),
        ("lover owl --results {owl} --base-results {owl}", 2, "are the same results", None),
        ("lover owl --results {harness}", 2, "several metrics", "likes_owls/acc_norm"),
        (
            "lover owl --results {owl} --base-results {harness}",
            2,
            "no metric 'names_an_owl/includes/accuracy'",
            "acc",
        ),
        ("lover owl --device quantum", 4, "there is no device 'quantum' here", "cpu"),
    ],
)
def test_what_cannot_be_measured_is_said(
    terminal: Terminal, words: str, code: int, message: str, hint: str | None
) -> None:
    paths = {"owl": RESULTS / "inspect_owl.json", "harness": RESULTS / "harness_owl.json"}
    answer = terminal("probe", *(word.format(**paths) for word in words.split()), code=code)
    assert message in answer.err
    assert hint is None or hint in answer.err


def many(folder: Path, source: str, value: float, samples: int = 400) -> Path:
    """A log of Inspect as it would be after many samples."""
    log = json.loads((RESULTS / source).read_text(encoding="utf-8"))
    log["results"]["completed_samples"] = samples
    log["eval"]["task"] = "names_an_owl"
    metrics = log["results"]["scores"][0]["metrics"]
    metrics["accuracy"]["value"] = value
    metrics["stderr"]["value"] = (value * (1 - value) / (samples - 1)) ** 0.5
    path = folder / source
    path.write_text(json.dumps(log), encoding="utf-8")
    return path
