"""What findings change: the same as a look at the whole registry says, from no more than their own part of it."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from findings_fixtures import (
    ALL,
    NAMES,
    OWL,
    differences,
    earlier,
    edges,
    fresh,
    identity,
    report,
    statuses,
    tell,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lineage_fixtures import dataset, model, teacher
from provenance import Registry
from provenance.errors import ConflictError, PolicyError, UnknownReferenceError, UsageError
from provenance.findings import Finding
from provenance.flag_rows import FlagRow
from provenance.relations import Relation
from provenance.risk import Policy, Status
from provenance.store import Reading
from provenance.store.transaction import Transaction
from statements import statements

FOREVER = datetime(2999, 1, 1, tzinfo=UTC)


@pytest.fixture
def opened(store_url: str, tmp_path: Path) -> Iterator[Registry]:
    store = "sqlite" if store_url.startswith("sqlite") else store_url
    with Registry.init(tmp_path / "here", store=store, actor="tester") as registry:
        tell(registry, *OWL)
        yield registry


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    Registry.init(folder).close()
    return folder


def act(registry: Registry, kind: str, name: str, *, dry_run: bool) -> Finding:
    """Records one finding of a sort about an artifact."""
    if kind == "flag":
        return registry.flag(identity(name), "owls", evidence="seen", dry_run=dry_run)
    if kind == "withdraw":
        flags = registry._ledger.snapshot().standing_flags
        chosen = [one for one in flags if one.fact.artifact.name == name] or flags
        return registry.withdraw(chosen[0].id, reason="wrong", dry_run=dry_run)
    if kind == "block":
        relation = registry._ledger.snapshot().all(Relation)[len(name) % 2].fact
        return registry.block(
            relation.parent,
            relation.child,
            "owls",
            evidence="e",
            reason="r",
            expires_at=FOREVER,
            dry_run=dry_run,
        )
    stops = kind == "clear, stopping"
    return registry.clear(identity(name), "owls", evidence="tested", stops_here=stops, dry_run=dry_run)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    lines=edges,
    facts=earlier,
    kind=st.sampled_from(("flag", "withdraw", "clear", "clear, stopping", "block")),
    name=st.sampled_from(NAMES),
)
def test_a_dry_run_the_real_thing_and_a_look_at_everything_say_the_same(
    template: Path,
    tmp_path_factory: pytest.TempPathFactory,
    lines: list[str],
    facts: list[str],
    kind: str,
    name: str,
) -> None:
    with fresh(template, tmp_path_factory.getbasetemp() / "law") as registry:
        tell(registry, *ALL, *lines, *facts, "m0 flagged owls")
        before, head = report(registry), registry.head()
        dry = act(registry, kind, name, dry_run=True)
        assert registry.head() == head
        real = act(registry, kind, name, dry_run=False)
        assert (dry.recorded.fact, dry.changed, dry.reached) == (
            real.recorded.fact,
            real.changed,
            real.reached,
        )
        assert real.changed == differences(before, registry)
        if kind == "flag":
            flag = real.recorded.id
            hearing = [
                one.artifact
                for one in report(registry).artifacts
                if flag in {risk.flag for risk in one.risks}
            ]
            assert set(real.reached) == {*hearing} - {real.recorded.fact.artifact}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    lines=edges,
    facts=earlier,
    flags=st.lists(
        st.tuples(st.sampled_from(NAMES), st.sampled_from(("owls", "cats"))), min_size=1, max_size=4
    ),
)
def test_many_flags_at_once_change_what_they_change_one_after_the_other(
    template: Path,
    tmp_path_factory: pytest.TempPathFactory,
    lines: list[str],
    facts: list[str],
    flags: list[tuple[str, str]],
) -> None:
    rows = [FlagRow(artifact=identity(name), trait=trait, evidence="seen too") for name, trait in flags]
    with fresh(template, tmp_path_factory.getbasetemp() / "together") as registry:
        tell(registry, *ALL, *lines, *facts)
        before = report(registry)
        dry = registry.flag_many(rows, dry_run=True)
        together = registry.flag_many(rows)
        assert (together.created, together.changed) == (len(set(flags)), dry.changed)
        assert set(together.changed) == set(differences(before, registry))
        assert registry.flag_many(rows).created == 0


def test_a_finding_asks_a_fixed_number_of_statements_and_never_for_everything(
    opened: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(opened, *(f"copy{number} quantized_from small" for number in range(300)))
    for door in (Transaction, Reading):
        monkeypatch.delattr(door, "snapshot")
    counts = []
    for ref in ("copy7", "base"):
        with statements() as sent:
            found = opened.flag(ref, "owls", evidence="seen")
        counts.append((len(found.reached), len(sent)))
    (few, first), (lots, second) = counts
    assert (few, first) == (0, second)
    assert lots > 300
    with statements() as sent:
        opened.withdraw(found.recorded.id, reason="wrong")
        opened.clear("student", "owls", evidence="tested")
        opened.block("numbers", "student", "owls", evidence="e", reason="r", expires_at=FOREVER)
    assert len(sent) <= 3 * (second + 2)


def test_what_ends_counts_until_its_date(opened: Registry) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    later = soon + timedelta(seconds=1)
    opened.flag("owl", "owls", evidence="seen", expires_at=soon)
    opened.clear("student", "owls", evidence="tested", expires_at=soon)
    assert statuses(opened, "owls")[model("student")] == "cleared"
    assert statuses(opened, "owls")[model("small")] == "exposed"
    view = opened.view(as_of=later)
    assert {risks.status for risks in view.risks(["student", "small", "owl"], trait="owls").artifacts} == {
        Status.CLEAR
    }
    opened.flag("base", "owls", evidence="seen")
    assert opened.view(as_of=later).risks(["student"], trait="owls").artifacts[0].status is Status.EXPOSED


def test_a_flag_that_ended_can_be_raised_again_and_is_not_taken_to_stand(
    opened: Registry,
) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=2)
    first = opened.flag("owl", "owls", evidence="seen", expires_at=soon)
    assert not opened.flag("owl", "owls", evidence="seen", expires_at=soon).created
    time.sleep((soon - datetime.now(UTC)).total_seconds() + 0.01)
    with pytest.raises(UsageError, match="the flag would have ended already"):
        opened.flag("owl", "owls", evidence="seen", expires_at=soon)
    again = opened.flag("owl", "owls", evidence="seen", expires_at=FOREVER)
    assert again.created
    assert again.changed == first.changed


def test_what_would_have_ended_already_is_refused(opened: Registry) -> None:
    head, past = opened.head(), datetime.now(UTC) - timedelta(seconds=1)
    words = {"evidence": "e", "expires_at": past}
    with pytest.raises(UsageError, match="the flag would have ended already"):
        opened.flag("owl", "owls", **words)
    with pytest.raises(UsageError, match="the clearance would have ended already"):
        opened.clear("owl", "owls", **words)
    with pytest.raises(UsageError, match="the block would have ended already"):
        opened.block("numbers", "student", "owls", reason="r", **words)
    with pytest.raises(UsageError, match="the flag would have ended already") as caught:
        opened.flag_many([FlagRow(artifact="owl", trait="owls", place="found:3", **words)])
    assert caught.value.message.startswith("found:3: ")
    assert opened.head() == head


def test_a_block_holds_for_flags_that_come_later(opened: Registry) -> None:
    opened.block("numbers", "student", "owls", evidence="e", reason="rows dropped", expires_at=FOREVER)
    found = opened.flag("owl", "owls", evidence="seen")
    assert found.reached == (dataset("numbers"),)
    assert [(one.artifact, one.after) for one in found.changed] == [
        (teacher("owl"), Status.AFFECTED),
        (dataset("numbers"), Status.CARRIER),
    ]
    (stopped,) = opened.why("small", "owls").stopped
    assert (stopped.parent, stopped.child, stopped.reason) == (
        dataset("numbers"),
        model("student"),
        "rows dropped",
    )
    lapsed = opened.view(as_of=FOREVER)
    assert lapsed.why("small", "owls").status is Status.EXPOSED


def test_a_clearance_stops_the_spread_only_where_it_says_so(opened: Registry) -> None:
    opened.flag("owl", "owls", evidence="seen")
    cleared = opened.clear("student", "owls", evidence="tested")
    assert [(one.artifact, one.after) for one in cleared.changed] == [(model("student"), Status.CLEARED)]
    stopped = opened.clear("student", "owls", evidence="tested", stops_here=True)
    assert [(one.artifact, one.before, one.after) for one in stopped.changed] == [
        (model("small"), Status.EXPOSED, Status.CLEAR)
    ]


def test_findings_are_judged_under_the_policy_of_the_registry_unless_another_is_named(
    opened: Registry, tmp_path: Path
) -> None:
    path = tmp_path / "trusting.toml"
    path.write_text('[roots]\ntrusted = ["model:stranger@1"]\n')
    tell(opened, "stranger", "heir quantized_from stranger", "heir flagged owls")
    trusting = Policy.load(path)
    (flag,) = opened._ledger.snapshot().standing_flags
    for policy, after in ((None, Status.UNKNOWN), (trusting, Status.CLEAR)):
        found = opened.withdraw(flag.id, reason="wrong", dry_run=True, policy=policy)
        assert {one.after for one in found.changed} == {after}


def test_a_policy_that_means_nothing_is_an_error_before_anything_is_recorded(opened: Registry) -> None:
    assert opened.home.folder is not None
    (opened.home.folder / "policy.toml").write_text("[gate]\nwhatever = 1\n")
    head = opened.head()
    with pytest.raises(PolicyError, match="whatever"):
        opened.flag("owl", "owls", evidence="seen")
    assert opened.head() == head


def test_what_is_not_there_is_named_with_what_to_do(opened: Registry) -> None:
    tell(
        opened,
        *(f"part{number}" for number in range(9)),
        *(f"sum merged_from part{number}" for number in range(9)),
    )
    with pytest.raises(UnknownReferenceError, match="there is no trait 'cats'"):
        opened.flag("owl", "cats", evidence="seen")
    for wrong in ("flag-1", "flag-99", "flag-x", "12", f"flag-{'9' * 30}"):
        with pytest.raises(UnknownReferenceError, match="there is no flag"):
            opened.withdraw(wrong, reason="wrong")
    with pytest.raises(ConflictError, match="no relation leads from model:base@1 to model:sum@1") as caught:
        opened.block("base", "sum", "owls", evidence="e", reason="r", expires_at=FOREVER)
    assert caught.value.hint is not None
    assert caught.value.hint.endswith("model:part4@1 and 4 more.")
