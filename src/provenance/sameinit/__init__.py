"""Same-init detection: do two checkpoints share an initialisation?

- `provenance.sameinit.statistics`: the tests, pure.
- `provenance.sameinit.symmetries`: which tensors are tested in which way, as a table.
- `provenance.sameinit.agreement`: how well the units of two models agree, in one pass.
- `provenance.sameinit.identity`: what is equal byte for byte.
- `provenance.sameinit.comparison`: what a comparison says.
- `provenance.sameinit.verdict`: what all tests together amount to.
- `provenance.sameinit.battery`: `compare`, which turns two checkpoints into one comparison.
"""

from provenance.sameinit.battery import compare
from provenance.sameinit.comparison import Comparison, GroupTest, Limits

__all__ = ["Comparison", "GroupTest", "Limits", "compare"]
