"""Runs benchmarks and prints their tables in Markdown.

    python -m benchmarks                    # the quick ones, three minutes on two cores
    python -m benchmarks manifest digest    # those that are named
    python -m benchmarks.digest --help      # one of them, with options

Each runs in a process of its own, so that the memory of one is no part of another's.
"""

import argparse
import subprocess
import sys

QUICK = {
    "startup": "how soon the command answers, and what it loads",
    "digest": "digests of content, beside plain reads",
    "register_folder": "one `provenance register model` of 500 MB, as typed",
    "manifest": "10,000 artifacts and 14,000 relations at once, beside raw sqlite3",
    "scale": "lineage and risk of 30,000 models, beside hand-written queries",
    "bulk_import": "100,000 models and 140,000 relations imported from an edge list, beside raw sqlite3",
    "sketch": "digest and same-init sketch in one pass, beside plain reads",
    "search": "one model among 100,000 sketches, and two by their sketches",
    "compare_pair": "a same-init comparison of two real checkpoints",
}
LONG = {
    "zoo": "a zoo of small models whose kinship is known: trained, judged, beside peers; half an hour",
    "black_box": "what recorded responses tell of small language models whose kinship is known",
    "compare_scale": "same-init comparisons of Llama-shaped checkpoints at three sizes; 27 GB of disk",
    "formats": "reading each format of weights, and the memory that it takes",
    "robust_calibration": "false and true positives of the robust same-init test",
    "same_init_power": "what the same-init statistic finds of a planted correlation",
    "canary_digits": "what the planted canary finds on networks whose kinship is known, and how often it is wrong",
    "lineage_laws": "how much of a trait is left after hops, relays, clean rows and later training",
    "screen_ranks": "whether the screen ranks pairs as the planted canary does",
    "kinship_transfer": "whether same-init evidence predicts transfer",
    "tiny_gpt": "what the planted canary finds on tiny language models",
    "smollm2": "a planted canary of a real language model",
    "mlflow_projection": "what the copy in MLflow costs: registering, 1,000 models, a flag on all of them",
    "safety_review": "diagrams beside bare Graphviz, a report, the pages of the viewer",
    "mlflow_history": "a history of 2,000 MLflow runs imported, by its API and by direct SQL",
}
TABLES = {
    *QUICK,
    "canary_digits",
    "lineage_laws",
    "screen_ranks",
    "kinship_transfer",
    "tiny_gpt",
    "smollm2",
    "mlflow_projection",
} - {"compare_pair"}
"""Those that print tables; the others print lines."""


def main() -> None:
    known = QUICK | LONG
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="\n".join(f"{name:<17} {what}" for name, what in known.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"default: {', '.join(QUICK)}")
    names = parser.parse_args().names or list(QUICK)
    if unknown := [name for name in names if name not in known]:
        parser.error(f"there is no benchmark {unknown[0]!r}")
    failed = []
    for name in names:
        fence = "" if name in TABLES else "```"
        print(f"## {name}: {known[name]}\n{fence}", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode:
            failed.append(name)
        print(f"{fence}\n", flush=True)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
