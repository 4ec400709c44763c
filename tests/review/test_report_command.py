"""`provenance report` and `provenance verify --report`, as a user types them."""

from pathlib import Path

import pytest

from command_line import Terminal
from provenance.errors import OutputError
from provenance_cli.output import whole_file
from review_fixtures import STORIES, told

_HEADLINE = (
    "model:student@1 MAY NOT SHIP: it may have inherited owls from teacher:owl-teacher@1 through dataset:numbers@1, "
    "and owls was measured PRESENT in it."
)


@pytest.fixture
def story(terminal: Terminal, folder: Path) -> Terminal:
    told(folder, STORIES["a measured transfer"]).close()
    return terminal


def test_a_report_goes_to_stdout_as_markdown_and_ends_with_0_whatever_the_gate_says(story: Terminal) -> None:
    answer = story("report", "student")
    assert answer.out.startswith(f"# {_HEADLINE}\n")
    story("check", "student", code=1)


@pytest.mark.parametrize("extension", ["html", "md", "json", "HTML"])
def test_a_report_is_written_in_the_form_of_its_extension_and_verified(
    extension: str, story: Terminal, folder: Path
) -> None:
    told_of = story("report", "student", "-o", f"review.{extension}").err
    assert told_of.splitlines()[-1] == f"wrote review.{extension}: {_HEADLINE}"
    answer = story("verify", "--report", f"review.{extension}")
    assert answer.out.splitlines()[0].startswith("verified: the report blake3:")
    assert "since then: 0 transactions" in answer.out
    assert [one.name for one in folder.glob(".*.part")] == []


def test_json_says_the_same_on_stdout(story: Terminal, folder: Path) -> None:
    answer = story("report", "student", "--json", "--as-of", "2026-12-01")
    assert answer.json["headline"] == _HEADLINE
    story("report", "student", "-o", "review.json", "--as-of", "2026-12-01")
    assert (folder / "review.json").read_text() == answer.out


def test_changes_are_told_since_a_date_and_since_a_report(story: Terminal) -> None:
    since = story("report", "student", "--since", "2026-02-15", "--json").json["changes"]
    assert since["review"] is None
    assert since["outcomes"] == [{"artifact": "model:student@1", "outcome": "passes"}]
    for form in ("md", "html", "json"):
        story("report", "student", "--as-of", "2026-02-15", "-o", f"earlier.{form}")
        after = story("report", "student", "--since-report", f"earlier.{form}", "--json").json["changes"]
        assert after["review"].startswith("blake3:")
        assert after["outcomes"] == since["outcomes"]
    story("report", "student", "--since-report", "earlier.md", "-o", "review.html")
    assert story("verify", "--report", "review.html").out.startswith("verified: ")


def test_a_policy_of_ones_own_stands_in_the_report_and_needs_no_file_later(
    story: Terminal, folder: Path
) -> None:
    policy = folder / "lenient.toml"
    policy.write_text('[gate.refuse]\nhigh = ["affected"]\n')
    told_of = story("report", "student", "--policy", policy, "-o", "review.md").err
    assert (
        "model:student@1 MAY SHIP, WITH REMARKS: owls was measured PRESENT in it, and by the record it is exposed to it."
        in told_of
    )
    policy.unlink()
    assert story("verify", "--report", "review.md").out.startswith("verified: ")


def test_an_edited_report_ends_with_1_and_says_what_differs(story: Terminal, folder: Path) -> None:
    story("report", "student", "-o", "review.md")
    place = folder / "review.md"
    place.write_text(place.read_text().replace("MAY NOT SHIP", "MAY SHIP", 1))
    answer = story("verify", "--report", "review.md", code=1)
    assert answer.out.startswith("NOT verified: ")
    assert "    line 1: the report has # model:student@1 MAY SHIP" in answer.out
    found = story("verify", "--report", "review.md", "--json", code=1).json
    assert found["finding"] == "fails"


def test_what_can_t_be_told_ends_with_3(story: Terminal, folder: Path) -> None:
    story("report", "student", "-o", "review.html")
    place = folder / "review.html"
    place.write_text(place.read_text().replace("<!--drawn-->", "<!--drawn--> ", 1))
    answer = story("verify", "--report", "review.html", code=3)
    assert answer.out.startswith("NOT all can be told: ")


def test_a_report_of_another_registry_is_an_operational_error(story: Terminal, folder: Path) -> None:
    with told(folder / "other", STORIES["no trait at all"]):
        story("--registry", folder / "other", "report", "student", "-o", "other.json")
    answer = story("verify", "--report", "other.json", code=4)
    assert "error: this report is of another registry" in answer.err
    assert "hint: Name the registry that it was made from with --registry." in answer.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["student", "-o", "review.pdf"], "no report can be written as 'pdf'"),
        (["student", "-o", "review"], "no report can be written as 'review'"),
        (["student", "-o", "review.md", "--json"], "--json prints to stdout"),
        (["student", "--since", "2026-02-01", "--since-report", "pyproject.md"], "does not exist"),
        (["student", "--since", "2099-01-01"], "since which changes are asked for, is after"),
        ([], "Missing argument"),
    ],
)
def test_a_call_that_makes_no_sense_is_an_error_that_says_why(
    words: list[str], message: str, story: Terminal
) -> None:
    assert message in story("report", *words, code=2).err


def test_two_beginnings_exclude_each_other(story: Terminal) -> None:
    story("report", "student", "-o", "earlier.md")
    words = ("report", "student", "--since", "2026-02-01", "--since-report", "earlier.md")
    assert "--since and --since-report exclude each other" in story(*words, code=2).err
    words = ("verify", "--head", "abc", "--report", "earlier.md")
    assert "--head and --report exclude each other" in story(*words, code=2).err


def test_what_is_not_recorded_is_an_error_and_writes_nothing(story: Terminal, folder: Path) -> None:
    assert "no artifact 'nobody' is registered" in story("report", "nobody", "-o", "review.md", code=4).err
    assert "there is no trait 'bats'" in story("report", "student", "--trait", "bats", code=4).err
    assert not (folder / "review.md").exists()


def test_a_file_stands_there_when_all_of_it_is_written_and_not_before(folder: Path) -> None:
    place = folder / "review.md"
    place.write_text("the earlier report")

    def fail() -> None:
        with whole_file(place) as file:
            file.write("half of")
            assert place.read_text() == "the earlier report"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        fail()
    assert [one.name for one in folder.iterdir()] == ["review.md"]
    assert place.read_text() == "the earlier report"


def test_a_place_that_can_t_be_written_is_named(folder: Path) -> None:
    with pytest.raises(OutputError, match=r"cannot write .*nowhere/review\.md: No such file or directory"):  # noqa: SIM117
        with whole_file(folder / "nowhere" / "review.md"):
            pass


def test_what_is_no_file_is_written_to_as_it_is() -> None:
    with whole_file("/dev/null") as file:
        file.write("gone")
    assert not Path("/dev/null").is_file()
