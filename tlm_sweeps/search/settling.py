"""`precision: auto` settled: a few steps are timed before a sweep's first run, and all its runs keep the answer."""

from __future__ import annotations

import json
import logging
import time
from typing import Any

from tlm_sweeps.compute.matching import Matched
from tlm_sweeps.compute.planning import FactsOf, baseline_settings, corners, draws, plan_trial
from tlm_sweeps.runs.ledger import Ledger
from tlm_sweeps.search.messages import Probed, ProbeOrder
from tlm_sweeps.search.pool import Died, Pool
from tlm_sweeps.spec.sweep import SweepSpec

_LOG = logging.getLogger(__name__)

META = "precision"
"""Under this name the ledger keeps what was settled, and the seconds per step that it was settled by."""
_LOOKED_AT = 20
"""Settings among which the most expensive step is looked for."""
_PATIENCE_SECONDS = 120.0


def with_precision(spec: SweepSpec, ledger: Ledger, pool: Pool, facts_of: FactsOf, device: str) -> SweepSpec:
    """The spec with `auto` replaced by what this sweep computes in, found out now if it was not before.

    A probe that fails is no reason to stop: it is said, and fp32 it is.
    """
    if spec.experiment.training.precision != "auto":
        return spec
    kept = ledger.meta(META)
    settled: dict[str, Any] = json.loads(kept) if kept else _probed(spec, pool, facts_of, device)
    ledger.set_meta({META: json.dumps(settled)})
    return computing_in(spec, settled["precision"])


def computing_in(spec: SweepSpec, precision: str) -> SweepSpec:
    """The spec with this precision for all runs that do not name one themselves."""
    training = spec.experiment.training.model_copy(update={"precision": precision})
    return spec.model_copy(update={"experiment": spec.experiment.model_copy(update={"training": training})})


def _probed(spec: SweepSpec, pool: Pool, facts_of: FactsOf, device: str) -> dict[str, Any]:
    matched = _dearest_step(spec, facts_of)
    if matched is None:  # what is feasible is rare
        return {"precision": "fp32", "seconds_per_step": {}}
    steps = matched.steps
    pool.send(
        pool.present()[0],
        ProbeOrder(
            experiment=matched.experiment,
            seed=0,
            steps=steps.total,
            windows_per_epoch=steps.windows_per_epoch,
            device=device,
        ),
    )
    found = _answer(pool)
    if not found.seconds:
        _LOG.warning("precision: fp32, since timing both failed: %s", found.reason)
        return {"precision": "fp32", "seconds_per_step": {}}
    precision = min(found.seconds, key=lambda each: found.seconds[each])
    return {"precision": precision, "seconds_per_step": found.seconds}


def _answer(pool: Pool) -> Probed:
    patience = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < patience:
        for _, report in pool.wait(1.0):
            if isinstance(report, Probed):
                return report
            if isinstance(report, Died):
                return Probed(seconds={}, reason=f"the worker died: {report.how}, see {report.log.name}")
    return Probed(seconds={}, reason=f"no answer within {_PATIENCE_SECONDS:.0f} s")


def _dearest_step(spec: SweepSpec, facts_of: FactsOf) -> Matched | None:
    """Of the baselines and some settings of the space, the one whose step costs most: there precision matters."""
    settings = [*(given for _, given in baseline_settings(spec)), *corners(spec), *draws(spec, _LOOKED_AT)]
    matched = (plan_trial(spec, each, facts_of).matched for each in settings)
    return max(filter(None, matched), key=_flops_of_a_step, default=None)


def _flops_of_a_step(matched: Matched) -> float:
    return matched.train_flops.matmul / matched.steps.total
