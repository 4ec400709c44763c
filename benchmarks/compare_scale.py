"""Same-init comparisons of Llama-shaped checkpoints at three sizes: seconds, bytes read, peak memory, beside a plain read.

    python -m benchmarks.compare_scale [--sizes 0.1 1 7] [--efforts fast standard] [--folder SCRATCH]

The checkpoints are synthetic, bfloat16, in shards of one layer: ``a`` is drawn, ``kin`` is ``a`` with its lower mantissa bits drawn anew,
``stranger`` is drawn with another seed. Each comparison runs in a process of its own, whose peak memory is what Linux says of it. Two
models of 7B take 27 GB of disk and are written anew for each pair; nothing is kept.
"""

import argparse
import json
import struct
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.measuring import markdown, run, seconds

COMPARE = """
import json, sys
from pathlib import Path
from provenance.sameinit import Effort, compare
found = compare(Path(sys.argv[1]), Path(sys.argv[2]), effort=Effort(sys.argv[3]))
status = Path("/proc/self/status").read_text().split()
peak = 1024 * int(status[status.index("VmHWM:") + 1])
Path(sys.argv[4]).write_text(json.dumps([found.verdict.value, found.log10_p, found.rho_min, found.bytes_read, found.seconds, peak]))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A Llama-style model's sizes."""

    layers: int
    width: int
    hidden: int
    tokens: int = 32000

    def layer(self, index: int) -> dict[str, tuple[int, ...]]:
        """Names and shapes of one layer."""
        name = f"model.layers.{index}."
        square = (self.width, self.width)
        return {
            name + "input_layernorm.weight": (self.width,),
            **{f"{name}self_attn.{part}_proj.weight": square for part in "qkvo"},
            name + "mlp.gate_proj.weight": (self.hidden, self.width),
            name + "mlp.up_proj.weight": (self.hidden, self.width),
            name + "mlp.down_proj.weight": (self.width, self.hidden),
            name + "post_attention_layernorm.weight": (self.width,),
        }

    def shards(self) -> Iterator[tuple[str, dict[str, tuple[int, ...]]]]:
        """Names of files, and what each holds."""
        table = (self.tokens, self.width)
        yield (
            "outside",
            {"model.embed_tokens.weight": table, "lm_head.weight": table, "model.norm.weight": (self.width,)},
        )
        for index in range(self.layers):
            yield f"layer-{index:03}", self.layer(index)


SHAPES = {
    "0.1": Shape(layers=6, width=768, hidden=2048),
    "1": Shape(layers=22, width=2048, hidden=5632),
    "7": Shape(layers=32, width=4096, hidden=11008),
}
_ONE = 0x3F80  # bfloat16
_SIGN_AND_OCTAVE, _MANTISSA, _SMALL = 0x8080, 0x007F, 0x3C00


def draw(shape: tuple[int, ...], seed: list[int], noise: int) -> np.ndarray:
    """Numbers of either sign between 2^-7 and 2^-5, as bits of bfloat16; ``noise`` draws the mantissa anew."""
    if len(shape) == 1:
        return np.full(shape, _ONE, "<u2")
    bits = np.frombuffer(np.random.default_rng(seed).bytes(2 * int(np.prod(shape))), "<u2")
    mantissa = bits
    if noise:
        mantissa = np.frombuffer(np.random.default_rng([*seed, noise]).bytes(bits.nbytes), "<u2")
    return (bits & _SIGN_AND_OCTAVE) | (mantissa & _MANTISSA) | _SMALL


def write(folder: Path, shape: Shape, seed: int, noise: int = 0) -> Path:
    """Writes a sharded checkpoint, one shard in memory at a time."""
    folder.mkdir(parents=True)
    places = {}
    for number, (shard, tensors) in enumerate(shape.shards()):
        header, position = {}, 0
        for name, sizes in tensors.items():
            length = 2 * int(np.prod(sizes))
            header[name] = {
                "dtype": "BF16",
                "shape": list(sizes),
                "data_offsets": [position, position + length],
            }
            position += length
            places[name] = f"{shard}.safetensors"
        text = json.dumps(header).encode()
        with (folder / f"{shard}.safetensors").open("wb") as file:
            file.write(struct.pack("<Q", len(text)) + text)
            for place, sizes in enumerate(tensors.values()):
                file.write(draw(sizes, [seed, number, place], noise).tobytes())
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    heads = shape.width // 128
    config = {
        "model_type": "llama",
        "hidden_size": shape.width,
        "num_attention_heads": heads,
        "num_key_value_heads": heads,
        "rms_norm_eps": 1e-6,
        "rope_theta": 10000.0,
    }
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def read_plainly(*folders: Path) -> None:
    buffer = bytearray(1 << 20)
    for path in sorted(path for folder in folders for path in folder.glob("*.safetensors")):
        with path.open("rb", buffering=0) as file:
            while file.readinto(buffer):
                pass


def measure(size: str, pair: str, efforts: list[str], scratch: Path) -> Iterator[tuple[object, ...]]:
    shape = SHAPES[size]
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        a = write(Path(folder) / "a", shape, seed=1)
        b = write(Path(folder) / "b", shape, seed=1 if pair == "kin" else 2, noise=1 if pair == "kin" else 0)
        answer = Path(folder) / "answer.json"
        read_plainly(a, b)
        floor = seconds(lambda: read_plainly(a, b))
        for effort in efforts:
            run([sys.executable, "-c", COMPARE, a, b, effort, answer])
            verdict, log10_p, rho_min, bytes_read, inside, peak = json.loads(answer.read_text())
            yield (
                f"{size}B, {pair}, {effort}",
                verdict,
                "-" if log10_p is None else f"{log10_p:.4g}",
                "-" if rho_min is None else f"{rho_min:.4f}",
                f"{bytes_read / 1e9:.2f}",
                f"{inside:.1f}",
                f"{floor:.1f}",
                f"{inside / floor:.1f}",
                f"{peak / 1e6:.0f}",
            )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", nargs="+", default=list(SHAPES), choices=list(SHAPES))
    parser.add_argument("--pairs", nargs="+", default=["kin", "stranger"], choices=["kin", "stranger"])
    parser.add_argument("--efforts", nargs="+", default=["fast", "standard"])
    parser.add_argument("--folder", type=Path, default=None, help="where to write; default: the system's")
    options = parser.parse_args()
    columns = (
        "models, pair, effort",
        "verdict",
        "log10 p",
        "rho_min",
        "GB read",
        "seconds",
        "plain read, s",
        "ratio",
        "peak MB",
    )
    rows = []
    for size in options.sizes:
        for pair in options.pairs:
            started = time.perf_counter()
            rows += measure(size, pair, options.efforts, options.folder)
            print(f"{size}B {pair}: {time.perf_counter() - started:.0f} s in all", file=sys.stderr)
    print(markdown(columns, rows))


if __name__ == "__main__":
    main()
