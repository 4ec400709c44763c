"""Python's search for circles of dead objects, kept at rest where a great many objects are made that all stay."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def at_rest() -> Iterator[None]:
    """Stops the search meanwhile: among a million facts or tensors it takes half of the time, and finds nothing."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def settle() -> None:
    """Takes what is alive now for lasting: searched once more, and passed over from then on, or each search would go through all of it."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
