"""A committee's document as tables and sentences for people; terminals and pages show the same ones."""

from __future__ import annotations

from collections.abc import Sequence

from tlm_sweeps.committees.combining import RULES, Rule
from tlm_sweeps.committees.cost_tables import equal_table, latency_table
from tlm_sweeps.committees.document import CommitteeDocument, CurvePoint, Group
from tlm_sweeps.committees.wording import NOTHING, interval, percent, signed
from tlm_sweeps.report.naming import describe_settings, format_nll
from tlm_sweeps.report.views import Row, Table
from tlm_sweeps.units import format_count, format_flops

MAIN_RULE: Rule = "mean logit"
"""The study's: what other models are compared with."""


def tables(found: CommitteeDocument) -> list[Table]:
    """All of them, those without rows left out."""
    made = [members_table(found), together_table(found), sizes_table(found), latency_table(found), equal_table(found)]
    return [table for table in made if table.rows]


def members_table(found: CommitteeDocument) -> Table:
    """Every run by itself: the members, and those of the groups beside them."""
    rows = tuple(
        Row(
            (
                f"{run.sweep}/{run.run_id}",
                run.baseline or describe_settings(run.settings) or NOTHING,
                str(run.seed),
                percent(run.valid_accuracy),
                percent(run.test.accuracy),
                interval(run.test.interval),
                format_count(run.n_params),
                format_flops(run.forward_flops),
                format_flops(run.started_from.train_flops["matmul"]) if run.started_from else "random weights",
            ),
            "" if group is found.committee else "baseline",
        )
        for group in (found.committee, *found.against)
        for run in group.runs
    )
    columns = ("run", "setting", "seed", "valid", "test", "95 %", "params", "FLOPs a prediction", "pre-training")
    return Table("Runs by themselves: accuracy in %", columns, rows, words=frozenset({"setting"}))


def together_table(found: CommitteeDocument) -> Table:
    """The whole committee by each rule, and the means of the groups beside it."""
    own = tuple(
        Row(
            (
                f"{len(found.committee.runs)} by {answer.rule}",
                percent(answer.valid_accuracy),
                percent(answer.test.accuracy),
                interval(answer.test.interval),
                percent(answer.test.macro_f1),
                format_nll(answer.test_nll),
                *_group_costs(found.committee),
            )
        )
        for answer in found.answers
    )
    columns = ("who", "valid", "test", "95 %", "macro-F1", "test NLL", "params", "FLOPs a prediction", "pre-training")
    caption = "Together: accuracy in %, with Wilson's 95 % interval over examples; NLL in nats per example"
    return Table(caption, columns, own + tuple(_other(group) for group in found.against))


def sizes_table(found: CommitteeDocument) -> Table:
    """Accuracy against size, a column a rule, and the distance of the main rule from each group."""
    sizes = sorted({point.size for point in found.curve})
    beside = [group.name for group in found.against]
    rows = tuple(Row(_size_cells(found, size, beside)) for size in sizes)
    columns = ("size", "committees", *RULES, "pre-training", *(f"against {name}, 95 %" for name in beside))
    caption = (
        "Accuracy in % against size: mean ± standard deviation over committees, which share members; "
        f"differences are those of the {MAIN_RULE}, paired over examples"
    )
    return Table(caption, columns, rows)


def sentences(found: CommitteeDocument) -> list[str]:
    """What must be known to read the tables."""
    task = found.task
    said = [
        f"{task.name}: {len(task.labels)} labels, {task.n_valid:,} validation and {task.n_test:,} test examples.",
        "Intervals are of the examples; other seeds are not in them.",
    ]
    for group in (found.committee, *found.against):
        if group.left_out:
            runs = ", ".join(f"{place} ({state})" for place, state in group.left_out.items())
            said.append(f"Left out of {group.name}: {runs}.")
    if any(len(point.committees) < point.n_possible for point in found.curve):
        said.append("Of sizes with many committees a seeded sample is looked at.")
    load = found.latency.load_average if found.latency else None
    if found.latency and load is not None and load > found.latency.cores / 2:
        said.append(
            f"Other processes wanted the {found.latency.cores} cores (load {load:.1f}) while latency was measured: "
            "times are too long, CPU times hardly."
        )
    return said


def _group_costs(group: Group) -> tuple[str, str, str]:
    pretraining = group.pretraining_flops["matmul"]
    return (
        format_count(group.n_params),
        format_flops(group.forward_flops),
        format_flops(pretraining) if pretraining else "random weights",
    )


def _other(group: Group) -> Row:
    """The mean of a group's runs; what a call of one of them costs."""
    n = len(group.runs)
    one = group.model_copy(
        update={"n_params": group.n_params // n, "forward_flops": group.forward_flops // n}
        | {"pretraining_flops": {name: round(flops / n) for name, flops in group.pretraining_flops.items()}}
    )
    means = [
        sum(values) / n
        for values in zip(
            *((run.valid_accuracy, run.test.accuracy, run.test.macro_f1, run.test_nll) for run in group.runs),
            strict=True,
        )
    ]
    named = group.name if n == 1 else f"{group.name}, mean of {n}"
    ends = interval(group.runs[0].test.interval) if n == 1 else NOTHING
    cells = (percent(means[0]), percent(means[1]), ends, percent(means[2]), format_nll(means[3]))
    return Row((named, *cells, *_group_costs(one)), "baseline")


def _size_cells(found: CommitteeDocument, size: int, beside: Sequence[str]) -> tuple[str, ...]:
    points = {point.rule: point for point in found.curve if point.size == size}
    looked_at = points[MAIN_RULE]
    differences = [
        row
        for name in beside
        for row in found.versus
        if row.other == name and row.size == size and row.rule == MAIN_RULE
    ]
    pretraining = looked_at.pretraining_flops["matmul"]
    return (
        str(size),
        f"{len(looked_at.committees)} of {looked_at.n_possible}",
        *(_spread(points[rule]) for rule in RULES),
        format_flops(pretraining) if pretraining else "random weights",
        *("{} ({})".format(*signed(row.difference, row.interval)) for row in differences),
    )


def _spread(point: CurvePoint) -> str:
    spread = "" if point.test_spread is None else f" ± {percent(point.test_spread)}"
    return f"{percent(point.test_accuracy)}{spread}"


def verdict(found: CommitteeDocument) -> list[str]:
    """What the whole committee reaches, and how it stands to each group beside it."""
    answer = next(each for each in found.answers if each.rule == MAIN_RULE)
    n = len(found.committee.runs)
    members = "One member reaches" if n == 1 else f"{n} members together reach"
    said = [f"{members} {percent(answer.test.accuracy)} % on test by {MAIN_RULE} ({interval(answer.test.interval)})."]
    for row in found.versus:
        if row.size == n and row.rule == MAIN_RULE:
            apart, ends = signed(row.difference, row.interval)
            clear = row.interval[0] > 0 or row.interval[1] < 0
            said.append(
                f"Against {row.other}: {apart} points ({ends}), {'more' if clear else 'no more'} than drawing other "
                "test examples explains."
            )
    return said
