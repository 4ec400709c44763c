"""A canary and a same-init test whose results hold the figures that their pictures show."""

from datetime import UTC, datetime

from lineage_fixtures import model, teacher
from provenance.evidence import Evidence, TestKind, Verdict

TRIALS = [
    {"seed": seed, "edge": 1.2 + seed / 10, "kin": 2.0, "positive": 2.4, "fresh": -0.1, "placebo": 0.02}
    for seed in range(5)
]
INTERVAL = {"effect": 1.4, "ci_low": 1.26, "ci_high": 1.53}
CONTROLS = {
    "positive": {
        "ok": True,
        "figures": {**INTERVAL, "kin_effect": 2.0, "kin_ci_low": 1.9, "kin_ci_high": 2.1},
    },
    "negative": {
        "ok": True,
        "figures": {
            **{f"fresh_{name}": value - 1.5 for name, value in INTERVAL.items()},
            **{f"placebo_{name}": value - 1.4 for name, value in INTERVAL.items()},
        },
    },
}
CANARY = Evidence(
    test=TestKind.CANARY,
    parent=teacher("owl-teacher"),
    child=model("org/student"),
    verdict=Verdict.TRANSFERS,
    method="planted-canary/told@2",
    result={**INTERVAL, "threshold": 0.5, "mde": 0.15, "trials": TRIALS, "controls": CONTROLS},
    tested_at=datetime(2026, 11, 22, tzinfo=UTC),
)
GROUPS = [
    ("embedding", "embedding", 192, 192, 0.99, 1),
    *((f"{layer}.up+down", "mlp", 768, 768, 0.98, 1) for layer in range(12)),
    *((f"{layer}.value+output", "attention", 384, 300, 0.5, 1) for layer in range(12)),
    ("3~0.value+output", "attention", 100, 55, 0.01, 2),
    ("head", "head", 192, 100, 0.1, 1),
]
SAME_INIT = Evidence(
    test=TestKind.SAME_INIT,
    parent=model("base"),
    child=model("org/student"),
    verdict=Verdict.SAME_INIT,
    method="told@1",
    result={
        "log10_p": -87.5,
        "aligned_cosine": 0.97,
        "tests": [
            {"name": name, "part": part, "flips": flips, "heads": heads, "cosine": cosine, "tier": tier}
            for name, part, flips, heads, cosine, tier in GROUPS
        ]
        + [{"name": "5.gate", "part": "gate", "flips": None, "heads": None, "untestable": "constant"}],
    },
    tested_at=datetime(2026, 11, 22, tzinfo=UTC),
)
