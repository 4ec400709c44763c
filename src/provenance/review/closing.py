"""What would close each sort of gap in an ancestry."""

from collections.abc import Sequence

_CLOSING: Sequence[tuple[str, str]] = (
    (
        "no starting weights declared",
        "Record what its weights started from (`provenance relate`), or register it as initialised from scratch.",
    ),
    ("of its weights come from nobody recorded", "Record the other parents of the merge, with their shares."),
    (
        "no training data declared",
        "Record the data that it was trained on (`provenance relate CHILD trained_on DATASET`).",
    ),
    (
        "nobody says who wrote it",
        "Record which teacher wrote it or what it was derived from, or register it as written without a model.",
    ),
    (
        "of its rows come from nobody recorded",
        "Record the other datasets that it was made from, with their shares.",
    ),
    (
        "nobody says which model it is",
        "Record the model behind the teacher (`provenance relate TEACHER embodied_by MODEL`).",
    ),
    (
        "recorded as its own ancestor",
        "Find out which of the relations in the circle is wrong; until then it has no beginning.",
    ),
    (
        "shares its initialisation with",
        "Record the relation that explains why the two share an initialisation.",
    ),
)
_OF_A_NAME = (
    "Register the artifact of that name, or record which registered one is meant (`provenance relate`)."
)
"""What is left is a parent that is named and not recorded, for whatever reason somebody gave."""


def closes(gap: str) -> str:
    """What would close a gap, of which `provenance.lineage.gaps` tells in words."""
    said = gap.partition(": ")[2]
    return next((closing for part, closing in _CLOSING if part in said), _OF_A_NAME)
