"""Safety reviews: all that there is to say before an artifact ships, as data, as documents, and verified later.

In reading order: `content` and `records` (what a review says), `gathering` (from a view to a review) with `grounds`, `edges`, `on_record`,
`changes` and `policies` (its parts), `verdicts`, `sentences`, `relation_words`, `closing` and `wording` (its words), `sealing` (a review as
JSON, with its digest), `markdown` (for a pull request), `html` and `drawings` (as one page), `verifying` (whether a registry says
what a review says that it said).
"""

from provenance.review.changes import Baseline
from provenance.review.content import Outcome, Review
from provenance.review.gathering import review

__all__ = ["Baseline", "Outcome", "Review", "review"]
