"""Capture in training scripts: one line, and the model that comes out is registered with its parents and its recipe.

    with provenance.track("student", finetuned_from="base", trained_on=["numbers"]) as run:
        train().save_pretrained(run.output("out/student"))

What is wrong beforehand (no registry, an unknown parent, a name that is taken) is told before the training begins. What goes wrong
afterwards never ends a training and loses nothing: the facts stay in a manifest until they are registered.

- `provenance.tracking.surroundings`: which process records, and what commit the code is of.
- `provenance.tracking.recipe`: settings of a training as the words that the registry keeps.
- `provenance.tracking.ancestry`: the parents as given: references, paths, earlier trainings.
- `provenance.tracking.manifest`: what could not be registered, kept in a file.
- `provenance.tracking.ending`: a training that came to its end: registered, and linked with what MLflow has of it.
- `provenance.tracking.run`: `track`.
- `provenance.tracking.weights`: the weights that a Trainer holds, set beside a folder's; the only part that imports torch.
- `provenance.tracking.start`: what a Trainer's training starts from, and where that can't be told.
- `provenance.tracking.transformers`: the callback for the Trainer of transformers; the only part that imports that.
"""

from provenance.tracking.run import TrackedRun, track

__all__ = ["TrackedRun", "track"]
