"""The published numbers of *Architectural Trade-offs in Small Language Models Under Compute Constraints*.

From arXiv 2512.20877 and the executed notebook beside it. One seed (689) a row. They are compared with, never mixed
into, what we measure. FLOPs are the study's own account, 2 · parameters · positions.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tlm_sweeps.studies.arms import Arm
from tlm_sweeps.studies.published import Cell, PrintedFlops, Published, Study, Table, as_printed
from tlm_sweeps.studies.tradeoffs_specs import IDENTITIES


def _sweep_row(sweep: str, label: str, name: str, value: int, n_params: int, test_nll: float) -> Cell:
    """A row of a sweep over one field of the model: 2 epochs of 30,000 windows; no FLOPs and no curves were printed."""
    context = value if name == "model.context" else 128
    return Cell(Arm(sweep, label, {name: value}), Published(n_params, context, 30_000, 2, test_nll))


def _main_row(kind: str, label: str, n_params: int, epochs: int, flops: float, test_nll: float, **curves: Any) -> Cell:
    """A row of table 1: Tiny Shakespeare, windows of 128 characters, epochs of 50,000 windows."""
    published = Published(n_params, 128, 50_000, epochs, test_nll, PrintedFlops(flops, 128), **curves)
    return Cell(Arm("tradeoffs-table-1", label, {"model.kind": kind}), published)


def _word_row(sweep: str, label: str, n_params: int, flops: float, test_nll: float, **curves_and_note: Any) -> Cell:
    """A row of table 2: the transformer on words, windows of 64, 8 epochs of 79,935 windows."""
    return Cell(
        Arm(sweep, label), Published(n_params, 64, 79_935, 8, test_nll, PrintedFlops(flops, 64), **curves_and_note)
    )


def _positions_row(positions: str, label: str, n_params: int, flops: float, test_nll: float, **curves: Any) -> Cell:
    """A row of table 3: the pre-norm transformer, 8 epochs of 50,000 windows of 128 characters."""
    published = Published(n_params, 128, 50_000, 8, test_nll, PrintedFlops(flops, 64), **curves)
    right = as_printed(published.flops_2nd)
    note = f"FLOPs were printed as {as_printed(flops)}, counted with windows of 64; by the study's formula {right}"
    return Cell(Arm("tradeoffs-table-3", label, {"model.positions": positions}), replace(published, note=note))


_TABLE_1 = Table(
    key="1",
    title="Table 1: Tiny Shakespeare, four architectures",
    cells=(
        _main_row(
            *("linear", "linear", 1_073_345, 3, 4.12e13, 3.0549),
            train_nlls=(3.133, 2.885, 2.780),
            val_nlls=(3.101, 3.031, 2.971),
        ),
        _main_row(
            *("mlp", "MLP", 4_285_377, 3, 1.65e14, 2.3222),
            train_nlls=(2.859, 2.500, 2.374),
            val_nlls=(2.572, 2.424, 2.327),
        ),
        _main_row(
            *("attention", "attention", 231_617, 4, 1.19e13, 2.1335),
            train_nlls=(2.698, 2.385, 2.256, 2.186),
            val_nlls=(2.459, 2.319, 2.234, 2.142),
        ),
        _main_row(
            *("transformer", "transformer, L = 3", 430_785, 4, 2.21e13, 2.0058),
            train_nlls=(2.595, 2.241, 2.114, 2.025),
            val_nlls=(2.306, 2.154, 2.093, 1.997),
        ),
    ),
)

_TABLE_2 = Table(
    key="2",
    title="Table 2: words, the transformer on 80,000 of them",
    cells=(
        _word_row(
            *("tradeoffs-table-2-ptb", "Penn Treebank", 2_975_631, 2.44e14, 6.1896),
            train_nlls=(6.4146, 5.6222, 5.1520, 4.7116, 4.3694, 3.9903, 3.6750, 3.3679),
            val_nlls=(6.5120, 6.4388, 6.4969, 6.6971, 6.8901, 7.0918, 7.3665, 7.5535),
            note="best epoch 2; an earlier, identical run of the study gave 6.1843",
        ),
        _word_row(
            *("tradeoffs-table-2-wikitext-2", "WikiText-2", 8_958_077, 7.33e14, 6.8875),
            train_nlls=(6.6738, 5.7344, 5.1690, 4.6767, 4.2255, 3.8046, 3.4491, 3.1040),
            val_nlls=(6.8142, 6.8508, 6.9365, 7.1284, 7.3672, 7.6108, 7.9037, 8.0791),
            note="best epoch 1",
        ),
    ),
)

_TABLE_3 = Table(
    key="3",
    title="Table 3: positions, the pre-norm transformer on Tiny Shakespeare",
    cells=(
        _positions_row(
            *("learned", "learned positions", 430_785, 2.21e13, 1.9738),
            train_nlls=(2.6324, 2.2648, 2.1435, 2.0566, 1.9800, 1.9286, 1.8806, 1.8614),
            val_nlls=(2.3513, 2.2077, 2.1246, 2.0326, 1.9825, 1.9238, 1.8978, 1.8680),
        ),
        _positions_row(
            *("rope", "RoPE", 414_401, 2.12e13, 2.0096),
            train_nlls=(2.6469, 2.3738, 2.2589, 2.1923, 2.1388, 2.0858, 2.0360, 1.9753),
            val_nlls=(2.4333, 2.2926, 2.2202, 2.1691, 2.1219, 2.0710, 2.0396, 1.9987),
        ),
    ),
)

_CONTEXT = Table(
    key="context",
    title="Context of the linear model",
    cells=tuple(
        _sweep_row("tradeoffs-context", f"linear, T = {context}", "model.context", context, n_params, test_nll)
        for context, n_params, test_nll in ((32, 274_625, 2.5135), (64, 540_865, 2.7006), (128, 1_073_345, 3.0496))
    ),
)

_HIDDEN = Table(
    key="hidden",
    title="Hidden size of the MLP",
    cells=tuple(
        _sweep_row("tradeoffs-hidden", f"MLP, h = {hidden}", "model.hidden", hidden, n_params, test_nll)
        for hidden, n_params, test_nll in ((128, 2_130_497, 2.5482), (256, 4_285_377, 2.5115), (512, 8_693_441, 2.5002))
    ),
)

_HEADS = Table(
    key="heads",
    title="Heads of the attention model",
    cells=tuple(
        _sweep_row("tradeoffs-heads", f"attention, heads = {heads}", "model.heads", heads, 231_617, test_nll)
        for heads, test_nll in ((1, 2.3482), (2, 2.4033), (4, 2.3055))
    ),
)

_DEPTH = Table(
    key="depth",
    title="Depth of the transformer",
    cells=tuple(
        _sweep_row("tradeoffs-depth", f"transformer, L = {depth}", "model.depth", depth, n_params, test_nll)
        for depth, n_params, test_nll in ((2, 298_305, 2.3034), (3, 430_785, 2.2795), (4, 563_265, 2.3078))
    ),
)

TRADEOFFS = Study(
    name="architecture-tradeoffs",
    title="Architectural Trade-offs in Small Language Models Under Compute Constraints",
    source="arXiv 2512.20877",
    tables=(_TABLE_1, _TABLE_2, _TABLE_3, _CONTEXT, _HIDDEN, _HEADS, _DEPTH),
    identities=IDENTITIES,
)
"""The tables in the order of the paper; its four sweeps after them."""
