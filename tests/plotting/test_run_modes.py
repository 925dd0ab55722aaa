from __future__ import annotations

import numpy as np
import pytest

from aiida_concerted.plotting.run_modes import plot_lag_histogram, plot_run_modes, shown_modes
from aiida_concerted.plotting.style import figure_bytes, new_figure, publication_style
from tests.plotting.drawn import errorbars, has_unit, lines, points, texts


@pytest.fixture
def axes():
    with publication_style():
        yield new_figure()[1]


def mode(label, raw=10, frequency=(1e10, 5e9, 2e10), named=True, **more):
    entry = {"label": label, "named": named, "raw": raw, "background": 1.5, "side_count": 12, "side_ratio": 8.0, **more}
    if frequency:
        entry["frequency_per_cell_s"] = dict(zip(("value", "lower", "upper"), frequency, strict=True))
    return entry


def test_named_modes_come_first_and_of_the_others_the_most_frequent():
    modes = [mode("B-A-B", 3, named=False), mode("A-B-C", 0), mode("C-A-C", 7, named=False), mode("D", 0, named=False)]

    assert [item["label"] for item in shown_modes(modes)] == ["A-B-C", "C-A-C", "B-A-B"]
    assert [item["label"] for item in shown_modes(modes, max_unnamed=1)] == ["A-B-C", "C-A-C"]


def test_every_mode_is_a_row_with_its_interval_and_counts(axes):
    plot_run_modes(axes, [mode("Li4-Li1-Li3"), mode("Li1-Li4-Li1", named=False)])

    drawn = errorbars(axes)
    np.testing.assert_allclose(points(drawn["_Li4-Li1-Li3"]), [[1e10, 0]])
    segment = drawn["_Li4-Li1-Li3"].lines[2][0].get_segments()[0]
    np.testing.assert_allclose(segment[:, 0], [5e9, 2e10])
    assert drawn["_Li4-Li1-Li3"].lines[0].get_color() != drawn["_Li1-Li4-Li1"].lines[0].get_color()
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["Li4–Li1–Li3", "Li1–Li4–Li1"]
    assert "10 (1.5)" in texts(axes)
    assert axes.get_xscale() == "log"
    assert has_unit(axes.get_xlabel())


def test_an_interval_that_reaches_zero_runs_to_the_left_end(axes):
    plot_run_modes(axes, [mode("A-B-C", frequency=(1e10, -2e9, 3e10))])

    segment = errorbars(axes)["_A-B-C"].lines[2][0].get_segments()[0]
    assert segment[0, 0] == pytest.approx(axes.get_xlim()[0])


def test_a_mode_that_does_not_stand_out_is_its_upper_bound(axes):
    plot_run_modes(axes, [mode("A-B-C"), mode("A-B-A", frequency=(-1e9, -2e9, 4e9))])

    np.testing.assert_allclose(lines(axes, "_A-B-A_at_most"), [[[4e9, 1]]])
    assert "_A-B-A" not in errorbars(axes)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["95 % upper bound"]


def test_a_mode_rarer_than_chance_says_so_where_a_logarithmic_axis_has_no_place(axes):
    plot_run_modes(axes, [mode("A-B-C"), mode("A-B-A", frequency=(-2e9, -4e9, -1e8))])

    assert "fewer pairs than by chance" in texts(axes)
    assert axes.get_legend() is None


def test_modes_without_a_background_have_counts_but_no_frequency(axes):
    short = {"label": "A-B-C", "named": True, "raw": 4}
    plot_run_modes(axes, [short])

    assert "4 (?)" in texts(axes)
    assert "no frequencies" in texts(axes)
    assert figure_bytes(axes.figure)


def test_no_modes_are_said_to_be_none(axes):
    plot_run_modes(axes, [])

    assert "no frequencies" in texts(axes)
    assert figure_bytes(axes.figure)


def test_lags_are_drawn_with_scatter_window_and_background(axes):
    lags = np.arange(-4, 5) * 0.5
    counts = np.array([2, 1, 3, 2, 20, 6, 1, 2, 1])
    entry = mode("Li4-Li1-Li3", lag_histogram={"lag_ps": lags.tolist(), "counts": counts.tolist()})
    plot_lag_histogram(axes, entry, window_ps=0.5, background_ps=(1.0, 2.0))

    bars = [patch for patch in axes.patches if patch.get_height() in counts and patch.get_width() == 0.5]
    np.testing.assert_allclose([bar.get_height() for bar in bars], counts)
    np.testing.assert_allclose([bar.get_x() + 0.25 for bar in bars], lags)
    segments = errorbars(axes)["_scatter"].lines[2][0].get_segments()
    np.testing.assert_allclose([s[1, 1] - s[0, 1] for s in segments], 2 * np.sqrt(counts))
    # Twelve pairs in two side windows of one ps each, bins of half a ps.
    assert lines(axes, "by chance")[0][0, 1] == pytest.approx(3.0)
    assert axes.get_title() == "Li4–Li1–Li3"
    assert has_unit(axes.get_xlabel())
    assert has_unit(axes.get_ylabel())


def test_a_run_too_short_for_side_windows_has_no_background(axes):
    entry = mode("A-B-C", lag_histogram={"lag_ps": [-0.1, 0.0, 0.1], "counts": [0, 4, 1]})
    plot_lag_histogram(axes, entry, window_ps=0.1)

    assert not lines(axes, "by chance")


@pytest.mark.parametrize("histogram", [{}, {"lag_ps": [-0.1, 0.0, 0.1], "counts": [0, 0, 0]}])
def test_a_mode_without_pairs_says_so(axes, histogram):
    plot_lag_histogram(axes, mode("A-B-C", lag_histogram=histogram), window_ps=0.1, background_ps=(1.0, 2.0))

    assert axes.texts[0].get_text() == "no pairs"


def test_the_axis_of_frequencies_has_two_powers_of_ten_at_least(axes):
    plot_run_modes(axes, [mode("A-B-C", frequency=(3e10, 2.5e10, 3.5e10))])

    left, right = axes.get_xlim()
    assert sum(left < 10.0**power < right for power in range(8, 13)) >= 2
