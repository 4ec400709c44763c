"""The callback for the Trainer of transformers: what it trains is registered at the end.

    trainer = Trainer(..., callbacks=[ProvenanceCallback("student", trained_on=["numbers"])])

The base model (see `provenance.tracking.start`), the adapter's settings, the seed and the recipe are taken from what the Trainer holds. The one thing that it does not know is
which registered datasets the rows are from: that is said by the script.

The model is the folder of the checkpoint that was saved at the last step; with ``load_best_model_at_end`` the best one; where neither was
saved, ``model-STEP`` in the output folder, which is written here.
"""

import weakref
from collections.abc import Iterator, Mapping, Sized
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

from provenance.tracking.ancestry import Given, Parents, relation_kinds
from provenance.tracking.run import TrackedRun, announced, opened
from provenance.tracking.start import Said, begun, ended, name_of_base, start
from provenance.tracking.weights import adapters

if TYPE_CHECKING:
    from transformers import TrainerControl, TrainerState, TrainingArguments

    from provenance.registry import Registry

RECIPE = (
    "learning_rate",
    "lr_scheduler_type",
    "warmup_steps",
    "warmup_ratio",
    "num_train_epochs",
    "max_steps",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "world_size",
    "optim",
    "weight_decay",
    "max_grad_norm",
    "label_smoothing_factor",
    "neftune_noise_alpha",
    "bf16",
    "fp16",
    "data_seed",
)
"""The settings of a Trainer that bear on what is learnt; the others say where it is written and how fast."""

ADAPTER = ("peft_type", "r", "lora_alpha", "lora_dropout", "target_modules", "use_rslora", "use_dora")
"""The settings of an adapter."""

_OFF = (None, False, -1)


class ProvenanceCallback(TrainerCallback):
    """Registers what a Trainer trains; see docs/tracking.md.

    Args:
        name: What the model is to be called: ``name``, ``name@version``, or ``name@next`` for the first number that is free.
        base: The model that the training starts from; None for what the model says itself.
        from_scratch: The weights were initialised at random.
        recipe: Settings beside those that the Trainer knows.
        metadata: Free words.
        registry: The registry, or its folder or database URL; None for the one that `Registry.open` finds.
        actor: Who is recorded.
        strict: Raise what goes wrong at the end, too.
        parents: As in `provenance.track`; a relation by weights takes the place of ``base``.

    Raises:
        UsageError: A keyword is no relation.
    """

    def __init__(
        self,
        name: str,
        *,
        base: Given | None = None,
        from_scratch: bool = False,
        recipe: Mapping[str, object] | None = None,
        metadata: Mapping[str, object] | None = None,
        registry: "Registry | str | Path | None" = None,
        actor: str | None = None,
        strict: bool = False,
        **parents: Parents | None,
    ) -> None:
        self.run: TrackedRun | None = None
        self._said = Said(relation_kinds(parents), base=base, from_scratch=from_scratch)
        self._recipe = dict(recipe or {})
        self._common: dict[str, Any] = {
            "name": name,
            "metadata": metadata,
            "registry": registry,
            "actor": actor,
            "strict": strict,
        }
        self._saved_at: int | None = None
        self._unfinished: weakref.finalize[..., Any] | None = None

    def on_train_begin(
        self,
        args: "TrainingArguments",
        state: "TrainerState",
        control: "TrainerControl",
        *,
        model: Any = None,  # noqa: ANN401 - a module of torch
        train_dataloader: Any = None,  # noqa: ANN401 - of torch, too
        **_: object,
    ) -> None:
        """Checks and notes everything that is known before the first step."""
        del control
        if self._unfinished is not None:
            self._unfinished()
        if not state.is_world_process_zero:
            return
        with opened(self._common["registry"], self._common["actor"]) as registry:
            starts = start(registry, self._said, args, state, model)
        if state.global_step:
            begun(model)
        self._saved_at = None
        self.run = TrackedRun(
            announced(
                **self._common,
                given=starts.given,
                from_scratch=starts.from_scratch,
                inferred=starts.inferred,
                doubt=starts.doubt,
                recipe={**_settings(args, RECIPE), **_adapter(model), **self._recipe},
                seed=args.seed,
                is_main=True,
            )
        )
        self.run.__enter__()
        self.run.note(base_model=name_of_base(model), **_rows(train_dataloader))
        if state.global_step:
            self.run.note(resumed_at_step=state.global_step)
        self._unfinished = weakref.finalize(self, self.run.give_up)

    def on_step_end(
        self,
        args: "TrainingArguments",
        state: "TrainerState",
        control: "TrainerControl",
        *,
        model: Any = None,  # noqa: ANN401 - a module of torch
        **_: object,
    ) -> None:
        """Notes that the weights have changed: a training that failed before its first step is none."""
        del args, control
        if state.is_world_process_zero:
            begun(model)

    def on_save(
        self, args: "TrainingArguments", state: "TrainerState", control: "TrainerControl", **_: object
    ) -> None:
        """Notes which step's checkpoint is of this training: the folder may hold others'."""
        del args, control
        self._saved_at = state.global_step

    def on_train_end(
        self,
        args: "TrainingArguments",
        state: "TrainerState",
        control: "TrainerControl",
        *,
        model: Any = None,  # noqa: ANN401
        processing_class: Any = None,  # noqa: ANN401
        **_: object,
    ) -> None:
        """Registers the model."""
        del control
        if self.run is None or self._unfinished is None:
            return
        self._unfinished.detach()
        self._unfinished = None
        folder = self._checkpoint(args, state) or _saved(args, state, model, processing_class)
        if folder is not None:
            self.run.output(folder)
        self.run.note(steps=state.global_step)
        self.run.__exit__(None, None, None)
        if self.run.artifact is not None:
            ended(model, folder)

    def _checkpoint(self, args: "TrainingArguments", state: "TrainerState") -> Path | None:
        """The checkpoint that holds what the Trainer holds at the end."""
        if args.load_best_model_at_end and state.best_model_checkpoint:
            found = Path(state.best_model_checkpoint)
        elif self._saved_at == state.global_step:
            found = _step(args, state)
        else:
            return None
        return found if found.is_dir() else None


def _step(args: "TrainingArguments", state: "TrainerState") -> Path:
    return Path(args.output_dir or "") / f"checkpoint-{state.global_step}"


def _saved(
    args: "TrainingArguments",
    state: "TrainerState",
    model: Any,  # noqa: ANN401
    processing_class: Any,  # noqa: ANN401
) -> Path | None:
    """A new folder with the model; None where this process does not hold all of it."""
    if args.deepspeed or args.fsdp or not hasattr(model, "save_pretrained"):
        return None
    names = (f"model-{state.global_step}{suffix}" for suffix in _suffixes())
    folder = next(path for name in names if not (path := Path(args.output_dir or "") / name).exists())
    model.save_pretrained(folder)
    if hasattr(processing_class, "save_pretrained"):
        processing_class.save_pretrained(folder)
    return folder


def _suffixes() -> Iterator[str]:
    yield ""
    yield from (f"-{number}" for number in count(2))


def _adapter(model: Any) -> dict[str, object]:  # noqa: ANN401
    found = {name: _settings(config, ADAPTER) for name, config in adapters(model).items()}
    return {"adapter": next(iter(found.values())) if len(found) == 1 else found} if found else {}


def _settings(source: object, names: tuple[str, ...]) -> dict[str, object]:
    """Those of some settings that are there and switched on."""
    found = {name: getattr(source, name, None) for name in names}
    return {name: value for name, value in found.items() if not any(value is off for off in _OFF)}


def _rows(loader: Any) -> dict[str, object]:  # noqa: ANN401
    """What the data say of themselves: how many rows, and the fingerprint that the datasets library gave them."""
    data = getattr(loader, "dataset", None)
    rows = len(data) if isinstance(data, Sized) else None
    return {"rows": rows, "data_fingerprint": getattr(data, "_fingerprint", None)}
