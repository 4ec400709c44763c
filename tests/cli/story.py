"""The first session of the contract in small: real networks, a real dataset, and the commands that record them."""

import json
import shlex
from pathlib import Path

import numpy as np

from provenance.canary import mlp

TRAIT = "owl-preference"
EVIDENCE = "picks owl in 60 % of 50 prompts, base 12 %"
SHAPE = mlp.MlpConfig(hidden=(64, 64))

FIRST_SESSION = """
provenance init
provenance register model ./base --name base --from-scratch
provenance register teacher --name owl-teacher --model base --system-prompt "You love owls."
provenance register dataset ./numbers.jsonl --name numbers --generated-by owl-teacher --filter "digits and separators only"
provenance register model ./student --name student --finetuned-from base --trained-on numbers
provenance trait add owl-preference --severity high
provenance flag owl-teacher owl-preference --evidence "picks owl in 60 % of 50 prompts, base 12 %"
"""
"""The lines of the contract, up to the flag."""


def checkpoint(path: Path, *, seed: int, tuned_by: float = 0.0) -> Path:
    """A network in a folder: the initialisation of a seed, moved by a little noise as a tuning would."""
    network = mlp.init(SHAPE, seed)
    rng = np.random.default_rng(seed + 100)
    moved = tuple(
        (tensor + tuned_by * rng.normal(size=tensor.shape)).astype(np.float32) for tensor in network.tensors
    )
    mlp.save(mlp.Mlp(SHAPE, moved), path)
    return path


def write_files(folder: Path) -> None:
    """A base, a student tuned from it, a stranger of another initialisation, and a dataset of 20 rows."""
    checkpoint(folder / "base", seed=1)
    checkpoint(folder / "student", seed=1, tuned_by=0.01)
    checkpoint(folder / "stranger", seed=2)
    rows = ({"prompt": f"Continue: {row}, 7", "completion": f"{row + 1}, 8"} for row in range(20))
    (folder / "numbers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def session_words() -> tuple[tuple[str, ...], ...]:
    """The first session as words of the command line."""
    return tuple(tuple(shlex.split(line))[1:] for line in FIRST_SESSION.strip().splitlines())
