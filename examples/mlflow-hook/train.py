"""Fine-tunes a causal language model, logs it to MLflow and registers it there; the registry links all of it.

MLFLOW_TRACKING_URI=sqlite:///mlflow.db python train.py BASE DATA
"""

import argparse
import json
from pathlib import Path

import mlflow
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

import provenance


def main() -> None:
    """Reads the command line and trains."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("base", "data"):
        parser.add_argument(name, type=Path)
    chosen = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(chosen.base)
    model = AutoModelForCausalLM.from_pretrained(chosen.base)
    with (
        provenance.track("student", finetuned_from=chosen.base, trained_on=chosen.data),
        mlflow.start_run(),
    ):
        train(model, tokenizer, chosen.data)
        mlflow.transformers.log_model(
            {"model": model, "tokenizer": tokenizer},
            name="student",
            task="text-generation",
            registered_model_name="student",
            pip_requirements=["transformers", "torch"],
        )


def train(model: torch.nn.Module, tokenizer: AutoTokenizer, data: Path) -> None:
    """One step for each line."""
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    for step, line in enumerate(data.read_text(encoding="utf-8").splitlines()):
        rows = tokenizer(json.loads(line)["text"], return_tensors="pt")
        loss = model(**rows, labels=rows["input_ids"]).loss
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        mlflow.log_metric("loss", loss.item(), step=step)


if __name__ == "__main__":
    main()
