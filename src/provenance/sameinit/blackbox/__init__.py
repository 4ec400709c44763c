"""Black-box comparison: do two models answer alike? It works from recorded responses, and never speaks of initialisations.

- `provenance.sameinit.blackbox.records`: lines of JSON, read strictly.
- `provenance.sameinit.blackbox.responses`: what a model answered.
- `provenance.sameinit.blackbox.statistics`: how near answers are, and exact tests over prompts.
- `provenance.sameinit.blackbox.result`: what a comparison says.
- `provenance.sameinit.blackbox.battery`: `compare_responses`, which turns recordings into one result.
"""

from typing import TYPE_CHECKING, Any

from provenance.sameinit.blackbox.result import Behaviour, BlackBox, ResponseLimits, ResponseTest

if TYPE_CHECKING:
    from provenance.sameinit.blackbox.battery import compare_responses

__all__ = ["Behaviour", "BlackBox", "ResponseLimits", "ResponseTest", "compare_responses"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module's attribute
    """Hands out `compare_responses` when it is first asked for: whoever imports the package pays for no numerics before."""
    if name != "compare_responses":
        raise AttributeError(f"module 'provenance.sameinit.blackbox' has no attribute {name!r}")
    from provenance.sameinit.blackbox.battery import compare_responses

    return compare_responses
