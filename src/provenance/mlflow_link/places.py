"""Where an object of MLflow shows what we say: tags and a description, of which only what differs is written."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from provenance.mlflow_link.objects import NOTE_TAG, PREFIX, Adopted, is_ours_on_theirs
from provenance.mlflow_link.port import FoundModel, FoundRun, FoundVersion, Port
from provenance.mlflow_link.text import REGISTRY_LIMIT, within

_TAGS_PER_CALL = 100
"""Tags of a run that MLflow takes in one call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One object's tags and description.

    Args:
        tags: Tags that stand there.
        description: The description that stands there; None where a tag holds it.
        set_tags: Sets tags.
        delete_tag: Removes a tag.
        describe: Replaces the description, where no tag holds it.
    """

    tags: Mapping[str, str] = field(hash=False)
    set_tags: Callable[[Mapping[str, str]], None]
    delete_tag: Callable[[str], None]
    description: str | None = None
    describe: Callable[[str], None] | None = None

    def show(self, tags: Mapping[str, str], description: str | None = None) -> None:
        """Makes an object that is ours show this, and nothing that we said before."""
        self._write(tags, lambda key: key.startswith(PREFIX) or key == NOTE_TAG)
        self._describe(description)

    def adopt(self, adopted: Adopted) -> None:
        """Makes an object of others show this between marks, and leaves everything else on it as it is."""
        if self.description is not None:
            self._write(adopted.tags, is_ours_on_theirs)
            self._describe(within(self.description, adopted.words, REGISTRY_LIMIT))
            return
        note = self.tags.get(NOTE_TAG, "")
        words = within(note, adopted.words, REGISTRY_LIMIT)
        self._write({**adopted.tags, **({NOTE_TAG: words} if words != note else {})}, is_ours_on_theirs)

    def _write(self, wanted: Mapping[str, str], is_ours: Callable[[str], bool]) -> None:
        if changed := {key: value for key, value in wanted.items() if self.tags.get(key) != value}:
            self.set_tags(changed)
        for key in self.tags:
            if is_ours(key) and key not in wanted:
                self.delete_tag(key)

    def _describe(self, description: str | None) -> None:
        if self.describe is not None and description is not None and description != self.description:
            self.describe(description)


def run_place(port: Port, run: FoundRun, began_ms: int) -> Place:
    """What a run shows."""

    def set_tags(tags: Mapping[str, str]) -> None:
        pairs = list(tags.items())
        for start in range(0, len(pairs), _TAGS_PER_CALL):
            port.log(run.run_id, began_ms, (), dict(pairs[start : start + _TAGS_PER_CALL]))

    return Place(
        tags=run.tags, set_tags=set_tags, delete_tag=lambda key: port.delete_run_tag(run.run_id, key)
    )


def model_place(port: Port, model: FoundModel) -> Place:
    """What a logged model shows."""
    return Place(
        tags=model.tags,
        set_tags=lambda tags: port.tag_logged_model(model.model_id, tags),
        delete_tag=lambda key: port.delete_logged_model_tag(model.model_id, key),
    )


def version_place(port: Port, version: FoundVersion) -> Place:
    """What a registered version shows; MLflow takes its tags one by one."""
    name, number = version.name, version.number

    def set_tags(tags: Mapping[str, str]) -> None:
        for key, value in tags.items():
            port.tag_version(name, number, key, value)

    return Place(
        tags=version.tags,
        set_tags=set_tags,
        delete_tag=lambda key: port.delete_version_tag(name, number, key),
        description=version.description,
        describe=lambda text: port.describe_version(name, number, text),
    )
