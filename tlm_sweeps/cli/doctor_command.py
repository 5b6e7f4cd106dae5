"""`doctor`: whether this machine has what the program needs. Imports none of the heavy packages."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from tlm_sweeps.cli.options import DataDir, Json, RunsDir
from tlm_sweeps.cli.wandb_findings import wandb_findings
from tlm_sweeps.errors import TlmError

if TYPE_CHECKING:
    from tlm_sweeps.console.corpora_views import Finding

_PACKAGES = {"torch": True, "optuna": True, "datasets": False, "wandb": False}
"""Packages, and whether nothing runs without them."""


def doctor(data_dir: DataDir = None, runs_dir: RunsDir = None, *, json: Json = False) -> None:
    """Check whether this machine has what it takes.

    Python, packages, cores, memory, corpora, folders, W&B; exit code 1 when something needed is missing.
    """
    from tlm_sweeps.console.corpora_views import findings_view
    from tlm_sweeps.console.streams import show, write_json

    findings = list(_findings(data_dir, runs_dir))
    if json:
        write_json([vars(each) for each in findings])
    else:
        show(findings_view(findings))
    if any(each.needed and not each.ok for each in findings):
        raise typer.Exit(1)


def _findings(data_dir: Path | None, runs_dir: Path | None) -> Iterator[Finding]:
    from tlm_sweeps.console.corpora_views import Finding

    yield Finding("Python", sys.version_info >= (3, 11), f"{platform.python_version()} at {sys.executable}")
    yield from (_package(name, is_needed=is_needed) for name, is_needed in _PACKAGES.items())
    yield from _machine()
    yield from _corpora(data_dir)
    yield _cache()
    yield _runs(runs_dir)
    yield from wandb_findings()


def _package(name: str, *, is_needed: bool) -> Finding:
    from tlm_sweeps.console.corpora_views import Finding

    try:
        return Finding(name, ok=True, found=metadata.version(name), needed=is_needed)
    except metadata.PackageNotFoundError:
        return Finding(name, ok=False, found="not installed: `pip install tlm-sweeps`", needed=is_needed)


def _machine() -> Iterator[Finding]:
    """What a sweep may use, and who limits it when that is less than there is."""
    from tlm_sweeps.compute.gpus import gpus
    from tlm_sweeps.compute.machine import this_machine
    from tlm_sweeps.console.corpora_views import Finding
    from tlm_sweeps.units import format_bytes

    granted = this_machine()
    cores = f"{granted.cores.amount}"
    if granted.cores.amount < granted.seen_cores:
        cores += f" of {granted.seen_cores}: as many as {granted.cores.by} grants"
    yield Finding("cores", ok=True, found=cores)
    memory = f"{format_bytes(granted.memory.amount)} left of {granted.memory.by}" if granted.memory else "unknown"
    yield Finding("memory", ok=True, found=memory)
    for gpu in gpus():
        free = f"{format_bytes(gpu.free_bytes)} of {format_bytes(gpu.total_bytes)} free"
        yield Finding(f"GPU {gpu.index}", ok=True, found=f"{gpu.name}, {free}", needed=False)


def _corpora(data_dir: Path | None) -> Iterator[Finding]:
    from tlm_sweeps.console.corpora_views import Finding
    from tlm_sweeps.corpora.holdings import list_corpora

    try:
        for each in list_corpora(data_dir):
            where = str(each.found) if each.whole else f"`tlm-sweeps data get {each.name}`"
            yield Finding(f"corpus {each.name}", each.whole, where, needed=False)
    except TlmError as error:
        yield Finding("data folders", ok=False, found=error.problems[0].message)


def _cache() -> Finding:
    from tlm_sweeps.console.corpora_views import Finding
    from tlm_sweeps.corpora.places import cache_folder

    try:
        return Finding("cache folder", ok=True, found=str(cache_folder()))
    except TlmError as error:
        return Finding("cache folder", ok=False, found=error.problems[0].message)


def _runs(runs_dir: Path | None) -> Finding:
    """Whether the runs folder, or the nearest folder above it that exists, can be written."""
    from tlm_sweeps.console.corpora_views import Finding
    from tlm_sweeps.runs.folders import runs_folder

    runs = runs_folder(runs_dir).absolute()
    there = next(folder for folder in (runs, *runs.parents) if folder.exists())
    is_writable = there.is_dir() and os.access(there, os.W_OK | os.X_OK)
    return Finding("runs folder", is_writable, f"{runs}" if is_writable else f"{there} cannot be written")
