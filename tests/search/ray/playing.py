"""Workers of other machines, played by plain processes of this one: everything but the cluster is real."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

from tlm_sweeps.corpora.texts import facts_reader
from tlm_sweeps.runs import provenance
from tlm_sweeps.runs.ledger import writing
from tlm_sweeps.search.coordinator import Coordinator
from tlm_sweeps.search.messages import GoOn, Measured
from tlm_sweeps.search.pool import Heard
from tlm_sweeps.search.progress import SweepProgress
from tlm_sweeps.search.remote_hirer import Opening
from tlm_sweeps.search.remote_messages import Summons, Welcome
from tlm_sweeps.search.remote_pool import Patience, RemotePool
from tlm_sweeps.search.remote_worker import versions_of
from tlm_sweeps.spec.identity import identity
from tlm_sweeps.spec.sweep import SweepSpec

PROGRAM = (sys.executable, "-m", "tlm_sweeps.search.remote_worker")
FAILS = (sys.executable, "-c", "import sys; sys.stdin.read(); sys.exit('no luck')")


class Processes:
    """Starts a process for each worker; every node has room for one."""

    def __init__(self, programs: dict[str, Sequence[str]] | None = None, log: Path | None = None) -> None:
        self.programs = programs or {"here": PROGRAM}
        self.running: dict[str, tuple[str, subprocess.Popen[str]]] = {}
        self.hired: list[str] = []
        self.out_of_reach: set[str] = set()
        """Nodes on which nothing can be started or ended from here."""
        self._log = log

    def nodes(self) -> dict[str, str]:
        return {node: f"of {node}" for node in self.programs}

    def openings(self) -> Sequence[Opening]:
        taken = {node for node, _ in self.running.values()} | self.out_of_reach
        return [Opening(node, f"of {node}") for node in self.programs if node not in taken]

    def hire(self, opening: Opening, summons: Summons) -> None:
        self.hired.append(opening.node)
        process = subprocess.Popen(self.programs[opening.node], stdin=subprocess.PIPE, text=True)
        assert process.stdin is not None
        with process.stdin as lines:
            lines.write(summons.model_dump_json())
        self.running[summons.ticket] = (opening.node, process)

    def over(self) -> Sequence[tuple[str, str]]:
        ended = [ticket for ticket, (_, process) in self.running.items() if process.poll() is not None]
        return [(ticket, f"exit code {self.running.pop(ticket)[1].returncode}") for ticket in ended]

    def end_of(self, ticket: str, seconds: float) -> str | None:
        if ticket not in self.running:
            return None
        try:
            code = self.running[ticket][1].wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        del self.running[ticket]
        return f"exit code {code}"

    def dismiss(self, ticket: str) -> None:
        if ticket in self.running and self.running[ticket][0] not in self.out_of_reach:
            process = self.running.pop(ticket)[1]
            process.kill()
            process.wait()

    def signal(self, number: signal.Signals) -> None:
        for _, process in self.running.values():
            os.kill(process.pid, number)

    def close(self) -> None:
        for ticket in tuple(self.running):
            try:
                self.running[ticket][1].wait(20)
            except subprocess.TimeoutExpired:
                self.dismiss(ticket)
                raise
            del self.running[ticket]


def welcome_to(spec: SweepSpec, home: Path, *, shared: bool) -> Welcome:
    """A welcome to a sweep whose folder is shared, or seems not to be."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "token").write_text("a token")
    facts = facts_reader()(spec.experiment)
    return Welcome(
        token_file=str(home / "token"),
        token="a token" if shared else "another token",
        data_dir=None,
        work_dir=str(Path.cwd()),
        experiment=spec.experiment,
        fingerprint=facts.fingerprint,
    )


def pool_of(
    processes: Processes,
    welcome: Welcome,
    home: Path,
    most: int = 1,
    patience: Patience | None = None,
    host: str = "127.0.0.1",
) -> RemotePool:
    versions = versions_of(provenance.capture())
    return RemotePool(processes, host, welcome, home, versions, most, 0.0, patience or Patience())


def sweep_on(pool: RemotePool, spec: SweepSpec, folder: Path) -> Generator[SweepProgress]:
    """A sweep on these workers, in a folder of its own."""
    with writing(folder) as ledger:
        yield from Coordinator(spec, ledger, pool, facts_reader(), provenance.capture(), identity(spec)).run()


def heard_until(pool: RemotePool, is_it: Callable[[Heard], bool]) -> Heard:
    """The next report of a kind; measurements are answered."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        for worker, report in pool.wait(0.2):
            if isinstance(report, Measured):
                pool.send(worker, GoOn(run_id=report.run_id))
            if is_it(report):
                return report
    raise AssertionError("it was not heard")
