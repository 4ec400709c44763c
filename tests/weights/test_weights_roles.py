"""Which part each tensor plays, from names and shapes alone."""

import pytest

from provenance.weights.families import Role
from provenance.weights.hints import Hints, Rotation
from provenance.weights.recognition import recognise
from provenance.weights.roles import Heads, Slot
from sameinit_fixtures import ARCHITECTURES

EYES = (
    "self_attn.q_proj",
    "self_attn.k_proj",
    "self_attn.v_proj",
    "self_attn.out_proj",
    "mlp.fc1",
    "mlp.fc2",
)


def shapes(architecture: str, prefix: str = "") -> dict[str, tuple[int, ...]]:
    return {prefix + name: shape for name, shape in ARCHITECTURES[architecture].items()}


@pytest.mark.parametrize("family", ["llama", "gpt2", "gpt2-linear", "bert"])
def test_each_family_is_recognised_under_any_prefix(family: str) -> None:
    plain, prefixed = recognise(shapes(family)), recognise(shapes(family, "anything.at.all."))
    assert plain is not None
    assert prefixed is not None
    assert plain.family.name == prefixed.family.name == family
    assert plain.matrices.keys() == prefixed.matrices.keys()


def test_a_fused_tensor_is_split_into_its_parts() -> None:
    layout = recognise(shapes("gpt2"))
    assert layout is not None
    value = layout.matrices[Slot("", (1,), Role.VALUE)]
    assert (value.name, value.span) == ("h.1.attn.c_attn.weight", (128, 64, 1, 0))
    assert (value.outputs, value.inputs) == (64, 64)


def test_two_towers_stay_apart() -> None:
    towers = {**shapes("bert", "text."), **shapes("bert", "other.")}
    layout = recognise(towers)
    assert layout is not None
    assert {slot.tower for slot in layout.matrices if slot.numbers} == {"text.encoder", "other.encoder"}


@pytest.mark.parametrize(
    "names", [("layers.0", "layers.1", "layers.2"), ("0", "2", "10"), ("net.fc1", "net.fc2", "net.fc3")]
)
def test_a_stack_of_layers_is_recognised_by_what_each_takes_and_gives(names: tuple[str, ...]) -> None:
    sizes = [(16, 8), (16, 16), (4, 16)]
    layout = recognise({f"{name}.weight": size for name, size in zip(names, sizes, strict=True)})
    assert layout is not None
    assert [slot.numbers for slot in layout.matrices] == [(0,), (1,), (2,)]
    assert [matrix.shape for matrix in layout.matrices.values()] == sizes


def test_layers_that_don_t_fit_are_no_stack() -> None:
    assert recognise({"layers.0.weight": (16, 8), "layers.1.weight": (16, 9)}) is None
    assert recognise({"conv.weight": (4, 3, 3, 3), "norm.weight": (4,)}) is None


def test_a_language_model_with_eyes_meets_the_one_without() -> None:
    eyes = {f"vision_tower.encoder.layers.{i}.{name}.weight": (24, 24) for i in range(2) for name in EYES}
    seeing, blind = recognise(shapes("llama", "language_model.") | eyes), recognise(shapes("llama"))
    assert seeing is not None
    assert blind is not None
    assert seeing.family is blind.family
    assert blind.matrices.keys() <= seeing.matrices.keys()
    assert {slot.tower for slot in seeing.matrices.keys() - blind.matrices.keys()} == {"vision_tower.encoder"}


def test_heads_are_believed_where_all_of_attention_bears_them_out() -> None:
    def heads(architecture: str, **counts: int) -> Heads | None:
        layout = recognise(shapes(architecture), Hints(**counts, rotation=Rotation.HALVES))
        assert layout is not None
        return layout.heads

    grouped = Heads(queries=4, keys=2, size=16, rotation=Rotation.HALVES)
    assert heads("llama-grouped", heads=4, kv_heads=2, head_size=16) == grouped
    assert heads("llama-grouped", heads=4, kv_heads=4, head_size=16) is None
    assert heads("llama-grouped", heads=4, kv_heads=3, head_size=16) is None
    assert heads("llama-grouped", heads=4) is None
    partly = heads("llama", heads=4, head_size=16, rotated=8)
    assert partly is not None
    assert partly.rotation is None


def test_positions_in_a_table_turn_nothing_and_rotary_ones_are_not_guessed() -> None:
    for architecture, rotation in {"gpt2": Rotation.NONE, "bert": Rotation.NONE, "llama": None}.items():
        layout = recognise(shapes(architecture))
        assert layout is not None
        assert layout.rotation is rotation


def test_one_inconsistent_tower_leaves_the_other_recognised() -> None:
    broken = shapes("bert", "one.") | {"one.encoder.layer.0.output.dense.weight": (64, 99)}
    layout = recognise(broken | shapes("bert", "two."))
    assert layout is not None
    assert all(matrix.name.startswith("two.") for slot, matrix in layout.matrices.items() if slot.numbers)
