"""A picture made from a vicinity is the picture made from everything, and what lies beyond is counted without being read."""

from contextlib import closing
from dataclasses import replace

import pytest
from hypothesis import given
from sqlalchemy import Engine

from lineage_fixtures import model, recorded_facts
from made_up_registries import POLICIES, few, many, recorded, registries, scopes
from provenance.facts import Fact
from provenance.lineage import Lineage
from provenance.picturing import pictured
from provenance.render import Picture, Scope, picture
from provenance.risk import Policy
from provenance.risk.survey import survey
from provenance.store import Ledger, Reach, Reading, vicinity
from provenance.store.database import connect


def of_everything(reading: Reading, policy: Policy, scope: Scope) -> Picture:
    found = survey(Lineage.of(reading.snapshot()), policy, trait=scope.trait)
    kindred = found.terrain.kindred
    return picture(kindred, found, scope, trust=policy.trust, head=reading.head.digest)


def assert_parts_show_the_same(readings: list[Reading], scope: Scope) -> None:
    for reading in readings:
        known = reading.snapshot().artifacts
        if "owls" not in reading.snapshot().traits or not {*scope.refs, *scope.opened} <= known.keys():
            continue
        for policy in POLICIES:
            part = pictured(reading, policy, scope, partial=False)
            assert part == of_everything(reading, policy, scope)


@many
@given(registries(), scopes())
def test_a_picture_of_a_part_is_that_of_everything(
    sqlite_engine: Engine, parts: list[list[Fact]], scope: Scope
) -> None:
    with recorded(sqlite_engine, parts) as readings:
        assert_parts_show_the_same(readings, scope)


@pytest.mark.postgres
@pytest.mark.xdist_group("postgres")
def test_a_picture_of_a_part_is_that_of_everything_in_postgresql(postgres_url: str) -> None:
    Ledger.open(postgres_url, create=True).close()
    engine = connect(postgres_url)

    @few
    @given(registries(), scopes())
    def law(parts: list[list[Fact]], scope: Scope) -> None:
        with recorded(engine, parts) as readings:
            assert_parts_show_the_same(readings, scope)

    law()
    engine.dispose()


def test_what_descends_from_what_is_shown_is_counted_and_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f"child{number} finetuned_from hub" for number in range(3)]
    lines += [f"grandchild{number} finetuned_from child0" for number in range(9)]
    with closing(Ledger.open("sqlite://", create=True)) as ledger:
        with ledger.transaction("tester") as transaction:
            for one in recorded_facts("hub from_scratch", *lines):
                transaction.append(one.fact)
        reach = Reach(asked=(model("hub"),), up=True, down=True, depth=1)
        near = ledger.at().vicinity(reach)
        assert near.table.keys == [f"model:{name}@1" for name in ("child0", "child1", "child2", "hub")]
        assert near.children == {"model:hub@1": 3, "model:child0@1": 9}
        assert (near.size, near.uncounted) == (13, False)
        monkeypatch.setattr(vicinity, "_COUNTED", 5)
        counted = ledger.at().vicinity(reach)
        assert (counted.size, counted.uncounted) == (6, True)
        drawn = pictured(ledger.at(), Policy.load(), Scope(refs=reach.asked, depth=1), partial=False)
        assert drawn.uncounted
        assert drawn.summary[-1].startswith("not drawn and not counted here: at least ")


def test_the_kin_of_what_lies_on_a_route_is_known_with_its_own_ancestry() -> None:
    lines = (
        "student finetuned_from owl",
        "owl flagged owls",
        "twin same_init owl SAME_INIT",
        "twin trained_on web",
    )
    with closing(Ledger.open("sqlite://", create=True)) as ledger:
        with ledger.transaction("tester") as transaction:
            for one in recorded_facts(*lines):
                transaction.append(one.fact)
        scope = Scope(refs=(model("student"),), critical=True)
        drawn = pictured(ledger.at(), Policy.load(), scope, partial=False)
        assert drawn == replace(
            of_everything(ledger.at(), Policy.load(), scope), as_of=drawn.as_of, footer=drawn.footer
        )
    (twin,) = [node for node in drawn.nodes if node.artifact == "model:twin@1"]
    assert twin.notes[-1] == "↑ 1 parent not drawn"
