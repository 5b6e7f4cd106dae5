"""Parameter counts and FLOPs against every one that arXiv 2512.20877 publishes."""

import pytest

from tlm_sweeps.compute.counting import n_params, train_flops_per_window
from tlm_sweeps.spec.models import AttentionModel, LinearModel, MlpModel, NextTokenModel, TransformerModel

REFERENCE = TransformerModel(kind="transformer", depth=3, heads=4, width=128, context=128)
CHARS, PTB_WORDS, WIKITEXT_WORDS = 65, 9_999, 33_277


def linear(context: int) -> LinearModel:
    return LinearModel(kind="linear", width=128, context=context)


def mlp(hidden: int) -> MlpModel:
    return MlpModel(kind="mlp", width=128, context=128, hidden=hidden)


def attention(heads: int) -> AttentionModel:
    return AttentionModel(kind="attention", width=128, context=128, heads=heads, ffn_width=512, norm_placement="post")


def transformer(depth: int = 3, context: int = 128) -> TransformerModel:
    return TransformerModel(
        kind="transformer", depth=depth, width=128, context=context, heads=4, ffn_width=256, norm_placement="post"
    )


ROPE = TransformerModel(
    kind="transformer", depth=3, width=128, context=128, heads=4, ffn_width=256, positions="rope", norm_placement="pre"
)


@pytest.mark.parametrize(
    ("model", "vocabulary_size", "published"),
    [
        (linear(32), CHARS, 274_625),
        (linear(64), CHARS, 540_865),
        (linear(128), CHARS, 1_073_345),
        (mlp(128), CHARS, 2_130_497),
        (mlp(256), CHARS, 4_285_377),
        (mlp(512), CHARS, 8_693_441),
        (attention(1), CHARS, 231_617),
        (attention(2), CHARS, 231_617),
        (attention(4), CHARS, 231_617),
        (transformer(2), CHARS, 298_305),
        (transformer(3), CHARS, 430_785),
        (transformer(4), CHARS, 563_265),
        (transformer(context=64), PTB_WORDS, 2_975_631),
        (transformer(context=64), WIKITEXT_WORDS, 8_958_077),
        (ROPE, CHARS, 414_401),
    ],
)
def test_parameter_counts_are_the_published_ones(model: NextTokenModel, vocabulary_size: int, published: int):
    assert n_params(model, vocabulary_size) == published


@pytest.mark.parametrize(
    ("model", "vocabulary_size", "windows", "published"),
    [
        (linear(128), CHARS, 3 * 50_000, 4.12e13),
        (mlp(256), CHARS, 3 * 50_000, 1.65e14),
        (attention(4), CHARS, 4 * 50_000, 1.19e13),
        (transformer(), CHARS, 4 * 50_000, 2.21e13),
        (transformer(context=64), PTB_WORDS, 8 * 79_935, 2.44e14),
        (transformer(context=64), WIKITEXT_WORDS, 8 * 79_935, 7.33e14),
    ],
)
def test_the_2nd_account_gives_the_published_flops(
    model: NextTokenModel, vocabulary_size: int, windows: int, published: float
):
    assert train_flops_per_window(model, vocabulary_size, "last").times(windows).of("2nd") == pytest.approx(
        published, rel=0.005
    )


@pytest.mark.parametrize(
    ("model", "non_embedding"),
    [
        (linear(128), 128 * 128 * 65 + 65),
        (mlp(256), 128 * 128 * 256 + 256 + 256 * 256 + 256 + 256 * 65 + 65),
        (REFERENCE, 3 * 198_272 + 2 * 128 + 128 * 65 + 65),
        (REFERENCE.model_copy(update={"tied_head": True}), 3 * 198_272 + 2 * 128 + 65),
    ],
)
def test_the_6nd_account_counts_what_multiplies_and_no_table(model: NextTokenModel, non_embedding: int):
    """A block of width 128: 3 · 128 · 128 + 384, 128 · 128 + 128, 2 · 128 · 512 + 640 and two norms of 256."""
    assert train_flops_per_window(model, CHARS, "all").of("6nd") == 6 * 128 * non_embedding


def test_table_3_used_half_the_context_so_its_own_formula_gives_twice_the_published_flops():
    learned = train_flops_per_window(transformer(), CHARS, "last").times(8 * 50_000).of("2nd")
    rope = train_flops_per_window(ROPE, CHARS, "last").times(8 * 50_000).of("2nd")
    assert learned == pytest.approx(4.41e13, rel=0.005)
    assert rope == pytest.approx(4.24e13, rel=0.005)


def test_the_reference_step_costs_what_was_measured():
    assert 64 * train_flops_per_window(REFERENCE, CHARS, "all").matmul == pytest.approx(34.23e9, rel=0.0005)
