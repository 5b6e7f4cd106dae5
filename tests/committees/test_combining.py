"""One answer from several: by hand, in planted cases where a committee helps and where it does not, and with ties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlm_sweeps.committees.combining import RULES, Rule, combined, probabilities

ANY_RULE = st.sampled_from(RULES)


def logs(*members: list[list[float]]) -> np.ndarray:
    """Logits whose softmaxes are these probabilities."""
    return np.log(np.array(members, dtype=np.float64))


def test_each_rule_by_hand():
    members = logs([[0.5, 0.4, 0.1]], [[0.3, 0.6, 0.1]], [[0.5, 0.4, 0.1]])

    told = {rule: combined(members, rule) for rule in RULES}

    assert {rule: int(found[0][0]) for rule, found in told.items()} == {
        "mean logit": 1,  # .5·.3·.5 = .075 < .4·.6·.4 = .096
        "mean probability": 1,  # 1.3 < 1.4
        "majority vote": 0,  # two of three
    }
    np.testing.assert_allclose(told["mean probability"][1], [[1.3 / 3, 1.4 / 3, 0.1]])
    geometric = np.array([0.075, 0.096, 0.001]) ** (1 / 3)
    np.testing.assert_allclose(told["mean logit"][1], [geometric / geometric.sum()])


def test_a_tie_of_votes_goes_to_the_label_of_the_larger_mean_probability_wherever_it_stands():
    sure, unsure = [[0.9, 0.1, 0.0001]], [[0.4, 0.6, 0.0001]]
    mirrored = [[row[1], row[0], row[2]] for row in sure], [[row[1], row[0], row[2]] for row in unsure]

    assert combined(logs(sure, unsure), "majority vote")[0] == [0]
    assert combined(logs(*mirrored), "majority vote")[0] == [1]


def test_a_label_without_votes_never_wins_a_vote():
    """Label 2 has the largest mean probability, and nobody's vote."""
    members = logs([[0.52, 0.0001, 0.48]], [[0.0001, 0.52, 0.48]])
    assert combined(members, "mean probability")[0] == [2]
    assert combined(members, "majority vote")[0] in ([0], [1])


@pytest.mark.parametrize("rule", RULES)
def test_members_that_err_apart_are_put_right_and_members_that_err_alike_are_not(rule: Rule):
    right = np.eye(3)[[0, 1, 2]] * 4.0
    apart = np.stack([right] * 3)
    for member in range(3):
        apart[member, member] = np.roll(apart[member, member], 1)  # each is wrong about one example
    alike = np.stack([apart[0]] * 3)

    assert combined(apart, rule)[0].tolist() == [0, 1, 2]
    assert combined(alike, rule)[0].tolist() == combined(apart[:1], rule)[0].tolist() == [1, 1, 2]


@given(
    seed=st.integers(0, 1000),
    k=st.integers(1, 5),
    n=st.integers(1, 4),
    c=st.integers(2, 5),
    rule=st.sampled_from(RULES),
)
def test_the_order_of_members_and_what_a_member_adds_to_all_labels_change_nothing(
    seed: int, k: int, n: int, c: int, rule: Rule
):
    draw = np.random.default_rng(seed)
    logits = draw.normal(size=(k, n, c))

    told, shares = combined(logits, rule)
    again, shares_again = combined(logits[draw.permutation(k)] + draw.normal(size=(k, 1, 1)), rule)

    assert told.tolist() == again.tolist()
    np.testing.assert_allclose(shares, shares_again)
    np.testing.assert_allclose(shares.sum(axis=-1), 1.0)


@pytest.mark.parametrize("rule", RULES)
def test_a_committee_of_one_is_its_member(rule: Rule):
    logits = np.random.default_rng(0).normal(size=(1, 50, 4)).astype(np.float32)
    told, shares = combined(logits, rule)
    assert told.tolist() == logits[0].argmax(-1).tolist()
    np.testing.assert_allclose(shares, probabilities(logits[0]))


def test_very_large_logits_give_probabilities_still():
    assert probabilities(np.array([1e4, -1e4], dtype=np.float32)).tolist() == [1.0, 0.0]
