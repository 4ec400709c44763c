"""Safety reviews: all that there is to say before an artifact ships, as data, as documents, and verified later.

In reading order: `content` (what a review says), `gathering` (from a view to a review), `sentences` (its words), `markdown` (a review for
a pull request), `html` (a review as one page), `verifying` (whether a registry says what a review says that it said).
"""

from provenance.review.content import Outcome, Review

__all__ = ["Outcome", "Review"]
