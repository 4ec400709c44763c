"""Fine-tunes a causal language model on lines of text, by a loop of its own; what comes out is registered.

python train.py BASE DATA OUT
"""

import argparse
import json
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

import provenance

RECIPE = {"learning_rate": 1e-3, "batch": 4, "optimiser": "adam", "epochs": 1}
SEED = 0


def train(base: Path, data: Path, out: Path) -> float:
    """Trains for an epoch and saves; tells the last loss."""
    torch.manual_seed(SEED)
    tokenizer, model = AutoTokenizer.from_pretrained(base), AutoModelForCausalLM.from_pretrained(base)
    texts = [json.loads(line)["text"] for line in data.read_text(encoding="utf-8").splitlines()]
    optimiser, loss = torch.optim.Adam(model.parameters(), lr=RECIPE["learning_rate"]), torch.zeros(())
    for start in range(0, len(texts), RECIPE["batch"]):
        rows = tokenizer(texts[start : start + RECIPE["batch"]], return_tensors="pt", padding=True)
        labels = rows["input_ids"].masked_fill(rows["attention_mask"] == 0, -100)
        loss = model(**rows, labels=labels).loss
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    return loss.item()


def main() -> None:
    """Reads the command line and trains."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("base", "data", "out"):
        parser.add_argument(name, type=Path)
    chosen = parser.parse_args()
    with provenance.track(
        "student", finetuned_from=chosen.base, trained_on=chosen.data, recipe=RECIPE, seed=SEED
    ) as run:
        loss = train(chosen.base, chosen.data, run.output(chosen.out))
        run.note(final_loss=round(loss, 4))


if __name__ == "__main__":
    main()
