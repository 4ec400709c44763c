"""Names, tags and words made fit for MLflow.

MLflow refuses some characters in names, cuts some texts without a word and fails on others, each at its own length and some
only on PostgreSQL. Here everything is made to fit beforehand, and what was shortened says so.
"""

import re
from collections.abc import Mapping

from provenance.artifacts import MAX_NAME_LENGTH
from provenance.digests import digest_bytes
from provenance.mlflow_link.objects import NOTE_TAG

RUN_TAG_LIMIT = 8000
"""Characters of a run's tag; MLflow cuts what is longer."""
REGISTRY_LIMIT = 5000
"""Characters of a tag or description of logged models, registered models and versions, as PostgreSQL takes them."""
INPUT_TAG_LIMIT = 500
"""Characters of a tag on a dataset input."""
PARAM_LIMIT = 500
"""Characters of a parameter, as the oldest supported servers take them."""
RUN_NAME_LIMIT = 250
"""Characters of a run's name, as PostgreSQL takes them."""
KEY_LIMIT = 250
"""Characters of the key of a tag, a metric or a parameter."""
DATASET_DIGEST_LENGTH = 36
"""Characters of a dataset's digest: a whole SHA-256 or BLAKE3 does not fit."""

SHORTENED_TAG = "provenance.shortened"
_MARK = " … (shortened)"
# Definitions of a link that nobody uses: Markdown shows nothing for them, whichever way it is rendered.
BEGIN = "[//]: # (provenance wrote what follows)"
END = "[//]: # (provenance wrote what stands above)"
_OURS = re.compile(f"{re.escape(BEGIN)}(?:(?!{re.escape(BEGIN)}).)*?{re.escape(END)}", re.DOTALL)
_PART_LIMIT = KEY_LIMIT - len("provenance.risk.")
_LEAST_WORDS = 200
"""Characters of our words in a description of others below which they are left out: half a sentence helps nobody."""
# Control characters, of which PostgreSQL refuses one, and the marks that reverse the direction of what follows on a screen.
_UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_MARKDOWN = re.compile(r"[\\`*_\[\]<>&#|~!@]|:(?=//)|(?<=www)\.", re.IGNORECASE)


def lookup_key(*parts: str) -> str:
    """A short fingerprint by which an object is found again: hexadecimal, so that no filter needs quoting."""
    return digest_bytes("\n".join(parts).encode()).hex[:32]


def registered_names(name: str) -> tuple[str, ...]:
    """The names that a registered model may take in MLflow, best first.

    A name that MLflow takes as it is stays as it is. In any other, whatever is no letter, digit, space or one of ``. - _``, and a
    dot in front, becomes a dash (``--`` for a slash); a tilde and a fingerprint of the true name follow, so that two names never
    become one. That second form also serves where somebody else's registered model already has the name.
    """
    plain = re.sub(r"[^\w.\- ]|^\.", "-", name.replace("/", "--"))
    marked = f"{plain[:MAX_NAME_LENGTH]}~{lookup_key(name)[:8]}"
    return (name, marked) if plain == name else (marked,)


def logged_name(name: str) -> str:
    """The name of a logged model: MLflow takes fewer characters there, and no two need to differ."""
    return re.sub(r"[^\w\- ]", "-", name)


def key_part(word: str) -> str:
    """A word as part of the key of a tag, a metric or a parameter; it carries a fingerprint if it had to be changed."""
    plain = re.sub(r"[^\w.\- ]|^\.+$", "-", word) or "-"
    return plain if plain == word and len(word) <= _PART_LIMIT else _marked(word, plain, _PART_LIMIT)


def fit_key(key: str) -> str:
    """A key made of fit parts, cut to the length that MLflow takes; a cut one carries a fingerprint."""
    return key if len(key) <= KEY_LIMIT else _marked(key, key, KEY_LIMIT)


def _marked(word: str, plain: str, limit: int) -> str:
    return f"{plain[: limit - 9]}-{lookup_key(word)[:8]}"


def shorten(text: str, limit: int) -> str:
    """The text, cut to at most ``limit`` characters; a cut shows, and so does each control character."""
    seen = _seen(text)
    return seen if len(seen) <= limit else seen[: limit - len(_MARK)] + _MARK


def shorten_lines(text: str, limit: int) -> str:
    """Markdown, cut to at most ``limit`` characters behind a word that leaves no markup open; a cut shows."""
    seen = _seen(text)
    if len(seen) <= limit:
        return seen
    lines, end, last = seen[: limit - len(_MARK)].rpartition("\n")
    last = last.rpartition(" ")[0]
    while last.count("`") % 2 or last.count("**") % 2:
        last = last.rpartition(" ")[0]
    return f"{lines}{end}{last}".rstrip() + _MARK


def within(theirs: str, ours: str, limit: int) -> str:
    """A description of others with our words between marks: where they stood before, else at its end.

    Theirs stays as it is, byte for byte. Ours is shortened to what room is left, and left out where there is hardly any.

    Args:
        theirs: What stands there now, our earlier words perhaps in it.
        ours: Markdown; nothing, to take our earlier words out.
        limit: Characters that MLflow takes.
    """
    earlier = list(_OURS.finditer(theirs))
    before, after = (
        (theirs[: earlier[-1].start()], theirs[earlier[-1].end() :])
        if earlier
        else (theirs and f"{theirs}\n\n", "")
    )
    room = limit - len(before) - len(after) - len(f"{BEGIN}\n\n\n\n{END}")
    if not ours or room < min(len(ours), _LEAST_WORDS):
        return before.removesuffix("\n\n") + after if earlier else theirs
    return f"{before}{BEGIN}\n\n{shorten_lines(ours, room)}\n\n{END}{after}"


def fit_tags(tags: Mapping[str, str], limit: int) -> tuple[dict[str, str], dict[str, str]]:
    """Cuts tags to size.

    Returns:
        The tags, with one that names those which were shortened; and the whole texts of those, by file name.
    """
    long = sorted(key for key, value in tags.items() if len(value) > limit)
    fitted = {
        key: (shorten_lines if key == NOTE_TAG else shorten)(value, limit) for key, value in tags.items()
    }
    if long:
        fitted[SHORTENED_TAG] = shorten(", ".join(long), limit)
    # Servers of 3.10 can't hand out a file whose name is not ASCII.
    return fitted, {f"whole/{re.sub(r'[^A-Za-z0-9._-]', '-', key)}.txt": tags[key] for key in long}


def prose(text: str) -> str:
    """Words of people as one line of Markdown that stays words: no markup, no links, no HTML."""
    return _MARKDOWN.sub(lambda match: f"&#{ord(match[0])};", _seen(" ".join(text.split())))


def code(name: str) -> str:
    """A name as a code span; names hold no back quotes, and one from elsewhere loses them."""
    return f"`{' '.join(_seen(name).replace('`', ' ').split())}`"


def _seen(text: str) -> str:
    return _UNSEEN.sub("\N{REPLACEMENT CHARACTER}", text)
