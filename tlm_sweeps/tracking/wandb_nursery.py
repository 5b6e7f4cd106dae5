"""W&B's nursery: a process that has imported the client, has started nothing of it, and forks one process for each run.

wandb_starting.py starts it as a script, with one end of a socket, at a worker's first tracked run. Each message on it
brings three handles: what a run's process reads, where it reports, its log. When the other side hangs up, however it
does, the nursery leaves; the processes it forked go on until their own runs end. Refuses to know what is said to them.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import signal
import socket
import sys
from pathlib import Path
from types import ModuleType
from typing import NoReturn

_HANDLES = 3
_IMPORTED_LATE = (
    "wandb.apis.public",
    "wandb.sdk.launch.inputs.internal",
    "requests",
)
"""What the client (0.31) imports only when a run is opened: a third of a second. One that another version does not
have is imported by each run then, or by none."""


def main(run_program: ModuleType) -> None:
    """Fork processes on request until the other side hangs up.

    Args:
        run_program: wandb_run.py, which the forked processes go on with.
    """
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # training's business, which hangs up when it leaves
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how they ended: the system buries them
    for name in ("wandb", *_IMPORTED_LATE):
        with contextlib.suppress(Exception):  # each run will find out for itself, and say so
            importlib.import_module(name)
    gc.collect()
    gc.freeze()  # a collection in a run's process would write to, and so copy, every page with a Python object of ours
    with socket.socket(fileno=int(sys.argv[1])) as control, contextlib.suppress(ConnectionResetError):
        while handles := socket.recv_fds(control, 1, _HANDLES)[1]:
            if os.fork() == 0:
                control.close()
                _become_run(handles, run_program)
            for handle in handles:
                os.close(handle)
    os._exit(0)


def _become_run(handles: list[int], run_program: ModuleType) -> NoReturn:
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # the client waits for a process of its own
        os.setsid()
        for target, handle in enumerate(handles):
            os.dup2(handle, target)
            os.close(handle)
        code = run_program.main()
    finally:
        os._exit(code)  # nothing may return into the nursery's own loop


if __name__ == "__main__":
    sys.path.append(str(Path(__file__).parents[2]))  # last, so that nothing beside this package hides the client
    from tlm_sweeps.tracking import wandb_run

    main(wandb_run)
