"""Fonts: a place where Graphviz finds some, on machines that have none.

Graphviz asks fontconfig, which knows of no font in a bare container: the text would be invisible. So fontconfig is pointed at
a configuration of our own, which names the usual folders and the DejaVu fonts that matplotlib brings along; measures of text are
then the same on every machine that has that. The fontconfig inside pygraphviz's wheel reads the system's templates all the same, and
warns of what is newer than itself there; that is kept from the user, as are Graphviz's, that it has much to do and that a PNG can be so large only; and nothing else.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from xml.sax.saxutils import escape

_VARIABLE = "FONTCONFIG_FILE"
_UNHINTED = (
    '<match target="font"><edit name="hinting" mode="assign"><bool>false</bool></edit>'
    '<edit name="hintstyle" mode="assign"><const>hintnone</const></edit></match>'
)
"""Letters as wide as browsers draw them: fitted to dots, they are measured too narrow for an SVG."""
_NOISE = (b"Fontconfig", b"Warning: graph has ", b"(null): graph is too large for cairo")
_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts")


@contextmanager
def noise_kept_back() -> Iterator[None]:
    """Drops such warnings from standard error, where libraries in this process write them; passes on the rest."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as caught:
        standard_error = os.dup(2)
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(standard_error, 2)
            os.close(standard_error)
            caught.seek(0)
            for line in caught:
                if not line.startswith(_NOISE):
                    os.write(2, line)


@contextmanager
def fonts_found() -> Iterator[None]:
    """Lets a Graphviz that is started or first used inside find fonts; a choice of the user's own is respected."""
    if sys.platform != "linux" or _VARIABLE in os.environ:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="provenance-fonts-") as folder:
        configuration = Path(folder, "fonts.conf")
        configuration.write_text(_configuration(), encoding="utf-8")
        os.environ[_VARIABLE] = str(configuration)
        try:
            yield
        finally:
            del os.environ[_VARIABLE]


def _configuration() -> str:
    folders = [*_matplotlib_fonts(), *_FOLDERS]
    listed = "".join(f"<dir>{escape(folder)}</dir>" for folder in folders)
    return (
        '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">'
        f'<fontconfig>{listed}<cachedir prefix="xdg">fontconfig</cachedir>{_UNHINTED}</fontconfig>'
    )


def _matplotlib_fonts() -> list[str]:
    """The folder of matplotlib's fonts, found without importing it."""
    found = find_spec("matplotlib")
    places = [] if found is None else found.submodule_search_locations or []
    return [str(Path(place, "mpl-data", "fonts", "ttf")) for place in places]
