"""Points from a CSV file: what follows from C = 6 N D, repeats, and one clear message for a bad cell."""

from __future__ import annotations

from pathlib import Path

import pytest

from tlm_sweeps.errors import InputError
from tlm_sweeps.scaling.csv_points import read_observations
from tlm_sweeps.scaling.observations import Observations


def read(folder: Path, text: str, encoding: str = "utf-8") -> Observations:
    file = folder / "runs.csv"
    file.write_text(text, encoding=encoding)
    return read_observations(file)


def test_tokens_or_flops_follow_from_six_n_d(tmp_path: Path):
    by_tokens = read(tmp_path, "n_params,n_tokens,loss\n1e6,2e7,3.5\n").points[0]
    by_flops = read(tmp_path, "loss,train_flops,n_params,who\n3.5,1.2e14,1000000,me\n").points[0]

    assert (by_tokens.n_params, by_tokens.train_flops, by_tokens.nll) == (1e6, 1.2e14, 3.5)
    assert by_flops.n_tokens == pytest.approx(2e7)


def test_flops_of_its_own_are_kept_and_their_law_is_left_to_the_fit(tmp_path: Path):
    found = read(tmp_path, "n_params,n_tokens,train_flops,loss\n1e6,2e7,9e13,3.5\n")

    assert found.points[0].train_flops == 9e13
    assert found.cost is None
    assert found.account == "as the file says"


def test_rows_of_one_setting_are_repeats(tmp_path: Path):
    text = "n_params,n_tokens,loss,setting\n1e6,2e7,3.5,a\n1e6,2e7,3.6,a\n1e6,2e7,3.7,b\n"
    named = read(tmp_path, text)
    unnamed = read(tmp_path, "n_params,n_tokens,loss\n1e6,2e7,3.5\n1e6,2e7,3.6\n2e6,2e7,3.6\n")

    assert [point.setting for point in named.points] == ["a", "a", "b"]
    assert len({point.setting for point in unnamed.points}) == 2


def test_a_byte_order_mark_and_budgets_are_read(tmp_path: Path):
    found = read(tmp_path, "n_params,n_tokens,loss,budget_flops\n1e6,2e7,3.5,1e14\n", encoding="utf-8-sig")

    assert found.points[0].budget_flops == 1e14


@pytest.mark.parametrize(
    ("text", "said", "place"),
    [
        ("n_params,n_tokens,loss\n1e6,2e7,3.5\n1e6,many,3.5\n", "`many` is no n_tokens", "runs.csv:3 n_tokens"),
        ("n_params,n_tokens,loss\n1e6,2e7,\n", "an empty cell is no loss", "runs.csv:2 loss"),
        ("n_params,n_tokens,loss\n1e6,2e7,nan\n", "`nan` is no loss", "runs.csv:2 loss"),
        ("n_params,n_tokens,loss\n1e300,2e7,3.5\n", "`1e300` is no n_params", "runs.csv:2 n_params"),
        ("n_params,n_tokens,loss\n-5,2e7,3.5\n", "`-5` is no n_params", "runs.csv:2 n_params"),
        ("n_params,n_tokens,loss\n1e6,inf,3.5\n", "`inf` is no n_tokens", "runs.csv:2 n_tokens"),
        ("n_params,n_tokens,loss\n1e6\n", "an empty cell is no loss", "runs.csv:2 loss"),
        ("n_params,loss\n1e6,3.5\n", "no column `n_tokens`; there is: n_params, loss", "runs.csv:1"),
        ("N,D,loss\n1,2,3\n", "no column `n_params`", "runs.csv:1"),
        ("n_params,loss,loss,n_tokens\n1,2,3,4\n", "column `loss` is there twice", "runs.csv:1"),
        ("n_params,n_tokens,loss\n", "has no rows", "--csv"),
        ("", "no column `n_params`; there is: nothing", "runs.csv:1"),
    ],
)
def test_a_bad_file_is_one_message_with_row_and_column(tmp_path: Path, text: str, said: str, place: str):
    with pytest.raises(InputError) as refused:
        read(tmp_path, text)

    (problem,) = refused.value.problems
    assert said in problem.message
    assert problem.place.endswith(place)
    assert problem.hint


def test_a_file_that_is_no_text_or_not_there_is_refused(tmp_path: Path):
    (tmp_path / "image.csv").write_bytes(b"\x89PNG\xff\xfe\n")
    with pytest.raises(InputError, match="not UTF-8"):
        read_observations(tmp_path / "image.csv")
    with pytest.raises(InputError, match="cannot read"):
        read_observations(tmp_path / "none.csv")
