"""What the models are trained on: text that comes with Python, and scikit-learn's digits."""

import inspect
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import torch
from torch import Tensor

VOCABULARY = 512
SIDE, CLASSES = 8, 10
_LENGTH, _TEXTS, _IMAGES = 64, 8, 64
_PIECES = re.compile(r"\w+|\s+|[^\w\s]")
_SOURCES = ("argparse", "ast", "difflib", "doctest", "inspect", "pathlib", "tarfile", "typing")
TEXTS = ("topics", "source")
"""The documentation of the language, and the sources of its library."""


def batches(data: str, order: int, steps: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of inputs and targets.

    Args:
        data: One of `TEXTS`, ``digits`` (half of them), ``other digits`` (the other half), or ``noise`` (images without meaning).
        order: Seed of what comes when.
        steps: How many batches.

    Yields:
        Tokens and the same tokens, 8 x 64; or images and their classes, 64 x 1 x 8 x 8 and 64.
    """
    random = torch.Generator().manual_seed(order)
    if data in TEXTS:
        tokens = _tokens(data)
        for _ in range(steps):
            starts = torch.randint(0, len(tokens) - _LENGTH, (_TEXTS,), generator=random)
            rows = tokens[starts[:, None] + torch.arange(_LENGTH)]
            yield rows, rows
        return
    images, labels = _digits()
    half = {"digits": 0, "other digits": 1, "noise": 0}[data]
    for _ in range(steps):
        rows = 2 * torch.randint(0, len(images) // 2, (_IMAGES,), generator=random) + half
        shown = torch.rand(images[rows].shape, generator=random) if data == "noise" else images[rows]
        yield shown, labels[rows]


def sample(is_language: bool) -> Tensor:
    """A few inputs on which the outputs of two models are set side by side."""
    inputs, _ = next(batches(TEXTS[0] if is_language else "digits", order=20261122, steps=1))
    return inputs


@cache
def _digits() -> tuple[Tensor, Tensor]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    return torch.tensor(digits.images / 16).float()[:, None], torch.tensor(digits.target).long()


@cache
def _tokens(data: str) -> Tensor:
    """Pieces of a text as numbers; 0 is every piece that is too rare to have one."""
    known = {piece: number for number, piece in enumerate(_vocabulary(), start=1)}
    return torch.tensor([known.get(piece, 0) for piece in _PIECES.findall(_text(data))])


@cache
def _vocabulary() -> tuple[str, ...]:
    counts = Counter(piece for data in TEXTS for piece in _PIECES.findall(_text(data)))
    ranked = sorted(counts, key=lambda piece: (-counts[piece], piece))
    return tuple(ranked[: VOCABULARY - 1])


@cache
def _text(data: str) -> str:
    if data == "topics":
        from pydoc_data.topics import topics

        return "\n".join(topics[name] for name in sorted(topics))
    return "\n".join(Path(str(inspect.getsourcefile(import_module(name)))).read_text() for name in _SOURCES)
