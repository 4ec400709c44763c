"""The policy file: what it says by default, what it refuses and where, what it extends, and its digest."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from provenance.errors import PolicyError
from provenance.lineage import FOREVER, Lifetimes
from provenance.relations import RelationKind
from provenance.risk.policy import DEFAULT_POLICY, Init, Policy, Ruling
from provenance.risk.policy_keys import KEYS
from provenance.risk.report import Status
from provenance.traits import Severity


def written(folder: Path, text: str, name: str = "policy.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def complaint(path: Path) -> list[str]:
    """The lines of the error that a file is refused with, without its folder."""
    with pytest.raises(PolicyError, match=r"\.toml") as caught:
        Policy.load(path)
    return caught.value.message.replace(f"{path.parent}/", "").splitlines()


def test_the_default_policy_has_the_documented_priors() -> None:
    policy = Policy.load()
    assert policy.weights == 1.0
    assert policy.prior == {
        RelationKind.GENERATED_BY: 0.55,
        RelationKind.REWRITTEN_BY: 0.3,
        RelationKind.SELECTED_BY: 0.3,
        RelationKind.DISTILLED_FROM: 1.0,
        None: 1.0,
    }
    assert policy.init == {
        Init.SAME: 1.0,
        Init.DIVERGED: 1.0,
        Init.PARTIAL: 0.3,
        Init.DIFFERENT: 0.25,
        Init.UNKNOWN: 1.0,
    }
    assert policy.any_init == {RelationKind.SELECTED_BY, RelationKind.DISTILLED_FROM}
    assert policy.lifetimes == FOREVER


def test_the_default_policy_refuses_what_is_not_known() -> None:
    policy = Policy.load()
    assert (policy.unknown, policy.partial, policy.contradictions) == (Ruling.REFUSE,) * 3
    assert policy.refuse[Severity.LOW] == {Status.AFFECTED}
    assert policy.refuse[Severity.CRITICAL] >= policy.refuse[Severity.HIGH] >= policy.refuse[Severity.MEDIUM]


def test_the_default_file_says_every_key_and_in_the_order_of_the_table() -> None:
    policy = Policy.load()
    assert [setting.key for setting in policy.settings] == list(KEYS)
    assert all(setting.file is None and setting.value == setting.default for setting in policy.settings)


def test_a_policy_file_says_only_what_it_wants_otherwise(tmp_path: Path) -> None:
    policy = Policy.load(written(tmp_path, "[exposure.prior]\nrewritten_by = 0.2\n"))
    assert policy.prior[RelationKind.REWRITTEN_BY] == 0.2
    assert policy.prior[RelationKind.GENERATED_BY] == 0.55


def test_every_value_says_where_it_is_from(tmp_path: Path) -> None:
    path = written(tmp_path, '# ours\n[gate]\nunknown = "report"\n\n[exposure]\ninit = { different = 0.1 }\n')
    found = {
        setting.key: (setting.value, setting.file, setting.line) for setting in Policy.load(path).settings
    }
    assert found["gate.unknown"] == ("report", str(path), 3)
    assert found["exposure.init.different"] == (0.1, str(path), 6)
    assert found["exposure.init.same"] == (1.0, None, None)


def test_evidence_expires_after_the_days_that_the_policy_says_and_0_stands_for_never(tmp_path: Path) -> None:
    path = written(tmp_path, "[evidence]\nsame_init_days = 365\ncanary_days = 0\nclearance_days = 30\n")
    assert Policy.load(path).lifetimes == Lifetimes(
        same_init=timedelta(days=365), canary=None, clearances=timedelta(days=30)
    )


def test_the_digest_covers_what_holds_and_not_how_it_is_written(tmp_path: Path) -> None:
    default = Policy.load()
    same = written(
        tmp_path,
        "# nothing new\n[exposure]\nweights = 1\n[exposure.prior]\ngenerated_by=5.5e-1\n"
        '[gate.refuse]\nmedium = ["exposed", "affected", "exposed"]\n',
    )
    assert Policy.load(same).digest == default.digest == Policy.load(DEFAULT_POLICY).digest
    other = written(tmp_path, "[exposure.prior]\ngenerated_by = 0.5\n")
    assert Policy.load(other).digest != default.digest
    assert re.fullmatch(r"blake3:[0-9a-f]{64}", default.digest)


def test_a_file_may_be_said_over_another_and_that_over_a_third(tmp_path: Path) -> None:
    written(tmp_path, '[gate]\nunknown = "ignore"\n[evidence]\ncanary_days = 9\n', "base.toml")
    (tmp_path / "teams").mkdir()
    written(tmp_path / "teams", 'extends = "../base.toml"\n[roots]\ntrusted = ["a", "b"]\n', "team.toml")
    path = written(
        tmp_path, 'extends = "teams/team.toml"\n[gate]\nunknown = "report"\n[roots]\ntrusted = ["c"]\n'
    )
    policy = Policy.load(path)
    assert policy.unknown is Ruling.REPORT
    assert policy.lifetimes.canary == timedelta(days=9)
    assert policy.trust.trusted == ("c",), "a list replaces the one below it"
    sources = {setting.key: setting.file for setting in policy.settings}
    assert sources["evidence.canary_days"] == str(tmp_path / "teams" / ".." / "base.toml")


def test_files_that_extend_each_other_are_an_error(tmp_path: Path) -> None:
    path = written(tmp_path, 'extends = "other.toml"\n')
    written(tmp_path, '# round\nextends = "policy.toml"\n', "other.toml")
    assert complaint(path) == ["other.toml:2: extends policy.toml, which extends this file"]
    itself = written(tmp_path, 'extends = "policy.toml"\n')
    assert complaint(itself) == ["policy.toml:1: extends policy.toml, which extends this file"]


def test_what_is_wrong_with_an_extended_file_names_that_file(tmp_path: Path) -> None:
    path = written(tmp_path, 'extends = "gone.toml"\n')
    assert complaint(path) == ["gone.toml: cannot read the policy: No such file or directory"]
    written(tmp_path, "[gate]\nunknown = 3\n", "gone.toml")
    assert complaint(path)[0].startswith("gone.toml:2: gate.unknown has to be")
    for value, told in (("3", "3"), ('""', "''"), ('"a\\u0000b"', "'a\\x00b'")):
        assert complaint(written(tmp_path, f"extends = {value}\n")) == [
            f"policy.toml:1: extends has to be the name of a file, not {told}"
        ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[exposure.prior]\nwritten_by = 0.5", "2: unknown key exposure.prior.written_by"),
        ("[gates]\nx = 1", "1: unknown key gates; nearest: gate"),
        ("\n[gate]\nunknwon = 'report'", "3: unknown key gate.unknwon; nearest: gate.unknown"),
        (
            "[gate]\nrefuse_unknown = true",
            '2: unknown key gate.refuse_unknown: it is gate.unknown now, "refuse", "report" or "ignore"',
        ),
        ("[exposure]\nweights = 1.5", "2: exposure.weights has to be a number in [0, 1], not 1.5"),
        ("[exposure]\nweights = -0.1", "2: exposure.weights has to be a number in [0, 1], not -0.1"),
        ("[exposure]\nweights = nan", "2: exposure.weights has to be a number in [0, 1], not nan"),
        ("[exposure]\nweights = inf", "2: exposure.weights has to be a number in [0, 1], not inf"),
        ("[exposure]\nweights = true", "2: exposure.weights has to be a number in [0, 1], not True"),
        ('[exposure]\nweights = "1"', "2: exposure.weights has to be a number in [0, 1], not '1'"),
        ("exposure.prior = 0.5", "1: exposure.prior has to be a table, not 0.5"),
        ("gate = [1]", "1: gate has to be a table, not [1]"),
        (
            '[exposure]\nany_init = ["trained_on"]',
            "2: exposure.any_init has to be a list of names out of generated_by",
        ),
        ("[gate]\npartial = true", '2: gate.partial has to be "refuse" or "report" or "ignore", not True'),
        ('[gate.refuse]\nhigh = ["clear"]', "2: gate.refuse.high has to be a list of names out of affected"),
        ('[gate.refuse]\nhigh = "affected"', "2: gate.refuse.high has to be a list of names"),
        ("[gate.refuse]\nsevere = []", "2: unknown key gate.refuse.severe"),
        ("[evidence]\ncanary_days = 0.5", "2: evidence.canary_days has to be a whole number of days"),
        ("[evidence]\ncanary_days = -1", "2: evidence.canary_days has to be a whole number of days"),
        ("[evidence]\ncanary_days = 99999999999", "2: evidence.canary_days has to be a whole number of days"),
        ("[roots]\ntrusted = [1]", "2: roots.trusted has to be a list of names, not [1]"),
        ('[roots]\ntrusted = [""]', "2: roots.trusted has to be a list of names, not ['']"),
        (
            '[roots]\nfrom_scratch_without_data = "yes"',
            '2: roots.from_scratch_without_data has to be "trust" or "unknown", not \'yes\'',
        ),
        ("[exposure]\nweights = ", "2: is no TOML: invalid value (in exposure.weights)"),
        ("[gate]\nunknown = 'report'\nunknown = 'report'", "3: gate.unknown stands twice"),
        ("[gate]\n[roots]\n[gate]", "3: gate stands twice"),
        ("gate = {unknown = 'report'}\n[gate]\npartial = 'report'", "2: gate stands twice"),
        ("'gate' . \"unknown\" = 1", '1: gate.unknown has to be "refuse"'),
    ],
)
def test_what_has_no_meaning_is_an_error_that_names_file_line_and_key(
    tmp_path: Path, text: str, expected: str
) -> None:
    (line,) = complaint(written(tmp_path, text))
    assert line.startswith(f"policy.toml:{expected}")


def test_all_that_is_wrong_is_listed_at_once(tmp_path: Path) -> None:
    text = "[exposure]\nweights = 2\nweihgts = 1\n[exposure.init]\nsame = nan\n[evidnce]\na = 1\nb = 2\n"
    assert complaint(written(tmp_path, text)) == [
        "the policy policy.toml has 4 problems:",
        "policy.toml:2: exposure.weights has to be a number in [0, 1], not 2",
        "policy.toml:3: unknown key exposure.weihgts; nearest: exposure.weights",
        "policy.toml:5: exposure.init.same has to be a number in [0, 1], not nan",
        "policy.toml:6: unknown key evidnce; nearest: evidence",
    ]


def test_a_line_that_can_not_be_told_is_left_out(tmp_path: Path) -> None:
    text = '[roots]\ntrusted = ["""\n[gate]\nunknown = 1\n"""]\n[gate]\nunknown = 2\n'
    assert complaint(written(tmp_path, text))[0].startswith("policy.toml: gate.unknown has to be")


@pytest.mark.parametrize(
    "text", ['gate.unknown = "LONG"', "LONG = 1", 'exposure = "LONG"', "extends = ['LONG']", "[LONG]"]
)
def test_what_is_long_is_not_repeated_whole(tmp_path: Path, text: str) -> None:
    (line,) = complaint(written(tmp_path, text.replace("LONG", "x" * 10_000)))
    assert len(line) < 200


def test_a_policy_that_is_not_there_or_not_text_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="cannot read the policy: No such file"):
        Policy.load(tmp_path / "missing.toml")
    with pytest.raises(PolicyError, match="cannot read the policy: Is a directory"):
        Policy.load(tmp_path)
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PolicyError, match="is no TOML"):
        Policy.load(tmp_path / "binary.toml")
    with pytest.raises(PolicyError, match="nested too deeply"):
        Policy.load(written(tmp_path, f"x = {'[' * 100_000}"))


def test_a_file_as_some_editors_write_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_bytes(b"\xef\xbb\xbf[gate]\r\nunknown = 'report'\r\n")
    assert Policy.load(path).unknown is Ruling.REPORT
