"""Pictures: what a diagram shows, before any format's syntax. A picture is plain data, in a settled order."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from provenance.relations import Channel, RelationKind
from provenance.risk.report import Status
from provenance.shown import Drawn


class NodeKind(StrEnum):
    """What a node stands for."""

    MODEL = "model"
    DATASET = "dataset"
    TEACHER = "teacher"
    UNKNOWN = "unknown ancestry"


class Tone(StrEnum):
    """What a finding means for a trait on its way along the edge, most worrying first."""

    DISPUTES = "disputes"
    CARRIES = "carries"
    OPEN = "open"
    EASES = "eases"


class Mark(StrEnum):
    """Signs that a picture uses beside shapes, statuses and lines."""

    ASKED = "asked"
    ROUTE = "route"
    BLOCKED = "blocked"
    MEASURED = "measured"
    GROUP = "group"
    TRUSTED = "trusted root"
    BORDER = "not drawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line about the tests of an edge.

    Args:
        text: Verdict and short figures, such as ``canary TRANSFERS +3.1 [2.8, 3.4]``.
        tone: What it means.
        gist: The same without figures that differ from one edge to the next, for an edge that stands for many (there it reads
            ``1,200 untested``); empty where the text is the same for all. What eases must still say that its power varies.
        missing: How many tests that are owed it says nobody ran.
    """

    text: str
    tone: Tone
    gist: str = ""
    missing: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Alike siblings that are drawn as one node.

    Args:
        count: How many they are, two or more.
        statuses: How many have each status, worst first; those of whom nothing was assessed are missing here.
        names: Identities of the first few, the worst first.
        gaps: How much is missing in their own ancestry, which is counted here and not drawn.
        opener: Identity of the neighbour whose opening draws more of them one by one; None where none of their neighbours is drawn
            by itself (they show when the group beside them is opened).
    """

    count: int
    statuses: tuple[tuple[Status, int], ...] = ()
    names: tuple[str, ...] = ()
    gaps: int = 0
    opener: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """An artifact, a group of alike ones, or ancestry that is known to be missing.

    Args:
        id: Unique within the picture, readable, without colons.
        kind: What it stands for; the members' kind for a group.
        artifact: Identity of the artifact, for links; None for a group and for what is missing.
        group: The members, where it stands for several.
        name: In full.
        label: The name for the eye: shortened, one line each.
        status: Where it stands with the traits asked about, the worst of a group; None where that was not assessed.
        standing: The status in words with its trait, one line each, worst first; of a group, how many have which.
        notes: What else to know: flagged here, trusted root, parents not drawn.
        asked: Whether the question was about this artifact.
        hidden_parents: How many of its parents (of a group: of its members' parents) the picture leaves out.
        hidden_children: How many of its children the picture leaves out.
    """

    id: str
    kind: NodeKind
    artifact: str | None = None
    group: Group | None = None
    name: str
    label: tuple[str, ...]
    status: Status | None = None
    standing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    asked: bool = False
    hidden_parents: int = 0
    hidden_children: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """A relation, from parent to child, or several that a group has; or kinship that was measured, and that no record explains, which has no direction.

    Args:
        parent: Id of the node where it begins.
        child: Id of the node where it ends.
        kind: The relation; None where an undeclared ancestor would join, and for measured kinship.
        label: The relation's word, with share or clean fraction.
        findings: What was tested on it, or that nothing was.
        blocks: Decisions that end a trait's way here, in words.
        on_route: Whether a trait's witness path to a drawn artifact goes along it.
        measured: Whether it is measured kinship.
        count: How many relations it stands for.
    """

    parent: str
    child: str
    kind: RelationKind | None
    label: str
    findings: tuple[Finding, ...] = ()
    blocks: tuple[str, ...] = ()
    on_route: bool = False
    measured: bool = False
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LegendEntry:
    """A sign and what it means.

    Args:
        sign: What is explained: a shape, a status, a channel's line, or a mark.
        meaning: In words.
    """

    sign: NodeKind | Status | Channel | Mark
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture(Drawn):
    """A diagram without a format.

    Args:
        title: What it is about.
        summary: What is in it, in one or two lines, worst first.
        nodes: By id.
        edges: By parent, child, relation.
        legend: What the signs that occur mean.
        as_of: The date that the question was asked for, aware, UTC.
        footer: As-of date, head of the ledger, digest of the policy.
        hidden: How many artifacts belong to the lineage asked about (its direction, at any depth) and are not drawn, not in a group either.
        uncounted: Whether there are more hidden ones than that: counting ended there.
    """

    title: str
    summary: tuple[str, ...]
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    legend: tuple[LegendEntry, ...]
    as_of: datetime
    footer: str
    hidden: int = 0
    uncounted: bool = False
