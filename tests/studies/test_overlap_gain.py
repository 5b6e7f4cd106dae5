"""Gain against overlap: points are those of the planted records, and the picture has them in points."""

from __future__ import annotations

import pytest

from tests.studies.tiny_runs import OVERLAPS, scaled_study
from tlm_sweeps.studies.overlap_gain import draw_overlap_gain, gain_figure, gain_points

PLANTED = {"ag-news": 0.25, "dbpedia-14": 0.125, "fewrel": 0.0625}


def test_every_task_stands_where_its_overlap_and_gain_are():
    sweeps = scaled_study(lambda task, spec, _: 0.5 + (PLANTED[task] if spec.get("start_from") else 0.0))
    points = gain_points(sweeps, "task_kinds_seen")
    assert {(each.task, each.passages) for each in points} == {(t, n) for t in PLANTED for n in (1_250, 5_000, 20_000)}
    for each in points:
        assert (each.overlap, each.gain.mean) == (OVERLAPS[each.task], pytest.approx(PLANTED[each.task]))
    figure = gain_figure(sweeps, "common_mass")
    assert {line["name"]: line["y"][0] for line in figure.to_dict()["data"]} == pytest.approx(
        {t: 100 * g for t, g in PLANTED.items()}
    )


def test_without_runs_there_is_no_picture():
    with pytest.raises(ValueError, match="no gain is measured"):
        gain_figure({}, "common_mass")


def test_a_page_has_a_picture_for_each_measure_with_the_largest_gain_in_words():
    sweeps = scaled_study(lambda task, spec, _: 0.5 + (PLANTED[task] if spec.get("start_from") else 0.0))
    drawn = draw_overlap_gain(sweeps)
    assert len({each.key for each in drawn}) == 2
    assert all("scaled" in each.title and "25.0 points: ag-news" in each.description for each in drawn)
    assert draw_overlap_gain({}) == []
