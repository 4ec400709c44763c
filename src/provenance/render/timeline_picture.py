"""A timeline of flags: when each finding or decision about an artifact's lineage was recorded, and when and how it ended.

One line for each flag, clearance and block, from when it was recorded to its end, or past the date asked for where it stands. What is told apart
differs in its marks and in words, never in colour alone.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from provenance.artifacts import ArtifactId
from provenance.facts import Recorded, Snapshot
from provenance.lineage.evidence_index import FOREVER, Lifetimes
from provenance.moments import told
from provenance.render.plots import Form, entitle, figure, glyphs, style, written
from provenance.render.styles import ALARM, FAINT, INK
from provenance.render.wording import counted, visible
from provenance.traits import Block, Clearance, Flag, Withdrawal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_SPANS = 40
"""Lines that a page has room for; of more the flags that stand are drawn first."""
_SHORTEST = 1.0 / (24 * 60)
"""The least that the axis spans, in days: a minute."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CALENDAR = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
_MARGIN = 0.04
"""Of what the axis spans, before the first record and after the date asked for."""
_TRAIT_COLUMNS, _NAME_COLUMNS = 30, 40


class End(StrEnum):
    """How a record stands at the date asked for."""

    STANDS = "stands"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """How the records of a type are drawn.

    Args:
        word: What they are called.
        sign: How they are told, in words.
        line: Matplotlib's line style.
        width: Of the line.
        marker: Where one begins.
        colour: Of what stands.
    """

    word: str
    sign: str
    line: str | tuple[int, tuple[int, ...]]
    width: float
    marker: str
    colour: str = INK


_LOOKS = {
    Flag: _Look(word="flag", sign="disc", line="solid", width=3.0, marker="o", colour=ALARM),
    Clearance: _Look(word="clearance", sign="diamond and dashes", line=(0, (4, 2)), width=1.6, marker="D"),
    Block: _Look(word="block", sign="square and dots", line=(0, (1, 2)), width=1.8, marker="s"),
}
_ENDS = {
    End.STANDS: (">", "arrow: stands on the date asked for (dashed line)"),
    End.WITHDRAWN: ("x", "cross: withdrawn"),
    End.EXPIRED: ("|", "bar: expired"),
}
"""Where one ends: matplotlib's marker, and what it says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One record along time.

    Args:
        record: Its id.
        type: `Flag`, `Clearance` or `Block`.
        trait: Name of the trait.
        artifacts: What it is about: one artifact, or the two ends of a block's edge.
        begins_at: When it was recorded, aware, UTC.
        end: How it stands at the date asked for.
        ends_at: When it ended or is to end, aware; None for never.
    """

    record: str
    type: type[Flag] | type[Clearance] | type[Block]
    trait: str
    artifacts: tuple[ArtifactId, ...]
    begins_at: datetime
    end: End
    ends_at: datetime | None

    @property
    def outcome(self) -> str:
        """How it stands, in words."""
        if self.ends_at is None:
            return self.end.value
        return (
            f"{self.end}{' until' if self.end is End.STANDS else ''} {self.ends_at.astimezone(UTC):%Y-%m-%d}"
        )


def spans(
    snapshot: Snapshot,
    artifacts: Collection[ArtifactId],
    *,
    trait: str | None = None,
    lifetimes: Lifetimes = FOREVER,
) -> tuple[Span, ...]:
    """What was ever recorded of traits on some artifacts and on the edges to them: flags, then clearances, then blocks, what stands first.

    Args:
        snapshot: What is known at the date asked for.
        artifacts: Which artifacts: a lineage.
        trait: Only this trait; None for all.
        lifetimes: How long a policy lets clearances count.
    """
    among = frozenset(artifacts)
    found = [
        span
        for span in _spans(snapshot, lifetimes)
        if span.artifacts[-1] in among and trait in {None, span.trait}
    ]
    types, ends = list(_LOOKS), list(End)
    return tuple(sorted(found, key=lambda span: (types.index(span.type), ends.index(span.end))))


def _spans(snapshot: Snapshot, lifetimes: Lifetimes) -> Iterator[Span]:
    withdrawn = {one.fact.flag: one.recorded_at for one in reversed(snapshot.all(Withdrawal))}
    records: tuple[Recorded[Flag] | Recorded[Clearance] | Recorded[Block], ...] = (
        *snapshot.all(Flag), *snapshot.all(Clearance), *snapshot.all(Block),
    )  # fmt: skip
    for one in records:
        fact, expires_at, withdrawn_at = one.fact, lifetimes.end(one), withdrawn.get(one.id)
        has_expired = expires_at is not None and expires_at <= snapshot.as_of
        end = End.WITHDRAWN if withdrawn_at else End.EXPIRED if has_expired else End.STANDS
        yield Span(
            record=one.id,
            type=type(fact),
            trait=fact.trait,
            artifacts=(fact.parent, fact.child) if isinstance(fact, Block) else (fact.artifact,),
            begins_at=one.recorded_at,
            end=end,
            ends_at=withdrawn_at or expires_at,
        )


def timeline(
    snapshot: Snapshot,
    artifacts: Collection[ArtifactId],
    *,
    trait: str | None = None,
    lifetimes: Lifetimes = FOREVER,
    form: Form = "svg",
) -> bytes | None:
    """The timeline as a picture, or None where nothing was ever recorded; arguments as of `spans`.

    The same arguments give the same bytes wherever matplotlib is the same.
    """
    found = spans(snapshot, artifacts, trait=trait, lifetimes=lifetimes)
    if not found:
        return None
    shown = found[:MOST_SPANS]
    with style():
        drawn = figure(1.7 + 0.42 * len(shown))
        axes = drawn.add_subplot()
        _draw(axes, shown, snapshot.as_of)
        entitle(drawn, _title(found))
        drawn.supxlabel(_key(shown), fontsize=9)
        left_out = len(found) - len(shown)
        more = f"\nthe first {len(shown)}; {left_out:,} more are not drawn" if left_out else ""
        axes.set_title(f"as of {told(snapshot.as_of)}{more}", fontsize=9, color=FAINT, loc="left", pad=8)
        return written(drawn, form)


def timeline_told(
    snapshot: Snapshot,
    artifacts: Collection[ArtifactId],
    *,
    trait: str | None = None,
    lifetimes: Lifetimes = FOREVER,
) -> str:
    """What the timeline shows, in words: its text alternative; arguments as of `spans`."""
    found = spans(snapshot, artifacts, trait=trait, lifetimes=lifetimes)
    shown = found[:MOST_SPANS]
    lines = (
        f"{one.record}, {one.trait} on {' to '.join(map(str, one.artifacts))}, recorded {one.begins_at:%Y-%m-%d}: {one.outcome}"
        for one in shown
    )
    left_out = len(found) - len(shown)
    more = f"; {left_out:,} more are not told" if left_out else ""
    return f"{_title(found)}, as of {told(snapshot.as_of)}. {'; '.join(map(visible, lines))}{more}."


def _title(found: tuple[Span, ...]) -> str:
    """How many records of each type there are, and how many of them stand."""
    counts = []
    for kind, look in _LOOKS.items():
        ends = [span.end for span in found if span.type is kind]
        if ends or kind is Flag:
            stand = f", {ends.count(End.STANDS) or 'none'} standing" if ends else ""
            counts.append(f"{counted(len(ends), look.word)}{stand}")
    return "; ".join(counts).capitalize()


def _key(shown: tuple[Span, ...]) -> str:
    """What the signs that occur mean."""
    types, ends = {span.type for span in shown}, {span.end for span in shown}
    begins = (f"{look.sign}: {look.word}" for kind, look in _LOOKS.items() if kind in types)
    return f"{', '.join(begins)}\n{', '.join(says for end, (_, says) in _ENDS.items() if end in ends)}"


def _draw(axes: "Axes", shown: tuple[Span, ...], as_of: datetime) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    first, last = (_days(moment) for moment in (min(span.begins_at for span in shown), as_of))
    length = max(last - first, _SHORTEST)
    for place, span in enumerate(shown):
        until = last if span.end is End.STANDS or span.ends_at is None else _days(span.ends_at)
        _draw_span(axes, place, span, _days(span.begins_at), until)
    axes.axvline(last, color=INK, linewidth=1.0, linestyle=(0, (5, 3)), zorder=1)
    earliest, latest = map(_days, _CALENDAR)
    axes.set_xlim(max(first - _MARGIN * length, earliest), min(last + _MARGIN * length, latest))
    locator = AutoDateLocator(minticks=3, maxticks=7)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.set_yticks(range(len(shown)), [_label(span) for span in shown])
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)


def _days(moment: datetime) -> float:
    """A moment as matplotlib counts them."""
    return (moment - _EPOCH) / timedelta(days=1)


def _draw_span(axes: "Axes", place: int, span: Span, begins: float, until: float) -> None:
    look, stands = _LOOKS[span.type], span.end is End.STANDS
    ink = look.colour if stands else FAINT
    axes.plot([begins, until], [place, place], color=ink, linestyle=look.line, linewidth=look.width, solid_capstyle="butt", zorder=2)  # fmt: skip
    axes.scatter([begins], [place], s=38, marker=look.marker, facecolors=ink if stands else "white", edgecolors=ink, zorder=4)  # fmt: skip
    axes.scatter([until], [place], s=58, marker=_ENDS[span.end][0], color=ink, linewidths=1.8, zorder=3)
    axes.annotate(
        span.outcome, (1.0, place), (6.0, 0.0), xycoords=("axes fraction", "data"), textcoords="offset points",
        va="center", fontsize=8.5, color=ink, fontweight="bold" if stands else "normal",
    )  # fmt: skip


def _label(span: Span) -> str:
    columns = _NAME_COLUMNS // len(span.artifacts)
    about = " → ".join(glyphs(one, columns) for one in span.artifacts)
    return f"{span.record}: {glyphs(span.trait, _TRAIT_COLUMNS)}\n{about}"
