"""What is odd about a policy, whom it trusts, and what it makes of one word."""

from pathlib import Path

import pytest

from lineage_fixtures import model
from provenance.artifacts import ArtifactId, ArtifactKind
from provenance.errors import UsageError
from provenance.lineage.gaps import Trust
from provenance.relations import RelationKind
from provenance.risk import Policy, Ruling, Status
from provenance.risk.policy_explanation import Explanation, explain_word
from provenance.risk.policy_keys import KEYS, REFUSABLE
from provenance.risk.policy_review import describe, review, trusted_roots
from provenance.traits import Severity

POLICY = Policy.load()


def registered() -> tuple[ArtifactId, ...]:
    return tuple(map(model, ("meta/llama", "meta/opt", "ours")))


def written(folder: Path, text: str) -> Path:
    path = folder / "policy.toml"
    path.write_text(text)
    return path


def warnings(folder: Path, text: str) -> list[str]:
    found = review(written(folder, text), registered)
    assert found.ok
    return [f"{one.line}: {one.message}" for one in found.warnings]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("*@1", "trusts whatever is registered"),
        ("model:*@1", "trusts whatever is registered"),
        ("*/*", "trusts whatever is registered"),
        ("?*", "trusts whatever is registered"),
        ("[a-z]*", "trusts whatever is registered"),
        ("*-*", "trusts whatever is registered"),
        ("m?ta/*", "trusts 2 of the 3 artifacts in the registry"),
    ],
)
def test_trust_in_anybody_or_in_most_is_told(entry: str, said: str, tmp_path: Path) -> None:
    assert warnings(tmp_path, f'[roots]\ntrusted = ["{entry}"]') == [f"2: roots.trusted: {entry!r} {said}"]


@pytest.mark.parametrize("entry", ["meta/l*", "ours", "?urs", "model:meta/opt@*"])
def test_trust_in_a_few_is_not_odd(entry: str, tmp_path: Path) -> None:
    assert warnings(tmp_path, f'[roots]\ntrusted = ["{entry}"]') == []


def test_the_default_policy_has_nothing_odd() -> None:
    from provenance.risk.policy import DEFAULT_POLICY

    found = review(DEFAULT_POLICY, registered)
    assert (found.ok, found.problems, found.warnings, found.digest) == (True, (), (), POLICY.digest)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '[gate.refuse]\ncritical = ["exposed"]',
            [
                "2: gate.refuse.critical lets affected pass: an artifact on which the trait was found",
                "2: gate.refuse.critical lets affected, suspected pass, which gate.refuse.high does not",
            ],
        ),
        (
            '[gate.refuse]\nlow = ["affected", "carrier"]\nmedium = ["affected", "exposed", "carrier"]',
            [
                "2: gate.refuse.low lets exposed, suspected pass and refuses carrier, which is less than that",
                "3: gate.refuse.medium lets suspected pass and refuses carrier, which is less than that",
                "None: gate.refuse.high lets carrier pass, which gate.refuse.medium does not",
            ],
        ),
        (
            '[gate]\nunknown = "ignore"',
            ['2: gate.unknown = "ignore" lets it pass without a word; "report" would say so'],
        ),
        (
            "[exposure.init]\ndifferent = 0",
            ["2: exposure.init.different = 0 ranks what may have passed behind everything else"],
        ),
        (
            "[exposure.init]\nunknown = 0.5",
            ["2: exposure.init.unknown below 1 gives credit for what nobody tested"],
        ),
        (
            '[roots]\ntrusted = ["model:meta/*", "mteta/*"]',
            [
                "2: roots.trusted: 'model:meta/*' trusts 2 of the 3 artifacts in the registry",
                "2: roots.trusted: 'mteta/*' is the name of nothing in the registry",
            ],
        ),
        (
            '[roots]\ntrusted = ["*", "model:*"]',
            [
                "2: roots.trusted: '*' trusts whatever is registered",
                "2: roots.trusted: 'model:*' trusts whatever is registered",
            ],
        ),
    ],
)
def test_what_is_allowed_and_seldom_meant_is_told(tmp_path: Path, text: str, expected: list[str]) -> None:
    assert warnings(tmp_path, text) == expected


def test_without_a_registry_nothing_is_said_of_names(tmp_path: Path) -> None:
    path = written(tmp_path, '[roots]\ntrusted = ["nobody"]\n')
    assert review(path).warnings == ()
    (root,) = describe(Policy.load(path), path).trusted
    assert (root.pattern, root.count, root.examples) == ("nobody", None, ())


def test_the_names_of_a_registry_are_read_only_where_a_policy_trusts_names(tmp_path: Path) -> None:
    def never() -> tuple[ArtifactId, ...]:
        raise AssertionError("read for nothing")

    assert review(written(tmp_path, "[gate]\nunknown = 'report'\n"), never).ok
    assert describe(POLICY, None, never).trusted == ()


def test_roots_that_are_trusted_by_name_are_listed_with_what_bears_the_name(tmp_path: Path) -> None:
    path = written(tmp_path, '[roots]\ntrusted = ["meta/*", "ours"]\n')
    found = describe(Policy.load(path), path, registered)
    assert [(one.pattern, one.count, [each.name for each in one.examples]) for one in found.trusted] == [
        ("meta/*", 2, ["meta/llama", "meta/opt"]),
        ("ours", 1, ["ours"]),
    ]
    assert found.file == str(path)


@pytest.mark.parametrize(
    "pattern",
    ["a*b", "a?b", "[ab]*", "a[b]", "model:a*", "*@2", "model:a", "a", "A", "*", "model:a*b@1", "dataset:*"],
)
def test_what_is_listed_as_trusted_is_what_the_rules_trust(pattern: str) -> None:
    names = [
        ArtifactId(kind, name, version)
        for kind in ArtifactKind
        for name in ("a", "ab", "a*b", "a[b]", "axb", "b/a")
        for version in ("1", "2")
    ]
    trust = Trust(trusted=(pattern,))
    (found,) = trusted_roots(trust, lambda: names)
    covered = sorted(filter(trust.covers, names), key=str)
    assert (found.count, found.examples) == (len(covered), tuple(covered[:5]))


def test_what_is_wrong_keeps_a_file_from_being_judged(tmp_path: Path) -> None:
    found = review(written(tmp_path, "[gate]\nunknown = 1\npartial = 2\n"), registered)
    assert (found.ok, found.digest, found.warnings) == (False, None, ())
    assert [one.line for one in found.problems] == [2, 3]


@pytest.mark.parametrize("word", [*KEYS, "exposure", "exposure.prior", *Status, *Severity, *RelationKind])
def test_every_word_of_a_policy_is_explained(word: str) -> None:
    found = explain_word(POLICY, str(word))
    assert found.word == word
    assert found.text.endswith(".")
    assert {setting.key for setting in found.settings} <= KEYS.keys()


def test_every_key_that_can_change_a_factor_is_named_by_a_relation() -> None:
    named = {setting.key for kind in RelationKind for setting in explain_word(POLICY, kind).settings}
    assert named >= {key for key in KEYS if key.startswith("exposure.")}


def rulings(found: Explanation) -> dict[str, str]:
    return {f"{one.severity} {one.status}": one.ruling.value for one in found.rulings}


def test_a_status_is_explained_by_what_the_gate_does_for_each_severity() -> None:
    found = rulings(explain_word(POLICY, "suspected"))
    assert found == {
        "low suspected": "report",
        "medium suspected": "report",
        "high suspected": "refuse",
        "critical suspected": "refuse",
    }
    assert explain_word(POLICY, "clear").rulings == ()
    assert explain_word(POLICY, "unknown").settings[0].key == "gate.unknown"


def test_a_severity_is_explained_by_what_the_gate_does_at_each_status() -> None:
    found = explain_word(POLICY, "medium").rulings
    assert [one.status for one in found] == list(REFUSABLE)
    assert [one.ruling for one in found] == [
        *(Ruling.REFUSE,) * 2,
        *(Ruling.REPORT,) * 2,
        *(Ruling.IGNORE,) * 2,
    ]


def test_a_word_that_means_nothing_is_an_error_that_names_what_comes_near() -> None:
    with pytest.raises(UsageError, match="'exposd' is no key, status, severity or kind of relation") as error:
        explain_word(POLICY, "exposd")
    assert "exposed" in str(error.value.hint)
