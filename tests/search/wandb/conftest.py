"""A W&B server on the loopback, sweeps launched on it, and agents that work for them as processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.wandb_server.serving import Server, environment, serving
from tlm_sweeps.search.wandb.launching import launch
from tlm_sweeps.spec.sweep import SweepSpec

LAUNCHABLE: dict[str, Any] = {
    "name": "tiny",
    "experiment": {
        "corpus": {"name": "python-docs", "first_tokens": {"train": 20000, "valid": 2000, "test": 2000}},
        "model": {"kind": "transformer", "width": 16, "depth": 1, "heads": 2, "context": 16},
        "training": {"batch_size": 8},
    },
    "search": {"model.depth": [1, 2], "model.heads": [2, 3]},
    "budget": {"flops": 6e8},
    "engine": {"kind": "wandb", "method": "grid"},
}
"""A sweep of two feasible settings."""
PATIENCE_SECONDS = 180
"""A busy machine is slow; an agent that hangs is not waited for for ever."""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server that this process and its children are logged in at."""
    home = tmp_path / "home"
    home.mkdir()
    with serving() as running:
        for name in [name for name in os.environ if name.startswith("WANDB_")]:
            monkeypatch.delenv(name)
        for name, value in environment(running, home).items():
            if name.startswith("WANDB_") or name == "HOME":
                monkeypatch.setenv(name, value)
        yield running
        import wandb

        wandb.teardown()  # this process's client remembers which server it talks to


@dataclass
class Agents:
    """Agents of one sweep on one machine: they share its runs folder."""

    path: str
    folder: Path
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def trials(self) -> Path:
        """Where this machine keeps the sweep's trials."""
        (found,) = (self.folder / "runs").glob(f"*-{self.path.rpartition('/')[2]}")
        return found

    def ours(self) -> subprocess.Popen[bytes]:
        """Start a `tlm-sweeps agent`."""
        return self._start([sys.executable, "-m", "tlm_sweeps", "agent", self.path])

    def plain(self) -> subprocess.Popen[bytes]:
        """Start a `wandb agent`, which starts `tlm-sweeps` for each proposal."""
        return self._start([sys.executable, "-m", "wandb", "agent", self.path])

    def said(self, agent: subprocess.Popen[bytes]) -> str:
        """What an agent has said so far."""
        return self._log(self.running.index(agent)).read_text(encoding="utf-8")

    def finish(self) -> None:
        """Wait until all have left by themselves."""
        for agent in self.running:
            assert agent.wait(PATIENCE_SECONDS) in (0, -signal.SIGKILL), self.said(agent)

    def close(self) -> None:
        """End those that live on."""
        for agent in self.running:
            if agent.poll() is None:
                agent.kill()
            agent.wait()

    def _start(self, command: list[str]) -> subprocess.Popen[bytes]:
        here = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        own = os.environ | {"PATH": here, "TLM_RUNS": str(self.folder / "runs"), "WANDB_DIR": str(self.folder)}
        with self._log(len(self.running)).open("wb") as log:
            started = subprocess.Popen(command, stdout=log, stderr=log, env=own, cwd=self.folder, process_group=0)
        self.running.append(started)
        return started

    def _log(self, number: int) -> Path:
        return self.folder / f"agent-{number}.log"


@pytest.fixture
def launched(server: Server, tmp_path: Path) -> Iterator[Callable[[SweepSpec], Agents]]:
    """Makes a W&B sweep of a spec; gives whoever starts agents for it."""
    made: list[Agents] = []

    def make(spec: SweepSpec, machine: str = "machine") -> Agents:
        (tmp_path / machine).mkdir(exist_ok=True)
        sweep = launch(spec, tmp_path / "launched", entity="ann", project="tiny").sweep
        made.append(Agents(sweep.path, tmp_path / machine))
        return made[-1]

    yield make
    for agents in made:
        agents.close()
    assert server.state.refusals == [], "the server is as strict as the real one"
