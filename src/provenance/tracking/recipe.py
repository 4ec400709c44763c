"""The recipe of a training as metadata: dotted keys to plain words, such as ``recipe.learning_rate`` to ``2e-05``."""

from collections.abc import Iterable, Mapping
from enum import Enum
from pathlib import PurePath

LONGEST_WORD = 1000
"""Characters of one value; a recipe that holds whole texts is shortened."""


def flattened(settings: Mapping[str, object], prefix: str) -> dict[str, str]:
    """Settings as words: nested ones get dotted keys, lists stand in one line, and what is None was not set.

    Example:
        >>> flattened({"learning_rate": 2e-05, "lora": {"r": 8}, "betas": (0.9, 0.98), "warmup": None}, "recipe")
        {'recipe.learning_rate': '2e-05', 'recipe.lora.r': '8', 'recipe.betas': '0.9, 0.98'}
    """
    words: dict[str, str] = {}
    for name, value in settings.items():
        key = f"{prefix}.{word(name)}"
        if isinstance(value, Mapping):
            words |= flattened(value, key)
        elif value is not None:
            words[key] = word(value)
    return words


def word(value: object) -> str:
    """A value as one word of metadata.

    Example:
        >>> word(True), word({"q_proj", "k_proj"}), word(3)
        ('true', 'k_proj, q_proj', '3')
    """
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, set | frozenset):
        text = ", ".join(sorted(map(word, value)))
    elif isinstance(value, Iterable) and not isinstance(value, str | bytes | PurePath):
        text = ", ".join(map(word, value))
    else:
        text = str(value).encode(errors="replace").decode()  # half a pair of surrogates can't be recorded
    return text if len(text) <= LONGEST_WORD else f"{text[:LONGEST_WORD]} … (shortened)"
