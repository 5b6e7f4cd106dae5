"""A plain torch loop, written as most people would: a small GPT, SDPA, torch's AdamW, random windows. No framework.

Run by itself it is a side of its own; the Ray Tune trainable is made of it. It imports torch and numpy only.
"""

from __future__ import annotations

import argparse
import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional


class Block(nn.Module):
    """A pre-norm block with causal attention."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.ffn = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        """(b, t, d) in and out."""
        parts = self.qkv(self.norm_1(x)).chunk(3, dim=-1)
        query, key, value = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)
        mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).flatten(2))
        return x + self.ffn(self.norm_2(x))


class Gpt(nn.Module):
    """GPT-2's shape with a tied head."""

    def __init__(self, vocabulary: int, width: int, depth: int, heads: int, context: int) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, vocabulary, bias=False)
        for table in (self.tokens, self.positions):
            nn.init.normal_(table.weight, std=0.02)  # torch's own 1.0 is far too large for a tied head
        self.head.weight = self.tokens.weight

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits (b, t, v) of tokens (b, t)."""
        x = self.tokens(tokens) + self.positions.weight[: tokens.shape[1]]
        return self.head(self.norm(self.blocks(x)))


def losses(arguments: argparse.Namespace, learning_rate: float) -> Iterator[Tensor]:
    """Train, and yield the loss of every step."""
    data = np.fromfile(arguments.text / "train.bin", dtype=np.uint16).astype(np.int64)
    vocabulary = pickle.loads((arguments.text / "meta.pkl").read_bytes())["vocab_size"]  # noqa: S301 - our own file
    windows = torch.from_numpy(data).unfold(0, arguments.context + 1, 1)
    model = Gpt(vocabulary, arguments.width, arguments.depth, arguments.heads, arguments.context)
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=arguments.weight_decay)
    for _ in range(arguments.steps):
        rows = windows[torch.randint(len(windows), (arguments.batch,))]
        logits = model(rows[:, :-1])
        loss = functional.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss.detach()


def parser() -> argparse.ArgumentParser:
    """What all scripts of this folder are told."""
    found = argparse.ArgumentParser()
    found.add_argument("--text", type=Path, required=True, help="folder with train.bin and meta.pkl")
    for name in ("depth", "heads", "width", "context", "batch", "steps"):
        found.add_argument(f"--{name}", type=int, required=True)
    found.add_argument("--weight-decay", type=float, required=True)
    found.add_argument("--learning-rates", type=float, nargs="+", required=True, help="one for each trial")
    found.add_argument("--at-once", type=int, default=1, help="trials at a time, where the rival can do that")
    found.add_argument("--scratch", type=Path, help="folder for what the rival cannot help writing")
    return found


def main() -> None:
    """Train once for each learning rate and tell every step."""
    arguments = parser().parse_args()
    for learning_rate in arguments.learning_rates:
        for step, _ in enumerate(losses(arguments, learning_rate)):
            print(f"step {step}")


if __name__ == "__main__":
    main()
