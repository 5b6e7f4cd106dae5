"""Timing this machine, and keeping what was found: a file in the cache folder for each precision. It loads no torch.

The timing is done by as many processes at once as a sweep would have workers (`training.timing`), because cores that
share memory and power slow each other down.
"""

from __future__ import annotations

import hashlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any

from tlm_sweeps import models, training
from tlm_sweeps.compute.calibration import Calibration, Origin, Timing
from tlm_sweeps.compute.machine import cores
from tlm_sweeps.compute.rates import Precision
from tlm_sweeps.corpora.places import cache_folder
from tlm_sweeps.errors import RunError
from tlm_sweeps.runs.provenance import processor
from tlm_sweeps.runs.sealing import DamagedRow, sealed, unsealed
from tlm_sweeps.training.probes import probes

SECONDS = 12.0
"""How long the probes of one precision are timed: three rounds on a core of 2023."""
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
_LONGEST_SILENCE = 120.0
_DAMAGED = "what is kept of the last calibration is damaged"


@dataclass(frozen=True)
class Found:
    """What is kept of this machine's calibration."""

    calibrations: tuple[Calibration, ...]
    """In each precision that was asked for, or none at all."""
    note: str = ""
    """What is wrong with it, or why there is none although something is kept."""


def origin(precision: Precision) -> Origin:
    """What a calibration that is made here and now holds for."""
    return Origin(
        processor=processor(),
        cores=cores(),
        torch=metadata.version("torch"),
        threads=1,
        device="cpu",
        precision=precision,
    )


def kept(precisions: Sequence[Precision]) -> Found:
    """This machine's calibration in these precisions, if it is kept and still holds."""
    found = []
    for precision in precisions:
        here = origin(precision)
        try:
            text = _file(here).read_text(encoding="utf-8")
            calibration = Calibration.model_validate_json(unsealed(text, "calibration"))
        except FileNotFoundError:
            has_some = any(_folder().glob("*.json"))
            return Found((), "the last calibration was of another machine, torch or precision" if has_some else "")
        except (OSError, ValueError, DamagedRow):
            return Found((), _DAMAGED)
        if calibration.origin != here or not calibration.timings:
            return Found((), _DAMAGED)
        found.append(calibration)
    has_changed = any(each.code != _code() for each in found)
    return Found(tuple(found), "the code that trains has changed since" if has_changed else "")


def keep(calibration: Calibration) -> None:
    """Put a calibration where `kept` finds it, in the place of an older one."""
    file = _file(calibration.origin)
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f"{file.name}.{os.getpid()}")
    partial.write_text(sealed(calibration.model_dump_json(exclude_unset=True)), encoding="utf-8")
    partial.replace(file)


def calibrate(precision: Precision, workers: int, seconds: float = SECONDS) -> Generator[float, None, Calibration]:
    """Time the probes in as many processes as there would be workers.

    Args:
        precision: that the probes compute in.
        workers: processes at once, a thread each.
        seconds: how long to time; never less than two rounds.

    Yields:
        The share that is done, a few times a second.

    Returns:
        What was timed. Close the generator to stop early; nothing is kept by itself.

    Raises:
        RunError: a process ended early; its last words are in the message.
    """
    heard: queue.Queue[tuple[int, dict[str, Any] | None]] = queue.Queue()
    started = [_started(precision, seconds, number) for number in range(workers)]
    try:
        for number, process in enumerate(started):
            threading.Thread(target=_listen, args=(number, process, heard), daemon=True).start()
        timing = _Hearing(workers)
        yield 0.0
        while not timing.is_over:
            try:
                number, words = heard.get(timeout=0.25)
            except queue.Empty:
                timing.ensure_alive()
            else:
                timing.hear(number, words, started)
            yield timing.share_of(seconds)
    finally:
        for process in started:
            process.kill()
            process.communicate()
    return timing.calibration(precision)


class _Hearing:
    """What the timing processes have said so far."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._to_start: list[float] = []
        self._per_run: list[float] = []
        self._samples: list[dict[str, Any]] = []
        self._over = 0
        self._begun_timing: float | None = None
        self._last_heard = time.monotonic()

    @property
    def is_over(self) -> bool:
        return self._over == self._workers

    def share_of(self, seconds: float) -> float:
        """How much of the time for timing has passed."""
        passed = time.monotonic() - self._begun_timing if self._begun_timing else 0.0
        return passed / max(passed, seconds) if passed else 0.0

    def ensure_alive(self) -> None:
        if time.monotonic() - self._last_heard > _LONGEST_SILENCE:
            raise RunError("the calibration says nothing any more", hint="try again when the machine is less busy")

    def hear(self, number: int, words: dict[str, Any] | None, started: Sequence[subprocess.Popen[str]]) -> None:
        self._last_heard = time.monotonic()
        if words is None:
            self._ended(started[number])
        elif "started" in words:
            self._to_start.append(words["started"])
        elif "ready" in words:
            self._per_run.append(words["seconds_per_run"])
            if len(self._per_run) == self._workers:
                self._begin(started)
        else:
            self._samples.append(words["sample"])

    def _begin(self, started: Sequence[subprocess.Popen[str]]) -> None:
        self._begun_timing = time.monotonic()
        for process in started:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()

    def _ended(self, process: subprocess.Popen[str]) -> None:
        if process.wait() != 0:
            assert process.stderr is not None
            last_words = process.stderr.read().strip().splitlines()[-1:] or [f"exit code {process.returncode}"]
            raise RunError(f"the calibration failed: {last_words[0]}")
        self._over += 1

    def calibration(self, precision: Precision) -> Calibration:
        passed = sum(each["passed"] for each in self._samples)
        computed = sum(each["computed"] for each in self._samples)
        return Calibration(
            origin=origin(precision),
            code=_code(),
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
            workers=self._workers,
            timings=tuple(_timings(precision, self._samples)),
            seconds_to_start=median(self._to_start),
            seconds_per_run=median(self._per_run),
            others_share=max(0.0, 1 - computed / passed),
        )


def _timings(precision: Precision, samples: Sequence[dict[str, Any]]) -> Generator[Timing]:
    """Every probe's median over rounds and processes."""
    for number, probe in enumerate(probes(precision)):
        its = [each for each in samples if each["probe"] == number]
        yield Timing(
            experiment=probe.experiment,
            vocabulary_size=probe.vocabulary_size,
            training_seconds=median(each["training_seconds"] for each in its),
            scoring_seconds=median(each["scoring_seconds"] for each in its),
        )


def _started(precision: Precision, seconds: float, number: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tlm_sweeps.training.timing", precision, str(seconds), str(number)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a Ctrl-C in the terminal is ours alone
        env=os.environ | _ONE_THREAD,
    )


def _listen(number: int, process: subprocess.Popen[str], heard: queue.Queue[tuple[int, dict[str, Any] | None]]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        heard.put((number, json.loads(line)))
    heard.put((number, None))


def _file(here: Origin) -> Path:
    return _folder() / f"{hashlib.sha256(here.model_dump_json().encode()).hexdigest()[:32]}.json"


def _folder() -> Path:
    return cache_folder() / "calibration"


def _code() -> str:
    """A hash over the code that trains: what was timed was this code."""
    folders = [Path(room.__path__[0]) for room in (models, training)]
    sources = [file.read_bytes() for folder in folders for file in sorted(folder.glob("*.py"))]
    return hashlib.sha256(b"\0".join(sources)).hexdigest()[:16]
