"""The architecture is a contract: rooms import only downward, and each contract really catches what it forbids."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

_REPOSITORY = Path(__file__).parents[2]

_FORBIDDEN = {
    "Rooms import only downward": ("report/words.py", "import tlm_sweeps.search.pool"),
    "The arithmetic rooms know no framework and no service": ("spec/fields.py", "import torch"),
    "A report never loads torch": ("report/words.py", "import torch"),
    "Our own page knows no W&B": ("report/outcomes.py", "import tlm_sweeps.report.wandb.told"),
    "Training knows no service and no search": ("training/loop.py", "import optuna"),
}
"""For every contract a file, and a line in it that breaks the contract."""


def verdicts(folder: Path) -> dict[str, str]:
    """Each contract of the package in a folder, KEPT or BROKEN."""
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([program, "--no-cache", "--no-logo"], cwd=folder, capture_output=True, text=True, check=False)
    found = re.findall(r"^(.+) (KEPT|BROKEN)(?: \(\d+ ignored imports?\))?$", done.stdout, re.MULTILINE)
    assert found, done.stdout + done.stderr
    return dict(found)


def test_no_room_imports_what_it_must_not_know() -> None:
    found = verdicts(_REPOSITORY)

    assert found.keys() == _FORBIDDEN.keys()
    assert set(found.values()) == {"KEPT"}


def test_each_contract_is_broken_by_what_it_forbids(tmp_path: Path) -> None:
    shutil.copytree(_REPOSITORY / "tlm_sweeps", tmp_path / "tlm_sweeps", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(_REPOSITORY / "pyproject.toml", tmp_path)
    for file, line in _FORBIDDEN.values():
        with (tmp_path / "tlm_sweeps" / file).open("a", encoding="utf-8") as source:
            source.write(f"\n{line}\n")

    assert verdicts(tmp_path) == dict.fromkeys(_FORBIDDEN, "BROKEN")
