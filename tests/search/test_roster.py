"""The runs in memory: whatever was put in which order, the sums are those of counting everything anew."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tlm_sweeps.runs.record import Record, State
from tlm_sweeps.search.roster import Roster

STATES: tuple[State, ...] = ("waiting", "running", "complete", "pruned", "infeasible", "failed")
SEEDS = 2


def record(trial: int, seed: int, state: State, val_nll: float | None = None, budget: int | None = 100) -> Record:
    return Record(
        run_id=f"r{trial}-{seed}",
        sweep="s",
        trial=trial,
        seed=seed,
        state=state,
        settings={},
        spec={},
        fingerprint="f",
        val_nll=val_nll,
        budget_flops=budget,
    )


changes = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.integers(0, SEEDS - 1),
        st.sampled_from(STATES),
        st.none() | st.sampled_from([1.0, 2.0, 3.0]),
    ),
    max_size=40,
)


@given(changes, st.sampled_from([100, None]))
def test_a_roster_knows_what_counting_everything_would_find(
    changes: list[tuple[int, int, State, float | None]], budget: int | None
):
    kept = {(trial, seed): record(trial, seed, "waiting", None, budget) for trial in range(6) for seed in range(SEEDS)}
    roster = Roster(kept.values())
    for trial, seed, state, val_nll in changes:
        if kept[trial, seed].state == "complete":
            continue  # nothing is better than done
        kept[trial, seed] = record(trial, seed, state, val_nll, budget)
        roster.put(kept[trial, seed])
    groups = [[kept[trial, seed] for seed in range(SEEDS)] for trial in range(6)]
    counted = [group for group in groups if group[0].state != "infeasible"]
    is_open = [any(each.state in ("waiting", "running") for each in group) for group in groups]
    assert roster.states == Counter(each.state for each in kept.values())
    assert roster.trials_over == sum(
        group in counted and not open_ for group, open_ in zip(groups, is_open, strict=True)
    )
    assert [list(group) for group in roster.unfinished()] == [
        group for group, open_ in zip(groups, is_open, strict=True) if open_
    ]
    scored = [each for each in kept.values() if each.state == "complete" and each.val_nll is not None]
    best = min(scored, key=lambda each: (each.val_nll, each.trial), default=None)
    assert (roster.best and (roster.best.val_nll, roster.best.trial)) == (best and (best.val_nll, best.trial))
    known = bool(counted) and budget is not None
    assert roster.planned_flops(10) == (10 * SEEDS * 100 if known else None)
    assert [each for group in groups for each in roster.of_trial(group[0].trial)] == [*kept.values()]


def test_a_roster_of_nothing_promises_nothing():
    roster = Roster()
    assert (roster.states, roster.trials_over, roster.best, roster.planned_flops(5)) == ({}, 0, None, None)
    assert roster.of_trial(3) == ()
    assert list(roster.unfinished()) == []
