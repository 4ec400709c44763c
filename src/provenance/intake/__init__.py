"""Intake: what files and folders are, and what they say of their own ancestry. Nothing is recorded here.

Everything that is read may come from a stranger, so whatever is not what it claims to be is a `ContentError` that names the file
and the reason, and no file is ever unpickled, unpacked or run. In reading order:

- `provenance.intake.files`: finds the files of an artifact, and refuses links that lead out, devices, pipes and unreadable names.
- `provenance.intake.documents`: text, JSON and YAML within limits of size and depth.
- `provenance.intake.formats`, `provenance.intake.rows`: how the files are recognised and checked, and the rows of a dataset.
- `provenance.intake.claims`, `provenance.intake.merges`: the ancestors that model cards, adapters and merges name.
- `provenance.intake.content`: `read_content`, all of the above in one answer.
- `provenance.intake.manifest`, `provenance.intake.fields`: many artifacts and relations at once, from one file.
"""

from provenance.intake.claims import Claim
from provenance.intake.content import ContentProgress, FileWatch, Intake, read_content
from provenance.intake.manifest import Entry, EntryRelation, Manifest, read_manifest

__all__ = [
    "Claim",
    "ContentProgress",
    "Entry",
    "EntryRelation",
    "FileWatch",
    "Intake",
    "Manifest",
    "read_content",
    "read_manifest",
]
