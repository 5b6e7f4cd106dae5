"""Runs to track, a reader of what W&B kept, and a W&B server on the loopback: a good one or a bad one."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import pytest

from tlm_sweeps.runs.record import Measurement
from tlm_sweeps.tracking import wandb_nursery, wandb_tracker
from tlm_sweeps.tracking.tracked_run import TrackedRun

Behaviour = Literal["good", "hangs", "fails", "refuses", "closes", "goes away"]


@pytest.fixture(autouse=True)
def _nobody_logged_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has a home without credentials, and no W&B variables from outside."""
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may take long to start W&B; tests that show how long a run's end waits set their own bound."""
    monkeypatch.setattr(wandb_tracker, "FINISH_SECONDS", 60.0)


@pytest.fixture
def run(tmp_path: Path) -> TrackedRun:
    folder = tmp_path / "runs" / "quickstart" / "quickstart-0003-s0"
    folder.mkdir(parents=True)
    return TrackedRun(
        run_id="quickstart-0003-s0",
        sweep="quickstart",
        sweep_fingerprint="9f" * 32,
        trial=3,
        seed=0,
        settings={"model.depth": 2, "training.learning_rate": 1e-3},
        spec={
            "corpus": {"name": "python-docs", "level": "char"},
            "model": {"kind": "transformer", "depth": 2, "width": 64},
            "training": {"learning_rate": 1e-3, "betas": [0.9, 0.999]},
        },
        budget_flops=2 * 10**13,
        account="matmul",
        n_params=123_456,
        tags=("study", "quick"),
        folder=folder,
        provenance={"commit": "abc", "versions": {"torch": "2.13"}},
    )


def measured(step: int) -> Measurement:
    """A plausible measurement after so many steps."""
    return Measurement(
        step=step,
        epochs=step / 100,
        train_flops={"matmul": 10**12 * step, "6nd": 9 * 10**11 * step, "2nd": 3 * 10**11 * step},
        train_nll=3 - step / 1000,
        val_nll=3.1 - step / 1000,
        learning_rate=1e-3,
        wall_seconds=step / 10,
    )


@pytest.fixture
def measure() -> Callable[[int], Measurement]:
    return measured


@dataclass(frozen=True)
class Kept:
    """What one session of a run left in its `.wandb` file, as W&B's own reader tells it."""

    records: list[dict[str, Any]]

    def _all(self, kind: str) -> list[dict[str, Any]]:
        return [record[kind] for record in self.records if record["type"] == kind]

    @property
    def run(self) -> dict[str, Any]:
        return self._all("run")[0]

    @property
    def config(self) -> dict[str, Any]:
        return self.run["config"]["update"]

    @property
    def metrics(self) -> list[dict[str, Any]]:
        return self._all("metric")

    @property
    def history(self) -> list[dict[str, Any]]:
        return [history["item"] for history in self._all("history")]

    @property
    def summary(self) -> dict[str, Any]:
        told: dict[str, Any] = {}
        for each in self._all("summary"):
            told |= each.get("update", {})
        return told

    @property
    def artifacts(self) -> list[dict[str, Any]]:
        return self._all("artifact")

    @property
    def exit_codes(self) -> list[int]:
        return [end.get("exit_code", 0) for end in self._all("exit")]


@pytest.fixture
def read_back() -> Callable[[TrackedRun], list[Kept]]:
    """Every session of a run, oldest first, read by W&B's own reader."""

    def read(run: TrackedRun) -> list[Kept]:
        files = sorted(run.folder.glob("wandb/*/*.wandb"), key=lambda file: file.parent.name.partition("run-")[2])
        return [Kept(_inspected(file)) for file in files]

    return read


def _inspect(file: Path, *, follow: bool = False) -> list[str]:
    """The command that prints the records of a `.wandb` file, one JSON object a line.

    It is what `wandb leet inspect --json FILE` runs, without its half second of imports.
    """
    found = find_spec("wandb")
    assert found is not None
    assert found.origin is not None
    core = Path(found.origin).parent / "bin" / "wandb-core"
    options = ["--no-observability", "--json", *(["--follow"] if follow else []), "--run-file", str(file)]
    return [str(core), "leet", "inspect", *options, str(file.parent.parent)]


def _inspected(file: Path) -> list[dict[str, Any]]:
    shown = subprocess.run(_inspect(file), capture_output=True, text=True, check=True)
    return [json.loads(line) for line in shown.stdout.splitlines()]


@pytest.fixture
def watch(eventually: Eventually) -> Callable[[TrackedRun, str, int], None]:
    """Wait until so many records of a kind are on the disk in a running session's file."""

    def wait(run: TrackedRun, kind: str, count: int) -> None:
        (file, *_) = eventually(lambda: list(run.folder.glob("wandb/*/*.wandb")))
        with subprocess.Popen(_inspect(file, follow=True), stdout=subprocess.PIPE, text=True) as reader:
            assert reader.stdout is not None
            kinds = (json.loads(line)["type"] for line in reader.stdout)
            seen = list(islice((each for each in kinds if each == kind), count))
            reader.kill()
        assert len(seen) == count

    return wait


Eventually = Callable[[Callable[[], Any]], Any]


@pytest.fixture
def eventually() -> Eventually:
    """Ask until the answer is true, and give it; fail after a minute."""

    def ask(question: Callable[[], Any]) -> Any:
        patience, deadline = threading.Event(), time.monotonic() + 60
        while not (answer := question()):
            assert time.monotonic() < deadline
            patience.wait(0.02)
        return answer

    return ask


@dataclass(frozen=True)
class Process:
    """One of W&B's processes."""

    pid: int
    parent: int
    name: str


@pytest.fixture
def process_of(eventually: Eventually) -> Callable[[TrackedRun, str], Process]:
    """The process of a run that has this name, which there must be at once or in a moment."""

    def search(run: TrackedRun, name: str) -> Process | None:
        for process in _processes_in(run.folder):
            if process.name == name:
                return process
        return None

    return lambda run, name: eventually(lambda: search(run, name))


@pytest.fixture
def nursery_of(process_of: Callable[[TrackedRun, str], Process]) -> Callable[[TrackedRun], int]:
    """The nursery that a run's process came from. Tests are rough with it, so it had better be one."""

    def search(run: TrackedRun) -> int:
        parent = process_of(run, "tlm-wandb-run").parent
        assert wandb_nursery.__file__.encode() in Path(f"/proc/{parent}/cmdline").read_bytes().split(b"\0")
        return parent

    return search


def _processes_in(folder: Path) -> Iterator[Process]:
    for found in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile, or is somebody else's
            if (found / "cwd").readlink() == folder.resolve():
                name = (found / "comm").read_text().strip()
                yield Process(int(found.name), int((found / "stat").read_text().rpartition(")")[2].split()[1]), name)


@dataclass
class Server:
    """A W&B server: just enough of it for one run to be opened, fed, resumed and closed. Or a broken one."""

    behaviour: Behaviour
    url: str = ""
    requests: int = 0
    history: dict[int, dict[str, Any]] = field(default_factory=dict)
    """Lines of the run's history, by offset."""
    upserts: list[dict[str, Any]] = field(default_factory=list)
    preempting_at: list[int] = field(default_factory=list)
    """How many lines of history there were whenever the run was marked as preempting."""
    is_stopped: bool = False
    """Whether somebody has pressed Stop on the run's page."""
    exit_codes: list[int] = field(default_factory=list)
    was_asked: threading.Event = field(default_factory=threading.Event)
    """Set by the first request."""
    was_fed: threading.Event = field(default_factory=threading.Event)
    """Set by the first line of history."""
    closing: threading.Event = field(default_factory=threading.Event)
    """Set at the end of the test: whoever hangs may go."""

    def answer(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The reply of a good server."""
        if path.endswith("/file_stream"):
            return self._stream(body)
        query, variables = body.get("query", ""), body.get("variables", {})
        if "query Viewer" in query:
            viewer = {"id": "V", "entity": "ann", "username": "ann", "email": "", "flags": "{}", "teams": {"edges": []}}
            return {"data": {"viewer": viewer}}
        if "mutation UpsertBucket" in query:
            self.upserts.append(variables)
            return {"data": {"upsertBucket": {"bucket": self._bucket(), "inserted": len(self.upserts) == 1}}}
        if "query RunResumeStatus" in query:
            return {"data": {"model": {"id": "P", "name": "p", "entity": _ANN, "bucket": self._resumed()}}}
        if "query ServerFeaturesQuery" in query:
            return {"data": {"serverInfo": {"features": []}}}
        return {"data": None, "errors": [{"message": "not served here"}]}

    def _stream(self, body: dict[str, Any]) -> dict[str, Any]:
        lines = body.get("files", {}).get("wandb-history.jsonl", {"offset": 0, "content": []})
        for number, line in enumerate(lines["content"], start=lines["offset"]):
            self.history[number] = json.loads(line)
            self.was_fed.set()
        if body.get("preempting"):
            self.preempting_at.append(len(self.history))
        if body.get("complete"):
            self.exit_codes.append(body.get("exitcode", 0))
        return {"stopped": True} if self.is_stopped else {}

    def _bucket(self) -> dict[str, Any]:
        name = self.upserts[0].get("name")
        project = {"id": "P", "name": "p", "entity": _ANN}
        known = {"id": "B", "name": name, "displayName": name, "description": "", "config": "{}", "sweepName": None}
        return {**known, "project": project, "historyLineCount": len(self.history)}

    def _resumed(self) -> dict[str, Any] | None:
        if not self.upserts:
            return None
        last = self.history[max(self.history)] if self.history else {}
        return {
            **self._bucket(),
            "summaryMetrics": json.dumps(last),
            "logLineCount": 0,
            "eventsLineCount": 0,
            "historyTail": json.dumps([json.dumps(last)]),
            "eventsTail": "[]",
            "tags": [],
            "notes": None,
            "wandbConfig": json.dumps({"t": 1}),
        }


_ANN = {"id": "E", "name": "ann"}


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            server.requests += 1
            server.was_asked.set()
            match server.behaviour:
                case "hangs":
                    server.closing.wait()
                case "closes":
                    self.close_connection = True
                case "fails":
                    self._reply(500, {})
                case "refuses":
                    self._reply(401, {"errors": [{"message": "user is not logged in"}]})
                case "goes away" if server.was_fed.is_set():
                    server.closing.wait()
                case _:
                    self._reply(200, server.answer(self.path, json.loads(body or b"{}")))

        def _reply(self, code: int, answer: dict[str, Any]) -> None:
            content = json.dumps(answer).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
            """Say nothing."""

    return Handler


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Behaviour], Server]]:
    """Start a server that behaves so, and point W&B at it, logged in."""
    started: list[tuple[ThreadingHTTPServer, Server]] = []

    def start(behaviour: Behaviour) -> Server:
        server = Server(behaviour)
        http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(server))
        threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        started.append((http, server))
        server.url = f"http://127.0.0.1:{http.server_address[1]}"
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        monkeypatch.setenv("WANDB_API_KEY", "k" * 40)
        return server

    yield start
    for http, server in started:
        server.closing.set()
        http.shutdown()
        http.server_close()
