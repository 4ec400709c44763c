"""The parts that a checkpoint's tensors play in its network, found from their names and shapes alone.

Each tower (the tensors under one prefix) is of the family that accounts for most of them; among families with the same names, the
shapes decide. What no family accounts for is searched for layers that follow each other.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import NamedTuple, TypeVar

from provenance.weights.families import FAMILIES, STACK, Parts, Role, Row
from provenance.weights.geometry import centres_keys, in_halves, norm_of
from provenance.weights.hints import NO_HINTS, Hints
from provenance.weights.roles import Layout, Matrix, Slot, Span
from provenance.weights.series import series

Shapes = Mapping[str, tuple[int, ...]]
_Filling = TypeVar("_Filling")

_MAX_NAME = 512
_MAX_EXPERTS = 1 << 12
_GAINS = frozenset({Role.NORM_ATTENTION, Role.NORM_MLP, Role.NORM_FINAL})
_READERS = frozenset({Role.QUERY, Role.GATE, Role.UP, Role.HIDDEN_IN, Role.ROUTER})
_WRITERS = frozenset({Role.OUTPUT, Role.DOWN, Role.HIDDEN_OUT})
_MEMORY = frozenset({Role.KEY, Role.VALUE})
_GIVERS = {Role.DOWN: Role.UP, Role.HIDDEN_OUT: Role.HIDDEN_IN, Role.UP: Role.GATE}
"""What has to be there for a role to make sense, and has as many hidden units."""
_NUMBER = re.compile(r"(?<![^.])[0-9]{1,6}(?![^.])")
_ANY = "{i}"
_MATRIX, _EXPERTS = 2, 3


def recognise(shapes: Shapes, hints: Hints = NO_HINTS) -> Layout | None:
    """Finds the parts that tensors play.

    Args:
        shapes: Tensor name to shape.
        hints: What the model's metadata says of its geometry. It is used where the shapes bear it out.

    Returns:
        The layout by the families that account for the most tensors; of layers that follow each other where there is no such
        family; None when the tensors are neither.
    """
    # A stranger may give names of any length, and empty tensors have no units.
    known = {name: shape for name, shape in shapes.items() if len(name) <= _MAX_NAME and 0 not in shape}
    return _by_family(known, hints) or _by_order(known)


def _by_order(shapes: Shapes) -> Layout | None:
    found = series(shapes)
    short = _short_names({slot.tower for slot in found})
    renamed = {slot._replace(tower=short[slot.tower]): matrix for slot, matrix in found.items()}
    return Layout(STACK, dict(sorted(renamed.items()))) if found else None


class _Hit(NamedTuple):
    """A row that a name's end fits: of which family, its rank there, and the parts of the end."""

    family: int
    rank: int
    row: Row
    end: tuple[str, ...]


class _Alike(NamedTuple):
    """Tensors of one tower whose names differ only in numbers, and the rows that they may fit.

    Args:
        hits: Rows, all of ends of the same length.
        names: The tensors.
    """

    hits: tuple[_Hit, ...]
    names: list[str]


@dataclass(slots=True)
class _Tower:
    """What is under one prefix.

    Args:
        layered: Tensors of layers.
        single: Tensors that are there once.
    """

    layered: list[_Alike] = field(default_factory=list)
    single: list[_Alike] = field(default_factory=list)


@dataclass(slots=True)
class _Filled:
    """Slots that a family fills in a tower: the tensors' parts, and the names of gains."""

    family: int
    matrices: dict[Slot, Matrix] = field(default_factory=dict)
    gains: dict[Slot, str] = field(default_factory=dict)


def _index() -> Mapping[str, tuple[_Hit, ...]]:
    """Rows by the end of a name with every number left open."""
    index: dict[str, list[_Hit]] = defaultdict(list)
    for number, family in enumerate(FAMILIES):
        for rank, (end, row) in enumerate(family.rows.items()):
            index[_NUMBER.sub(_ANY, end)].append(_Hit(number, rank, row, tuple(end.split("."))))
    return {end: tuple(hits) for end, hits in index.items()}


_INDEX = _index()
_LONGEST = max(end.count(".") + 1 for end in _INDEX)


def _by_family(shapes: Shapes, hints: Hints) -> Layout | None:
    towers = _towers(shapes)
    filled = {tower: found for tower in towers if (found := _filled(tower, towers, shapes, hints))}
    if not filled:
        return None
    sizes: Counter[int] = Counter()
    for found in filled.values():
        sizes[found.family] += len(found.matrices)
    main = min(sizes, key=lambda number: (-sizes[number], number))
    family = FAMILIES[main]
    whole, others = _Filled(main), _Filled(main)
    for found in filled.values():
        # The rotation of heads and the absence of a table are said of a whole layout.
        if family.rotary or not FAMILIES[found.family].rotary:
            into = whole if found.family == main else others
            into.matrices |= found.matrices
            into.gains |= found.gains
    short = _short_names({slot.tower for slot in whole.matrices})
    above = {prefix for tower, found in filled.items() if found.family == main for prefix in _prefixes(tower)}
    for tower in sorted(above & towers.keys()):
        _fill(whole, tower, towers[tower].single, shapes, hints)
    norm = norm_of(family, whole.gains, shapes, hints)
    matrices, heads = in_halves(whole.matrices | others.matrices, family, hints)
    names = {**{slot.tower: slot.tower for slot in others.matrices}, **short}
    gains = _normalised(whole.gains | others.gains, names)
    return Layout(
        family,
        _normalised(matrices, names),
        gains=gains,
        heads=heads,
        norm=norm,
        centred=centres_keys(shapes, norm),
    )


def _towers(shapes: Shapes) -> dict[str, _Tower]:
    """Tensors by what stands before the end of their names that a row fits, and by that end."""
    known: dict[str, Mapping[int, tuple[_Hit, ...]]] = {}
    alike: dict[tuple[str, int, str], _Alike] = {}
    towers: dict[str, _Tower] = defaultdict(_Tower)
    for name in shapes:
        template = _NUMBER.sub(_ANY, name)
        if template not in known:
            known[template] = _hits(template)
        for length, hits in known[template].items():
            tower = _split(name, length)[0]
            key = tower, length, template
            if key not in alike:
                alike[key] = _Alike(hits, [])
                place = towers[tower]
                (place.layered if _ANY in hits[0].end else place.single).append(alike[key])
            alike[key].names.append(name)
    return towers


def _hits(template: str) -> Mapping[int, tuple[_Hit, ...]]:
    """The rows that a name fits, by the number of its parts that they cover: of each family, those that cover the most."""
    parts = template.split(".")
    found: dict[int, tuple[_Hit, ...]] = {}
    seen: set[int] = set()
    for length in range(min(len(parts), _LONGEST), 0, -1):
        hits = _INDEX.get(".".join(parts[-length:]), ())
        fresh = tuple(hit for hit in hits if hit.family not in seen)
        if fresh:
            found[length] = fresh
            seen |= {hit.family for hit in fresh}
    return found


def _split(name: str, length: int) -> tuple[str, list[str]]:
    """What stands before the last parts of a name, and those parts."""
    parts = name.rsplit(".", length)
    return (parts[0], parts[1:]) if len(parts) > length else ("", parts)


def _prefixes(tower: str) -> Iterator[str]:
    """A tower and all that it is a part of."""
    yield ""
    yield from accumulate(tower.split("."), lambda one, part: f"{one}.{part}")


def _filled(tower: str, towers: Mapping[str, _Tower], shapes: Shapes, hints: Hints) -> _Filled | None:
    """The slots of a tower's layers by the family that accounts for most of its tensors, of those whose shapes agree."""
    counts: Counter[int] = Counter()
    for alike in towers[tower].layered:
        counts.update(dict.fromkeys((hit.family for hit in alike.hits), len(alike.names)))
    if not counts:
        return None
    candidates = frozenset(counts)
    for prefix in _prefixes(tower):
        for alike in towers[prefix].single if prefix in towers else ():
            counts.update({hit.family: 1 for hit in alike.hits if hit.family in candidates})
    for number in sorted(counts, key=lambda number: (-counts[number], number)):
        found = _Filled(number)
        _fill(found, tower, towers[tower].layered, shapes, hints)
        if found.matrices and _is_consistent(found.matrices):
            return found
    return None


def _fill(found: _Filled, tower: str, alike: Iterable[_Alike], shapes: Shapes, hints: Hints) -> None:
    """Adds the slots that tensors of a tower fill."""
    fused: list[tuple[Row, Slot, Matrix]] = []
    for (slot, _), (row, name) in _places(found.family, tower, alike, shapes).items():
        if slot.role in _GAINS:
            found.gains[slot] = name
            continue
        whole = Matrix(name, shapes[name], row.transposed, expert=0 if row.experts else None)
        if row.parts:
            fused.append((row, slot, whole))
        elif row.experts:
            _add(found, row, slot, whole, (None,))
        else:
            found.matrices[slot] = whole
    for row, slot, whole in fused:
        output = found.matrices.get(slot._replace(role=Role.OUTPUT))
        queries = output.inputs if output else None
        _add(found, row, slot, whole, _spans(row, whole.stored_outputs, queries, hints))


def _places(
    family: int, tower: str, alike: Iterable[_Alike], shapes: Shapes
) -> Mapping[tuple[Slot, bool], tuple[Row, str]]:
    """The tensor for each place in a tower; where two would fill one, that of the row that stands first.

    Slots of tensors that hold all experts are apart (True): theirs have one number more, and leave room for an expert that all share.
    """
    ranked = sorted(
        (
            (hit, names)
            for hits, names in alike
            for hit in hits
            if hit.family == family and not hit.row.is_mark
        ),
        key=lambda pair: pair[0].rank,
    )
    places: dict[tuple[Slot, bool], tuple[Row, str]] = {}
    for hit, names in ranked:
        place = ".".join(filter(None, (tower, hit.row.tower)))
        for name in names:
            numbers = _numbers(name, hit.end)
            if numbers is not None and len(shapes[name]) == _axes(hit.row):
                places.setdefault((Slot(place, numbers, hit.row.roles[0]), hit.row.experts), (hit.row, name))
    return places


def _add(found: _Filled, row: Row, slot: Slot, whole: Matrix, spans: tuple[Span | None, ...]) -> None:
    """Adds the parts of a tensor, each expert's apart."""
    for role, span in zip(row.roles, spans, strict=False):
        place, part = slot._replace(role=role), replace(whole, span=span)
        if role is Role.MARK:
            continue
        if not row.experts:
            found.matrices[place] = part
        elif whole.shape[0] <= _MAX_EXPERTS:
            for expert in range(whole.shape[0]):
                found.matrices[place._replace(numbers=(*slot.numbers, expert))] = replace(part, expert=expert)


def _axes(row: Row) -> int:
    if row.roles[0] in _GAINS:
        return 1
    return _EXPERTS if row.experts else _MATRIX


def _numbers(name: str, end: tuple[str, ...]) -> tuple[int, ...] | None:
    """The numbers in a name where a row has a place for them; None where the row has other numbers."""
    numbers: list[int] = []
    for part, wanted in zip(_split(name, len(end))[1], end, strict=True):
        if wanted == _ANY:
            # A stranger's name may hold the very sign that stands for a number.
            if part == _ANY:
                return None
            numbers.append(int(part))
        elif part != wanted:
            return None
    return tuple(numbers)


def _spans(row: Row, outputs: int, queries: int | None, hints: Hints) -> tuple[Span, ...]:
    """Where the parts of a fused tensor lie; nothing where that can't be told.

    Args:
        row: How they lie.
        outputs: Number of outputs of the tensor.
        queries: How many of them the matrix takes that reads attention's values, and so how many are queries.
        hints: How many heads there are.
    """
    count = len(row.roles)
    if row.parts is Parts.NEIGHBOURS:
        spans = [Span(part, 1, outputs // count, count) for part in range(count)]
        return tuple(spans) if outputs % count == 0 else ()
    if row.roles[0] is not Role.QUERY or (row.parts is Parts.BLOCKS and queries is None):
        return (
            tuple(Span(part * (outputs // count), outputs // count) for part in range(count))
            if outputs % count == 0
            else ()
        )
    if queries is None or outputs <= queries or (outputs - queries) % 2:
        return ()
    values = (outputs - queries) // 2
    if row.parts is Parts.BLOCKS:
        return Span(0, queries), Span(queries, values), Span(queries + values, values)
    size = hints.head_size or (queries // hints.heads if hints.heads else 0)
    if not size or values % size or queries % values:
        return ()
    keys, group = values // size, queries // values * size
    step = group + 2 * size
    return Span(0, group, keys, step), Span(group, size, keys, step), Span(group + size, size, keys, step)


def _is_consistent(found: Mapping[Slot, Matrix]) -> bool:
    """Whether, in each tower, all that read the residual stream and all that write to it agree on its width, and units on their number."""
    streams: dict[str, set[int]] = defaultdict(set)
    memories: dict[str, set[int]] = defaultdict(set)
    roles = {(slot.tower, slot.role) for slot in found}
    for slot, matrix in found.items():
        if slot.role in _READERS:
            streams[slot.tower].add(matrix.inputs)
        elif slot.role in _WRITERS:
            streams[slot.tower].add(matrix.outputs)
        elif slot.role in _MEMORY:
            memories[slot.tower].add(matrix.inputs)
        giver = _GIVERS.get(slot.role)
        if giver:
            if (slot.tower, giver) not in roles:
                return False
            units = matrix.inputs if slot.role in _WRITERS else matrix.outputs
            given = found.get(slot._replace(role=giver))
            if given and given.outputs != units:
                return False
    return all(len(seen) == 1 for widths in (streams, memories) for seen in widths.values())


def _normalised(found: Mapping[Slot, _Filling], layers: Mapping[str, str]) -> Mapping[Slot, _Filling]:
    """The same slots with as little of a tower's name as sets it apart, so that exports under other prefixes meet.

    Args:
        found: Slots as their tensors are called.
        layers: Tower to short name, for slots of layers; the others' names are shortened role by role.
    """
    single: dict[Role, set[str]] = defaultdict(set)
    for slot in found:
        if not slot.numbers:
            single[slot.role].add(slot.tower)
    tables = {role: _short_names(towers) for role, towers in single.items()}
    renamed = {
        slot._replace(tower=(layers if slot.numbers else tables[slot.role])[slot.tower]): filling
        for slot, filling in found.items()
    }
    return dict(sorted(renamed.items()))


def _short_names(towers: Iterable[str]) -> Mapping[str, str]:
    parts = {tower: tower.split(".") for tower in towers}
    shared = 0
    for level in zip(*parts.values(), strict=False):
        if len(set(level)) > 1:
            break
        shared += 1
    return {tower: ".".join(split[shared:]) for tower, split in parts.items()}
