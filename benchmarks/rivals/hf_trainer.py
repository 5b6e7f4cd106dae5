"""Hugging Face's Trainer with GPT-2's configuration of the reference shape; with --search, its Optuna backend.

Needs torch, transformers, accelerate and optuna. GPT-2's exact GELU is taken instead of its tanh approximation, which
torch computes in several passes on a CPU: the faster of the two, and what the other sides compute. GPT-2 shifts its
labels itself, so a window of 128 gives 127 targets: a hair less work than the others do.
"""

from __future__ import annotations

import argparse
import os
import pickle
import tempfile

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

import numpy as np
import optuna
import torch
from plain import parser
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)


class Windows(torch.utils.data.Dataset):
    """Random windows, as many as a trial trains on."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        data = np.fromfile(arguments.text / "train.bin", dtype=np.uint16).astype(np.int64)
        self.windows = torch.from_numpy(data).unfold(0, arguments.context, 1)
        self.starts = torch.randint(len(self.windows), (arguments.batch * arguments.steps,))

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        window = self.windows[self.starts[index]]
        return {"input_ids": window, "labels": window}


class TellSteps(TrainerCallback):
    """A line for each step."""

    def on_step_end(
        self, _args: TrainingArguments, state: TrainerState, _control: TrainerControl, **_rest: object
    ) -> None:
        """Say which step has been done."""
        print(f"step {state.global_step - 1}", flush=True)


def trainer_for(arguments: argparse.Namespace, learning_rate: float) -> Trainer:
    """A Trainer that evaluates, saves and reports nothing."""
    vocabulary = pickle.loads((arguments.text / "meta.pkl").read_bytes())["vocab_size"]  # noqa: S301 - our own file
    config = GPT2Config(
        vocab_size=vocabulary,
        n_positions=arguments.context,
        n_embd=arguments.width,
        n_layer=arguments.depth,
        n_head=arguments.heads,
        activation_function="gelu",
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        use_cache=False,
        bos_token_id=0,
        eos_token_id=0,
    )
    settings = TrainingArguments(
        output_dir=str(arguments.scratch or tempfile.gettempdir()),
        per_device_train_batch_size=arguments.batch,
        max_steps=arguments.steps,
        learning_rate=learning_rate,
        lr_scheduler_type="constant",
        weight_decay=arguments.weight_decay,
        max_grad_norm=0.0,
        use_cpu=True,
        bf16=arguments.bf16,
        save_strategy="no",
        eval_strategy="no",
        logging_strategy="no",
        report_to=[],
        disable_tqdm=True,
    )
    return Trainer(
        model_init=lambda: GPT2LMHeadModel(config),
        args=settings,
        train_dataset=Windows(arguments),
        callbacks=[TellSteps()],
    )


def search(arguments: argparse.Namespace) -> None:
    """The trials by `hyperparameter_search`, one after the other, which is all that it does on one device."""

    def space(trial: optuna.Trial) -> dict[str, float]:
        return {"learning_rate": trial.suggest_categorical("learning_rate", arguments.learning_rates)}

    trainer = trainer_for(arguments, arguments.learning_rates[0])
    trainer.evaluate = lambda *_args, **_rest: {"eval_loss": 0.0}  # the search asks for one; the trials are not judged
    trainer.hyperparameter_search(
        hp_space=space, backend="optuna", n_trials=len(arguments.learning_rates), direction="minimize"
    )


def main() -> None:
    """Train once for each learning rate, or search."""
    found = parser()
    found.add_argument("--search", action="store_true")
    found.add_argument("--bf16", action="store_true")
    arguments = found.parse_args()
    if arguments.search:
        search(arguments)
        return
    for learning_rate in arguments.learning_rates:
        trainer_for(arguments, learning_rate).train()


if __name__ == "__main__":
    main()
