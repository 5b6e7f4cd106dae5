"""The job's script, made of quoted words: the shell can read no name, path or option as anything else.

It needs nothing of the shell that submitted it but what Slurm hands on by itself (the environment, unless told not to).
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence

from tlm_sweeps.launching.asked import Asked


def script_text(name: str, asked: Asked, command: Sequence[str]) -> str:
    """What Slurm runs on the job's first node.

    Args:
        name: of the sweep, for people.
        asked: the job.
        command: words of the sweep's command, without the program.
    """
    inside = [sys.executable, "-m", "tlm_sweeps.launching.inside", f"--nodes={asked.nodes}"]
    inside += ["--requeue"] if asked.requeue else []
    lines = [
        "#!/bin/bash",
        f"# Made by tlm-sweeps for the sweep {shlex.quote(name)}. Submitting this file by hand forgets its options.",
        f"exec {shlex.join([*inside, *command])}",
    ]
    return "\n".join(lines) + "\n"


def command_words(
    spec: str,
    *,
    runs: str,
    data_dir: str | None,
    workers: str,
    device: str,
    stack: int | None,
    retries: int | None,
    offline: bool,
) -> list[str]:
    """The sweep's command inside the job.

    Args:
        spec: file of the spec, or of the copy that was made of it.
        runs: folder of all sweeps.
        data_dir: where named corpora are looked for first.
        workers: as after `--workers`.
        device: as after `--device`.
        stack: as after `--stack`.
        retries: as after `--retries`.
        offline: whether a W&B sweep is searched without W&B.
    """
    words = ["sweep", spec, f"--runs-dir={runs}", f"--workers={workers}", f"--device={device}"]
    words += [f"--data-dir={data_dir}"] if data_dir is not None else []
    words += [f"--stack={stack}"] if stack is not None else []
    words += [f"--retries={retries}"] if retries is not None else []
    return words + (["--offline"] if offline else [])
