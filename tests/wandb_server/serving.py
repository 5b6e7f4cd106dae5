"""A stand-in for W&B's server on the loopback, for the real client, its agents, its scheduler and its public API.

Use::

    with serving() as server:
        subprocess.run([...], env=environment(server, home))
        assert server.state.run("abc").state == "finished"
        assert server.state.refusals == []
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.wandb_server import runs, sweeps
from tests.wandb_server.faults import Faults
from tests.wandb_server.listening import Listener
from tests.wandb_server.state import State

KEY = "k" * 40


@dataclass(frozen=True)
class Server:
    """A running stand-in."""

    url: str
    state: State

    @property
    def faults(self) -> Faults:
        """Its troubles, to be switched on."""
        return self.state.faults

    def stop(self, run_id: str) -> None:
        """Press the Stop button of a run's page."""
        with self.state.lock:
            runs.stop(self.state, self.state.run(run_id))

    def delete_sweep(self, sweep_id: str) -> None:
        """Delete a sweep, as its page can."""
        with self.state.lock:
            sweeps.delete(self.state, self.state.sweep(sweep_id))

    def until(self, question: Callable[[State], Any], seconds: float = 300.0) -> Any:
        """Ask until the answer is true, and give it; what a question cannot find yet (StopIteration) is false.

        Raises:
            TimeoutError: it was not true in time.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with self.state.lock, contextlib.suppress(StopIteration):
                if answer := question(self.state):
                    return answer
            self.faults.closing.wait(0.02)
        raise TimeoutError(f"not so within {seconds:g} s; refusals: {self.state.refusals}")


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    """Serve on a free port of the loopback; at the end everything is closed, and whoever hangs is let go."""
    state = State()
    with Listener(state) as listener:
        state.url = f"http://127.0.0.1:{listener.server_address[1]}"
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield Server(state.url, state)
        finally:
            state.faults.closing.set()
            listener.shutdown()
            thread.join()


def environment(server: Server, home: Path) -> dict[str, str]:
    """The environment of a process that uses this server, logged in, with a home of its own and nothing else of W&B."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    return ours | {
        "HOME": str(home),
        "WANDB_BASE_URL": server.url,
        "WANDB_API_KEY": KEY,
        "WANDB_ERROR_REPORTING": "false",
    }
