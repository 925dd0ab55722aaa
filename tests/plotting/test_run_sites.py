from __future__ import annotations

import numpy as np
import pytest

from aiida_concerted.analysis.residence import Residence, SurvivalCurve
from aiida_concerted.common.estimate import Estimate
from aiida_concerted.plotting.run_sites import (
    plot_recrossing,
    plot_residence_by_label,
    plot_site_occupancies,
    plot_survival,
)
from aiida_concerted.plotting.style import figure_bytes, new_figure, publication_style
from tests.plotting.drawn import bars, errorbars, has_unit, lines, points


@pytest.fixture
def axes():
    with publication_style():
        yield new_figure()[1]


def test_occupancies_are_drawn_with_intervals_over_every_site(axes):
    occupancy = {"Li1": Estimate(0.5, 0.02), "Li2": Estimate(0.9, 0.01)}
    plot_site_occupancies(axes, occupancy, by_site=np.array([0.6, 0.9, 0.4]), labels=("Li1", "Li2", "Li1"))

    drawn = errorbars(axes)
    np.testing.assert_allclose(points(drawn["_Li1"]), [[0, 0.5]])
    np.testing.assert_allclose(bars(drawn["_Li1"]), [[0.5 - 0.0392, 0.5 + 0.0392]], rtol=1e-4)
    np.testing.assert_allclose(lines(axes, "_sites_Li1")[0][:, 1], [0.4, 0.6])
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["Li1\n2", "Li2\n1"]
    assert has_unit(axes.get_ylabel())
    assert -0.1 < axes.get_ylim()[0] < 0.0


def test_sites_without_their_labels_are_refused(axes):
    with pytest.raises(ValueError, match="each site needs its label"):
        plot_site_occupancies(axes, {"Li1": Estimate(0.5, 0.0)}, by_site=np.array([0.5, 0.5]), labels=("Li1",))


def test_residence_times_have_their_intervals_and_numbers_of_exits(axes):
    item = Residence(1000.0, 50, 3)
    plot_residence_by_label(axes, {"Li1": item, "Li3": Residence(40.0, 1, 2)})

    drawn = errorbars(axes)
    np.testing.assert_allclose(points(drawn["_Li1"]), [[0, 20.0]])
    np.testing.assert_allclose(bars(drawn["_Li1"]), [[item.time_ps.lower, item.time_ps.upper]])
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["Li1\n50", "Li3\n1"]
    assert axes.get_yscale() == "log"
    assert has_unit(axes.get_ylabel())


def test_times_of_one_magnitude_are_drawn_from_zero(axes):
    plot_residence_by_label(axes, {"Li1": Residence(1000.0, 100, 3), "Li3": Residence(2000.0, 100, 2)})

    assert axes.get_yscale() == "linear"
    assert axes.get_ylim()[0] == 0.0


def test_a_label_never_left_has_its_lower_bound_and_one_never_held_nothing(axes):
    never = Residence(500.0, 0, 4)
    plot_residence_by_label(axes, {"Li2": never, "Li4": Residence(0.0, 0, 0)})

    np.testing.assert_allclose(lines(axes, "_Li2_at_least"), [[[0, never.lower_bound_ps]]])
    assert not errorbars(axes)
    assert len(axes.lines) == 1


@pytest.mark.parametrize(
    ("plot", "message"),
    [
        (plot_residence_by_label, "no carrier stayed"),
        (plot_survival, "no stay began"),
        (plot_site_occupancies, "no occ"),
    ],
)
def test_nothing_is_said_to_be_nothing(axes, plot, message):
    plot(axes, {})

    assert message in axes.texts[0].get_text()
    assert figure_bytes(axes.figure)


def test_survival_begins_at_one_with_band_and_exponential(axes):
    curve = SurvivalCurve(np.array([1.0, 2.0, 4.0]), np.array([0.7, 0.4, 0.1]), np.array([0.05, 0.1, 0.2]))
    none = SurvivalCurve(np.zeros(0), np.zeros(0), np.zeros(0))
    plot_survival(axes, {"Li1": curve, "Li2": none}, residence={"Li1": Residence(20.0, 10, 0)})

    np.testing.assert_allclose(lines(axes, "Li1")[0], [[0, 1], [1, 0.7], [2, 0.4], [4, 0.1]])
    (exponential,) = lines(axes, "_Li1_exponential")
    np.testing.assert_allclose(exponential[:, 1], np.exp(-exponential[:, 0] / 2.0))
    vertices = axes.collections[0].get_paths()[0].vertices
    assert vertices[:, 1].min() == 0.0  # clipped: a probability is not negative
    assert not lines(axes, "Li2")
    assert has_unit(axes.get_xlabel())
    assert has_unit(axes.get_ylabel())


def test_hops_are_drawn_over_the_dwell_time_with_the_one_in_use(axes):
    plot_recrossing(axes, (0.0, 0.5, 1.0), np.array([90, 60, 50]), used_ps=1.0)

    np.testing.assert_allclose(lines(axes, "_hops")[0], [[0.5, 60], [1.0, 50]])
    assert lines(axes, "no rule")[0][0, 1] == 90
    assert lines(axes, "in use: 1 ps")[0][0, 0] == 1.0
    assert axes.get_xscale() == "log"
    assert has_unit(axes.get_xlabel())
    assert has_unit(axes.get_ylabel())


def test_only_no_rule_can_be_drawn(axes):
    plot_recrossing(axes, (0.0,), np.array([0]), used_ps=0.0)

    assert lines(axes, "no rule")[0][0, 1] == 0
    assert figure_bytes(axes.figure)


def test_counts_without_dwell_times_are_refused_and_none_said(axes):
    with pytest.raises(ValueError, match="each dwell time needs its count"):
        plot_recrossing(axes, (0.0,), np.array([1, 2]))
    plot_recrossing(axes, (), ())
    assert axes.texts[0].get_text() == "no dwell times"
