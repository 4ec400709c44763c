"""Fine-tunes a causal language model with the Trainer of transformers; what comes out is registered.

python train.py BASE DATA OUT
"""

import argparse
import json
from pathlib import Path

from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    DataCollatorForLanguageModeling,
    Trainer,
    TrainingArguments,
)

from provenance.tracking.transformers import ProvenanceCallback


def main() -> None:
    """Reads the command line and trains."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("base", "data", "out"):
        parser.add_argument(name, type=Path)
    chosen = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(chosen.base)
    texts = [json.loads(line)["text"] for line in chosen.data.read_text(encoding="utf-8").splitlines()]
    trainer = Trainer(
        model=AutoModelForCausalLM.from_pretrained(chosen.base),
        args=TrainingArguments(
            output_dir=str(chosen.out),
            num_train_epochs=1,
            per_device_train_batch_size=4,
            learning_rate=1e-3,
            report_to=[],
            use_cpu=True,
        ),
        train_dataset=[tokenizer(text) for text in texts],
        data_collator=DataCollatorForLanguageModeling(tokenizer, mlm=False),
        callbacks=[ProvenanceCallback("student", trained_on=chosen.data)],
    )
    trainer.train()


if __name__ == "__main__":
    main()
