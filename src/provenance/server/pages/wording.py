"""Words that only the viewer's pages need."""

from collections.abc import Mapping

from provenance.audit import State
from provenance.review.records import Standing

COUNTS: Mapping[Standing, str] = {
    Standing.STANDS: "This test is what counts for the two.",
    Standing.DISPUTED: "It stands, and contradicts what is recorded of the two.",
    Standing.SUPERSEDED: "Another test of the same two weighs more, or as much and is newer: this one decides nothing.",
    Standing.EXPIRED: "Its time is over under the policy: it reassures nobody any more.",
    Standing.STALE: "It was measured on other content than what is recorded now: it decides nothing.",
}
"""How a test counts, as a sentence."""

LACKS: Mapping[State, str] = {
    State.MISSING: "never ran",
    State.STALE: "ran on other content than what is recorded now",
    State.EXPIRED: "reassured once, and their time is over",
    State.SCREENED: "were only screened, which settles nothing",
    State.INCONCLUSIVE: "came to no conclusion, which counts like a hit",
    State.OUTDATED: "count, by an older version of their method",
}
"""What tests lack that are in a state, as a sentence goes on after their number."""
