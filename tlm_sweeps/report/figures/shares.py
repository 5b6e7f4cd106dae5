"""Hyperparameter importance as bars."""

from __future__ import annotations

from collections.abc import Mapping

import plotly.graph_objects as go

from tlm_sweeps.report.figures.theme import BLUE, Drawn, canvas, plain
from tlm_sweeps.report.importance import Importance


def draw_importance(found: Importance, titles: Mapping[str, str], key: str, at_budget: str) -> Drawn:
    """The figure; the largest share on top."""
    rising = list(found.shares.items())[::-1]
    names, shares = [titles[name] for name, _ in rising], [share for _, share in rising]
    bars = go.Bar(
        x=shares,
        y=list(range(len(names))),
        orientation="h",
        marker={"color": BLUE},
        text=[f"{share:.0%}" for share in shares],
        textposition="outside",
        cliponaxis=False,
        hoverinfo="skip",
    )
    figure = canvas([bars], x_title="share of importance", y_title="", height=130 + 38 * len(names), legend=False)
    figure.update_xaxes(range=[0, min(1.12, max(shares) * 1.18)], tickformat=".0%")
    figure.update_yaxes(tickmode="array", tickvals=list(range(len(names))), ticktext=[plain(name) for name in names])
    figure.update_layout(bargap=0.35)
    listed = ", ".join(f"{titles[name]} {share:.0%}" for name, share in found.shares.items())
    description = (
        f"{listed}. PED-ANOVA: how far the best {found.n_best} of {found.n_trials} trials lie from where all lie, "
        "one hyperparameter at a time. With few trials this is a hint, not a measurement."
    )
    return Drawn(key, f"Importance of hyperparameters{at_budget}", description, figure)
