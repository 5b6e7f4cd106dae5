"""A spec to submit, and programs that play Slurm where only words matter; whole jobs run in a real one."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tlm_sweeps.cli.app import main

SPEC = """\
name: small
question: Which depth is best?
experiment:
  corpus: {name: python-docs, first_tokens: {train: 20000, valid: 2000, test: 2000}}
  model: {kind: transformer, width: 16, depth: 1, heads: 2, context: 16}
  training: {learning_rate: 1e-3, batch_size: 8}
  evaluation: {every: 25%}
search:
  model.depth: [1, 2]
  model.heads: [2, 4]
budget: {flops: 6e8, match: epochs}
engine: {sampler: grid}
"""


@dataclass(frozen=True)
class Said:
    """What a command left with and said."""

    code: int
    out: str
    err: str


@pytest.fixture
def tlm(
    capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Said]:
    """Runs a command line in a folder of its own, where the spec is."""
    monkeypatch.chdir(tmp_path)
    for name in ("TLM_RUNS", "TLM_DATA"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "small.yaml").write_text(SPEC)

    def run(words: str) -> Said:
        capfdbinary.readouterr()
        code = main(shlex.split(words))
        captured = capfdbinary.readouterr()
        return Said(code, captured.out.decode(), captured.err.decode())

    return run


@dataclass(frozen=True)
class Programs:
    """Programs of Slurm that answer as they are told, and write down what they were asked."""

    folder: Path

    def plays(self, name: str, answer: str = "", code: int = 0, problem: str = "") -> None:
        """Have a program; in its answer `%COMMENT%` is the last submitted job's."""
        file, submitted = self.folder / name, shlex.quote(str(self.folder / "sbatch.asked"))
        file.write_text(
            "#!/bin/bash\n"
            f'printf "%s\\0" "$@" > {shlex.quote(str(self.folder / name))}.asked\n'
            f"said={shlex.quote(answer)}\n"
            f"comment=$(test ! -e {submitted} || tr '\\0' '\\n' < {submitted} | sed -n 's/--comment=//p')\n"
            'test -z "$said" || printf "%b\\n" "${said//%COMMENT%/$comment}"\n'
            f"printf %s {shlex.quote(problem)} >&2\nexit {code}\n"
        )
        file.chmod(0o755)

    def asked(self, name: str) -> list[str] | None:
        """What a program was last given; None when nobody called it."""
        file = self.folder / f"{name}.asked"
        return file.read_text().split("\0")[:-1] if file.exists() else None


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """A machine whose Slurm accepts jobs as number 7 and knows of none."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("tr", "sed"):
        (folder / name).symlink_to(shutil.which(name) or name)
    monkeypatch.setenv("PATH", str(folder))  # a Slurm that is installed here is not found
    found = Programs(folder)
    found.plays("sbatch", "7")
    found.plays("squeue")
    found.plays("sacct", code=1, problem="Slurm accounting storage is disabled")
    return found
