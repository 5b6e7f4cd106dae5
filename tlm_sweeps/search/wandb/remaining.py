"""Waiting for the runs of a W&B sweep that are still to come, when its scheduler has nothing left to propose.

wandb-core (0.31) counts a run whose agent died as ended for good. It would finish the sweep as soon as no other run is
under way, and W&B hands out nothing of a finished sweep: the run would never be taken up again. So the scheduler is
kept from finishing until W&B knows of no run that waits, runs or is to be resumed.
"""

from __future__ import annotations

import logging
import os
import select
import signal

from tlm_sweeps.tracking.wandb_paths import SweepPath

_TO_COME = ("pending", "running", "preempting", "preempted")
_SECONDS = 2.0
"""Between two looks."""
_log = logging.getLogger("tlm_sweeps.wandb")


class Interrupts:
    """Hears of signals in threads, where Python tells nobody else. Must be made in the main thread."""

    def __init__(self) -> None:
        self._heard, told = os.pipe()
        os.set_blocking(told, False)
        signal.set_wakeup_fd(told, warn_on_full_buffer=False)

    def within(self, seconds: float) -> bool:
        """Whether a signal has come by now, or comes within a time."""
        return bool(select.select([self._heard], [], [], seconds)[0])


def wait_for_all(path: SweepPath, interrupts: Interrupts) -> bool:
    """Wait until no run of a sweep is to come, or the sweep is over or gone; False when a signal came first."""
    while _are_to_come(path):
        if interrupts.within(_SECONDS):
            return False
    return True


def _are_to_come(path: SweepPath) -> bool:
    """Whether any run of the sweep has not ended for good. When W&B does not answer, some might."""
    import wandb

    project = f"{path.entity}/{path.project}"
    filters = {"sweep": path.sweep_id, "state": {"$in": list(_TO_COME)}}
    try:
        api = wandb.Api(timeout=20)
        return api.sweep(str(path)).state in ("RUNNING", "PAUSED") and len(api.runs(project, filters, per_page=1)) > 0
    except ValueError:
        return False  # the sweep has been deleted
    except Exception as error:  # noqa: BLE001 - whatever is wrong with the server, it is waited for
        _log.warning("W&B does not say which runs of %s are to come: %s", path, error)
        return True
