"""The programs that are compared, as commands: ours, nanoGPT, Hugging Face's Trainer, Ray Tune, a plain loop.

Each is told the same reference work. What cannot be told is said where it is left.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import reference
from benchmarks.launching import Program
from benchmarks.measuring import LeftOut
from benchmarks.reference import Text

_HERE = Path(__file__).parent
_OURS = "tlm-sweeps"


@dataclass(frozen=True)
class Rivals:
    """Where what we are compared with is installed."""

    nanogpt: Path | None
    """A checkout of karpathy/nanoGPT; its interpreter is ours, since it needs torch and numpy only."""
    python: Path | None
    """An interpreter with torch, transformers, accelerate, optuna and ray[tune]."""

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> Rivals:
        """As the command line says."""
        return cls(arguments.nanogpt, arguments.rivals_python)

    def versions(self) -> dict[str, str]:
        """Versions of what is installed there, and nanoGPT's commit."""
        found: dict[str, str] = {}
        if self.python is not None and self.python.exists():
            done = subprocess.run(
                [self.python, "-c", _VERSIONS], capture_output=True, text=True, check=False, timeout=60
            )
            found |= json.loads(done.stdout) if done.returncode == 0 else {}
        if self.nanogpt is not None:
            head = ["git", "-C", str(self.nanogpt), "rev-parse", "HEAD"]
            done = subprocess.run(head, capture_output=True, text=True, check=False, timeout=10)
            found["nanoGPT"] = done.stdout.strip() or "unknown"
        return found


_VERSIONS = """
import importlib.metadata as m, json
names = ("torch", "transformers", "accelerate", "optuna", "ray")
found = {}
for name in names:
    try: found[name] = m.version(name)
    except m.PackageNotFoundError: pass
print(json.dumps(found))
"""


def add_text_option(parser: argparse.ArgumentParser) -> None:
    """The option that says where the text is."""
    parser.add_argument(
        "--data-dir", type=Path, metavar="PATH", help="folder with tinyshakespeare/; without it: python-docs"
    )


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that say where text and rivals are."""
    add_text_option(parser)
    parser.add_argument("--nanogpt", type=Path, metavar="PATH", help="a checkout of karpathy/nanoGPT")
    parser.add_argument("--rivals-python", type=Path, metavar="PATH", help="interpreter with transformers and ray")
    parser.add_argument("--steps", type=int, default=reference.STEPS, help="of a run (default %(default)s)")
    parser.add_argument(
        "--only", nargs="+", metavar="WORD", default=(), help="only sides whose names hold one of these"
    )


def is_wanted(name: str, words: Sequence[str]) -> bool:
    """Whether a side is asked for: all are where no words are given."""
    return not words or any(word.lower() in name.lower() for word in words)


def ours(text: Text, steps: int, threads: int, precision: str, *more: str) -> Program:
    """One run of ours in a process of its own."""
    spec = json.dumps(reference.experiment(text, steps, precision))
    command = (sys.executable, "-m", "benchmarks.ours", "--experiment", spec, "--steps", str(steps))
    return Program((*command, "--threads", str(threads), *more, *_data_dir(text)), threads, folder=_HERE.parent)


def our_sweep(text: Text, trials: int, steps: int, precision: str, scratch: Path, *, workers: int) -> Program:
    """A sweep of ours, as a user starts it, into a folder that must be empty."""
    spec = scratch / "spec.yaml"
    spec.write_text(reference.sweep_spec(text, trials, steps, precision), encoding="utf-8")
    command = (str(Path(sys.executable).with_name(_OURS)), "sweep", str(spec), "--no-report", "--workers", str(workers))
    return Program((*command, "--runs-dir", str(scratch / "runs"), *_data_dir(text)))


def nanogpt(rivals: Rivals, text: Text, steps: int, threads: int | None, scratch: Path, rate: float) -> Program:
    """The `train.py` of nanoGPT.

    It trains one step more than `max_iters`, and evaluates once before the first step whatever it is told: one batch
    of each split here. On a CPU it computes in float32 whatever its dtype says.

    Raises:
        LeftOut: there is no checkout.
    """
    if rivals.nanogpt is None or not (rivals.nanogpt / "train.py").exists():
        raise LeftOut("no checkout of nanoGPT: --nanogpt PATH")
    settings: dict[str, object] = {
        "device": "cpu",
        "dtype": "float32",
        "compile": False,
        "dataset": text.folder.absolute(),  # joined to `data/`, which an absolute path replaces
        "out_dir": scratch.absolute(),
        "n_layer": reference.DEPTH,
        "n_head": reference.HEADS,
        "n_embd": reference.WIDTH,
        "block_size": reference.CONTEXT,
        "batch_size": reference.BATCH,
        "gradient_accumulation_steps": 1,
        "bias": True,
        "dropout": 0.0,
        "learning_rate": rate,
        "decay_lr": False,
        "weight_decay": reference.WEIGHT_DECAY,
        "beta2": 0.999,
        "grad_clip": 0.0,
        "max_iters": steps - 1,
        "eval_interval": 10**9,
        "eval_iters": 1,
        "always_save_checkpoint": False,
        "log_interval": 1,
    }
    options = tuple(f"--{name}={value}" for name, value in settings.items())
    return Program((sys.executable, "train.py", *options), threads, folder=rivals.nanogpt)


def plain(text: Text, steps: int, threads: int | None, rates: tuple[float, ...]) -> Program:
    """A plain torch loop."""
    return _script(Path(sys.executable), "plain", text, steps, threads, rates)


def hf_trainer(
    rivals: Rivals, text: Text, steps: int, threads: int | None, rates: tuple[float, ...], scratch: Path, *more: str
) -> Program:
    """Hugging Face's Trainer; `--search` tries the rates by its Optuna backend, `--bf16` sets its own bf16.

    Raises:
        LeftOut: transformers is not installed there.
    """
    python = _interpreter(rivals, "transformers", "accelerate")
    return _script(python, "hf_trainer", text, steps, threads, rates, "--scratch", str(scratch), *more)


def ray_tune(rivals: Rivals, text: Text, steps: int, rates: tuple[float, ...], at_once: int, scratch: Path) -> Program:
    """Ray Tune with OptunaSearch; Ray itself gives each trial one thread.

    Raises:
        LeftOut: ray is not installed there.
    """
    python = _interpreter(rivals, "ray", "optuna")
    more = ("--scratch", str(scratch), "--at-once", str(at_once))
    program = _script(python, "ray_tune", text, steps, None, rates, *more)
    quiet = {"RAY_USAGE_STATS_ENABLED": "0", "PYTHONPATH": str(_HERE / "rivals")}
    return Program(program.argv, program.threads, program.folder, quiet)


def _script(
    python: Path, name: str, text: Text, steps: int, threads: int | None, rates: tuple[float, ...], *more: str
) -> Program:
    shape = {
        "text": text.folder,
        "depth": reference.DEPTH,
        "heads": reference.HEADS,
        "width": reference.WIDTH,
        "context": reference.CONTEXT,
        "batch": reference.BATCH,
        "steps": steps,
        "weight-decay": reference.WEIGHT_DECAY,
    }
    options = (word for option, value in shape.items() for word in (f"--{option}", str(value)))
    command = (str(python), str(_HERE / "rivals" / f"{name}.py"), *options)
    return Program((*command, *more, "--learning-rates", *map(str, rates)), threads)


def _interpreter(rivals: Rivals, *packages: str) -> Path:
    if rivals.python is None:
        raise LeftOut(f"no interpreter with {' and '.join(packages)}: --rivals-python PATH")
    program = "import importlib.util as u, sys; sys.exit(any(u.find_spec(name) is None for name in sys.argv[1:]))"
    try:
        done = subprocess.run([rivals.python, "-c", program, *packages], check=False, timeout=60)
    except OSError as error:
        raise LeftOut(f"{rivals.python} cannot be started: {error.strerror}") from error
    if done.returncode != 0:
        raise LeftOut(f"{rivals.python} lacks {' or '.join(packages)}")
    return rivals.python.absolute()


def _data_dir(text: Text) -> tuple[str, ...]:
    return () if text.data_dir is None else ("--data-dir", str(text.data_dir.absolute()))
