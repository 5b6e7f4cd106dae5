"""A sweep from its spec: check, open or take up its ledger, start workers, coordinate."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path

from tlm_sweeps.compute.crew import Crew, crew_for
from tlm_sweeps.compute.feasibility import ensure_feasible
from tlm_sweeps.compute.gpus import gpus
from tlm_sweeps.compute.machine import this_machine
from tlm_sweeps.compute.planning import FactsOf, seeds_of, trials_wanted
from tlm_sweeps.corpora.texts import facts_reader
from tlm_sweeps.errors import InputError
from tlm_sweeps.runs import provenance
from tlm_sweeps.runs.folders import sweep_folder
from tlm_sweeps.runs.ledger import Ledger, is_begun, reading, writing
from tlm_sweeps.search.affording import keep_unbegun
from tlm_sweeps.search.checkpoint_interval import checkpoint_seconds
from tlm_sweeps.search.continuing import changes_since, seeds_hint, with_seeds_begun
from tlm_sweeps.search.coordinator import Coordinator
from tlm_sweeps.search.deadlines import deadlines
from tlm_sweeps.search.deaths import retries_asked
from tlm_sweeps.search.devices import Asked, devices, room_on_gpus
from tlm_sweeps.search.growing import add_missing_runs, ensure_seeds_fit
from tlm_sweeps.search.pool import LocalPool
from tlm_sweeps.search.pooling import ensure_pool, ensure_total, kept_pool, pool_of
from tlm_sweeps.search.progress import SweepProgress
from tlm_sweeps.search.ray_cluster import Cluster, joined
from tlm_sweeps.search.ray_pool import Wanted, computes_on_gpus, ray_pool
from tlm_sweeps.search.remote_asking import OnRay, Workers, number_of
from tlm_sweeps.search.resolving import ensure_resolved
from tlm_sweeps.search.settling import with_precision
from tlm_sweeps.search.spending import foresight
from tlm_sweeps.search.stacking import STACK, Stacking
from tlm_sweeps.search.wandb.launched import ensure_not_launched
from tlm_sweeps.spec.chaining import SharedTotal
from tlm_sweeps.spec.fingerprint import canonical_json, fingerprint
from tlm_sweeps.spec.identity import identity
from tlm_sweeps.spec.loading import LoadedSweep, in_order
from tlm_sweeps.spec.sweep import SweepSpec


def sweep(
    spec: SweepSpec,
    runs: Path,
    *,
    data_dir: Path | None = None,
    workers: Workers = None,
    device: Asked = "auto",
    stack: int | None = None,
    argv: tuple[str, ...] = (),
    shared: Sequence[SharedTotal] = (),
    retries: int | None = None,
) -> Generator[SweepProgress]:
    """Run a sweep, or go on with it: the same call resumes.

    Args:
        spec: what to run.
        runs: folder of all sweeps; this one lives in `runs/<name>`.
        data_dir: where named corpora are looked for first.
        workers: worker processes; by default as many as `crew_of` finds sensible. Or on a Ray cluster.
        device: where to compute; `auto`: on the GPUs if there are any.
        stack: most runs of one shape that a worker trains as one; by default 8 on a GPU, and 1 on a CPU, where it
            does not pay.
        argv: the command, for the records.
        shared: totals that cover this sweep and others; without any, its own is its own.
        retries: how often a run whose worker died is gone on with before it has failed; by default twice.

    Yields:
        A picture of the sweep a few times a second, the last one when nothing is left to try.

    Raises:
        InputError: before anything is written, when the sweep cannot run or changed under the same name.
        RunError: no worker starts (any more), or everything crashes.
    """
    goes_on = retries_asked(retries)
    folder = sweep_folder(runs, spec.name)
    ensure_not_launched(folder)
    checkpoint_seconds()
    deadlines()
    facts_of = facts_reader(data_dir)
    ensure_feasible(spec, facts_of)
    ensure_resolved(spec, folder, facts_of)
    ensure_pool(spec, shared, runs, facts_of)
    pool_flops = pool_of(spec, shared, runs)
    with ExitStack() as leaving:
        cluster = leaving.enter_context(joined()) if isinstance(workers, OnRay) else None
        where = _devices_of(cluster, device)
        on_gpus = where != ("cpu",)
        crew = crew_of(spec, facts_of, number_of(workers), on_gpus=on_gpus and cluster is None)
        ledger = leaving.enter_context(writing(folder))
        _ensure_same(spec, ledger, facts_of)
        ensure_seeds_fit(spec, ledger, facts_of, pool_flops)
        origin = provenance.capture(argv, crew.threads)
        if on_gpus and cluster is None:
            origin = origin.model_copy(update={"device": ", ".join(sorted({gpu.name for gpu in gpus()}))})
        ledger.set_meta(
            {
                "spec": spec.model_dump_json(exclude_unset=True),
                "fingerprint": fingerprint(spec),
                "corpora": canonical_json(_corpora(spec, facts_of)),
                "created_at": ledger.meta("created_at") or datetime.now(UTC).isoformat(timespec="seconds"),
                "argv": canonical_json(list(origin.argv)),
                **foresight(spec, facts_of),
                **kept_pool(pool_flops if shared else None),
            }
        )
        keep_unbegun(ledger, None)
        if isinstance(workers, OnRay) and cluster is not None:
            wanted = Wanted(_no_more_than_runs(workers, spec), crew.threads, on_gpus)
            pool = leaving.enter_context(ray_pool(cluster, wanted, spec, facts_of, folder, data_dir, origin))
            room = pool.room_bytes()
        else:
            pool = leaving.enter_context(closing(LocalPool(crew.workers, folder, data_dir)))
            room = room_on_gpus() if on_gpus else None
        settled = with_precision(spec, ledger, pool, facts_of, where[0])
        add_missing_runs(settled, ledger, facts_of, origin)
        stacking = Stacking(stack or (STACK if on_gpus else 1), room)
        yield from Coordinator(
            settled,
            ledger,
            pool,
            facts_of,
            origin,
            identity(spec),
            where,
            stacking,
            retries=goes_on,
            pool_flops=pool_flops,
        ).run()


def ensure_startable(loaded: LoadedSweep, runs: Path, facts_of: FactsOf, within: LoadedSweep | None = None) -> None:
    """Refuse a sweep of a chain that could not be run when its turn comes, as far as that is known now.

    Args:
        loaded: the sweep, with those that will have been run by then.
        runs: folder of all sweeps.
        facts_of: reads a corpus's facts.
        within: the sweep at the end of the chain that it is run in; by default itself.

    Raises:
        InputError: when the sweep cannot run or changed under the same name.
    """
    spec, folder = loaded.spec, sweep_folder(runs, loaded.spec.name)
    ensure_not_launched(folder)
    ensure_feasible(spec, facts_of)
    before, files = [link.spec for link in loaded.links], {each.spec.name: each.source for each in loaded.links}
    ensure_resolved(spec, folder, facts_of, before, files)
    ensure_total(spec, before, facts_of)
    if is_begun(folder):
        with reading(folder) as ledger:
            _ensure_same(spec, ledger, facts_of, file=loaded.source if within and within != loaded else "")


def in_startable_order(
    spec: SweepSpec | LoadedSweep, runs: Path, data_dir: Path | None
) -> list[tuple[SweepSpec, tuple[SharedTotal, ...]]]:
    """The sweeps of a chain as `in_order` has them; nothing is begun before all of them can be.

    Raises:
        InputError: when one of them cannot.
    """
    if isinstance(spec, LoadedSweep) and spec.links:
        spec, facts_of = with_seeds_begun(spec, runs), facts_reader(data_dir)
        for each in (*spec.links, spec):
            ensure_startable(each, runs, facts_of, within=spec)
    return in_order(spec)


def _devices_of(cluster: Cluster | None, device: Asked) -> tuple[str, ...]:
    """As torch names them in workers; on a cluster each sees its own GPU alone."""
    if cluster is None:
        return devices(device)
    return ("cuda",) if computes_on_gpus(cluster, device) else ("cpu",)


def _no_more_than_runs(asked: OnRay, spec: SweepSpec) -> OnRay:
    """A worker without a run would keep a core from others."""
    trials = trials_wanted(spec)
    runs = None if trials is None else trials * len(seeds_of(spec))
    return OnRay(min((each for each in (asked.most, runs) if each is not None), default=None))


def crew_of(spec: SweepSpec, facts_of: FactsOf, workers: int | None, *, on_gpus: bool = False) -> Crew:
    """The workers that the sweep gets on this machine, with what a user should know about their number.

    Raises:
        InputError: the text cannot be had.
    """
    return crew_for(spec, facts_of, this_machine(), asked=workers, gpus=gpus() if on_gpus else ())


def _ensure_same(spec: SweepSpec, ledger: Ledger, facts_of: FactsOf, file: str = "") -> None:
    """Refuse another spec, or another text, under a name that is taken; `file` has the spec that `--set` is not for."""
    own = f"a name of its own, {_rename(spec.name, file)}"
    kept = ledger.meta("spec")
    if kept is None:
        return
    old = SweepSpec.model_validate_json(kept)
    if changes := changes_since(old, spec):
        listed = "\n  ".join(changes)
        raise InputError(
            f"sweep `{spec.name}` exists with another spec:\n  {listed}",
            place=str(ledger.folder),
            hint=f"{seeds_hint(old, spec)}give the changed sweep {own}",
        )
    corpora = ledger.meta("corpora")
    if corpora != canonical_json(_corpora(spec, facts_of)):
        raise InputError(
            f"the text of sweep `{spec.name}` has changed since it began",
            place=str(ledger.folder),
            hint=f"give the sweep on the new text {own}",
        )


def _rename(name: str, file: str) -> str:
    if not file:
        return f"e.g. `--set name={name}-2`"
    return f"e.g. `name: {name}-2` in {file}, and the same in each `start_from` that names `{name}`"


def _corpora(spec: SweepSpec, facts_of: FactsOf) -> dict[str, str]:
    """Fingerprints of the texts that the sweep is known to read."""
    facts = facts_of(spec.experiment)
    return {facts.name: facts.fingerprint}
