"""What a trained model said, for a terminal: generated texts, filled gaps, the score of a text."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tlm_sweeps.console.streams import plain, say
from tlm_sweeps.console.tables import Column, table
from tlm_sweeps.inference.filling import Filled
from tlm_sweeps.inference.sampling import Sample
from tlm_sweeps.inference.scoring import Score

_BETWEEN = "-" * 20


def sample_lines(found: Sample) -> str:
    """The texts one below the other; what must be known of them is said on stderr."""
    if found.unknown:
        say(f"{found.unknown} of the prompt's tokens are unknown to {found.run}, which reads them as <unk>")
    if found.lead_in:
        say(f"{found.run} needs text before it, from the validation split: …{_ending(found.lead_in)!r}")
    return f"\n{_BETWEEN}\n".join(plain(text) for text in found.texts) + "\n"


def filled_view(found: Filled) -> RenderableType:
    """The text with its gaps filled, and of each gap the likeliest pieces."""
    columns = [
        Column("gap", tuple(str(number) for number, gap in enumerate(found.gaps, 1) for _ in gap)),
        Column("piece", tuple(each.piece for gap in found.gaps for each in gap), is_words=True),
        Column("probability", tuple(f"{each.probability:.3f}" for gap in found.gaps for each in gap)),
    ]
    return Group(Text(plain(found.text)), Text(), table(columns))


def score_view(found: Score) -> RenderableType:
    """A line for each number that there is."""
    lines = {
        "run": found.run,
        "text": found.text,
        "NLL": f"{found.nll:.4f} nats per target",
        "as recorded": _number(found.recorded_nll, ".4f"),
        "predicts": found.predicts,
        "targets": f"{found.targets:,} in {found.windows:,} windows",
        "unknown": _number(found.unknown_share, ".2%"),
        "accuracy": _number(found.accuracy, ".2%"),
        "perplexity": _number(found.perplexity, ".4g"),
        "bits per character": _number(found.bits_per_character, ".4f"),
        "bits per byte": _number(found.bits_per_byte, ".4f"),
    }
    grid = Table.grid(padding=(0, 2))
    for name, value in lines.items():
        if value is not None:
            grid.add_row(Text(name, "dim"), Text(plain(value)))
    return grid


def _number(value: float | None, form: str) -> str | None:
    return None if value is None else format(value, form)


def _ending(text: str) -> str:
    return text[-40:]
