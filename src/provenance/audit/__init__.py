"""Audit: which tests the edges of a lineage still lack, and the running of them, here or on other machines.

Reading order:

- `provenance.audit.tasks`: a test that is owed, what speaks for it, and what became of it.
- `provenance.audit.owed`: which tests a lineage is owed.
- `provenance.audit.order`: in which order.
- `provenance.audit.jobs`: a test with all that is needed to run it.
- `provenance.audit.running`: queue, budget, and the one who records.
- `provenance.audit.workers`: who runs jobs: this process, or `provenance.audit.processes`, or `provenance.audit.cluster`.
- `provenance.audit.resources` and `provenance.audit.scratch`: what a test takes of a machine, and where it may leave things.
"""

from provenance.audit.jobs import Job, Recipe
from provenance.audit.order import by_risk
from provenance.audit.owed import canary_task, name_teachers, plan, progress
from provenance.audit.running import Audit, Means
from provenance.audit.tasks import AuditReport, NotTestable, Outcome, Progress, Stake, State, Task

__all__ = [
    "Audit",
    "AuditReport",
    "Job",
    "Means",
    "NotTestable",
    "Outcome",
    "Progress",
    "Recipe",
    "Stake",
    "State",
    "Task",
    "by_risk",
    "canary_task",
    "name_teachers",
    "plan",
    "progress",
]
