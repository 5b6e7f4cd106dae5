"""A process with some members of a committee, which answers as long as it is asked.

Started as `python -m tlm_sweeps.committees.seat FD THREADS FOLDER…` with one end of a pipe. It is sent the ids of a
batch as int64, windows one after the other, behind one number that is 1 where blocks are whole. It sends the seconds of
CPU time that it took as float64, then the sum of its members' logits as float32.
"""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import torch

from tlm_sweeps.committees.answering import classifier_of, summed_logits


def serve(line: Connection, threads: int, folders: list[Path]) -> None:
    """Load the members, say so, and answer until the other side hangs up.

    Args:
        line: to whoever asks.
        threads: that compute an answer.
        folders: of the members' runs.
    """
    torch.set_num_threads(threads)
    modules = [classifier_of(folder) for folder in folders]
    context = modules[0].encoder.embeddings.positions.num_embeddings
    line.send_bytes(b"ready")
    with suppress(EOFError):
        while True:
            asked = line.recv_bytes()
            before = time.thread_time()
            is_whole, *_ = np.frombuffer(asked, dtype=np.int64, count=1)
            ids = np.frombuffer(asked, dtype=np.int64, offset=8).reshape(-1, context).copy()
            blocks = "whole" if is_whole else "trimmed"
            logits = summed_logits(modules, torch.from_numpy(ids), blocks).numpy().tobytes()
            line.send_bytes(np.float64(time.thread_time() - before).tobytes() + logits)


if __name__ == "__main__":
    with Connection(int(sys.argv[1])) as asked:
        serve(asked, int(sys.argv[2]), [Path(word) for word in sys.argv[3:]])
