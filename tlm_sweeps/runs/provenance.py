"""Where results come from: commit, versions, processor, command; captured once a sweep."""

from __future__ import annotations

import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import tlm_sweeps
from tlm_sweeps.compute.facts import TextFacts, plain_facts
from tlm_sweeps.redaction import redacted
from tlm_sweeps.runs.record import Provenance

_PACKAGES = ("torch", "numpy", "optuna", "wandb", "datasets", "pydantic")


def capture(argv: tuple[str, ...] = (), threads: int = 1) -> Provenance:
    """The provenance of runs planned by this process; the corpus is added run by run with `with_corpus`.

    Args:
        argv: the command; default this process's. Secrets in it are withheld.
        threads: that will compute each run. A run keeps the number it was planned with, however often it resumes.
    """
    commit, dirty = _commit()
    return Provenance(
        commit=commit,
        dirty=dirty,
        versions={"python": platform.python_version(), "tlm_sweeps": tlm_sweeps.__version__} | _versions(),
        device=processor(),
        threads=threads,
        argv=tuple(map(redacted, argv or sys.argv)),
    )


def with_corpus(provenance: Provenance, facts: TextFacts) -> Provenance:
    """The same provenance with the facts of a run's corpus."""
    return provenance.model_copy(update={"corpus": plain_facts(facts)})


def processor() -> str:
    """The processor in words."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return "cpu: " + line.partition(":")[2].strip()
    return "cpu: " + (platform.processor() or platform.machine())


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _commit() -> tuple[str | None, bool | None]:
    """Commit of the checkout that the package runs from; (None, None) when it is installed from elsewhere."""
    root = Path(tlm_sweeps.__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return None, None
    commit = _git(root, "rev-parse", "HEAD")
    status = _git(root, "status", "--porcelain", "--untracked-files=no")
    return commit or None, bool(status) if status is not None else None


def _git(root: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
