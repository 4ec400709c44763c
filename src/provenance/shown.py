"""Shown: objects that show themselves where a notebook displays them.

A notebook asks the object itself how it looks, and the objects that people hold come from every layer, the lowest among them; how
things look stands on the pages, far above. So the drawer is found by its name when it is asked for, and nothing here knows it: to
import an object costs nothing more than it did.
"""

from importlib import import_module


class Shown:
    """Shows itself as HTML in a notebook; how, `provenance.notebooks` says by the name of its class."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        shown: str = import_module("provenance.notebooks").html(self)
        return shown


class Drawn:
    """Shows itself as a drawing in a notebook."""

    __slots__ = ()

    def _repr_svg_(self) -> str:
        shown: str = import_module("provenance.notebooks").svg(self)
        return shown
