"""What a browser shows: pages made on the server, which work without JavaScript; all of a page's state stands in its address.

In reading order: `addresses` (how pages link to each other), `frame` (what stands around each), `paging`, `spreadsheet` and `wording`; then the
pages, each a frozen dataclass that a pure function makes of a view: `home`, `catalogue`, `artifact`, `lineage`, `risks`, `impact`, `flags`,
`why`, `evidence` and `audit` (with `owing` and `timelines`); `assets` (what a browser loads beside a page), `showing` (from data and a template to an
answer) and `routes`, which gives each page its address.
"""

from provenance.server.pages.routes import router
from provenance.server.pages.showing import error_page, prepare

__all__ = ["error_page", "prepare", "router"]
