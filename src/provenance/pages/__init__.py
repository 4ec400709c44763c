"""Pages: what the report and the viewer have in common, so that the same thing looks and reads the same in both.

In reading order: `environment` (how templates are filled, and what keeps words of others from becoming markup), ``templates/macros.html``
(a status, a name, a test, a route, each written once), `styling` (the style sheet, with the colours of diagrams, and the script that
zooms them).
"""

from provenance.pages.environment import environment
from provenance.pages.styling import stylesheet, zoom_script

__all__ = ["environment", "stylesheet", "zoom_script"]
