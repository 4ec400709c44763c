"""Same-init detection: do two checkpoints share an initialisation?

- `provenance.sameinit.statistics`: the tests, pure.
- `provenance.sameinit.symmetries`: which tensors are tested in which way, as a table.
- `provenance.sameinit.agreement`: how well the units of two models agree, in one pass.
- `provenance.sameinit.copies`: which units are copies of others within each model.
- `provenance.sameinit.identity`: what is equal byte for byte.
- `provenance.sameinit.untested`: what no test covers, and whether it is alike.
- `provenance.sameinit.comparison`: what a comparison says.
- `provenance.sameinit.verdict`: what all tests together amount to.
- `provenance.sameinit.premises`, `provenance.sameinit.updates`, `provenance.sameinit.direction`: assumptions, low-rank differences, who came first.
- `provenance.sameinit.battery`: `compare`, which turns two checkpoints into one comparison.

After an alignment: `robust` over `alignment`, `layers`, `matching`, `attention` and `units`. Against disguise: `invariants` over `likeness`, `probes`,
`tables`, `chains` and `conformal`. Without whole checkpoints: `sketch` over `sampling`, `picking` and `signs`, and `search` among sketches. Without
weights: `blackbox` and `palimpsest`.
"""

from typing import TYPE_CHECKING, Any

from provenance.sameinit.comparison import Comparison, Effort, GroupTest, Limits

if TYPE_CHECKING:
    from provenance.sameinit.battery import compare, compare_networks

__all__ = ["Comparison", "Effort", "GroupTest", "Limits", "compare", "compare_networks"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module's attribute
    """Hands out the battery's functions when first asked for: whoever imports the package pays for no numerics before."""
    if name not in {"compare", "compare_networks"}:
        raise AttributeError(f"module 'provenance.sameinit' has no attribute {name!r}")
    from provenance.sameinit import battery

    return getattr(battery, name)
