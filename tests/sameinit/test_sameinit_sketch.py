"""Sketches: the same elements of every model, small, and such that the exact tests stay exact on them."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from provenance.artifacts import ArtifactKind
from provenance.errors import ContentError
from provenance.request import Request
from provenance.sameinit.sampling import chosen, others
from provenance.sameinit.signs import SignPlan
from provenance.sameinit.sketch import Sketch, side_by_side, sketch
from provenance.sameinit.symmetries import Side
from provenance.weights.checkpoint import Checkpoint
from provenance.weights.families import Role
from provenance.weights.hints import Hints
from provenance.weights.network import Network
from provenance.weights.roles import Layout, Slot
from sameinit_fixtures import ARCHITECTURES, LAYERS, TOKENS, WIDTH, Tensors, drawn, llama, moved, saved

LLAMA = drawn(ARCHITECTURES["llama"], 0)
UP, DOWN = Slot("", (0,), Role.UP), Slot("", (0,), Role.DOWN)


def sketched(tensors: Tensors, path: Path) -> Sketch:
    found = sketch(Network.open(saved(tensors, path / "model.safetensors")))
    assert found is not None
    return found


def codes(drawn_sketch: Sketch) -> dict[Slot, np.ndarray]:
    """The int8 codes of each sample, units x others."""
    found, start = {}, 0
    for one in drawn_sketch.samples:
        stop = start + one.units * one.others
        found[one.slot] = np.frombuffer(drawn_sketch.codes[start:stop], np.int8).reshape(
            one.units, one.others
        )
        start = stop
    return found


def large(
    layers: int, width: int, hidden: int, tokens: int, values: int, experts: int = 0
) -> dict[str, tuple[int, ...]]:
    shapes = {"model.embed_tokens.weight": (tokens, width), "lm_head.weight": (tokens, width)}
    for i in range(layers):
        layer = f"model.layers.{i}."
        shapes |= {layer + f"self_attn.{name}_proj.weight": (width, width) for name in "qo"}
        shapes |= {layer + f"self_attn.{name}_proj.weight": (values, width) for name in "kv"}
        for mlp in [f"mlp.experts.{e}." for e in range(experts)] or ["mlp."]:
            shapes |= {layer + mlp + f"{name}_proj.weight": (hidden, width) for name in ("gate", "up")}
            shapes[layer + mlp + "down_proj.weight"] = (width, hidden)
    return shapes


def layout_of(shapes: dict[str, tuple[int, ...]], hints: Hints) -> Layout:
    """The layout of a model that takes no memory."""
    arrays = {name: np.broadcast_to(np.float32(0), shape) for name, shape in shapes.items()}
    layout = Network.of(Checkpoint.of(Path("large"), arrays, hints)).layout
    assert layout is not None
    return layout


@pytest.mark.parametrize(
    ("shapes", "hints"),
    [
        (large(32, 4096, 11008, 32000, 4096), Hints(heads=32, kv_heads=32, head_size=128)),
        (large(32, 4096, 14336, 128256, 1024), Hints(heads=32, kv_heads=8, head_size=128)),
        (large(32, 4096, 14336, 32000, 1024, experts=8), Hints(heads=32, kv_heads=8, head_size=128)),
        (large(16, 2048, 8192, 128256, 512), Hints()),
    ],
    ids=["7B", "8B grouped", "8 experts of 7B", "1B"],
)
def test_the_sketch_of_a_large_model_has_less_than_a_megabyte(
    shapes: dict[str, tuple[int, ...]], hints: Hints
) -> None:
    kept = chosen(layout_of(shapes, hints))
    assert sum(one.units * one.others for one in kept) < 991_000
    assert all(one.others >= 2 for one in kept)
    assert {one.slot.role for one in kept} >= {Role.EMBEDDING, Role.GATE, Role.UP, Role.DOWN, Role.VALUE}


def test_a_tiny_model_is_kept_whole(tmp_path: Path) -> None:
    network = sketched(LLAMA, tmp_path).network()
    assert network.layout is not None
    for slot, name in ((UP, "mlp.up_proj"), (DOWN, "mlp.down_proj")):
        found = network.outputs(network.layout.matrices[slot])
        np.testing.assert_allclose(found, LLAMA[f"model.layers.0.{name}.weight"], atol=0.0006)


def test_a_sketch_comes_back_from_its_bytes_and_refuses_others(tmp_path: Path) -> None:
    before = sketched(LLAMA, tmp_path)
    assert Sketch.from_bytes(before.to_bytes()) == before
    for wrong in (b"", b"\4\0\0\0abcd", before.to_bytes()[:100]):
        with pytest.raises(ContentError, match="not a sketch of this version"):
            Sketch.from_bytes(wrong)
    with pytest.raises(ContentError, match="cut short"):
        Sketch.from_bytes(before.to_bytes()[:-1])


def test_a_sketch_of_another_method_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = sketched(LLAMA, tmp_path).to_bytes()
    monkeypatch.setattr("provenance.sameinit.sketch.METHOD", "another-sketch@1")
    with pytest.raises(ContentError, match="this is another-sketch@1"):
        Sketch.from_bytes(stored)


def test_shards_and_folders_change_nothing(tmp_path: Path) -> None:
    whole = sketched(LLAMA, tmp_path)
    folder = tmp_path / "sharded"
    folder.mkdir()
    names = sorted(LLAMA)
    shards = {"model-1.safetensors": names[::2], "model-2.safetensors": names[1::2]}
    for shard, held in shards.items():
        save_file({name: LLAMA[name] for name in held}, folder / shard)
    index = {"weight_map": {name: shard for shard, held in shards.items() for name in held}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    found = sketch(Network.open(folder))
    assert found == whole
    assert found is not None
    assert (found.bits, found.plan) == (whole.bits, whole.plan)


@pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))
def test_every_architecture_that_is_known_has_a_sketch_of_what_its_groups_hold(
    architecture: str, tmp_path: Path
) -> None:
    found = sketched(drawn(ARCHITECTURES[architecture], 1), tmp_path)
    assert len(found.bits) == 512
    plan = SignPlan.from_bytes(found.plan)
    assert sum(count for _, count in plan.parts) == len(plan.keys)
    assert len(np.unique(plan.keys)) > 0.999 * len(plan.keys)


def test_turning_the_sign_of_a_unit_turns_its_codes_and_no_others(tmp_path: Path) -> None:
    """The flip that makes coins of units: row 7 of up and column 7 of down."""
    flipped = {name: values.copy() for name, values in LLAMA.items()}
    flipped["model.layers.0.mlp.up_proj.weight"][7] *= -1
    flipped["model.layers.0.mlp.down_proj.weight"][:, 7] *= -1
    before, after = codes(sketched(LLAMA, tmp_path)), codes(sketched(flipped, tmp_path))
    for slot, values in before.items():
        expected = values.copy()
        if slot in {UP, DOWN}:
            expected[7] *= -1
        np.testing.assert_array_equal(after[slot], expected)


def test_exchanging_two_units_exchanges_their_codes_and_no_others(tmp_path: Path) -> None:
    """The swap that makes coins of pairs: rows 4 and 5 of the gate."""
    swapped = {name: values.copy() for name, values in LLAMA.items()}
    swapped["model.layers.0.mlp.gate_proj.weight"][[4, 5]] = LLAMA["model.layers.0.mlp.gate_proj.weight"][
        [5, 4]
    ]
    before, after = codes(sketched(LLAMA, tmp_path)), codes(sketched(swapped, tmp_path))
    for slot, values in before.items():
        expected = values.copy()
        if slot == Slot("", (0,), Role.GATE):
            expected[[4, 5]] = expected[[5, 4]]
        np.testing.assert_array_equal(after[slot], expected)


def test_the_others_that_fewer_leave_are_among_those_of_more_in_whole_blocks() -> None:
    assert set(others(32000, 8, 2)) < set(others(32000, 64, 2))
    assert len(np.intersect1d(others(32000, 256, 2), others(32768, 256, 2))) > 240
    assert (others(4096, 6, 2) // 2)[::2].tolist() == (others(4096, 6, 2) // 2)[1::2].tolist()
    assert others(5, 8, 2).tolist() == [0, 1, 2, 3, 4]
    assert len({number // 18 for number in others(9 * 64, 36, 18)}) == 2


def test_kernels_keep_both_channels_of_a_pair_whole() -> None:
    """Skip connections tie input channels to outputs: the test adds up channels 0 and 1, 2 and 3, at each pixel."""
    rng = np.random.default_rng(9)
    kernels = {
        f"conv{i}.weight": rng.normal(size=(600, 3 if i == 0 else 600, 3, 3)).astype(np.float32)
        for i in range(3)
    }
    found = sketch(Network.of(Checkpoint.of(Path("kernels"), kernels)))
    assert found is not None
    (one,) = (one for one in found.samples if one.inputs == 600 * 9)
    assert one.others < 600 * 9
    assert one.channel == 9
    assert all(len(np.intersect1d(one.kept, np.arange(18) + 18 * pair)) == 18 for pair in {*(one.kept // 18)})
    network = found.network()
    assert network.layout is not None
    matrix = network.layout.matrices[one.slot]
    assert matrix.shape == (600, one.others // 9, 9)
    whole = kernels["conv1.weight"].reshape(600, -1)[:, one.kept]
    np.testing.assert_allclose(np.clip(whole, -2, 2), np.clip(network.outputs(matrix), -2, 2), atol=0.05)


def test_models_of_unlike_depth_and_vocabulary_are_set_side_by_side_in_what_both_have(tmp_path: Path) -> None:
    longer = {
        name: np.pad(values, ((0, 9), (0, 0))) if len(values) == TOKENS else values
        for name, values in LLAMA.items()
    }
    shallower = {name: values for name, values in longer.items() if f"layers.{LAYERS - 1}." not in name}
    a, b = side_by_side(sketched(LLAMA, tmp_path), sketched(shallower, tmp_path))
    assert a.layout is not None
    assert b.layout is not None
    common = a.layout.matrices.keys() & b.layout.matrices.keys()
    assert {slot.numbers for slot in common} == {(), *((i,) for i in range(LAYERS - 1))}
    for slot in common:
        np.testing.assert_allclose(
            a.outputs(a.layout.matrices[slot]), b.outputs(b.layout.matrices[slot]), atol=0.0006
        )


def test_a_matrix_of_another_shape_counts_as_one_without_counterpart(tmp_path: Path) -> None:
    wider = dict(LLAMA)
    for name, values in LLAMA.items():
        if "layers.1.mlp" in name:
            wider[name] = np.concatenate([values, values], axis=1 if "down" in name else 0)
    a, b = side_by_side(sketched(LLAMA, tmp_path), sketched(wider, tmp_path))
    assert a.layout is not None
    assert b.layout is not None
    alone = a.layout.matrices.keys() ^ b.layout.matrices.keys()
    assert alone == {Slot("", (1,), role) for role in (Role.GATE, Role.UP, Role.DOWN)}


def test_attention_is_kept_in_whole_heads_where_they_are_known() -> None:
    layout = layout_of(large(2, 1536, 4096, 1000, 512), Hints(heads=12, kv_heads=4, head_size=128))
    units = {one.slot.role: one.units for one in chosen(layout) if one.slot.numbers == (0,)}
    assert units[Role.VALUE] == 2 * 128
    assert units[Role.OUTPUT] == 6 * 128


def without_a_matrix(change: Callable[[np.ndarray], np.ndarray]) -> Tensors:
    name = "model.layers.0.mlp.gate_proj.weight"
    return LLAMA | {name: change(LLAMA[name]).astype(np.float32)}


@pytest.mark.parametrize(
    "change",
    [
        lambda values: np.full_like(values, 0.5),
        np.zeros_like,
        lambda values: np.where(values > 0.05, np.nan, values),
        lambda values: np.where(values > 0.05, np.inf, values),
        lambda values: values + np.eye(*values.shape),
    ],
    ids=["constant", "zeros", "nan", "infinite", "identity"],
)
def test_a_matrix_that_was_built_and_not_drawn_is_left_out(
    change: Callable[[np.ndarray], np.ndarray], tmp_path: Path
) -> None:
    kept = {one.slot for one in sketched(without_a_matrix(change), tmp_path).samples}
    whole = {one.slot for one in sketched(LLAMA, tmp_path).samples}
    assert whole - kept == {Slot("", (0,), Role.GATE)}


def test_where_positions_are_sinusoids_the_embedding_is_left_out(tmp_path: Path) -> None:
    model = drawn(ARCHITECTURES["bert"], 3)
    angles = np.arange(40)[:, None] / 10000.0 ** (np.arange(WIDTH // 2) / (WIDTH // 2))
    model["embeddings.position_embeddings.weight"] = np.concatenate(
        [np.sin(angles), np.cos(angles)], axis=1
    ).astype(np.float32)
    roles = {one.slot.role for one in sketched(model, tmp_path).samples}
    assert Role.EMBEDDING not in roles
    assert {Role.POSITION, Role.VALUE} < roles


@pytest.mark.parametrize(
    "tensors",
    [
        {"weight": np.ones((4, 4), np.float32)},
        {"a.bias": np.ones(3, np.float32)},
        {"layers.0.weight": np.arange(16, dtype=np.int64).reshape(4, 4)},
        {"layers.0.weight": np.zeros((4, 0), np.float32), "layers.1.weight": np.zeros((3, 4), np.float32)},
    ],
    ids=["one matrix", "a vector", "integers", "no elements"],
)
def test_what_has_nothing_to_test_has_no_sketch(tensors: Tensors, tmp_path: Path) -> None:
    assert sketch(Network.open(saved(tensors, tmp_path / "odd.safetensors"))) is None


def test_a_network_of_three_units_has_a_sketch(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    tiny = {f"layers.{i}.weight": rng.normal(size=(3, 3)).astype(np.float32) for i in range(2)}
    found = sketched(tiny, tmp_path)
    assert len(found.bits) == 512
    assert sum(one.units for one in found.samples) == 6


def test_a_model_is_sketched_as_it_is_read(tmp_path: Path) -> None:
    path = saved(LLAMA, tmp_path / "model.safetensors")
    assert Request.named(ArtifactKind.MODEL, "m").reading(path).sketch == sketched(LLAMA, tmp_path)


def test_what_is_no_model_or_has_no_known_architecture_is_read_without_a_sketch(tmp_path: Path) -> None:
    odd = saved({"weight": np.ones((4, 4), np.float32)}, tmp_path / "odd.safetensors")
    assert Request.named(ArtifactKind.MODEL, "m").reading(odd).sketch is None
    pickled = tmp_path / "model.pt"
    pickled.write_bytes(b"cos\nmkdir\n(Vx\ntR.")
    assert Request.named(ArtifactKind.MODEL, "m").reading(pickled).sketch is None
    (tmp_path / "data").mkdir()
    rows = tmp_path / "data" / "rows.jsonl"
    rows.write_text('{"text": "a"}\n')
    assert Request.named(ArtifactKind.DATASET, "d").reading(rows).sketch is None


def test_weights_that_change_while_they_are_read_are_refused_with_or_without_a_sketch(tmp_path: Path) -> None:
    path = saved(LLAMA, tmp_path / "model.safetensors")

    def interfere(done: int, total: int) -> None:
        if done == total:
            saved(moved(LLAMA, 1, 0.5), path)

    with pytest.raises(ContentError, match="changed while it was read"):
        Request.named(ArtifactKind.MODEL, "m").reading(path, progress=interfere)


def test_both_sides_of_a_group_keep_the_same_units(tmp_path: Path) -> None:
    kept = {one.slot: one for one in sketched(LLAMA, tmp_path).samples}
    assert (kept[UP].side, kept[DOWN].side) == (Side.OUTPUTS, Side.INPUTS)
    assert kept[UP].units == kept[DOWN].units
    assert llama()["model.layers.0.mlp.up_proj.weight"][0] == kept[UP].units
