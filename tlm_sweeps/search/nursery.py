"""The nursery: a process that has imported all that training needs, and forks workers that have it too.

Started as `python -m tlm_sweeps.search.nursery FD [DATA_DIR]` with one end of a socket (`search.starting` holds the
other). Imports are paid once, and the pages that hold them are shared. It computes nothing itself: a fork copies one
thread only, so a pool of threads or a CUDA context that existed before it would be broken in every worker.

Not `multiprocessing`'s forkserver: that runs the user's main module again in each child, so that a script without an
`if __name__ == "__main__"` would start the sweep anew; it keeps its surroundings from whoever used it first in the
process; and it swallows the error when a preloaded module cannot be imported.
"""

from __future__ import annotations

import faulthandler
import gc
import json
import os
import signal
import socket
import sys
import time
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NoReturn

from tlm_sweeps.redaction import redacted
from tlm_sweeps.search import worker
from tlm_sweeps.search.starting import KILLED_SECONDS, LEAVING_SECONDS

_MOST_BYTES = 2**16


def main() -> None:
    """Fork workers on request until the other side hangs up, however it does; then see all of them out."""
    for number in (signal.SIGINT, signal.SIGTERM):  # the coordinator's business; it hangs up when it leaves
        signal.signal(number, signal.SIG_IGN)
    faulthandler.enable()  # a worker that crashes in native code says where, in its log
    data_dir = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    gc.collect()
    gc.freeze()  # a collection in a worker would write to, and so copy, every page with a Python object of ours
    workers: dict[int, int] = {}
    with socket.socket(fileno=int(sys.argv[1])) as control, suppress(ConnectionResetError, BrokenPipeError):
        while _serve(control, workers, data_dir):
            pass
    patience = time.monotonic() + LEAVING_SECONDS
    for pid in workers.values():
        exit_code(pid, patience - time.monotonic())
    os._exit(0)  # torch takes a fifth of a second to clean up, and there is nothing to clean


def _serve(control: socket.socket, workers: dict[int, int], data_dir: Path | None) -> bool:
    """Do what is asked: fork a worker, or tell how one ended. False when nobody asks any more."""
    text, handles, _, _ = socket.recv_fds(control, _MOST_BYTES, 1)
    if not text:
        return False
    request = json.loads(text)
    number: int = request["worker"]
    if handles:
        pid = os.fork()
        if pid == 0:
            control.close()
            _become_worker(handles[0], number, Path(request["log"]), data_dir)
        os.close(handles[0])
        workers[number] = pid
    else:
        control.send(str(exit_code(workers.pop(number), LEAVING_SECONDS)).encode())
    return True


def _become_worker(handle: int, number: int, log: Path, data_dir: Path | None) -> NoReturn:
    code = 1
    try:
        with Path(os.devnull).open("rb") as nothing, log.open("ab") as file:
            for source, target in ((nothing, 0), (file, 1), (file, 2)):
                os.dup2(source.fileno(), target)
        with suppress(OSError):
            Path("/proc/self/comm").write_text(f"tlm-worker-{number}", encoding="ascii")  # what `top` shows
        worker.serve(Connection(handle), data_dir)
        code = 0
    except BaseException:  # noqa: BLE001 - nothing may return into the nursery's own loop
        sys.stderr.write(redacted(traceback.format_exc()))
    finally:
        sys.stderr.flush()
        os._exit(code)


def exit_code(pid: int, seconds: float) -> int:
    """How a child ended, as `subprocess` numbers it; one that does not end in time is killed."""
    status = _status(pid, seconds)
    if status is None:
        os.kill(pid, signal.SIGKILL)
        status = _status(pid, KILLED_SECONDS)
    return -signal.SIGKILL if status is None else os.waitstatus_to_exitcode(status)


def _status(pid: int, seconds: float) -> int | None:
    """A child's end, as the system tells it; None when it does not end in time."""
    patience = time.monotonic() + seconds
    while (ended := os.waitpid(pid, os.WNOHANG))[0] == 0:
        if time.monotonic() > patience:
            return None
        time.sleep(0.001)
    return ended[1]


if __name__ == "__main__":
    main()
